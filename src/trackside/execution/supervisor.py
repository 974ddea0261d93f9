"""The process beside a task's process: `python -m trackside.execution.supervisor`.

It reads one line of JSON (a `Job`) and runs that attempt to its end; without a line it was a spare and goes quietly.
All that costs time is done before the line is read. It has its own session and outlives the agent that started it.
"""

import contextlib
import os
import pathlib
import signal
import sys
import threading

import msgspec

from trackside import client, settings
from trackside.errors import TracksideError
from trackside.journal.machine import MachineSampler
from trackside.journal.sender import Sender
from trackside.journal.writer import JournalWriter

from .attempt import Attempt
from .handover import Job
from .launchers.process import ProcessLauncher
from .layer import LayerStore
from .lease import Api

#: What the agent reads on our stdout: the slot is free, though the server may not know the end yet.
FREE = b"free\n"

#: Seconds the client tries again by itself; the patience for longer is ours (`lease.persist`).
_PATIENCE = 2.0


class ShippedJournal:
    """This process' part of the attempt's journal, and the sender of all of it."""

    def __init__(self, api: Api, job: Job) -> None:
        lease = job.lease
        self.folder = pathlib.Path(job.home, "journals", f"{lease.task}.{lease.attempt}")
        self._sender = Sender(api, self.folder, lease.task, lease.attempt, job.worker)
        self._writer = JournalWriter(self.folder)
        self._resting = threading.Event()
        self._thread = threading.Thread(target=self._sender.run, name="sender", daemon=True)
        self._thread.start()

    def console(self, text: str) -> None:
        self._writer.console(text)

    def watch(self, pid: int) -> None:
        sampler = MachineSampler(pid, self._writer)
        threading.Thread(target=self._sample, args=(sampler,), name="machine", daemon=True).start()

    def rest(self) -> None:
        self._resting.set()

    def _sample(self, sampler: MachineSampler) -> None:
        while not self._resting.wait(sampler.due_in()):
            sampler.sample()

    def drain(self, timeout: float) -> bool:
        return self._sender.drain(timeout)

    def close(self) -> None:
        self._writer.close()
        self._sender.finish()


def main() -> int:
    # a shell's background job ignores SIGINT, and what is ignored is inherited: a script must be able to be interrupted
    signal.signal(signal.SIGINT, signal.default_int_handler)
    layers = _warm(settings.load().home)
    line = sys.stdin.buffer.readline()
    if not line.strip():
        return 0
    job = msgspec.json.decode(line, type=Job)
    api = client.connect(_settings(job), patience=_PATIENCE)
    attempt = Attempt(
        job, api, ShippedJournal(api, job), ProcessLauncher(), layers=layers, environ=os.environ, on_exit=_tell_free
    )
    attempt.run()
    return 0


def _warm(home: pathlib.Path) -> LayerStore:
    layers = LayerStore(home)
    # a failure is told when a task needs the layer; a spare has nobody to tell
    with contextlib.suppress(TracksideError, OSError):
        layers.warm()
    return layers


def _settings(job: Job) -> settings.Settings:
    return settings.Settings(
        home=pathlib.Path(job.home),
        worker=job.worker,
        api_host=job.api_host,
        web_host=job.web_host,
        files_host=job.files_host,
        auth_token=job.lease.token,
        task_id=job.lease.task,
        attempt=job.lease.attempt,
    )


def _tell_free() -> None:
    with contextlib.suppress(OSError):  # the agent may be gone
        os.write(1, FREE)


if __name__ == "__main__":
    raise SystemExit(main())
