"""Events come in: packed batches of our journals, and ClearML's JSON lines.

A delivery is one transaction of the events database, and the answer leaves after it. What it means for the task (last
update, last iteration, last metrics) follows in a second one, of the main database. A crash between the two loses no
event: the batch is acknowledged when it is sent again, and the next batch brings the task up to date, except for the
lost one's share in a metric's count, mean and extremes.
"""

import logging
from typing import Any

import sqlalchemy as sa

from trackside import faults
from trackside.errors import Forbidden, InvalidId, InvalidRequest
from trackside.protocol.base import utc_now
from trackside.protocol.events import AddedEvents, AddEvents, Appended, AppendEvents
from trackside.server.caller import Caller
from trackside.server.context import Server
from trackside.server.store import tables
from trackside.server.store.database import Tx
from trackside.server.store.event_tables import journal_session
from trackside.server.store.upserts import upsert

from . import summary
from .batch import Batch, Rows, clean, lock, name, rows, store
from .conversion import KnownTask, convert
from .lines import Line

log = logging.getLogger(__name__)

_LOCKED = ("publishing", "published")
_NOTHING_ADDED = 131
_EMPTY = 17


def append(server: Server, caller: Caller, request: AppendEvents) -> Appended:
    """Store a journal's batch; all of it or none. The same sequence, or an earlier one, is acknowledged and not stored.

    Raises:
        InvalidId: no such task.
        InvalidRequest: columns that do not fit together.
        Forbidden: the caller's token is another task's.
    """
    known = check_writable(server, caller, request.task)
    batch = _batch(request, caller, known)
    try:
        packed = rows(batch)
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
    before = server.events.write(lambda tx: _store_once(tx, request, packed))
    faults.point("events.stored")
    if before < request.sequence:
        server.main.write(lambda tx: summary.record(tx, batch))
    return Appended(sequence=max(before, request.sequence))


def add_batch(server: Server, caller: Caller, request: AddEvents) -> AddedEvents:
    """Store what can be stored, and count the rest by its reason.

    Raises:
        InvalidRequest: the batch is empty (17), or nothing of it could be stored (131).
    """
    if not request.lines:
        raise InvalidRequest("the batch is empty; send one event a line", subcode=_EMPTY)
    named = {task for event in request.lines if isinstance(task := event.get("task"), str)}
    tasks = _known_tasks(server, named if caller.task is None else named & {caller.task})
    if caller.task in tasks and caller.attempt is not None:
        tasks[caller.task] = KnownTask(caller.attempt, tasks[caller.task].locked)
    converted = convert(request.lines, tasks, caller.worker, int(utc_now().timestamp() * 1000))
    if not converted.added:
        raise InvalidRequest("no event could be stored", subcode=_NOTHING_ADDED, errors_info=converted.errors)
    packed = [rows(batch) for batch in sorted(converted.batches, key=lambda b: b.task)]  # one order of locks
    server.events.write(lambda tx: _store_all(tx, packed))
    faults.point("events.stored")
    for batch in converted.batches:
        server.main.write(lambda tx, batch=batch: summary.record(tx, batch))  # type: ignore[misc]
    return AddedEvents(added=converted.added, errors=sum(converted.errors.values()), errors_info=converted.errors)


def check_writable(server: Server, caller: Caller, task: str) -> KnownTask:
    """What must be known of the task to write its events.

    Raises:
        InvalidId, Forbidden: as for `append`.
    """
    if caller.task not in (None, task):
        raise Forbidden("this token belongs to another task and writes only that one's events", task=task)
    known = _known_tasks(server, {task}).get(task)
    if known is None:
        raise InvalidId("no such task", subcode=101, task=task)
    return known


def _known_tasks(server: Server, ids: set[str]) -> dict[str, KnownTask]:
    table = tables.task
    query = sa.select(table.c.id, table.c.status, table.c.attempt).where(table.c.id.in_(ids))
    found = server.main.read(lambda tx: tx.rows(query))
    return {row["id"]: KnownTask(row["attempt"], row["status"] in _LOCKED) for row in found}


def _batch(request: AppendEvents, caller: Caller, known: KnownTask) -> Batch:
    attempts = (caller.attempt, request.attempt, known.attempt)
    batch = Batch(request.task, next(number for number in attempts if number is not None))
    worker = name(request.worker or caller.worker)
    for line in request.console or ():
        batch.line(worker, Line(line.at, line.level, line.msg))
    for column in request.scalars or ():
        points = batch.points(column.metric, column.variant)
        points.steps += column.steps
        points.times += column.times
        points.values += column.values
    for event in request.plots or ():
        columns: dict[str, Any] = {"timestamp": event.at, "worker": worker, "plot_str": clean(event.plot_str)}
        batch.plot(event.metric, event.variant, event.step, **columns)
    return batch


def _store_once(tx: Tx, request: AppendEvents, packed: Rows) -> int:
    """How far the journal was before; the batch is stored when it goes further."""
    lock(tx, packed.task)
    session = journal_session.c.session == request.session
    seen = tx.row(sa.select(journal_session).where(session))
    if seen is not None and seen["task"] != request.task:
        raise InvalidRequest("this journal belongs to another task", session=request.session, task=seen["task"])
    reached = seen["sequence"] if seen else 0
    if request.sequence <= reached:
        return int(reached)
    if request.sequence > reached + 1:
        facts = {"session": request.session, "task": request.task, "after": reached, "sequence": request.sequence}
        log.warning("a journal skipped batches", extra=facts)
    store(tx, packed)
    row = {"session": request.session, "task": request.task, "sequence": request.sequence, "last_seen": tx.now}
    upsert(tx, journal_session, [row])
    return int(reached)


def _store_all(tx: Tx, packed: list[Rows]) -> None:
    for one in packed:
        lock(tx, one.task)
        store(tx, one)
