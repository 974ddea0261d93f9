"""Copies what the program prints into the journal, line by line; the terminal gets every byte as before."""

import sys
import threading
import time
from typing import Any, Self

from .port import Journal

#: A line that is drawn over and over (a progress bar) is recorded this often at most; its last state always.
_FOLD_INTERVAL = 1.0

#: A "line" this long is recorded in parts.
_LONGEST = 1 << 16


class _Lines:
    """Cuts text into lines; of a line overwritten by carriage returns only what was last visible stays."""

    def __init__(self, journal: Journal, level: str) -> None:
        self._journal = journal
        self._level = level
        self._partial = ""
        self._folded_at = 0.0
        # reentrant: a signal handler may print while this thread is printing
        self._lock = threading.RLock()

    def feed(self, text: str) -> None:
        with self._lock:
            text = self._partial + text
            whole, newline, self._partial = text.rpartition("\n")
            if newline:
                lines = [_last_visible(line) for line in whole.split("\n")]
                self._journal.console("\n".join(lines), self._level)
            self._fold()

    def flush(self) -> None:
        with self._lock:
            if self._partial:
                self._journal.console(_last_visible(self._partial), self._level)
                self._partial = ""

    def _fold(self) -> None:
        if "\r" in self._partial:
            self._partial = _keep_last(self._partial)
            now = time.monotonic()
            if now - self._folded_at >= _FOLD_INTERVAL and self._partial.strip():
                self._folded_at = now
                self._journal.console(_last_visible(self._partial), self._level)
        if len(self._partial) > _LONGEST:
            self._journal.console(self._partial, self._level)
            self._partial = ""


def _last_visible(line: str) -> str:
    if "\r" not in line:
        return line
    parts = [part for part in line.split("\r") if part]
    return parts[-1] if parts else ""


def _keep_last(partial: str) -> str:
    r"""What a later piece may still overwrite; a carriage return at the end is kept, it may be half of \r\n."""
    body = partial.removesuffix("\r")
    return body.rpartition("\r")[2] + partial[len(body) :]


class Tee:
    """A text stream that records what is written to it; everything else is the stream's own."""

    def __init__(self, stream: Any, journal: Journal, level: str) -> None:
        self._trackside_stream = stream
        self._trackside_lines = _Lines(journal, level)

    def write(self, text: str) -> int:
        written = self._trackside_stream.write(text)
        if isinstance(text, str):
            self._trackside_lines.feed(text)
        return len(text) if written is None else int(written)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_trackside_"):
            raise AttributeError(name)  # a copy that is being made has no stream yet
        return getattr(self._trackside_stream, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # whoever wraps our `write`, as IPython does for a cell, calls it from the wrapper: it must stay on us
        if name.startswith("_trackside_") or hasattr(type(self), name):
            super().__setattr__(name, value)
        else:
            setattr(self._trackside_stream, name, value)

    def __iter__(self) -> Any:
        return iter(self._trackside_stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._trackside_stream.close()


def install(journal: Journal) -> None:
    """Begin, or go on into another journal."""
    remove()
    if sys.stdout is not None:
        sys.stdout = Tee(sys.stdout, journal, "info")
    if sys.stderr is not None:
        sys.stderr = Tee(sys.stderr, journal, "error")


def remove() -> None:
    """Record what is still without its newline, and give the program its streams back."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, Tee):
            stream._trackside_lines.flush()  # noqa: SLF001 - this module's own class
            setattr(sys, name, stream._trackside_stream)  # noqa: SLF001
