import pathlib
from typing import Any

import pytest
import sqlalchemy as sa

from trackside.errors import InvalidId, InvalidRequest
from trackside.protocol.base import new_id, utc_now
from trackside.protocol.events import AppendEvents, ConsoleLine, GetTaskLog, TaskLog
from trackside.server.caller import Caller
from trackside.server.context import Server
from trackside.server.events import console, ingest, lines
from trackside.server.events.lines import Line
from trackside.server.store import tables

ANN = Caller(user="ann", name="Ann", role="user", company="c", worker="host:1")
GOLDEN = pathlib.Path(__file__).with_name("lines-1.bin")
EXAMPLE = [Line(1_795_443_650_880, "info", "epoch 1: loss 0.5"), Line(1_795_443_650_881, "error", "é\0\n")]


@pytest.fixture
def task(server: Server) -> str:
    """A task with 30 lines in chunks of 3, of two processes whose clocks overlap; every second has two lines."""
    now = utc_now()
    row: dict[str, Any] = {
        "id": new_id(), "name": "a task", "type": "training", "status": "in_progress", "user": "ann", "company": "c",
        "created": now, "status_changed": now, "last_update": now, "last_change": now, "tags": [], "system_tags": [],
        "hyperparams": {}, "configuration": {}, "runtime": {}, "models": {},
    }  # fmt: skip
    server.main.write(lambda tx: tx.run(sa.insert(tables.task).values(**row)))
    for sequence in range(1, 6):
        for session in "ab":
            first = 3 * (sequence - 1)
            said = [ConsoleLine(at=1000 * n, msg=f"{session}{n}") for n in range(first, first + 3)]
            batch = AppendEvents(task=row["id"], session=session * 32, sequence=sequence, console=said, worker=session)
            ingest.append(server, ANN, batch)
    return str(row["id"])


def page(server: Server, task: str, **how: Any) -> TaskLog:
    return console.get_task_log(server, ANN, GetTaskLog(task=task, **how))


def messages(reply: TaskLog) -> list[str]:
    return [event["msg"] for event in reply.events]


def test_the_newest_lines_come_first_and_a_page_ends_with_all_lines_of_its_last_moment(
    server: Server, task: str
) -> None:
    reply = page(server, task, batch_size=3)

    assert messages(reply) == ["b14", "a14", "b13", "a13"]
    assert (reply.returned, reply.total) == (4, 30)
    assert reply.events[0] == {
        "timestamp": 14000, "worker": "b", "level": "info", "msg": "b14", "metric": "", "variant": "",
        "type": "log", "task": task, "index": 29,
    }  # fmt: skip


@pytest.mark.parametrize("earlier", [True, False])
@pytest.mark.parametrize("size", [1, 2, 5, 7, 100])
def test_paging_to_the_end_shows_each_line_once(server: Server, task: str, size: int, *, earlier: bool) -> None:
    seen: list[str] = []
    start = None
    while (reply := page(server, task, batch_size=size, navigate_earlier=earlier, from_timestamp=start)).events:
        seen += messages(reply)
        start = reply.events[-1]["timestamp"]

    expected = sorted((n, s) for n in range(15) for s in "ab")
    assert seen == [f"{s}{n}" for n, s in (reversed(expected) if earlier else expected)]


def test_order_sorts_the_page_again(server: Server, task: str) -> None:
    assert messages(page(server, task, batch_size=2, order="asc")) == ["a14", "b14"]
    assert messages(page(server, task, batch_size=2, navigate_earlier=False, order="desc")) == ["b0", "a0"]


def test_lines_are_read_on_from_an_index(server: Server, task: str) -> None:
    reply = page(server, task, from_index=2, batch_size=5)

    assert messages(reply) == ["a2", "b0", "b1", "b2", "a3"]
    assert [event["index"] for event in reply.events] == [2, 3, 4, 5, 6]
    assert page(server, task, from_index=30).events == []


def test_a_wrong_size_and_an_unknown_task_are_refused(server: Server, task: str) -> None:
    with pytest.raises(InvalidRequest, match="batch_size"):
        page(server, task, batch_size=0)
    with pytest.raises(InvalidId):
        page(server, "f" * 32)


def test_format_1_of_packed_lines_is_read_for_ever() -> None:
    assert lines.unpack(GOLDEN.read_bytes(), 1) == EXAMPLE
    assert lines.unpack(lines.pack(EXAMPLE)) == EXAMPLE
    with pytest.raises(ValueError, match="format 2"):
        lines.unpack(b"", 2)
