"""Scripts in processes of their own, against a real server."""

import uuid

import pytest

ENDS = """
import sys
from trackside import Task
task = Task.init(project_name="ends", task_name=sys.argv[1], reuse_last_task_id=False)
how = sys.argv[2]
if how == "raise": raise RuntimeError("boom")
if how == "exit3": sys.exit(3)
if how == "exit0": sys.exit(0)
if how == "interrupt": raise KeyboardInterrupt
if how == "closed": task.close(); raise RuntimeError("after its end")
"""

SHOW = """
import sys
from trackside import Task
task = Task.get_task(project_name=sys.argv[1], task_name=sys.argv[2])
print(task.status, task.data.status_reason, task.data.script.entry_point if task.data.script else None, sep="|")
"""


@pytest.mark.parametrize(
    ("how", "code", "status"),
    [
        ("line", 0, "completed"),
        ("exit0", 0, "completed"),
        ("exit3", 3, "failed"),
        ("raise", 1, "failed"),
        ("closed", 1, "completed"),
        ("interrupt", None, "stopped"),  # Python ends with 1 or by the signal, as it likes
    ],
)
def test_the_status_tells_how_the_script_ended(run_script, how, code, status):
    name = uuid.uuid4().hex

    done = run_script(ENDS, name, how)
    shown = run_script(SHOW, "ends", name)

    assert done.returncode == code or (code is None and done.returncode), done.stderr
    assert shown.stdout.split("|")[0] == status, shown.stdout + shown.stderr
    assert shown.stdout.strip().endswith("|script.py")
    if how == "raise":
        assert "RuntimeError: boom" in shown.stdout


DRAFT = """
from trackside import Task
task = Task.init(project_name="drafts", task_name="the base")
args = {"size": 0.2, "url": ""}
task.connect(args)
task.execute_remotely()
print("went on", args)
task.upload_artifact("args", args)
"""


def test_a_base_is_registered_and_its_clone_reads_what_was_overridden(run_script, tmp_path):
    registered = run_script(DRAFT)
    made = run_script(
        "from trackside import Task\n"
        "base = Task.get_task(project_name='drafts', task_name='the base')\n"
        "clone = Task.clone(base)\n"
        "clone.update_parameters({'General/size': 0.25, 'General/url': 'http://h/x'})\n"
        "clone.started()\n"
        "print(base.status, base.data.system_tags, clone.id, sep='|')\n"
    )
    status, tags, clone = made.stdout.strip().split("|")
    ran = run_script(DRAFT, TRACKSIDE_TASK_ID=clone, TRACKSIDE_ATTEMPT="1", TRACKSIDE_JOURNAL=str(tmp_path / "journal"))
    read = run_script(
        f"from trackside import Task\ntask = Task.get_task('{clone}')\n"
        "print(task.artifacts['args'].get(), task.status)\n"
    )

    assert registered.returncode == 0, registered.stderr
    assert "went on" not in registered.stdout
    assert (status, tags) == ("created", "[]")
    assert "went on {'size': 0.25, 'url': 'http://h/x'}" in ran.stdout, ran.stdout + ran.stderr
    assert read.stdout == "{'size': 0.25, 'url': 'http://h/x'} in_progress\n"


def test_a_second_run_of_a_name_uses_its_task_again(run_script):
    text = "from trackside import Task\nprint('id', Task.init(project_name='again', task_name='run').id)\n"

    ids = {line for _ in range(2) for line in run_script(text).stdout.splitlines() if line.startswith("id ")}

    assert len(ids) == 1


def test_a_run_that_kept_an_artifact_is_not_used_again(run_script):
    text = (
        "from trackside import Task\ntask = Task.init(project_name='again', task_name='keeps')\n"
        "task.upload_artifact('a', {'b': 1})\nprint('id', task.id)\n"
    )

    ids = {line for _ in range(2) for line in run_script(text).stdout.splitlines() if line.startswith("id ")}

    assert len(ids) == 2


def test_a_missing_task_is_a_value_error_that_names_it(run_script):
    done = run_script(
        "from trackside import Task\n"
        "for project in ('nowhere', 'drafts'):\n"
        "    try: Task.get_task(project_name=project, task_name='nothing')\n"
        "    except ValueError as error: print(error)\n"
    )

    assert "'nowhere'" in done.stdout
    assert "'nothing'" in done.stdout


def test_a_saved_model_is_kept_as_it_was_last_saved(run_script):
    done = run_script(
        "import pathlib\nfrom trackside import Task\n"
        "task = Task.init(project_name='models', task_name='saves', reuse_last_task_id=False)\n"
        "for text in ('one', 'two'):\n"
        "    pathlib.Path('w.bin').write_text(text)\n"
        "    task.record_saved_model('w.bin', 'joblib')\n"
        "models = task.models['output']\n"
        "print(len(models), models[0].framework, open(models[0].get_local_copy()).read())\n"
    )

    assert done.stdout.endswith("1 joblib two\n"), done.stdout + done.stderr


def test_an_upload_that_fails_is_told_and_does_not_end_the_script(run_script):
    done = run_script(
        "import pathlib\nfrom trackside import Task\n"
        "task = Task.init(project_name='uploads', task_name='fails', reuse_last_task_id=False)\n"
        "task.recording.background.wait()\n"
        "task.api.files = 'http://127.0.0.1:9/files'; task.api.patience = 0.1\n"
        "print(task.upload_artifact('a', {'b': 1}, wait_on_upload=True), task.flush(wait_for_uploads=True))\n"
    )

    assert done.returncode == 0
    assert done.stdout.endswith("False False\n"), done.stdout + done.stderr
    assert "could not upload artifact 'a'" in done.stderr


def test_without_a_server_init_says_so_within_seconds(run_script, tmp_path):
    done = run_script(
        "import time\nbegan = time.monotonic()\nfrom trackside import Task\n"
        "try: Task.init(project_name='p', task_name='none')\n"
        "except ConnectionError as error: print(error, time.monotonic() - began < 10)\n",
        TRACKSIDE_HOME=str(tmp_path),
        TRACKSIDE_API_HOST="http://127.0.0.1:9",
        TRACKSIDE_AUTH_TOKEN="t",
    )

    assert "no server answers at http://127.0.0.1:9" in done.stdout
    assert done.stdout.endswith("True\n")
