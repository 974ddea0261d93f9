"""What a process prints, as lines: read from its pipes as it comes, copied to a file, handed on one by one."""

import contextlib
import os
import selectors
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO

_BLOCK = 1 << 16
#: A line without an end is cut here: nobody may fill our memory by never ending a line.
_LONGEST_LINE = 1 << 16
#: A progress bar that rewrites its line is shown about this often, in seconds.
_BAR_INTERVAL = 2.0


class Lines:
    """Bytes in, whole lines out; of a line rewritten with carriage returns only what is seen in the end."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._rest = b""
        self._bar_at = now()

    def feed(self, content: bytes) -> list[str]:
        *whole, self._rest = (self._rest + content).split(b"\n")
        lines = [_text(line) for line in whole]
        if len(self._rest) > _LONGEST_LINE:
            lines.append(_text(self._rest))
            self._rest = b""
        elif b"\r" in self._rest:
            lines += self._bar()
        return lines

    def end(self) -> list[str]:
        """The last line, when it has no end."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []

    def _bar(self) -> list[str]:
        self._rest = b"\r" + _visible(self._rest)
        if self._now() - self._bar_at < _BAR_INTERVAL:
            return []
        self._bar_at = self._now()
        return [_text(self._rest)]


class Pump:
    """Reads all streams in one thread (`run`) until they end, or until `finish` and nothing more is there to read.

    The second matters: something the process left behind may hold its pipes open for ever.
    """

    def __init__(self, streams: Mapping[str, BinaryIO], take: Callable[[str, str], None], copy: BinaryIO) -> None:
        """`take` is given the name of a stream and a line of it; `copy` gets all bytes as they are."""
        self._take = take
        self._copy = copy
        self._lines = {name: Lines() for name in streams}
        self._selector = selectors.DefaultSelector()
        self._wake_out, self._wake_in = os.pipe()
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        for name, stream in streams.items():
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, name)

    def run(self) -> None:
        finishing = False
        while not finishing and len(self._selector.get_map()) > 1:
            for key, _ in self._selector.select():
                if key.fd == self._wake_out:
                    finishing = True
                else:
                    self._read_once(key)
        for key in list(self._selector.get_map().values()):
            if key.fd != self._wake_out:
                self._read_rest(key)
        for name, lines in self._lines.items():
            self._hand_on(name, lines.end())
        self._selector.close()
        os.close(self._wake_out)

    def finish(self) -> None:
        """The process has ended: read what is there and return. To be called once."""
        with contextlib.suppress(BrokenPipeError):  # `run` may be through already
            os.write(self._wake_in, b"\0")
        os.close(self._wake_in)

    def _read_once(self, key: selectors.SelectorKey) -> bool:
        """False when nothing is there now, or ever again."""
        try:
            content = os.read(key.fd, _BLOCK)
        except BlockingIOError:
            return False
        if not content:
            self._selector.unregister(key.fileobj)
            return False
        # a full disk takes the copy, not the console
        with contextlib.suppress(OSError):
            self._copy.write(content)
        self._hand_on(key.data, self._lines[key.data].feed(content))
        return True

    def _read_rest(self, key: selectors.SelectorKey) -> None:
        while self._read_once(key):
            pass

    def _hand_on(self, name: str, lines: list[str]) -> None:
        for line in lines:
            self._take(name, line)


def _visible(line: bytes) -> bytes:
    return line.rstrip(b"\r").rpartition(b"\r")[2]


def _text(line: bytes) -> str:
    return _visible(line).decode(errors="replace")
