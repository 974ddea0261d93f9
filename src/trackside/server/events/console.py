"""Console lines go out: by time as ClearML pages them, and by index, which is ours."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from trackside.errors import InvalidRequest
from trackside.protocol.events import GetTaskLog, TaskLog
from trackside.server.caller import Caller
from trackside.server.context import Server
from trackside.server.store.database import Tx
from trackside.server.store.event_tables import console_chunk

from . import access, lines

_PAGE = 500
_MAX_PAGE = 10_000


class Placed(NamedTuple):
    """A line with its place in the log."""

    at: int
    place: int
    worker: str
    level: str
    msg: str


def get_task_log(server: Server, caller: Caller, request: GetTaskLog) -> TaskLog:  # noqa: ARG001 - all may read
    """A page of the log.

    With `from_index`: the lines from there on. Else the newest lines before `from_timestamp` (or, with
    `navigate_earlier` false, the oldest after it), and with them all that share the last one's millisecond, so that
    going on from it misses none.

    Raises:
        InvalidId: no such task.
        InvalidRequest: the page size is out of range.
    """
    size = _PAGE if request.batch_size is None else request.batch_size
    if not 1 <= size <= _MAX_PAGE:
        raise InvalidRequest(f"batch_size must be between 1 and {_MAX_PAGE}", batch_size=size)
    access.require(server, request.task)
    total, page = server.events.read(lambda tx: _read(tx, request, size))
    events = [_event(request.task, line) for line in page]
    return TaskLog(events=events, returned=len(events), total=total)


def _read(tx: Tx, request: GetTaskLog, size: int) -> tuple[int, list[Placed]]:
    of_task = console_chunk.c.task == request.task
    total = int(tx.value(sa.select(sa.func.coalesce(sa.func.sum(console_chunk.c.count), 0)).where(of_task)))
    if request.from_index is not None:
        page = _from_index(tx, request.task, request.from_index, size)
        return total, page[::-1] if request.order == "desc" else page
    earlier = request.navigate_earlier is not False
    page = _by_time(tx, request.task, request.from_timestamp, size, earlier=earlier)
    order = request.order or ("desc" if earlier else "asc")
    return total, sorted(page, key=lambda line: line[:2], reverse=order == "desc")


def _from_index(tx: Tx, task: str, first: int, size: int) -> list[Placed]:
    c = console_chunk.c
    wanted = sa.and_(c.task == task, c.first_index + c.count > first, c.first_index < first + size)
    found = _lines(tx, task, tx.rows(sa.select(c.first_index).where(wanted).order_by(c.first_index)))
    return [line for line in found if first <= line.place < first + size]


def _by_time(tx: Tx, task: str, start: float | None, size: int, *, earlier: bool) -> list[Placed]:
    """The nearest `size` lines on one side of `start`, and those that share the last one's time.

    Chunks overlap in time when several processes write, so one is read unless all of it is farther than the page's end.
    """
    c = console_chunk.c
    query = sa.select(c.first_index, c.first_at, c.last_at, c.count).where(c.task == task)
    if start is not None:
        query = query.where(c.first_at < start if earlier else c.last_at > start)
    order = (c.last_at.desc(), c.first_index.desc()) if earlier else (c.first_at, c.first_index)
    chunks = tx.rows(query.order_by(*order))
    sign = -1 if earlier else 1  # times multiplied by it rise with the distance
    page: list[Placed] = []
    for group in _groups(chunks, size):
        nearest = sign * (group[0]["last_at"] if earlier else group[0]["first_at"])
        if len(page) >= size and nearest > sign * page[size - 1].at:
            break
        page += (p for p in _lines(tx, task, group) if start is None or sign * p.at > sign * start)
        page.sort(key=lambda p: (sign * p.at, sign * p.place))
    if len(page) <= size:
        return page
    end = sign * page[size - 1].at
    return [p for p in page if sign * p.at <= end]


def _groups(chunks: Sequence[sa.RowMapping], size: int) -> Iterable[list[sa.RowMapping]]:
    """Neighbouring chunks that together hold about `size` lines: one query reads them."""
    group: list[sa.RowMapping] = []
    count = 0
    for chunk in chunks:
        group.append(chunk)
        count += chunk["count"]
        if count >= size or len(group) == 200:
            yield group
            group, count = [], 0
    if group:
        yield group


def _lines(tx: Tx, task: str, chunks: Sequence[sa.RowMapping]) -> list[Placed]:
    places = [chunk["first_index"] for chunk in chunks]
    c = console_chunk.c
    query = sa.select(c.first_index, c.worker, c.format, c.payload)
    rows = tx.rows(query.where(c.task == task, c.first_index.in_(places)).order_by(c.first_index))
    return [
        Placed(line.at, row["first_index"] + offset, row["worker"] or "", line.level, line.msg)
        for row in rows
        for offset, line in enumerate(lines.unpack(row["payload"], row["format"]))
    ]


def _event(task: str, line: Placed) -> dict[str, Any]:
    return {
        "timestamp": line.at,
        "worker": line.worker,
        "level": line.level,
        "msg": line.msg,
        "metric": "",
        "variant": "",
        "type": "log",
        "task": task,
        "index": line.place,
    }
