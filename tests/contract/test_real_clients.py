"""The real `clearml` and `trains` packages, unmodified, each in a virtual environment of its own."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from trackside.protocol.tasks import GetTask

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parent.parent.parent
CLIENTS = {
    "clearml": ["clearml==2.1.12"],
    "trains": ["trains==0.16.4", "PyJWT<2", "numpy<1.24", "setuptools<80"],
}
CLEARML = """
from clearml import Task
task = Task.init(project_name="contract/sub", task_name="from clearml", auto_resource_monitoring=False)
parameters = task.connect({"lr": 0.1, "nested": {"n": 3}})
task.get_logger().report_scalar("loss", "train", 1.0, 0)
task.get_logger().report_scalar("loss", "train", 0.5, 1)
task.get_logger().report_single_value("accuracy", 0.9)
print("a line from clearml")
task.upload_artifact("data", {"a": 1})
task.flush(wait_for_uploads=True)
task.close()
seen = Task.get_task(task_id=task.id)
loss = seen.get_last_scalar_metrics()["loss"]["train"]["last"]
print("SEEN", seen.id, seen.get_status(), seen.artifacts["data"].get(), loss)
"""
TRAINS = """
from trains import Task
task = Task.init(project_name="contract/sub", task_name="from trains", auto_resource_monitoring=False)
task.connect({"lr": 0.1})
task.get_logger().report_scalar("loss", "train", 0.5, 1)
print("a line from trains")
task.flush(wait_for_uploads=True)
task.close()
seen = Task.get_task(task_id=task.id)
print("SEEN", seen.id, seen.get_status(), seen.get_parameters())
"""


@pytest.fixture(scope="module")
def interpreters() -> dict[str, str]:
    """Virtual environments under .tools/clients, made once."""
    import uv

    found = {}
    for name, requirements in CLIENTS.items():
        folder = ROOT / ".tools" / "clients" / name
        python = folder / "bin" / "python"
        if not (folder / ".ready").exists():
            for command in (["venv", "-q", "--clear", "--python", sys.executable, str(folder)],
                            ["pip", "install", "-q", "--python", str(python), *requirements]):  # fmt: skip
                subprocess.run([uv.find_uv_bin(), *command], check=True)
            (folder / ".ready").touch()
        found[name] = str(python)
    return found


@pytest.fixture
def keys(place) -> dict[str, str]:
    made = json.loads(place.run("-m", "trackside", "credentials", "create", "--json"))
    pairs = {"API_HOST": "api_host", "WEB_HOST": "web_host", "FILES_HOST": "files_host",
             "API_ACCESS_KEY": "access_key", "API_SECRET_KEY": "secret_key"}  # fmt: skip
    return {f"{prefix}_{name}": made[field] for name, field in pairs.items() for prefix in ("CLEARML", "TRAINS")} | {
        "TRAINS_NO_DEFAULT_SERVER": "1",
        "HOME": str(place.home),
        "PATH": os.environ["PATH"],
    }


def seen(python: str, script: str, place, keys: dict[str, str]) -> list[str]:
    path = place.script("client.py", script)
    done = subprocess.run(
        [python, path], cwd=place.work, env=keys, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return next(line for line in done.stdout.splitlines() if line.startswith("SEEN")).split(" ", 3)[1:]


def test_clearml_records_a_run_from_init_to_close(place, keys, interpreters) -> None:
    task_id, status, rest = seen(interpreters["clearml"], CLEARML, place, keys)

    assert (status, rest) == ("completed", "{'a': 1} 0.5")
    task = place.api.call(GetTask(task=task_id)).task
    assert (task.status, task.hyperparams["General"]["nested/n"].value) == ("completed", "3")
    assert [item.key for item in task.execution.artifacts] == ["data"]


def test_trains_records_a_task(place, keys, interpreters) -> None:
    task_id, status, rest = seen(interpreters["trains"], TRAINS, place, keys)

    assert (status, rest) == ("completed", "{'General/lr': '0.1'}")
    assert place.api.call(GetTask(task=task_id)).task.script.entry_point == "client.py"
