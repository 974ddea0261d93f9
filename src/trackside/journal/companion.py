"""The companion: a small process beside a local run that ships its journal and outlives it.

It is executed, never forked: own session, no inherited descriptors but its standard input, a pipe. What it may know,
credentials too, comes as the first JSON line of that pipe, the outcome of the run as the second. A pipe that
closes without an outcome means that the run was killed.
"""

import contextlib
import logging
import os
import pathlib
import select
import subprocess
import sys
import threading
import time
import weakref
from typing import Any, Literal

import msgspec

from trackside.errors import ServerUnavailable, TracksideError, Unauthorized
from trackside.protocol import tasks
from trackside.settings import Settings

from . import records, shipping
from .machine import MachineSampler
from .sender import Api, Sender
from .writer import JournalWriter

log = logging.getLogger(__name__)

Outcome = Literal["completed", "failed", "stopped", "none"]

LOG = "companion.log"
KILLED = "process was killed"

#: How long a companion goes on trying to deliver after its run has ended. The journal keeps what is left.
_PATIENCE = 300.0

_companions: "weakref.WeakSet[Companion]" = weakref.WeakSet()


class Job(msgspec.Struct, kw_only=True):
    folder: str
    task: str
    pid: int
    attempt: int | None
    capture_machine: bool
    settings: dict[str, Any]


class Ended(msgspec.Struct, kw_only=True):
    status: Outcome
    reason: str | None = None


class Companion:
    """The run's end of the pipe."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        _companions.add(self)

    def finish(self, status: Outcome, reason: str | None = None, timeout: float = 30.0) -> bool:
        """Say how the run ended and wait up to `timeout` seconds until all is delivered; False when it is not yet.

        The companion goes on for some minutes after that; then the journal keeps the rest. A second call only waits.
        """
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(OSError):  # it died: its exit code says so below
                pipe.write(msgspec.json.encode(Ended(status=status, reason=reason)) + b"\n")
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            return self._process.wait(timeout) == 0
        except subprocess.TimeoutExpired:
            # it outlives this process on purpose; Python need not warn about it
            self._process.returncode = 0
            return False

    @property
    def pid(self) -> int:
        return self._process.pid

    def _forked(self) -> None:
        """A child of the run must not keep the pipe open when the run is killed."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # unbuffered: nothing of the parent's is written


def start(
    folder: pathlib.Path, settings: Settings, task_id: str, attempt: int | None, *, capture_machine: bool
) -> Companion:
    """Start one for this process.

    Raises:
        OSError: it cannot be started.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    job = Job(
        folder=str(folder),
        task=task_id,
        pid=os.getpid(),
        attempt=attempt,
        capture_machine=capture_machine,
        settings=_plain(settings),
    )
    environ = dict(os.environ)
    # found even where this process found trackside by a path of its own
    package = str(pathlib.Path(__file__).resolve().parents[2])
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, [environ.get("PYTHONPATH"), package]))
    with (folder / LOG).open("ab") as output:
        process = subprocess.Popen(
            # -P: a json.py in the user's folder is not ours to import
            [sys.executable, "-P", "-m", "trackside.journal.companion"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=output,
            env=environ,
            start_new_session=True,
            bufsize=0,
        )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(job) + b"\n")
    return Companion(process)


def _plain(settings: Settings) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, pathlib.Path) else value
        for name, value in msgspec.structs.asdict(settings).items()
        if value is not None
    }


def _settings(plain: dict[str, Any]) -> Settings:
    paths = {name: pathlib.Path(plain[name]) for name in ("home", "journal") if plain.get(name)}
    return Settings(**(plain | paths))


class _Pipe:
    """Lines of standard input, waited for with a deadline."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._held = b""

    def line(self, timeout: float | None) -> bytes | None:
        """The next line; empty at the end of the pipe; None when `timeout` seconds have passed."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while b"\n" not in self._held:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._descriptor], [], [], left)[0]:
                return None
            chunk = os.read(self._descriptor, 65536)
            if not chunk:
                return b""
            self._held += chunk
        line, _, self._held = self._held.partition(b"\n")
        return line


def accompany(api: Api, job: Job, pipe: _Pipe) -> bool:
    """Ship and sample until the run ends, deliver the rest and its status; True when everything arrived."""
    folder = pathlib.Path(job.folder)
    sender = Sender(api, folder, job.task, job.attempt, str(job.settings.get("worker") or "") or None)
    thread = threading.Thread(target=sender.run, name="trackside-sender", daemon=True)
    thread.start()
    outcome = _sample_until_ended(job, folder, pipe)
    sender.finish()
    deadline = time.monotonic() + _PATIENCE
    thread.join(_PATIENCE)
    delivered = sender.drain(max(0.0, deadline - time.monotonic()))
    told = _tell_status(api, job, outcome, deadline)
    sender.close()
    if delivered and told:
        _clear(folder)
    return delivered and told


def _sample_until_ended(job: Job, folder: pathlib.Path, pipe: _Pipe) -> Ended:
    writer = JournalWriter(folder) if job.capture_machine else None
    sampler = MachineSampler(job.pid, writer) if writer is not None else None
    try:
        while True:
            line = pipe.line(None if sampler is None else sampler.due_in())
            if line is None:
                assert sampler is not None
                sampler.sample()
            elif line:
                return msgspec.json.decode(line, type=Ended)
            else:
                return Ended(status="failed", reason=KILLED)
    finally:
        if sampler is not None and not sampler.sampled:
            sampler.sample()  # a run too short for its first sample has this one
        if writer is not None:
            writer.close()


def _tell_status(api: Api, job: Job, outcome: Ended, deadline: float) -> bool:
    """Set the task's status; True when the server has decided about it, be it by refusing."""
    call: type[tasks.CompleteTask | tasks.TaskFailed | tasks.TaskStopped]
    match outcome.status:
        case "completed":
            call = tasks.CompleteTask
        case "failed":
            call = tasks.TaskFailed
        case "stopped":
            call = tasks.TaskStopped
        case _:
            return True
    reason = outcome.reason or outcome.status
    request = call(task=job.task, attempt=job.attempt, status_reason=reason, status_message=outcome.reason)
    delay = 0.2
    never = threading.Event()
    while True:
        try:
            api.call(request)
        except (ServerUnavailable, Unauthorized):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            never.wait(min(delay, left))
            delay = min(delay * 2, 15.0)
        except TracksideError as error:
            # a person stopped it meanwhile, or a later attempt owns it
            log.warning("the server refused the status %r: %s", outcome.status, error)
            return True
        else:
            return True


def _clear(folder: pathlib.Path) -> None:
    """Remove the folder when nothing in it is of use any more: no segment of another process, nothing refused."""
    if records.segments(folder) or (folder / "refused").exists():
        return
    for name in (records.WAKE, shipping.FILE, LOG):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def main() -> int:
    from trackside.client import connect

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    pipe = _Pipe(0)
    first = pipe.line(None)
    if not first:
        return 2
    job = msgspec.json.decode(first, type=Job)
    return 0 if accompany(connect(_settings(job.settings)), job, pipe) else 1


def _after_fork() -> None:
    for companion in list(_companions):
        companion._forked()  # noqa: SLF001 - this module's own class


os.register_at_fork(after_in_child=_after_fork)

if __name__ == "__main__":
    sys.exit(main())
