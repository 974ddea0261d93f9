"""Contents by their hash: a port, and its adapter for a local folder.

A blob becomes visible by a rename after its bytes are on disk, so it is there whole or not at all.
"""

import hashlib
import os
import pathlib
import uuid
from typing import BinaryIO, Protocol


class Upload(Protocol):
    """A blob that is being written."""

    size: int

    def write(self, data: bytes) -> None: ...

    def commit(self) -> str:
        """Make it durable and visible; its sha256, hex."""
        ...

    def abort(self) -> None: ...


class Blobs(Protocol):
    def begin(self) -> Upload: ...

    def open(self, digest: str) -> BinaryIO: ...

    def remove(self, digest: str) -> None: ...


class LocalUpload:
    def __init__(self, root: pathlib.Path) -> None:
        self._root = root
        self._temporary = root / "incoming" / uuid.uuid4().hex
        self._temporary.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._temporary.open("xb")
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def commit(self) -> str:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        digest = self._hash.hexdigest()
        target = place(self._root, digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._temporary.replace(target)
        _sync_folder(target.parent)
        return digest

    def abort(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class LocalBlobs:
    """Blobs in a folder: `ab/abcdef…`."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root

    def begin(self) -> LocalUpload:
        return LocalUpload(self._root)

    def open(self, digest: str) -> BinaryIO:
        return place(self._root, digest).open("rb")

    def remove(self, digest: str) -> None:
        place(self._root, digest).unlink(missing_ok=True)


def place(root: pathlib.Path, digest: str) -> pathlib.Path:
    return root / digest[:2] / digest


def _sync_folder(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
