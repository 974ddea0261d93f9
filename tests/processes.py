"""Real processes: a server, agents, scripts, each with a home of its own."""

import os
import pathlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from trackside import settings
from trackside.client import connect
from trackside.client.api import Api
from trackside.protocol.pipelines import GetRun, Run, WaitRun
from trackside.protocol.tasks import GetTask, GetTasks, Task

BASE = """
import os, sys, threading
from trackside import Task
task = Task.init(project_name="tests", task_name={name!r}, auto_resource_monitoring=False)
task.execute_remotely()
{body}
"""


class Place:
    """A home with a server in it, started and stopped at will; agents beside it."""

    def __init__(self, home: pathlib.Path) -> None:
        self.home = home
        self.work = home / "work"
        self.work.mkdir(parents=True)
        self.server: subprocess.Popen[str] | None = None
        self.port = 0
        self.server_arguments: list[str] = []
        self.agents: list[subprocess.Popen[str]] = []

    @property
    def environment(self) -> dict[str, str]:
        ours = ("TRACKSIDE_", "CLEARML_", "TRAINS_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return kept | {"TRACKSIDE_HOME": str(self.home)}

    def start_server(self, **faults: str) -> None:
        command = [sys.executable, "-m", "trackside", "server", "--port", str(self.port), *self.server_arguments]
        self.server = subprocess.Popen(command, env=self.environment | faults, stderr=subprocess.PIPE, text=True)
        assert self.server.stderr is not None
        said = ""
        for line in self.server.stderr:
            said += line
            if "open the UI" in line:
                break
        found = re.search(r"http://127\.0\.0\.1:(\d+)", said)
        assert found, said
        self.port = int(found[1])
        drain(self.server)

    def kill_server(self) -> None:
        assert self.server is not None
        self.server.kill()
        self.server.wait()

    def start_agent(self, *queues: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "trackside", "agent", "--queue", *(queues or ("default", "services"))]
        agent = subprocess.Popen(
            command, env=self.environment | environment, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        assert agent.stderr is not None
        line = agent.stderr.readline()
        assert "listens to" in line, line
        drain(agent)
        self.agents.append(agent)
        return agent

    def kill_machine(self, agent: subprocess.Popen[str]) -> None:
        """As when the agent's machine dies: the agent and everything it started."""
        top = psutil.Process(agent.pid)
        for member in [top, *top.children(recursive=True)]:
            member.send_signal(signal.SIGKILL)
        agent.wait()

    def script(self, name: str, text: str) -> pathlib.Path:
        path = self.work / name
        path.write_text(text)
        return path

    def run(self, *arguments: str, expect: int = 0, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.work,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout

    def register(self, name: str, body: str = "print('done')") -> str:
        """Run a base script once; the id of the draft it leaves."""
        path = self.script(f"{name}.py", BASE.format(name=name, body=body))
        return task_id(self.run(str(path)))

    @property
    def api(self) -> Api:
        return connect(settings.load({"TRACKSIDE_HOME": str(self.home)}))

    def task(self, task: str) -> Task:
        return self.api.call(GetTask(task=task)).task

    def tasks(self, name: str) -> list[Task]:
        return self.api.call(GetTasks(name=f"^{re.escape(name)}$")).tasks

    def ended(self, run_id: str) -> Run:
        """The run, once it has ended; waits on the server."""
        run = self.api.call(GetRun(run=run_id)).run
        while run.status == "running":
            run = self.api.call(WaitRun(run=run_id, after=run.sequence)).run
        return run

    def until(self, run_id: str, step: str, status: str) -> Run:
        """The run, once `step` has reached `status`."""
        run = self.api.call(GetRun(run=run_id)).run
        while next(item for item in run.steps if item.name == step).status != status:
            assert run.status == "running", run
            run = self.api.call(WaitRun(run=run_id, after=run.sequence)).run
        return run

    def close(self) -> None:
        for process in [*self.agents, *([self.server] if self.server else [])]:
            if process.poll() is None:
                process.terminate()
                process.wait()


def task_id(output: str) -> str:
    found = re.search(r"task id=([0-9a-f]{32})", output)
    assert found, output
    return found[1]


def drain(process: subprocess.Popen[str]) -> None:
    """Let the process write on; nobody reads."""
    import threading

    assert process.stderr is not None
    threading.Thread(target=process.stderr.read, daemon=True).start()


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Iterator[Place]:
    made = Place(tmp_path / "home")
    made.start_server()
    yield made
    made.close()
