"""The agent with real processes as supervisors, against a stand-in server in this process."""

import json
import os
import queue
import sys
import threading

import pytest

from trackside.agent.daemon import Agent
from trackside.errors import ServerUnavailable
from trackside.protocol.base import Empty
from trackside.protocol.queues import Claimed, ClaimTasks, EndLease, GetQueue, Lease, Queue, QueueReply
from trackside.settings import Settings

#: Writes down its job, tells that the slot is free when the gate opens, and ends.
SUPERVISOR = """
import json, pathlib, sys
line = sys.stdin.readline()
if line:
    job = json.loads(line)
    folder = pathlib.Path(job["home"])
    (folder / f"job-{job['lease']['task']}").write_text(line)
    if job["lease"]["task"].startswith("held"):
        (folder / "gate").open().read()
    print("free", flush=True)
    sys.exit(3 if job["lease"]["task"].startswith("bad") else 0)
"""


class ClaimServer:
    def __init__(self):
        self.leases = queue.Queue()
        self.claims = queue.Queue()
        self.ends = queue.Queue()
        self.failures = 0

    def call(self, request):
        if isinstance(request, ClaimTasks):
            self.claims.put(request)
            if self.failures:
                self.failures -= 1
                raise ServerUnavailable("away", sent=True)
            try:
                return Claimed(leases=[self.leases.get(timeout=request.wait_sec)])
            except queue.Empty:
                return Claimed()
        if isinstance(request, EndLease):
            self.ends.put(request)
        if isinstance(request, GetQueue):
            return QueueReply(queue=Queue(id=request.queue, name="default"))
        return Empty()

    def give(self, task, kind="training"):
        lease = Lease(id=f"lease-{task}", task=task, queue="1234", attempt=1, token="t", type=kind, expires_in=30.0)
        self.leases.put(lease)


class Told:
    def __init__(self):
        self.lines = []
        self._news = threading.Condition()

    def __call__(self, text):
        with self._news:
            self.lines.append(text)
            self._news.notify_all()

    def wait_for(self, text):
        with self._news:
            assert self._news.wait_for(lambda: any(text in line for line in self.lines), 20), self.lines


@pytest.fixture
def server():
    return ClaimServer()


@pytest.fixture
def start(server, tmp_path):
    stops = []

    def begin(**options):
        settings = Settings(home=tmp_path, worker="host", api_host="http://server.invalid")
        told, stop = Told(), threading.Event()
        options = {"command": [sys.executable, "-c", SUPERVISOR]} | options
        agent = Agent(server, settings, ["default"], say=told, **options)
        thread = threading.Thread(target=agent.run, args=(stop,), daemon=True)
        thread.start()
        stops.append((stop, thread))
        return agent, told, stop, thread

    yield begin
    for stop, thread in stops:
        stop.set()
        thread.join(20)


def test_a_lease_is_handed_to_a_supervisor(server, start, tmp_path):
    _agent, told, _stop, _thread = start()

    server.give("one")
    told.wait_for("task one pulled from default by host:0")
    told.wait_for("task one ended")

    job = json.loads((tmp_path / "job-one").read_text())
    assert job["lease"]["token"] == "t"
    assert job["worker"] == "host:0"


def test_a_full_agent_asks_for_light_tasks_only_until_its_slot_is_free(server, start, tmp_path):
    os.mkfifo(tmp_path / "gate")
    start()
    assert (first := server.claims.get(timeout=20)).slots == 1

    server.give("held")
    second = server.claims.get(timeout=20)
    (tmp_path / "gate").write_text("go")
    third = server.claims.get(timeout=20)

    assert first.light_slots == second.light_slots == 16
    assert (second.slots, third.slots, third.light_slots) == (0, 1, 0)


def test_a_controller_takes_no_compute_slot(server, start):
    start()
    server.claims.get(timeout=20)

    server.give("pipeline", kind="controller")

    assert server.claims.get(timeout=20).slots == 1


def test_a_claim_whose_answer_was_lost_is_asked_again_by_the_same_name(server, start):
    server.failures = 2
    _agent, told, _stop, _thread = start()

    asked = {server.claims.get(timeout=20).request_id for _ in range(3)}
    server.give("one")
    told.wait_for("task one ended")

    assert len(asked) == 1
    assert len([line for line in told.lines if "keeps trying" in line]) == 1
    assert "the server answers again" in told.lines


def test_the_end_of_a_supervisor_that_died_is_told(server, start):
    start()

    server.give("bad")
    end = server.ends.get(timeout=20)

    assert (end.lease, end.exit_class) == ("lease-bad", "lost")


def test_a_task_that_no_supervisor_takes_ends_as_env(server, start):
    start(command=["/nowhere/python"])

    server.give("one")

    assert server.ends.get(timeout=20).exit_class == "env"


def test_a_second_agent_takes_the_next_number(start):
    first, *_ = start()
    second, *_ = start()

    assert (first.worker, second.worker) == ("host:0", "host:1")


def test_a_stopped_agent_leaves_what_runs(server, start, tmp_path):
    os.mkfifo(tmp_path / "gate")
    _agent, told, stop, thread = start()
    server.give("held")
    told.wait_for("pulled")

    stop.set()
    thread.join(20)

    assert not thread.is_alive()
    assert any("finishing without me: held" in line for line in told.lines)
    (tmp_path / "gate").write_text("go")
