"""The pipeline, with a real server, agent and scripts."""

import os
import pathlib
import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from trackside.protocol.pipelines import CreateRun, StepSpec
from trackside.protocol.tasks import CloneTask, CreateTask, EnqueueTask, StartTask

CONTROLLER = """
from trackside import Task
from trackside.automation.controller import PipelineController
task = Task.init(project_name="tests", task_name="controller", task_type="controller", reuse_last_task_id=False)
pipe = PipelineController(default_execution_queue="default")
pipe.add_step(name="a", base_task_project="tests", base_task_name="base-a")
overrides = {"General/a_task": "${a.id}", "General/n": 7, "General/url": "${a.artifacts.data.url}"}
pipe.add_step(name="b", parents=["a"], base_task_project="tests", base_task_name="base-b",
              parameter_override=overrides)
pipe.start()
pipe.wait()
pipe.stop()
"""
BASE_B = """
args = {"a_task": "", "n": 1, "url": ""}
task.connect(args)
data = Task.get_task(task_id=args["a_task"]).artifacts["data"].get()
print("got", data, args["n"] + 1, args["url"])
"""


def pipeline(place: Any) -> pathlib.Path:
    place.register("base-a", "task.upload_artifact('data', {'rows': 3}); print('a ran')")
    base_b = BASE_B.replace("\n", "\n")
    place.register("base-b", base_b)
    path: pathlib.Path = place.script("controller.py", CONTROLLER)
    return path


def console(place: Any, task: str) -> str:
    from trackside.protocol.events import GetTaskLog

    events = place.api.call(GetTaskLog(task=task, from_index=0, batch_size=10_000)).events
    return "\n".join(str(event["msg"]) for event in events)


def test_steps_are_clones_that_see_what_was_overridden(place: Any) -> None:
    script = pipeline(place)
    place.start_agent()

    output = place.run(str(script))

    run = place.ended(re.search(r"task id=([0-9a-f]{32})", output)[1])
    assert run.status == "completed", run
    a, b = run.steps
    parameters = place.task(b.task).hyperparams["General"]
    assert parameters["a_task"].value == a.task
    assert parameters["n"].value == "7"
    assert parameters["url"].value == place.task(a.task).execution.artifacts[0].uri
    assert f"got {{'rows': 3}} 8 {parameters['url'].value}" in console(place, b.task)
    assert [task.status for name in ("base-a", "base-b") for task in place.tasks(name)] == ["created", "created"]
    assert place.task(run.id).status == "completed"


def test_a_missing_base_task_is_named_with_its_project(place: Any) -> None:
    script = place.script("controller.py", CONTROLLER)

    done = subprocess.run(
        [sys.executable, script], cwd=place.work, env=place.environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "'base-a'" in done.stderr
    assert "'tests'" in done.stderr


def test_a_failing_step_fails_the_pipeline_and_its_descendants_are_skipped(place: Any) -> None:
    place.register("base-a", "raise ValueError('no data today')")
    place.register("base-b")
    place.start_agent()

    script = place.script("controller.py", CONTROLLER.replace(', "General/url": "${a.artifacts.data.url}"', ""))
    output = place.run(str(script))

    run = place.ended(re.search(r"task id=([0-9a-f]{32})", output)[1])
    assert [step.status for step in run.steps] == ["failed", "skipped"]
    assert "no data today" in output
    controller = place.task(run.id)
    assert controller.status == "failed"
    assert "no data today" in controller.status_reason


def test_an_agent_runs_a_cloned_controller_and_its_steps(place: Any) -> None:
    script = pipeline(place)
    place.start_agent()
    first = re.search(r"task id=([0-9a-f]{32})", place.run(str(script)))[1]

    clone = place.api.call(CloneTask(task=first)).id
    place.api.call(EnqueueTask(task=clone, queue="services"))
    from trackside.sdk import statuses

    statuses.wait_for(place.api, clone, {"completed"}, {"failed", "stopped"}, timeout=60)

    assert [step.status for step in place.ended(clone).steps] == ["completed", "completed"]


def test_the_controller_runs_as_a_notebook_too(place: Any) -> None:
    pipeline(place)
    place.start_agent()
    cells = CONTROLLER.strip().split("\npipe")
    cells = [cells[0], *(f"pipe{cell}" for cell in cells[1:])]
    kernel = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        f"for cell in {cells!r}:\n    shell.run_cell(cell, store_history=True).raise_error()\n"
    )

    output = place.run(str(place.script("kernel.py", kernel)))

    run = place.ended(re.search(r"task id=([0-9a-f]{32})", output)[1])
    assert [step.status for step in run.steps] == ["completed", "completed"]
    assert "pipe.wait()" in place.task(run.id).script.diff


def start_run(place: Any, *bodies: str, **step_options: Any) -> str:
    """A chain of steps `s0`, `s1` … with these bodies, submitted without a controller process."""
    bases = [place.register(f"base-{at}", body) for at, body in enumerate(bodies)]
    controller = place.api.call(CreateTask(name="a controller", type="controller")).id
    place.api.call(StartTask(task=controller))
    steps = [
        StepSpec(name=f"s{at}", base_task_id=base, parents=[f"s{at - 1}"] if at else [], **step_options)
        for at, base in enumerate(bases)
    ]
    return str(place.api.call(CreateRun(task=controller, steps=steps, default_queue="default")).run.id)


#: Runs until a file says it may end; writes one line for each time it starts.
GATED = """
import pathlib, select
here = pathlib.Path({folder!r})
with open(here / "started", "a") as file: file.write("x")
gate = os.open(here / "gate", os.O_RDONLY)
os.read(gate, 1)
print("passed the gate")
"""


@pytest.fixture
def gate(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "gate"
    folder.mkdir()
    os.mkfifo(folder / "gate")
    return folder


def open_gate(folder: pathlib.Path) -> None:
    with (folder / "gate").open("w") as file:
        file.write("x")


@pytest.mark.slow
def test_the_pipeline_completes_when_its_controller_process_is_killed(place: Any, gate: pathlib.Path) -> None:
    place.register("base-a", GATED.format(folder=str(gate)))
    place.register("base-b")
    place.start_agent()
    text = CONTROLLER.replace(', "General/url": "${a.artifacts.data.url}"', "")
    controller = subprocess.Popen(
        [sys.executable, place.script("controller.py", text)],
        cwd=place.work,
        env=place.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert controller.stdout is not None
    said = ""
    while "a: running" not in said:
        said += controller.stdout.readline()
    controller.send_signal(signal.SIGKILL)
    controller.wait()
    open_gate(gate)

    run = place.ended(re.search(r"task id=([0-9a-f]{32})", said)[1])

    assert [step.status for step in run.steps] == ["completed", "completed"]
    assert place.task(run.id).status == "completed"


@pytest.mark.slow
def test_the_server_may_be_killed_and_nothing_runs_twice(place: Any, gate: pathlib.Path) -> None:
    place.start_agent()
    run_id = start_run(place, GATED.format(folder=str(gate)), "print('after')")
    with (gate / "gate").open("w") as file:
        place.kill_server()
        place.start_server()
        file.write("x")
    run = place.ended(run_id)

    assert [step.status for step in run.steps] == ["completed", "completed"]
    assert [place.task(step.task).attempt for step in run.steps] == [1, 1]
    assert (gate / "started").read_text() == "x"


@pytest.mark.slow
def test_a_step_whose_machine_died_runs_again_on_another_agent(place: Any, gate: pathlib.Path) -> None:
    agent = place.start_agent()
    run_id = start_run(place, GATED.format(folder=str(gate)))
    with (gate / "gate").open("w"):  # opens once the script has come to its gate
        place.kill_machine(agent)
    place.start_agent()
    place.until(run_id, "s0", "queued")
    place.until(run_id, "s0", "running")
    open_gate(gate)
    run = place.ended(run_id)

    assert run.status == "completed"
    assert place.task(run.steps[0].task).attempt == 2
    assert (gate / "started").read_text() == "xx"


@pytest.mark.slow
def test_a_step_goes_on_when_only_its_agent_is_killed(place: Any, gate: pathlib.Path) -> None:
    agent = place.start_agent()
    run_id = start_run(place, GATED.format(folder=str(gate)))
    with (gate / "gate").open("w") as file:
        agent.kill()
        agent.wait()
        file.write("x")
    run = place.ended(run_id)

    assert run.status == "completed"
    assert (gate / "started").read_text() == "x"
