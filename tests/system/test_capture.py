"""What a run records by itself, with a real server: from a notebook, under torchrun, from `-m` and `-c`."""

import subprocess
import sys
from typing import Any

from trackside.protocol.events import GetTaskLog, ScalarHistogram

CELLS = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in (
    "from trackside import Task\\ntask = Task.init('tests', 'in a notebook', auto_resource_monitoring=False)",
    "size = 7\\nprint('from a cell', size)",
    "%pwd",
    "task.close()",
):
    shell.run_cell(cell, store_history=True)
"""
RECORD = """
from trackside import Task
task = Task.init("tests", {name!r}, auto_resource_monitoring=False)
print("it ran")
"""


def script_of(place: Any, name: str) -> Any:
    (task,) = place.tasks(name)
    assert task.status == "completed"
    return task.script


def test_a_notebook_records_its_executed_cells(place) -> None:
    place.run(str(place.script("kernel.py", CELLS)))

    script = script_of(place, "in a notebook")
    assert script.entry_point == "notebook.py"
    assert "size = 7" in script.diff
    assert "# %pwd" in script.diff


def test_a_module_run_with_m_is_recorded_as_one(place) -> None:
    package = place.work / "tool"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "train.py").write_text(RECORD.format(name="with -m"))

    place.run("-m", "tool.train")

    assert "Task.init" in (script_of(place, "with -m").diff or "")


def test_a_command_run_with_c_is_recorded_as_its_text(place) -> None:
    place.run("-c", RECORD.format(name="with -c"))

    assert "Task.init" in script_of(place, "with -c").diff


def test_the_processes_of_a_distributed_run_make_one_description(place) -> None:
    """torchrun's environment variables, with two processes; torch itself is not installed here."""
    text = RECORD.format(name="a rank").replace("'a rank'", "f'rank {rank}'")
    path = place.script("train.py", "import os\nrank = os.environ['RANK']\n" + text)
    both = [
        subprocess.Popen(
            [sys.executable, path],
            cwd=place.work,
            env=place.environment | {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"},
        )
        for rank in (0, 1)
    ]
    assert [process.wait() for process in both] == [0, 0]

    assert script_of(place, "rank 0").entry_point == "train.py"
    assert script_of(place, "rank 1") is None


def test_a_local_run_delivers_console_and_machine_figures(place) -> None:
    place.run(
        str(place.script("plain.py", RECORD.format(name="plain run").replace(", auto_resource_monitoring=False", "")))
    )

    (task,) = place.tasks("plain run")
    events = place.api.call(GetTaskLog(task=task.id, from_index=0, batch_size=100)).events
    assert "it ran" in "".join(str(event["msg"]) for event in events)
    document = place.api.call(ScalarHistogram(task=task.id)).document
    assert ":monitor:machine" in document, document
    assert {"cpu_usage", "memory_used_gb"} <= set(document[":monitor:machine"])
