"""From an object in memory to a registered file on the server, behind the script's back."""

import contextlib
import pathlib
import shutil
import tempfile
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from trackside.client import transfers
from trackside.protocol import tasks

from . import objects

if TYPE_CHECKING:
    from trackside.client.api import Api

#: Kept in the stored name; all else is quoted there, and the whole once more in the URL (protocol.md §1.7).
_KEPT = "'[]{}()$^,.; -_+="
_LONGEST_PREVIEW = 4000  #: characters


def key_of(project: str, task_name: str, task_id: str, *parts: str) -> str:
    """The name under which the file server stores a task's file: `<project>/<task name>.<task id>/<parts>`."""
    folders = [part for part in project.split("/") if part]
    return "/".join(_part(name) for name in (*folders, f"{task_name}.{task_id}", *parts))


def url_of(files: str, key: str) -> str:
    return f"{files}/{urllib.parse.quote(key)}"


def _part(name: str) -> str:
    quoted = urllib.parse.quote(name, safe=_KEPT)
    # a part of dots alone would be resolved away by whoever handles the URL
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


class Pending:
    """An artifact that is kept in a file and not uploaded yet."""

    def __init__(self, name: str, value: Any, *, preview: str | None = None) -> None:
        self.name = name
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="trackside-"))
        try:
            self.stored = objects.store(name, value, self._folder)
        except BaseException:
            self.discard()
            raise
        self.preview = (preview if preview is not None else self.stored.preview)[:_LONGEST_PREVIEW]

    @property
    def file(self) -> str:
        return self.stored.path.name

    def upload(self, api: "Api", task: str, key: str, metadata: dict[str, Any] | None, *, delete: bool) -> None:
        """Upload the file, then register it, so that nobody sees an artifact that is not there yet."""
        path = self.stored.path
        try:
            url = transfers.upload(api, url_of(api.files, key), path)
            artifact = tasks.Artifact(
                key=self.name,
                type=self.stored.type,
                uri=url,
                content_size=path.stat().st_size,
                hash=transfers.digest(path),
                timestamp=int(time.time()),
                type_data=tasks.TypeData(preview=self.preview, content_type=self.stored.content_type),
                display_data=_display(metadata),
            )
            register(api, task, artifact)
            if delete and not self.stored.temporary:
                path.unlink(missing_ok=True)
        finally:
            self.discard()

    def discard(self) -> None:
        with contextlib.suppress(OSError):
            shutil.rmtree(self._folder)


def register(api: "Api", task: str, artifact: tasks.Artifact) -> None:
    api.call(tasks.AddOrUpdateArtifacts(task=task, artifacts=[artifact], force=True))


def linked(name: str, url: str, metadata: dict[str, Any] | None, preview: str | None) -> tasks.Artifact:
    """An artifact whose file lies elsewhere already."""
    return tasks.Artifact(
        key=name,
        type="custom",
        uri=url,
        timestamp=int(time.time()),
        type_data=tasks.TypeData(preview=preview or url, content_type="application/octet-stream"),
        display_data=_display(metadata),
    )


def _display(metadata: dict[str, Any] | None) -> list[list[str]] | None:
    return [[str(key), str(value)] for key, value in metadata.items()] if metadata else None
