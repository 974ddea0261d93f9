"""Tasks as plain processes of this machine, each in a session of its own."""

import contextlib
import os
import signal
import subprocess
import threading
from typing import BinaryIO

from . import Command


class RunningProcess:
    def __init__(self, process: subprocess.Popen[bytes], marker: tuple[str, str]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._marker = marker
        self.pid = process.pid
        self.stdout: BinaryIO = process.stdout  # type: ignore[assignment]
        self.stderr: BinaryIO = process.stderr  # type: ignore[assignment]
        self._ended = threading.Event()
        threading.Thread(target=self._reap, name="reaper", daemon=True).start()

    def wait(self, timeout: float | None = None) -> int | None:
        return self._process.returncode if self._ended.wait(timeout) else None

    def _reap(self) -> None:
        # without a time limit this is one blocking waitpid; with one, subprocess would poll
        self._process.wait()
        self._ended.set()

    def signal(self, number: int) -> None:
        # the group's number stays taken as long as any member lives, so this cannot reach a stranger
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        kill_marked(self._marker)


class ProcessLauncher:
    def start(self, command: Command) -> RunningProcess:
        """Start it with pipes for stdout and stderr and nothing on stdin."""
        process = subprocess.Popen(
            command.argv,
            cwd=command.folder,
            env=command.environ | dict([command.marker]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        return RunningProcess(process, command.marker)


def kill_marked(marker: tuple[str, str]) -> int:
    """Kill every process of ours whose environment carries `marker`, and say how many: those that left their group."""
    import psutil

    killed = 0
    name, value = marker
    for process in psutil.process_iter():
        # most processes are somebody else's, or are gone by now
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(name) == value:
                process.kill()
                killed += 1
    return killed
