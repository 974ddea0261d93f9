"""The supervisor as a real process, against a stand-in server over HTTP; no registry is needed."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import msgspec
import psutil
import pytest
from execution_server import LeaseServer

from trackside.execution.handover import Job
from trackside.protocol.tasks import Script


def script(text, **fields):
    return Script(diff=text, entry_point="script.py", **fields)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def supervise(home):
    """Starts a supervisor for a script; gives the server and the process."""
    started = []

    def start(code, *, environ=None, **fields):
        server = LeaseServer(code if isinstance(code, Script) else script(code, **fields))
        job = Job(lease=server.lease, worker="w:0", home=os.fspath(home), api_host=server.listen())
        process = subprocess.Popen(
            [sys.executable, "-m", "trackside.execution.supervisor"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "TRACKSIDE_HOME": os.fspath(home), **(environ or {})},
            start_new_session=True,
        )
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        process.stdin.close()
        started.append((server, process))
        return server, process

    yield start
    for server, process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        server.close()


def test_a_script_runs_and_its_console_and_its_end_arrive(supervise, home):
    server, process = supervise("import sys\nprint('hello')\nprint('a complaint', file=sys.stderr)")

    assert process.wait(60) == 0
    assert server.started.is_set()
    assert server.end.exit_class == "ok"
    assert "hello" in server.console
    assert "a complaint" in server.console
    assert not list((home / "work").iterdir())
    assert not list((home / "journals").iterdir())


def test_the_slot_is_free_before_the_supervisor_ends(supervise):
    _server, process = supervise("print(1)")

    assert process.stdout.readline() == b"free\n"


def test_an_error_is_named_in_the_reason(supervise):
    server, process = supervise("raise ValueError('no such step')")

    process.wait(60)
    assert (server.end.exit_class, server.end.exit_code) == ("user", 1)
    assert server.end.reason == "ValueError: no such step"


def test_a_signal_is_told_from_an_error(supervise):
    server, process = supervise("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")

    process.wait(60)
    assert server.end.exit_class == "signal"
    assert "SIGSEGV" in server.end.reason


def test_the_script_finds_its_task_and_no_key_of_the_agent(supervise):
    code = "import os, json\nprint('ENV ' + json.dumps(dict(os.environ)))"
    server, process = supervise(
        code, environ={"CLEARML_API_SECRET_KEY": "hidden", "TRACKSIDE_API_ACCESS_KEY": "hidden too"}
    )

    process.wait(60)
    (line,) = [line for line in server.console if line.startswith("ENV ")]
    environ = json.loads(line[4:])
    assert environ["TRACKSIDE_TASK_ID"] == environ["CLEARML_TASK_ID"] == "task1"
    assert environ["TRACKSIDE_ATTEMPT"] == "1"
    assert environ["CLEARML_AUTH_TOKEN"] == environ["TRACKSIDE_AUTH_TOKEN"] == "token1"
    assert environ["CLEARML_LOG_TASK_TO_BACKEND"] == "0"
    assert pathlib.Path(environ["TRACKSIDE_JOURNAL"]).parent.name == "journals"
    assert "hidden" not in line


def test_the_sdk_is_there_though_nobody_asked_for_it(supervise):
    server, process = supervise("import trackside.protocol.tasks, sys\nprint('from', trackside.__file__)")

    process.wait(60)
    assert server.end.exit_class == "ok", server.console
    assert any("layers" in line for line in server.console)


def test_a_request_to_stop_interrupts_the_script(supervise):
    server, process = supervise("import signal\nprint('running')\nsignal.pause()")
    server.wait_for_console("running")

    server.stop()

    assert process.wait(60) == 0
    assert server.end.exit_class == "aborted"
    assert server.end.reason == "asked by a test"


def test_a_script_that_ignores_signals_is_killed_with_what_it_started(supervise):
    code = """
import os, signal, subprocess, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
print("child", child.pid)
while True:
    signal.pause()
"""
    server, process = supervise(code)
    server.wait_for_console("child")
    child = psutil.Process(int(next(line for line in server.console if "child" in line).split()[1]))

    server.stop()

    assert process.wait(60) == 0
    assert server.end.exit_class == "aborted"
    assert server.end.exit_code == -signal.SIGKILL
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_server_that_is_away_kills_nothing_and_is_told_the_end_when_it_is_back(supervise, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    server, process = supervise(f"print('running')\nopen({str(gate)!r}).read()\nprint('went on')")
    server.wait_for_console("running")

    server.away.set()
    gate.write_text("go")
    assert process.stdout.readline() == b"free\n"
    assert not server.ended.is_set()
    server.away.clear()

    assert server.ended.wait(30)
    assert process.wait(60) == 0
    assert server.end.exit_class == "ok"
    assert "went on" in server.console


def test_a_replaced_attempt_stops_and_says_nothing_about_its_end(supervise):
    server, process = supervise("import signal\nprint('running')\nsignal.pause()")
    server.wait_for_console("running")

    server.lose()

    assert process.wait(60) == 0
    assert server.end is None


def test_code_that_cannot_be_had_ends_the_attempt_as_source(supervise, tmp_path):
    server, process = supervise(Script(repository=f"file://{tmp_path}/nothing", entry_point="x.py"))

    process.wait(60)
    assert server.end.exit_class == "source"
    assert "cannot clone" in server.end.reason
    assert not server.started.is_set()


def test_requirements_that_are_refused_end_the_attempt_as_env(supervise):
    server, process = supervise("print(1)", requirements={"pip": "--index-url https://example.com\nsix"})

    process.wait(60)
    assert server.end.exit_class == "env"
    assert "--index-url" in server.end.reason


def test_a_spare_without_a_job_goes_quietly(home):
    ended = subprocess.run(
        [sys.executable, "-m", "trackside.execution.supervisor"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "TRACKSIDE_HOME": os.fspath(home)},
        check=True,
    )

    assert ended.stdout == ended.stderr == b""
