"""From `Task.init` to a task that records: find or make it, begin its recording, watch how the process ends."""

import sys
from typing import TYPE_CHECKING, Any

from trackside.errors import UsageError
from trackside.protocol import tasks

from . import capture, closing, creation, current
from .recording import Recording

if TYPE_CHECKING:
    from .task import Task

_LATER_PATIENCE = 60.0  #: seconds a call goes on trying once the task exists


def start(kind: "type[Task]", wanted: creation.Wanted, captured: dict[str, Any], *, machine: bool) -> "Task":
    """Make the current task; when there is one already, that."""
    with current.lock:
        running = current.task()
        if running is not None:
            return _again(running, wanted)
        api, known = current.connection(patience=creation.INIT_PATIENCE)
        data, how = creation.begin(api, known, wanted)
        api.patience = _LATER_PATIENCE
        recording = Recording(known, data, capture_machine=machine, streams=captured["streams"])
        task = kind(api, known, data, recording)
        recording.watch = closing.ExitWatch(lambda outcome: finish(task, outcome))
        current.set_task(task)
    capture.install(task, recording.journal, **captured | {"streams": recording.streams})
    _greet(task, how)
    if how != "attached":
        recording.background.submit("record the script", lambda: _describe(task))
    return task


def finish(task: "Task", outcome: closing.Outcome) -> bool:
    """End the recording of the current task; whether everything was delivered."""
    recording = task.recording
    if recording is None or recording.closed or not recording.ours:
        return True
    if recording.watch is not None:
        recording.watch.remove()
    recording.background.wait()
    capture.remove()
    whole = closing.end(recording, outcome)
    with current.lock:
        if current.task() is task:
            current.set_task(None)
    return whole


def _again(running: "Task", wanted: creation.Wanted) -> "Task":
    same = running.name == wanted.name and running.get_project_name() == wanted.project
    if not (same or running.running_remotely()):
        raise UsageError(
            f"this process runs task {running.name!r} already; close it (task.close()) before it begins {wanted.name!r}"
        )
    return running


def _describe(task: "Task") -> None:
    task.record_script(capture.describe_script())


def record_script(task: "Task", script: tasks.Script) -> None:
    if script != tasks.Script():
        task.api.call(tasks.EditTask(task=task.id, script=script, force=True))


def _greet(task: "Task", how: creation.How) -> None:
    words = {
        "created": "created new task",
        "reused": "overwriting (reusing) task",
        "continued": "continuing task",
        "attached": "running task",
    }
    print(f"Trackside Task: {words[how]} id={task.id}")  # noqa: T201
    print(f"Trackside results page: {task.get_output_log_web_page()}")  # noqa: T201
    sys.stdout.flush()
