import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from trackside.errors import Conflict, InternalError, InvalidId, ServerUnavailable
from trackside.journal import batches, records, shipping
from trackside.journal.sender import REFUSED, Sender
from trackside.journal.writer import JournalWriter
from trackside.protocol import events


class EventStore:
    """Keeps batches by sequence, as the server does; raises what is in `troubles` first."""

    def __init__(self, *troubles):
        self.troubles = list(troubles)
        self.requests = []
        self.arrived = threading.Condition()

    def call(self, request):
        with self.arrived:
            if self.troubles and (trouble := self.troubles.pop(0)) is not None:
                raise trouble
            self.requests.append(request)
            self.arrived.notify_all()
        return events.Appended(sequence=request.sequence)

    @property
    def steps(self):
        return [step for request in self.requests for column in request.scalars or () for step in column.steps]

    def wait_for_steps(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.steps) >= count, timeout=20)


class LosingTheReply(EventStore):
    """Stores the first batch, and dies before it can answer."""

    def call(self, request):
        reply = super().call(request)
        if len(self.requests) == 1:
            raise ServerUnavailable("connection reset")
        return reply


def write(folder, steps):
    writer = JournalWriter(folder)
    for step in steps:
        writer.scalar("loss", "train", 0.5, step)
    writer.close()


def test_everything_arrives_in_columns(tmp_path):
    writer = JournalWriter(tmp_path)
    for step in range(3):
        writer.scalar("loss", "train", step / 2, step)
        writer.scalar("loss", "test", float("nan"), step)
    writer.console("hello")
    writer.plot("curve", "a", "{}", 7)
    writer.close()
    store = EventStore()

    assert Sender(store, tmp_path, "t" * 32, 2, "w").drain(10)

    (request,) = store.requests
    assert [(c.variant, c.steps, c.values) for c in request.scalars] == [
        ("train", [0, 1, 2], [0.0, 0.5, 1.0]),
        ("test", [0, 1, 2], [None, None, None]),
    ]
    assert [line.msg for line in request.console] == ["hello"]
    assert [(plot.metric, plot.step) for plot in request.plots] == [("curve", 7)]
    assert (request.task, request.sequence, request.attempt, request.worker) == ("t" * 32, 1, 2, "w")


def test_large_journals_go_in_several_batches(tmp_path):
    write(tmp_path, range(12_000))
    store = EventStore()

    assert Sender(store, tmp_path, "t").drain(10)

    assert [request.sequence for request in store.requests] == [1, 2, 3]
    assert max(len(request.scalars[0].steps) for request in store.requests) == batches.MAX_RECORDS
    assert store.steps == list(range(12_000))


def test_a_record_larger_than_a_batch_goes_alone(tmp_path):
    writer = JournalWriter(tmp_path)
    writer.console("before")
    writer.console("x" * (2 << 20))
    writer.console("after")
    writer.close()
    store = EventStore()

    assert Sender(store, tmp_path, "t").drain(10)

    assert [len(line.msg) for request in store.requests for line in request.console] == [6, 2 << 20, 5]


def test_an_unanswered_batch_is_sent_again_unchanged_though_more_was_written(tmp_path):
    write(tmp_path, range(5))
    store = LosingTheReply()
    first = Sender(store, tmp_path, "t")
    assert not first.drain(0)
    first.close()
    write(tmp_path, range(5, 10))

    assert Sender(store, tmp_path, "t").drain(10)

    assert store.requests[0] == store.requests[1]
    assert [request.sequence for request in store.requests] == [1, 1, 2]
    assert store.steps[5:] == list(range(10))


def test_an_outage_delays_and_loses_nothing(tmp_path):
    write(tmp_path, range(5))
    store = EventStore(ServerUnavailable("away"), InternalError("oops"), ServerUnavailable("away"))

    assert Sender(store, tmp_path, "t").drain(20)

    assert store.steps == list(range(5))


def test_a_refused_batch_is_kept_aside_and_the_next_arrives(tmp_path, caplog):
    write(tmp_path, range(6_000))
    store = EventStore(InvalidId("no such task"))

    assert Sender(store, tmp_path, "t").drain(10)

    aside = json.loads((tmp_path / REFUSED).read_text())
    assert aside["error"] == "no such task"
    assert aside["request"]["scalars"][0]["steps"] == list(range(5_000))
    assert store.steps == list(range(5_000, 6_000))
    assert store.requests[0].sequence == 1
    assert len(caplog.records) == 1


def test_shipped_segments_are_deleted_once_nobody_writes_them(tmp_path):
    writer = JournalWriter(tmp_path)
    writer.scalar("loss", "train", 0.5, 1)
    sender = Sender(EventStore(), tmp_path, "t")

    assert sender.drain(10)
    assert len(records.segments(tmp_path)) == 1
    writer.close()
    assert sender.drain(10)

    assert records.segments(tmp_path) == []
    assert shipping.load(tmp_path).offsets == {}


def test_the_rest_of_a_killed_process_is_shipped(tmp_path):
    program = (
        "import os, pathlib, signal, sys\nfrom trackside.journal.writer import JournalWriter\n"
        "writer = JournalWriter(pathlib.Path(sys.argv[1]))\n"
        "for step in range(500):\n    writer.scalar('loss', 'train', 1.0, step)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    store = EventStore()

    assert Sender(store, tmp_path, "t").drain(10)

    assert done.returncode == -signal.SIGKILL
    assert store.steps == list(range(500))
    assert records.segments(tmp_path) == []


def test_a_running_sender_is_woken_by_writers_and_ends_at_once(tmp_path):
    store = EventStore()
    sender = Sender(store, tmp_path, "t")
    thread = threading.Thread(target=sender.run)
    thread.start()
    writer = JournalWriter(tmp_path)
    for round_ in range(3):
        # the second record has no wake-up of its own
        writer.scalar("loss", "train", 0.5, 2 * round_)
        writer.scalar("loss", "train", 0.5, 2 * round_ + 1)
        store.wait_for_steps(2 * round_ + 2)

    began = time.monotonic()
    sender.finish()
    thread.join(10)

    assert time.monotonic() - began < 2
    assert store.steps == list(range(6))


def test_two_processes_of_one_run_write_one_folder(tmp_path):
    """Simulated torchrun: its variables and two processes, no torch."""
    program = (
        "import os, pathlib, sys\nfrom trackside.journal.writer import JournalWriter\n"
        "writer = JournalWriter(pathlib.Path(sys.argv[1]))\n"
        "for step in range(300):\n    writer.scalar('loss', os.environ['RANK'], 1.0, step)\nwriter.close()"
    )
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], env=os.environ | {"RANK": str(rank), "WORLD_SIZE": "2"}
        )
        for rank in range(2)
    ]
    assert [rank.wait(30) for rank in ranks] == [0, 0]
    store = EventStore()

    assert Sender(store, tmp_path, "t").drain(10)

    columns = {column.variant: column.steps for request in store.requests for column in request.scalars}
    assert columns == {"0": list(range(300)), "1": list(range(300))}


def test_a_folder_has_one_sender(tmp_path):
    sender = Sender(EventStore(), tmp_path, "t")

    with pytest.raises(Conflict, match="already shipping"):
        Sender(EventStore(), tmp_path, "t")
    sender.close()
    Sender(EventStore(), tmp_path, "t").close()


def test_a_segment_deleted_by_hand_does_not_stop_the_rest(tmp_path):
    write(tmp_path, range(5))
    sender = Sender(EventStore(ServerUnavailable("away")), tmp_path, "t")
    assert not sender.drain(0)
    sender.close()
    for path in records.segments(tmp_path):
        path.unlink()
    write(tmp_path, range(5, 8))
    store = EventStore()

    assert Sender(store, tmp_path, "t").drain(10)

    assert store.steps == [5, 6, 7]
    assert store.requests[0].sequence == 2
