"""Running the tools that set a task up (git, uv): never through a shell, their words kept, and stopped when asked."""

import collections
import contextlib
import os
import pathlib
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence

from trackside.errors import ExecutionError

Say = Callable[[str], None]

_KEPT_LINES = 20


def quiet(_text: str) -> None:
    """Say nothing."""


class CommandFailed(Exception):
    """A tool ended with another code than 0; `tail` is the last of what it wrote to stderr."""

    def __init__(self, code: int, tail: str) -> None:
        super().__init__(tail or f"exit code {code}")
        self.code = code
        self.tail = tail


class Commands:
    """The tools of one attempt, one at a time. `cancel` may be called from another thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._cancelled = False

    def run(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        stdin: bytes = b"",
        environ: Mapping[str, str] | None = None,
        folder: pathlib.Path | None = None,
        say: Say = quiet,
    ) -> bytes:
        """Run to the end and give its stdout; each line of its stderr is said as it comes.

        Raises:
            CommandFailed: it ended with another code than 0.
            ExecutionError: the attempt was asked to stop (`aborted`), before or meanwhile.
        """
        process = self._start(argv, environ, folder)
        outputs: list[bytes] = []
        feeder = threading.Thread(target=_feed, args=(process, stdin), daemon=True)
        reader = threading.Thread(target=_collect, args=(process, outputs), daemon=True)
        feeder.start()
        reader.start()
        tail: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                text = line.decode(errors="replace").rstrip()
                if text:
                    tail.append(text)
                    say(text)
        feeder.join()
        reader.join()
        code = process.wait()
        with self._guard:
            self._running = None
            self._refuse_when_cancelled()
        if code:
            raise CommandFailed(code, "\n".join(tail))
        return b"".join(outputs)

    def cancel(self) -> None:
        """Kill what runs, and refuse whatever would be run next."""
        with self._guard:
            self._cancelled = True
            if self._running is not None:
                # a tool has its own session, so what it started itself (git's helpers) goes with it
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._running.pid, signal.SIGKILL)

    def _start(
        self, argv: Sequence[str | os.PathLike[str]], environ: Mapping[str, str] | None, folder: pathlib.Path | None
    ) -> subprocess.Popen[bytes]:
        with self._guard:
            self._refuse_when_cancelled()
            self._running = subprocess.Popen(
                [os.fspath(part) for part in argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=None if environ is None else dict(environ),
                cwd=folder,
                start_new_session=True,
            )
            return self._running

    def _refuse_when_cancelled(self) -> None:
        if self._cancelled:
            raise ExecutionError("stopped while it was being set up", exit_class="aborted")


def _feed(process: subprocess.Popen[bytes], content: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as stream:
        stream.write(content)


def _collect(process: subprocess.Popen[bytes], outputs: list[bytes]) -> None:
    assert process.stdout is not None
    with process.stdout as stream:
        outputs.append(stream.read())
