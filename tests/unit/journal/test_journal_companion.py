"""A real companion process, and a real HTTP server that keeps what it is told."""

import http.server
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from trackside.journal import companion
from trackside.journal.machine import MachineSampler
from trackside.journal.writer import JournalWriter
from trackside.settings import Settings


class Server(http.server.ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls = []
        self.told = threading.Condition()

    @property
    def host(self):
        return f"http://127.0.0.1:{self.server_port}"

    def wait_for(self, endpoint):
        def seen():
            return next((body for name, body in self.calls if name == endpoint), None)

        with self.told:
            assert self.told.wait_for(seen, timeout=30), self.calls
            return seen()

    def points(self, metric):
        appended = [body for name, body in self.calls if name == "events.append"]
        return {
            column["variant"]: column["values"]
            for body in appended
            for column in body.get("scalars") or ()
            if column["metric"] == metric
        }


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        endpoint = self.path.rpartition("/")[2]
        data = {"sequence": body["sequence"]} if endpoint == "events.append" else {"updated": 1}
        reply = json.dumps(
            {"meta": {"result_code": 200, "result_subcode": 0, "result_msg": "OK"}, "data": data}
        ).encode()
        with self.server.told:
            self.server.calls.append((endpoint, body))
            self.server.told.notify_all()
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def settings(server, home):
    return Settings(home=home, worker="w", api_host=server.host, auth_token="t0ken-of-the-test")


def test_a_run_is_delivered_with_its_outcome_and_the_folder_is_cleared(server, tmp_path):
    folder = tmp_path / "journal"
    beside = companion.start(folder, settings(server, tmp_path), "t1", 3, capture_machine=False)
    writer = JournalWriter(folder)
    writer.scalar("loss", "train", 0.5, 1)
    writer.close()

    assert beside.finish("completed", None, 30)

    assert server.points("loss") == {"train": [0.5]}
    ended = server.wait_for("tasks.completed")
    assert (ended["task"], ended["attempt"]) == ("t1", 3)
    assert not folder.exists()


def test_an_outcome_of_none_leaves_the_status_alone(server, tmp_path):
    beside = companion.start(tmp_path / "j", settings(server, tmp_path), "t1", None, capture_machine=False)

    assert beside.finish("none", None, 30)

    assert server.calls == []


def test_a_token_is_in_neither_arguments_nor_environment(server, tmp_path):
    beside = companion.start(tmp_path / "j", settings(server, tmp_path), "t1", None, capture_machine=False)
    process = pathlib.Path("/proc") / str(beside.pid)

    assert b"t0ken" not in (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    assert os.getsid(beside.pid) == beside.pid
    beside.finish("none", None, 30)


def test_a_killed_run_is_shipped_and_marked_failed(server, tmp_path):
    program = """
import os, pathlib, signal, sys
from trackside.journal import companion
from trackside.journal.writer import JournalWriter
from trackside.settings import Settings
home = pathlib.Path(sys.argv[1])
companion.start(home / "j", Settings(home=home, worker="w", api_host=sys.argv[2], auth_token="x"), "t1", 1,
                capture_machine=False)
writer = JournalWriter(home / "j")
for step in range(100):
    writer.scalar("loss", "train", 1.0, step)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path), server.host], check=False)

    assert done.returncode == -signal.SIGKILL
    assert server.wait_for("tasks.failed")["status_reason"] == "process was killed"
    assert len(server.points("loss")["train"]) == 100


def test_the_machine_is_sampled_soon_after_the_start(server, tmp_path):
    beside = companion.start(tmp_path / "j", settings(server, tmp_path), "t1", 1, capture_machine=True)

    server.wait_for("events.append")
    beside.finish("completed", None, 30)

    points = server.points(":monitor:machine")
    assert set(points) == {"cpu_usage", "memory_used_gb", "process_memory_gb"}
    assert points["process_memory_gb"][0] > 0.01


def test_nobody_answering_bounds_the_wait_and_keeps_the_journal(tmp_path):
    away = Settings(home=tmp_path, worker="w", api_host="http://127.0.0.1:9", auth_token="x")
    beside = companion.start(tmp_path / "j", away, "t1", 1, capture_machine=False)
    writer = JournalWriter(tmp_path / "j")
    writer.console("kept")
    writer.close()

    assert not beside.finish("completed", None, 0.5)

    assert list((tmp_path / "j").glob("seg-*"))
    os.kill(beside.pid, signal.SIGKILL)


def test_samples_are_due_on_whole_intervals_however_late_one_is(tmp_path):
    clock = [100.0]
    sampler = MachineSampler(os.getpid(), JournalWriter(tmp_path), now=lambda: clock[0])

    assert sampler.due_in() == 1.0
    for moment, due in ((101.0, 9.0), (110.0, 10.0), (133.5, 6.5)):
        clock[0] = moment
        sampler.sample()
        assert sampler.due_in() == due
