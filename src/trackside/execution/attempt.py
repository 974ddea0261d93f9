"""One attempt at one task, from its lease to the word about its end."""

import collections
import contextlib
import os
import pathlib
import shutil
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from trackside import faults
from trackside.errors import ExecutionError, TracksideError
from trackside.protocol.queues import EndLease, StartLease
from trackside.protocol.tasks import GetTask, Script

from . import endings, handover
from .commands import Commands
from .console import Pump
from .endings import Ending
from .environment import EnvironmentStore
from .handover import Job
from .launchers import Command, Launcher, Running
from .layer import LayerStore
from .lease import Api, Keeper, persist
from .source import Source, SourceStore

_GRACE_SEC = 3.0
_KEPT_ERRORS = 200
_DRAIN_SEC = 10.0


class Journal(Protocol):
    """Where the console goes and whence it is shipped; see `supervisor.ShippedJournal`."""

    folder: pathlib.Path

    def console(self, text: str) -> None: ...

    def watch(self, pid: int) -> None:
        """Report what the process and its machine use, until `rest`."""

    def rest(self) -> None: ...

    def drain(self, timeout: float) -> bool:
        """Ship all that is there, for up to `timeout` seconds; whether the server has it all."""

    def close(self) -> None: ...


class Attempt:
    """Runs once. The server may be away at any moment, and the agent may die at any moment: neither ends the script."""

    def __init__(
        self,
        job: Job,
        api: Api,
        journal: Journal,
        launcher: Launcher,
        *,
        layers: LayerStore | None = None,
        environ: Mapping[str, str],
        on_exit: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_exit` is called as soon as the process is over, before the server is told: its slot is free."""
        home = pathlib.Path(job.home)
        self._job = job
        self._api = api
        self._journal = journal
        self._launcher = launcher
        self._environ = environ
        self._on_exit = on_exit
        self._commands = Commands()
        self._sources = SourceStore(home, commands=self._commands)
        self._environments = EnvironmentStore(home, commands=self._commands)
        self._layers = layers or LayerStore(home, commands=self._commands)
        self._folder = home / "work" / f"{job.lease.task}.{job.lease.attempt}"
        self._guard = threading.Lock()
        self._running: Running | None = None
        self._stopped: str | None = None
        self._lost = threading.Event()
        self._script = Script()

    def run(self) -> Ending:
        """Do all of it; returns when the server knows the end, or has said that it does not want to."""
        keeper = Keeper(self._api, self._job.lease.id, on_stop=self._stop, on_lost=self._lose)
        threading.Thread(target=keeper.run, name="lease", daemon=True).start()
        try:
            ending = self._perform()
        except ExecutionError as error:
            self._say(error.message)
            ending = self._setup_failed(error)
        except OSError as error:
            # our own disk or limits, not the task's doing
            self._say(f"this machine failed: {error}")
            ending = Ending("env", None, f"this machine failed: {error}")
        except TracksideError as error:
            # the server does not let us begin: replaced, reset or deleted meanwhile
            self._lose(error.message)
            ending = Ending("lost", None, error.message)
        self._on_exit()
        shipped = self._journal.drain(_DRAIN_SEC)
        # before the report: a renewal that comes back because of it must not look like a loss
        keeper.end()
        if not self._lost.is_set():
            self._report(ending)
            shipped = shipped or self._journal.drain(_DRAIN_SEC)
        self._journal.close()
        self._clean(shipped=shipped)
        return ending

    def _perform(self) -> Ending:
        lease = self._job.lease
        task = persist(self._api, GetTask(task=lease.task, only_fields=["id", "script"]), until=self._lost).task
        self._script = task.script or Script()
        command = self._prepare(self._script)
        persist(self._api, StartLease(lease=lease.id), until=self._lost)
        faults.point("supervisor.started")
        kills = endings.kernel_kills()
        with self._guard:
            if self._stopped is not None:
                raise ExecutionError(self._stopped, exit_class="aborted")
            running = self._running = self._start(command)
        code, errors = self._watch(running)
        return endings.judge(code, errors=errors, stopped=self._stopped, out_of_memory=endings.kernel_kills() > kills)

    def _prepare(self, script: Script) -> Command:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, mode=0o700)
        source = self._sources.prepare(script, self._folder / "code", say=self._say)
        environment = self._environments.ensure(_requirements(script, source), binary=script.binary, say=self._say)
        layer = self._layers.ensure(environment)
        environ = handover.script_environ(
            self._environ,
            self._job,
            journal=self._journal.folder,
            source=source,
            environment=environment,
            layer=layer,
        )
        return Command(
            argv=[os.fspath(environment.python), *source.arguments],
            folder=source.folder,
            environ=environ,
            marker=(handover.MARKER, self._job.lease.id),
        )

    def _start(self, command: Command) -> Running:
        try:
            return self._launcher.start(command)
        except OSError as error:
            raise ExecutionError(f"cannot start {command.argv[0]}: {error}") from error

    def _watch(self, running: Running) -> tuple[int, list[str]]:
        """Wait for the end, passing on what is printed; gives the exit code and the last of stderr."""
        errors: collections.deque[str] = collections.deque(maxlen=_KEPT_ERRORS)

        def take(name: str, line: str) -> None:
            self._journal.console(line)
            if name == "stderr":
                errors.append(line)

        with (self._folder / "console.log").open("ab") as copy:
            pump = Pump({"stdout": running.stdout, "stderr": running.stderr}, take, copy)
            pumping = threading.Thread(target=pump.run, name="console", daemon=True)
            pumping.start()
            self._journal.watch(running.pid)
            code = running.wait()
            assert code is not None
            self._journal.rest()
            # what the script left running; those that went into a session of their own follow in `_clean`
            running.signal(signal.SIGKILL)
            pump.finish()
            pumping.join()
        return code, list(errors)

    def _stop(self, reason: str) -> None:
        with self._guard:
            if self._stopped is not None:
                return
            self._stopped = reason
            running = self._running
        self._say(f"stopping: {reason}")
        self._commands.cancel()
        if running is None:
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            running.signal(number)
            if running.wait(_GRACE_SEC) is not None:
                return
            self._say(f"still running {_GRACE_SEC:.0f} s after {number.name}")
        running.kill()

    def _lose(self, reason: str) -> None:
        self._lost.set()
        self._stop(f"the attempt was replaced: {reason}")

    def _setup_failed(self, error: ExecutionError) -> Ending:
        if self._stopped is not None:
            return Ending("aborted", None, self._stopped)
        # `aborted` comes from a stop only; what is left is env or source
        return Ending("source" if error.exit_class == "source" else "env", None, error.message)

    def _report(self, ending: Ending) -> None:
        request = EndLease(
            lease=self._job.lease.id,
            exit_class=ending.exit_class,
            exit_code=ending.exit_code,
            reason=ending.reason,
        )
        # refused for good: a later attempt has begun, or the task is gone; nobody is left to tell
        with contextlib.suppress(TracksideError):
            persist(self._api, request, until=self._lost)
        faults.point("supervisor.ended")

    def _clean(self, *, shipped: bool) -> None:
        if self._running is not None:
            # after the server was told: looking through all processes takes a while
            self._running.kill()
        with contextlib.suppress(TracksideError):
            self._sources.release(self._script, self._folder / "code")
        shutil.rmtree(self._folder, ignore_errors=True)
        if shipped:
            shutil.rmtree(self._journal.folder, ignore_errors=True)

    def _say(self, text: str) -> None:
        for line in text.splitlines():
            self._journal.console(line)


def _requirements(script: Script, source: Source) -> str:
    # imported here: a task without requirements needs no parser for them
    if not script.requirements:
        return source.requirements or ""
    from .requirements import text_of

    text = text_of(script.requirements)
    return source.requirements or "" if text is None else text
