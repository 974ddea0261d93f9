"""Supervisor processes as the agent sees them: one always warm, each given one lease, each waited for."""

import contextlib
import os
import pathlib
import subprocess
import sys
import threading
from collections.abc import Sequence

import msgspec

from trackside.errors import ExecutionError
from trackside.execution.handover import Job, without_ours
from trackside.settings import Settings

COMMAND = (sys.executable, "-m", "trackside.execution.supervisor")


class Supervisor:
    """One process. It lives in its own session: what ends the agent does not reach it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def hand_over(self, job: Job) -> bool:
        """Give it its job; False when it is dead."""
        stream = self._process.stdin
        assert stream is not None
        try:
            stream.write(msgspec.json.encode(job) + b"\n")
            stream.close()
        except OSError:
            return False
        return self._process.poll() is None

    def wait_for_slot(self) -> None:
        """Wait until the task's process is over, or the supervisor is."""
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def wait(self) -> int:
        """Wait for its end; the exit code, 0 when it has told the server how the attempt ended."""
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self._process.wait()

    def dismiss(self) -> None:
        """A spare that reads the end of its input goes by itself."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()


class Supervisors:
    """Gives out supervisors, keeping one warm, so that a task does not wait for an interpreter to start."""

    def __init__(self, settings: Settings, *, command: Sequence[str] = COMMAND) -> None:
        self._home = settings.home
        self._command = list(command)
        self._environ = {
            **without_ours(os.environ),
            # our own interpreter may need it; a script never sees it
            **{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
            **{name: value for name, value in os.environ.items() if name == "TRACKSIDE_FAULTS"},
            "TRACKSIDE_HOME": os.fspath(settings.home),
        }
        self._guard = threading.Lock()
        self._spare: Supervisor | None = None

    def start(self, job: Job) -> Supervisor:
        """Hand `job` to the warm one, or to a new one.

        Raises:
            ExecutionError: none could be started.
        """
        with self._guard:
            spare, self._spare = self._spare, None
        if spare is not None and spare.hand_over(job):
            return spare
        if spare is not None:
            spare.dismiss()
        fresh = self._spawn()
        if not fresh.hand_over(job):
            fresh.dismiss()
            raise ExecutionError(f"the supervisor died at once; see {self._log()}")
        return fresh

    def warm(self) -> None:
        """Have a spare; called when there is time. A failure is left to `start` to tell."""
        with self._guard, contextlib.suppress(ExecutionError):
            if self._spare is None:
                self._spare = self._spawn()

    def close(self) -> None:
        with self._guard:
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.dismiss()

    def _spawn(self) -> Supervisor:
        log = self._log()
        try:
            log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # not our stderr: it outlives us, and a terminal that is gone must not hurt it
            with log.open("ab") as errors:
                process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=self._environ,
                    start_new_session=True,
                    cwd=self._home,
                )
        except OSError as error:
            raise ExecutionError(f"cannot start a supervisor: {error}") from error
        return Supervisor(process)

    def _log(self) -> pathlib.Path:
        return self._home / "agent" / "supervisors.log"
