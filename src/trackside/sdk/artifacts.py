"""A task's artifacts as they are read back."""

import datetime as dt
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from trackside.errors import InvalidRequest, UsageError
from trackside.protocol import auth, tasks
from trackside.safe import archives
from trackside.settings import Settings

from . import objects

if TYPE_CHECKING:
    from trackside.client.api import Api


class Artifact:
    """One artifact: what is known of it, and its content on demand."""

    def __init__(self, api: "Api", known: Settings, record: tasks.Artifact, owner: str | None) -> None:
        self._api = api
        self._known = known
        self._record = record
        self._owner = owner

    @property
    def name(self) -> str:
        return self._record.key

    @property
    def url(self) -> str | None:
        return self._record.uri

    @property
    def type(self) -> str:
        return self._record.type

    @property
    def mode(self) -> str:
        return self._record.mode

    @property
    def size(self) -> int | None:
        """Bytes."""
        return self._record.content_size

    @property
    def hash(self) -> str | None:
        """SHA-256 of the file, hex."""
        return self._record.hash

    @property
    def timestamp(self) -> dt.datetime | None:
        at = self._record.timestamp
        return None if at is None else dt.datetime.fromtimestamp(at, dt.UTC)

    @property
    def metadata(self) -> dict[str, str]:
        return {item[0]: item[1] for item in self._record.display_data or [] if len(item) == 2}

    @property
    def preview(self) -> str | None:
        return self._record.type_data.preview if self._record.type_data else None

    def get_local_copy(
        self, extract_archive: bool = True, raise_on_error: bool = True, force_download: bool = False
    ) -> str | None:
        """A file with the artifact's content, checked against its hash; of a folder, the folder itself.

        Raises:
            FileMissing: the server has no such file any more.
            ServerUnavailable: the server did not answer.
        """
        from trackside.storage.manager import StorageManager

        try:
            path = self._file(force=force_download)
            if extract_archive and self.type in ("local folder", "archive") and archives.is_archive(path.name):
                return StorageManager.get_local_copy(str(path), extract_archive=True)
        except (OSError, LookupError):
            if raise_on_error:
                raise
            return None
        return str(path)

    def get(
        self,
        force_download: bool = False,
        deserialization_function: Callable[[bytes], Any] | None = None,
        allow_pickle: bool | None = None,
    ) -> Any:
        """The object that was uploaded; of a file, its path.

        A pickle that holds more than plain data is loaded only when the task that made it is the caller's own, or with
        `allow_pickle`; `False` refuses even that.

        Raises:
            Forbidden: it is such a pickle of somebody else.
        """
        path = self._file(force=force_download)
        if deserialization_function is not None:
            return deserialization_function(path.read_bytes())
        if self.type in ("local folder", "archive"):
            return pathlib.Path(self.get_local_copy() or path)
        needs_trust = path.name.endswith((".pkl", ".pickle"))
        trusted = needs_trust and (self._is_own() if allow_pickle is None else allow_pickle)
        return objects.load(path, self.type, self.name, trusted=trusted)

    def _file(self, *, force: bool) -> pathlib.Path:
        from trackside.client import transfers
        from trackside.storage import cache, manager

        url = self.url
        if not url:
            raise InvalidRequest(f"artifact {self.name!r} has no file yet")
        if not transfers.is_ours(self._api, url):
            return pathlib.Path(manager.StorageManager.get_local_copy(url, force_download=force))
        if force:
            cache.note(cache.place(self._known.home, url)).unlink(missing_ok=True)
        return manager.local_copy_of_ours(self._api, self._known.home, url, self.hash)

    def _is_own(self) -> bool:
        return self._owner is not None and self._api.call(auth.GetCurrentUser()).user.id == self._owner

    def __repr__(self) -> str:
        return f"Artifact(name={self.name!r}, type={self.type!r}, url={self.url!r})"


class Artifacts(Mapping[str, Artifact]):
    """A task's artifacts by name."""

    def __init__(self, found: Iterable[Artifact], where: str) -> None:
        self._by_name = {artifact.name: artifact for artifact in found}
        self._where = where

    def __getitem__(self, name: str) -> Artifact:
        if name not in self._by_name:
            raise KeyError(f"{self._where} has no artifact {name!r}; it has: {', '.join(self._by_name) or 'none'}")
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)


def of_task(api: "Api", known: Settings, task: tasks.Task) -> Artifacts:
    records = (task.execution or tasks.Execution()).artifacts or []
    return Artifacts((Artifact(api, known, record, task.user) for record in records), f"task {task.id}")


def check_name(name: str) -> str:
    """An artifact's name, stripped.

    Raises:
        UsageError: it is empty.
    """
    if not isinstance(name, str) or not name.strip():
        raise UsageError("an artifact needs a name")
    return name.strip()
