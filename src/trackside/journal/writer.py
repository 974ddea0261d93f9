"""Appends what a process reports to its own segment; the bytes are in the page cache when the call returns.

A segment is preallocated and mapped, so that a record costs a copy and no system call. Where that is not possible
(full disk, quota, a network file system) the same bytes go through plain writes.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import threading
import time
import weakref
from pathlib import Path
from typing import Protocol

from .records import FORMAT, HEADER, MAGIC, SUFFIX, WAKE, Console, Plot, Scalar, encode, frame

SEGMENT_BYTES = 8 << 20

#: A reader waits at least twice as long after a wake-up before it reads, so a record without its own wake-up is seen.
WAKE_INTERVAL = 0.05

#: After a failed attempt to make a segment, how long records are counted as lost before the next attempt.
_RETRY_AFTER = 1.0

_writers: "weakref.WeakSet[JournalWriter]" = weakref.WeakSet()


class _Segment(Protocol):
    """Where records go until it is full."""

    def append(self, record: bytes) -> bool:
        """False: there is no room, take another. Raises OSError when the disk refuses."""

    def close(self) -> None: ...

    def abandon(self) -> None:
        """Let go of it in a forked child, without a trace in the file that the parent still writes."""


class _MappedSegment:
    """The file is preallocated first: a hole on a full disk would be a SIGBUS in the training process."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._map = mmap.mmap(descriptor, size)
        self._size = size
        self._end = HEADER.size

    def append(self, record: bytes) -> bool:
        start = self._end
        end = start + len(record)
        if end > self._size:
            return False
        # taken before the copy: a signal handler that reports in between gets the place behind ours
        self._end = end
        self._map[start:end] = record
        return True

    def close(self) -> None:
        self._map.close()
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, self._end)
        os.close(self._descriptor)

    def abandon(self) -> None:
        self._map.close()
        os.close(self._descriptor)


class _PlainSegment:
    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._end = HEADER.size

    def append(self, record: bytes) -> bool:
        end = self._end + len(record)
        if end > self._size:
            return False
        written = os.pwrite(self._descriptor, record, self._end)
        if written < len(record):
            os.ftruncate(self._descriptor, self._end)
            raise OSError(errno.ENOSPC, "no room for a whole record")
        self._end = end
        return True

    def close(self) -> None:
        os.close(self._descriptor)

    abandon = close


class JournalWriter:
    """The journal of one process. Threads may share it; a forked child goes on in a segment of its own.

    No method raises for what the disk does, none blocks.

    Attributes:
        dropped: records that the disk did not take.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.dropped = 0
        self._begin()
        _writers.add(self)

    def _begin(self) -> None:
        # reentrant: a signal handler may report while this very thread is reporting
        self._lock = threading.RLock()
        self._segment: _Segment | None = None
        self._wake: int | None = None
        self._woken = 0.0
        self._retry_at = 0.0
        self._closed = False

    def scalar(self, metric: str, variant: str, value: float, step: int) -> None:
        self._append(encode(Scalar(time.time_ns() // 1_000_000, metric, variant, step, value)))

    def plot(self, metric: str, variant: str, plot_str: str, step: int) -> None:
        """`plot_str`: plotly JSON."""
        self._append(encode(Plot(time.time_ns() // 1_000_000, metric, variant, step, plot_str)))

    def console(self, text: str, level: str = "info") -> None:
        try:
            payload = encode(Console(time.time_ns() // 1_000_000, level, text))
        except UnicodeEncodeError:  # lone surrogates, from file names
            text = text.encode("utf-8", "backslashreplace").decode()
            payload = encode(Console(time.time_ns() // 1_000_000, level, text))
        self._append(payload)

    def close(self) -> None:
        """Cut the segment to its size and let the sender have it. Later records are counted as dropped."""
        with self._lock:
            self._closed = True
            if self._segment is not None:
                self._segment.close()
                self._segment = None
            self._notify()
            if self._wake is not None:
                os.close(self._wake)
                self._wake = None

    def _append(self, payload: bytes) -> None:
        record = frame(payload)
        with self._lock:
            try:
                if self._segment is None or not self._segment.append(record):
                    self._append_to_new(record)
            except OSError:
                self.dropped += 1
            # the clock is read after the record is in the file: see WAKE_INTERVAL
            now = time.monotonic()
            if now - self._woken >= WAKE_INTERVAL:
                self._woken = now
                self._notify()

    def _append_to_new(self, record: bytes) -> None:
        now = time.monotonic()
        if self._closed or now < self._retry_at:
            self.dropped += 1
            return
        full, self._segment = self._segment, None
        if full is not None:
            full.close()
        self._retry_at = now + _RETRY_AFTER
        segment = _open_segment(self._folder, max(SEGMENT_BYTES, HEADER.size + len(record)))
        self._retry_at = 0.0
        self._segment = segment
        segment.append(record)

    def _notify(self) -> None:
        """Put one byte into the FIFO. Opened for both ways, so it neither waits for a reader nor breaks without one."""
        try:
            if self._wake is None:
                self._wake = open_wake(self._folder)
            os.write(self._wake, b"\0")
        except OSError:  # full: the reader has plenty to wake for; or the folder is gone
            return

    def _forked(self) -> None:
        segment, wake = self._segment, self._wake
        self._begin()
        if segment is not None:
            segment.abandon()
        if wake is not None:
            os.close(wake)


def open_wake(folder: Path) -> int:
    """The FIFO that wakes the sender, made if it is not there.

    Raises:
        OSError: the folder cannot be written.
    """
    path = folder / WAKE
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def _open_segment(folder: Path, size: int) -> _Segment:
    """Make a segment, locked for as long as its writer lives, so that a sender can tell.

    It gets its name after its lock: a sender never sees an unlocked segment that somebody is about to write.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    began = time.time_ns() // 1_000_000
    temporary = folder / f"new-{os.getpid()}-{time.monotonic_ns()}"
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.pwrite(descriptor, HEADER.pack(MAGIC, FORMAT, 0, began), 0)
        segment = _map_or_plain(descriptor, size)
        _name(temporary, folder, began)
    except BaseException:
        os.close(descriptor)
        raise
    finally:
        temporary.unlink(missing_ok=True)
    return segment


def _map_or_plain(descriptor: int, size: int) -> _Segment:
    try:
        os.posix_fallocate(descriptor, 0, size)
        return _MappedSegment(descriptor, size)
    except (OSError, AttributeError, ValueError):  # AttributeError: macOS has no posix_fallocate
        os.ftruncate(descriptor, HEADER.size)
        return _PlainSegment(descriptor, size)


def _name(temporary: Path, folder: Path, number: int) -> None:
    """Give it the first free name; by time, so that a name is never used again for a process with the same number."""
    while True:
        try:
            os.link(temporary, folder / f"seg-{os.getpid()}-{number}{SUFFIX}")
        except FileExistsError:
            number += 1
        else:
            return


def _after_fork() -> None:
    for writer in list(_writers):
        writer._forked()  # noqa: SLF001 - this module's own class


os.register_at_fork(after_in_child=_after_fork)
