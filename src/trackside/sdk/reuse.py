"""Which task a local run may use again instead of making another (protocol.md §7.1)."""

import contextlib
import json
import os
import pathlib
import time

from trackside.protocol import tasks

_FILE = "last_tasks.json"
_REUSED_FOR = 24 * 3600.0  #: seconds
_REUSABLE = frozenset({"created", "stopped", "failed", "completed"})


def may_reuse(task: tasks.Task, *, name: str, task_type: str) -> bool:
    """Whether nothing of worth would be lost, and nobody else runs it."""
    execution = task.execution or tasks.Execution()
    models = task.models or tasks.TaskModels()
    return (
        task.name == name
        and task.type == task_type
        and task.status in _REUSABLE
        and "development" in (task.system_tags or [])
        and not execution.artifacts
        and not models.output
    )


def last_id(home: pathlib.Path, server: str, project: str, name: str) -> str | None:
    """The task that the last local run of this name used, if that was today."""
    entry = _read(home / _FILE).get(_key(server, project, name))
    if isinstance(entry, list) and len(entry) == 2 and time.time() - float(entry[1]) < _REUSED_FOR:
        return str(entry[0])
    return None


def remember(home: pathlib.Path, server: str, project: str, name: str, task_id: str) -> None:
    """Note it for the next run; losing a race, or the note, costs one more task."""
    path = home / _FILE
    now = time.time()
    kept = {key: entry for key, entry in _read(path).items() if now - float(entry[1]) < _REUSED_FOR}
    kept[_key(server, project, name)] = [task_id, now]
    temporary = path.with_name(f"{_FILE}.{os.getpid()}")
    with contextlib.suppress(OSError):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_text(json.dumps(kept))
        temporary.replace(path)


def _key(server: str, project: str, name: str) -> str:
    return f"{server}\n{project}\n{name}"


def _read(path: pathlib.Path) -> dict[str, list[str | float]]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
