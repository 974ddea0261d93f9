"""Work that a script need not wait for: one thread, jobs in the order they came, each failure told once."""

import os
import queue
import sys
import threading
import time
from collections.abc import Callable


class Job:
    """One piece of work; `failed` may be read once `done` is set."""

    def __init__(self, what: str, work: Callable[[], None]) -> None:
        self.what = what
        self.done = threading.Event()
        self.failed = False
        self._work = work

    def run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - a thread's end: the user's script goes on, and is told
            self.failed = True
            print(f"trackside: could not {self.what}: {error}", file=sys.stderr)  # noqa: T201
        finally:
            self.done.set()


class Background:
    """Starts its thread with the first job; a forked child has its own thread and none of its parent's jobs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._open: list[Job] = []
        self._thread: threading.Thread | None = None

    def submit(self, what: str, work: Callable[[], None]) -> Job:
        """Do `work` soon. `what` completes the sentence "could not …", should it raise."""
        job = Job(what, work)
        with self._lock:
            if self._process != os.getpid():
                self._begin_anew()
            self._open.append(job)
            try:
                if self._thread is None:
                    # a daemon, because the closing hook waits for it, and knows for how long
                    self._thread = threading.Thread(target=self._work, name="trackside-background", daemon=True)
                    self._thread.start()
            except RuntimeError:  # the interpreter is ending and starts no more threads
                self._thread = None
                job.run()
                return job
            self._jobs.put(job)
        return job

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for everything submitted so far; True when all of it was done since the last wait, and none failed."""
        with self._lock:
            jobs, self._open = self._open, []
        end = None if timeout is None else time.monotonic() + timeout
        for job in jobs:
            left = None if end is None else max(0.0, end - time.monotonic())
            if not job.done.wait(left):
                return False
        return not any(job.failed for job in jobs)

    def _begin_anew(self) -> None:
        self._process = os.getpid()
        self._jobs = queue.SimpleQueue()
        self._open = []
        self._thread = None

    def _work(self) -> None:
        jobs = self._jobs
        while True:
            jobs.get().run()
