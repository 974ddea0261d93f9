"""What `Task.init` sets going once the task is there: the recording, the captures, the description of the code."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trackside.errors import UsageError
from trackside.protocol import tasks

from . import capture, closing, recording

if TYPE_CHECKING:
    from .task import Task


def begin(
    task: "Task",
    *,
    streams: bool,
    frameworks: bool | Mapping[str, bool],
    arguments: bool,
    machine: bool,
) -> recording.Recording:
    """Open the journal, install the captures, and watch for the end of the process."""
    held = recording.Recording(task.settings, task.data, capture_machine=machine, streams=streams)
    task.attach(held)
    capture.install(task, held.journal, streams=streams, frameworks=frameworks, arguments=arguments)
    closing.ExitWatch(lambda outcome: _end(held, outcome))
    if not held.supervised:
        main_file = getattr(sys.modules.get("__main__"), "__file__", None)
        held.background.submit("record the script", lambda: record_script(task, capture.describe_script(main_file)))
    return held


def again(running: "Task", project: str | None, name: str | None) -> "Task":
    """What a second `Task.init` in one process answers.

    Raises:
        UsageError: it asks for another task while the first is running.
    """
    if running.running_remotely() or (name in (None, running.name) and project in (None, running.get_project_name())):
        return running
    raise UsageError(
        f"this process runs task {running.name!r} already; close it with task.close() before it begins {name!r}"
    )


def record_script(task: "Task", script: tasks.Script) -> None:
    """Store where the code came from; a process that is not of rank 0 has nothing to say."""
    if script.entry_point or script.diff:
        task.api.call(tasks.EditTask(task=task.id, script=script, force=True))


def _end(held: recording.Recording, outcome: closing.Outcome) -> None:
    closing.end(held, outcome)
