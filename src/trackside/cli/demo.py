"""`trackside demo`: the pipeline example, from nothing to the trained model, and where to look at it."""

import argparse
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from trackside import settings as settings_module
from trackside.client import connect
from trackside.client.api import Api
from trackside.errors import ExecutionError
from trackside.execution.environment import EnvironmentStore
from trackside.execution.layer import LayerStore
from trackside.protocol.pipelines import Run
from trackside.protocol.tasks import GetTask, GetTasks

from . import demo_data
from .demo_table import follow, queue_time, run_time
from .output import say
from .services import DEFAULT_PORT

#: What the four scripts import; the first run resolves and installs it, later runs use it in place.
REQUIREMENTS = "joblib\nmatplotlib\nnumpy\nscikit-learn\n"
BASE_TASKS = {
    "step1_dataset_artifact.py": "pipeline step 1 dataset artifact",
    "step2_data_processing.py": "pipeline step 2 process dataset",
    "step3_train_model.py": "pipeline step 3 train model",
}
CONTROLLER = "pipeline_controller.py"
_PLACEHOLDER = "http://127.0.0.1:8016/iris_dataset.pkl"
_CREATED = re.compile(r"task id=([0-9a-f]{32})")
_SUBMITTED = "pipeline submitted"  # said by PipelineController.start


def configure(_name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--home", type=pathlib.Path, default=pathlib.Path(".trackside-demo"), help="where all of it is kept"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    home: pathlib.Path = options.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    say("· preparing the Python environment of the example")
    python, python_path = _environment(home)
    iris = demo_data.make(python, home / "iris_dataset.pkl")
    environment = _clean_environment() | {
        "TRACKSIDE_HOME": str(home),
        "PYTHONPATH": python_path,
        "MPLBACKEND": "Agg",
    }
    with _up(home, environment):
        settings = settings_module.load({"TRACKSIDE_HOME": str(home)})
        api = connect(settings)
        work = _copy_examples(home / "work", demo_data.publish(api, iris))
        _register(api, python, work, environment)
        controller, process = _start_controller(python, work, environment)
        ended = follow(api, controller)
        process.wait()
        return _report(settings, api, ended)


def examples() -> pathlib.Path:
    """The four scripts: in the wheel beside this package, in a checkout at its root."""
    package = pathlib.Path(__file__).resolve().parent.parent
    for folder in (package / "examples" / "pipeline", package.parent.parent / "examples" / "pipeline"):
        if folder.is_dir():
            return folder
    raise ExecutionError("the pipeline example is not part of this installation; reinstall trackside")


def _copy_examples(work: pathlib.Path, iris_url: str) -> pathlib.Path:
    """The scripts in a folder of the demo's own, the first one with the URL of this server's copy of the data.

    Their text is recorded, whatever repository they came from, and runs as long as this server has its data.
    """
    work.mkdir(exist_ok=True)
    for script in (*BASE_TASKS, CONTROLLER):
        text = (examples() / script).read_text()
        (work / script).write_text(text.replace(_PLACEHOLDER, iris_url))
    return work


def _clean_environment() -> dict[str, str]:
    """Ours, without anything that would send the example to another server."""
    foreign = ("TRACKSIDE_", "CLEARML_", "TRAINS_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def _environment(home: pathlib.Path) -> tuple[pathlib.Path, str]:
    """The interpreter with the example's packages, and the PYTHONPATH that adds our SDK behind them."""
    environment = EnvironmentStore(home).ensure(REQUIREMENTS, say=say)
    layer = LayerStore(home).ensure(environment)
    return environment.python, str(layer.bootstrap)


@contextmanager
def _up(home: pathlib.Path, environment: dict[str, str]) -> Iterator[None]:
    """Server and agent for as long as the block lasts."""
    say("· starting the server and an agent on the queues default and services")
    log = (home / "up.log").open("ab")
    services = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "trackside", "up", "--port", str(_free_port())]
    process = subprocess.Popen(command, env=services, stderr=subprocess.PIPE, stdout=log, start_new_session=True)
    assert process.stderr is not None
    ready = False
    while not ready and (line := process.stderr.readline()):
        log.write(line)
        ready = b"open the UI" in line
    if not ready:
        raise ExecutionError(f"the server did not start; {home / 'up.log'} says why")
    rest = threading.Thread(target=shutil.copyfileobj, args=(process.stderr, log), daemon=True)
    rest.start()
    try:
        yield
    finally:
        process.terminate()
        process.wait()
        rest.join()
        log.close()


def _free_port() -> int:
    """The usual port when it is free, so that the links still hold with `make up`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the last demo may linger
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError:
            return 0
    return DEFAULT_PORT


def _register(api: Api, python: pathlib.Path, work: pathlib.Path, environment: dict[str, str]) -> None:
    """Run each step's script once: it registers a draft and leaves. Drafts of an earlier demo are used again."""
    there = {task.name for task in api.call(GetTasks(status=["created"], only_fields=["name"])).tasks}
    missing = {script: name for script, name in BASE_TASKS.items() if name not in there}
    if missing:
        say(f"· registering {len(missing)} base tasks by running their scripts once")
    running = [
        (script, subprocess.Popen([python, script], cwd=work, env=environment, stdout=subprocess.PIPE))
        for script in missing
    ]
    for script, process in running:
        output, _ = process.communicate()
        if process.returncode:
            raise ExecutionError(
                f"{script} ended with exit code {process.returncode}:\n{output.decode(errors='replace')}"
            )


def _start_controller(
    python: pathlib.Path, work: pathlib.Path, environment: dict[str, str]
) -> tuple[str, subprocess.Popen[str]]:
    say("· running the pipeline controller")
    process = subprocess.Popen([python, "-u", CONTROLLER], cwd=work, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        found = _CREATED.search(said)
        if found and _SUBMITTED in line:
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return found[1], process
    raise ExecutionError(
        f"the controller left with exit code {process.wait()} before it submitted the pipeline:\n{said}"
    )


def _report(settings: settings_module.Settings, api: Api, run: Run) -> int:
    """The outcome: for each step its times, the accuracy, the links; the exit code."""
    print(f"pipeline {run.status}" + (f": {run.reason}" if run.reason else ""))
    for step in run.steps:
        reason = f"  {step.reason}" if step.reason else ""
        print(f"  {step.name:<14} {step.status:<10} queued {queue_time(step):>7}  ran {run_time(step):>7}{reason}")
    trained = run.steps[-1].task
    accuracy = _single_value(api, trained, "accuracy") if trained else None
    if accuracy is not None:
        print(f"accuracy {accuracy:.4f}")
    project = api.call(GetTask(task=run.id)).task.project
    print(f"pipeline plot: {settings.web}/projects/{project}/tasks/{run.id}/plots")
    if trained:
        print(f"trained model: {settings.web}/projects/{project}/tasks/{trained}/artifacts")
    say(
        f"the server has stopped; see it all in the UI with: make up   (or TRACKSIDE_HOME={settings.home} trackside up)"
    )
    return 0 if run.status == "completed" else 1


def _single_value(api: Api, task_id: str, name: str) -> float | None:
    metrics = api.call(GetTask(task=task_id)).task.last_metrics or {}
    found = [item for variants in metrics.values() for item in variants.values() if item.variant == name]
    return found[0].value if found else None
