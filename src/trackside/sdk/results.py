"""Uploading what a task made, behind the script's back."""

import pathlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import artifacts, models, uploads
from .background import Job

if TYPE_CHECKING:
    from .task import Task


def upload(
    task: "Task", name: str, value: Any, metadata: dict[str, Any] | None, preview: str | None, *, delete: bool
) -> Job:
    """Write `value` to a file now; upload and register it behind. A URL is registered as it is."""
    name = artifacts.check_name(name)
    if isinstance(value, str) and urlsplit(value).scheme in ("http", "https", "s3", "gs"):
        link = uploads.linked(name, value, metadata, preview)
        return _behind(task, f"register artifact {name!r}", lambda: uploads.register(task.api, task.id, link))
    pending = uploads.Pending(name, value, preview=preview)
    key = uploads.key_of(task.get_project_name(), task.name, task.id, "artifacts", name, pending.file)
    return _behind(
        task,
        f"upload artifact {name!r}",
        lambda: pending.upload(task.api, task.id, key, metadata, delete=delete),
    )


def upload_model(task: "Task", path: pathlib.Path, wanted: models.Wanted) -> str:
    """Copy the weights now; upload and register them behind. The URL they will have."""
    copy = models.copy_now(path)
    key = uploads.key_of(task.get_project_name(), task.name, task.id, "models", copy.name)
    _behind(task, f"upload model {path.name!r}", lambda: models.upload(task.api, task.data, copy, key, wanted))
    return uploads.url_of(task.api.files, key)


def _behind(task: "Task", what: str, work: Any) -> Job:
    """In the recording's thread; at once for a task that another process runs."""
    if task.recording is not None:
        return task.recording.background.submit(what, work)
    job = Job(what, work)
    job.run()
    return job
