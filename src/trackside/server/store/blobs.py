"""Bytes by their hash: the port, and a folder of this machine as its adapter. What is stored is whole for ever."""

import contextlib
import hashlib
import os
import pathlib
import uuid
from typing import BinaryIO, Protocol

from trackside.errors import InvalidRequest

_TEMPORARY = ".part"


class Writer(Protocol):
    """Takes one blob. Until `commit`, nothing of it can be seen; `abort` after either is harmless."""

    def write(self, data: bytes | memoryview) -> None: ...

    def finish(self, expected: str | None = None) -> tuple[str, int]:
        """Make what was written durable, under no name yet; answers its SHA-256 (hex) and its size.

        Raises:
            InvalidRequest: it does not hash to `expected`.
        """
        ...

    def commit(self, digest: str) -> None:
        """Let it be found under the hash that `finish` answered."""
        ...

    def abort(self) -> None: ...


class Blobs(Protocol):
    def begin(self) -> Writer: ...

    def path(self, digest: str) -> pathlib.Path:
        """A local file that holds the blob; not to be written to."""
        ...

    def open(self, digest: str) -> BinaryIO: ...

    def remove(self, digest: str) -> None:
        """Forget it; again is harmless."""
        ...


class FolderBlobs:
    """`<root>/ab/abcdef…`. Temporary files lie in `<root>`: renaming never copies; a crash leaves only those."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def begin(self) -> "FolderWriter":
        return FolderWriter(self, self._root / f"{uuid.uuid4().hex}{_TEMPORARY}")

    def path(self, digest: str) -> pathlib.Path:
        assert len(digest) == 64
        assert digest.isalnum()
        return self._root / digest[:2] / digest

    def open(self, digest: str) -> BinaryIO:
        return self.path(digest).open("rb")

    def remove(self, digest: str) -> None:
        self.path(digest).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove what interrupted uploads left. Only for the start of the one server of this folder."""
        for path in self._root.glob(f"*{_TEMPORARY}"):
            path.unlink(missing_ok=True)


class FolderWriter:
    def __init__(self, blobs: FolderBlobs, temporary: pathlib.Path) -> None:
        self._blobs = blobs
        self._temporary = temporary
        self._hash = hashlib.sha256()
        self._size = 0
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb", buffering=0)

    def write(self, data: bytes | memoryview) -> None:
        self._hash.update(data)
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]
        self._size += len(data)

    def finish(self, expected: str | None = None) -> tuple[str, int]:
        digest = self._hash.hexdigest()
        if expected is not None and expected.lower() != digest:
            self.abort()
            raise InvalidRequest(
                "what arrived does not have the SHA-256 it should have", expected=expected, found=digest
            )
        os.fsync(self._file.fileno())
        self._file.close()
        return digest, self._size

    def commit(self, digest: str) -> None:
        path = self._blobs.path(digest)
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True, mode=0o700)
            _sync(path.parent.parent)
        self._temporary.replace(path)
        _sync(path.parent)

    def abort(self) -> None:
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._temporary.unlink()


def _sync(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
