"""The tutorial's own text, executed: its `sh` blocks in an empty folder without git, its server and agent started."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from trackside.protocol.tasks import GetTasks

PAGE = pathlib.Path(__file__).parent.parent.parent / "docs" / "tutorial" / "simple-pipeline.md"


CLONE = """
ID=$(trackside task list --name '^pipeline demo$' --json |
     python -c 'import json, sys; print(json.load(sys.stdin)[0]["id"])')
NEW=$("""
WAIT = """)
python -c 'import sys; from trackside import Task; Task.get_task(sys.argv[1]).wait_for_status(["completed"])' $NEW
"""


@pytest.mark.slow
def test_the_tutorial_runs_as_it_is_written(place) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 4
    place.start_agent()
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    again = re.search(r"^trackside task clone ID --queue services$", PAGE.read_text(), re.MULTILINE)
    assert again is not None
    script = "set -e\n" + "\n".join(blocks) + CLONE + again[0].replace(" ID ", " $ID ") + WAIT + "kill %1\n"

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=place.work,
        env=place.environment | {"PATH": path, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "pipeline completed" in done.stdout
    found = place.api.call(GetTasks(name="^Clone Of pipeline step 3 train model$")).tasks
    assert [task.status for task in found] == ["completed", "completed"]
    model = found[0].models.output[0]
    assert model.name == "model"
    clones = place.api.call(GetTasks(name="^Clone Of pipeline step 2 process dataset$")).tasks
    for clone in clones:
        assert clone.hyperparams["General"]["test_size"].value == "0.25"
