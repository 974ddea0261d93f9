"""Configuration objects: whole documents kept with a task, and read back under an agent."""

import pathlib
from typing import TYPE_CHECKING, Any

from trackside.protocol import tasks

from . import connect as connecting

if TYPE_CHECKING:
    from .task import Task


def connect(task: "Task", configuration: Any, name: str, description: str | None) -> Any:
    """Record `configuration`, or answer what the task has under an agent. A path answers the path of a file."""
    is_path = isinstance(configuration, (str, pathlib.Path)) and pathlib.Path(configuration).is_file()
    if task.running_remotely():
        task.reload()
        held = (task.data.configuration or {}).get(name)
        if held is not None and held.value is not None:
            return _file(held.value, configuration) if is_path else connecting.configuration_value(held.value, name)
    text, kind = (
        (pathlib.Path(configuration).read_text(), "text") if is_path else connecting.configuration_text(configuration)
    )
    item = tasks.ConfigurationItem(name=name, value=text, type=kind, description=description)
    task.api.call(tasks.EditConfiguration(task=task.id, configuration=[item], force=True))
    return configuration


def _file(text: str, original: str | pathlib.Path) -> str | pathlib.Path:
    import tempfile

    folder = pathlib.Path(tempfile.mkdtemp(prefix="trackside-"))
    target = folder / pathlib.Path(original).name
    target.write_text(text)
    return target if isinstance(original, pathlib.Path) else str(target)
