"""The agent: waits on the server for leases, and hands each to a supervisor."""

import os
import pathlib
import sys
import threading
import time
from collections.abc import Callable, Sequence

from trackside import faults
from trackside.errors import ExecutionError, InternalError, ServerUnavailable, TracksideError, Unauthorized
from trackside.execution.handover import MARKER, Job
from trackside.execution.launchers.process import kill_marked
from trackside.execution.lease import Api
from trackside.execution.lock import try_lock
from trackside.execution.pacing import Backoff
from trackside.protocol.base import new_id
from trackside.protocol.queues import CLAIM_WAIT_SEC, ClaimTasks, EndLease, GetQueue, Lease, UnregisterWorker
from trackside.protocol.tasks import LIGHT_TYPES
from trackside.settings import Settings

from .slots import Ask, Room, next_ask
from .supervisors import COMMAND, Supervisor, Supervisors

LIGHT_SLOTS = 16
_MOST_AGENTS = 1000
#: A claim that ends so soon is waited for, to ask again for all at once, in seconds.
_SOON_SEC = 0.5


def say_to_stderr(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


class Agent:
    """Takes tasks from `queues`, the first first, as long as it has slots.

    Args:
        queues: names or ids.
        slots: how many tasks that compute may run at once.
        light_slots: how many of those that wait for others (controllers, services …) may run beside them.
        wait_sec: how long a claim waits on the server.
        say: told what the agent does, a line at a time.
        command: what a supervisor is started with.
    """

    def __init__(
        self,
        api: Api,
        settings: Settings,
        queues: Sequence[str],
        slots: int = 1,
        light_slots: int = LIGHT_SLOTS,
        *,
        wait_sec: float = CLAIM_WAIT_SEC,
        say: Callable[[str], None] = say_to_stderr,
        command: Sequence[str] = COMMAND,
    ) -> None:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.worker, self._worker_lock = _take_name(settings)
        self._api = api
        self._settings = settings
        self._queues = list(queues)
        self._free = Room(slots, light_slots)
        self._wait_sec = wait_sec
        self._say = say
        self._supervisors = Supervisors(settings, command=command)
        self._changed = threading.Condition()
        self._asks: list[Ask] = []
        self._tasks: set[str] = set()
        self._queue_names: dict[str, str] = {}
        self._stopping = threading.Event()
        self._away = False

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then take no more, and leave what runs to its supervisors."""
        self._supervisors.warm()
        self._say(f"worker {self.worker} listens to {', '.join(self._queues)}")
        threading.Thread(target=self._stop_with, args=(stop,), name="stop", daemon=True).start()
        with self._changed:
            while not self._stopping.is_set():
                ask = next_ask(self._free, self._asks, now=time.monotonic(), longest=self._wait_sec, soon=_SOON_SEC)
                if ask is None:
                    self._changed.wait()
                    continue
                self._asks.append(ask)
                threading.Thread(target=self._claim, args=(ask,), name="claim", daemon=True).start()
        self._leave()

    def _stop_with(self, stop: threading.Event) -> None:
        stop.wait()
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()

    def _leave(self) -> None:
        self._supervisors.close()
        if self._tasks:
            self._say(f"taking no more; still running, and finishing without me: {', '.join(sorted(self._tasks))}")
        else:
            self._say("taking no more; nothing is running")
        if not self._away:  # it would only find out after a while that this worker is gone
            try:
                self._api.call(UnregisterWorker(worker=self.worker))
            except TracksideError as error:
                self._say(f"the server was not told: {error}")
        os.close(self._worker_lock)

    def _claim(self, ask: Ask) -> None:
        """One claim, from question to the leases it brought; in a thread of its own."""
        leases = self._answered(ask)
        with self._changed:
            self._asks.remove(ask)
            for lease in leases:
                self._free = self._free - _room_of(lease)
                self._tasks.add(lease.task)
            self._changed.notify_all()
        for lease in leases:
            self._take(lease)
        if leases:
            self._supervisors.warm()

    def _answered(self, ask: Ask) -> list[Lease]:
        """Ask until there is an answer; a question whose answer was lost is the same question again."""
        request = ClaimTasks(
            worker=self.worker,
            queues=self._queues,
            request_id=new_id(),
            slots=ask.room.compute,
            light_slots=ask.room.light,
            wait_sec=max(0.0, ask.until - time.monotonic()),
        )
        pauses = Backoff(cap=30.0)
        while not self._stopping.is_set():
            try:
                claimed = self._api.call(request)
            except (ServerUnavailable, InternalError, Unauthorized) as error:
                self._tell_away(error)
            except TracksideError as error:
                # such as a queue that does not exist: it may be made later
                self._tell_away(error)
            else:
                self._tell_back()
                faults.point("agent.claimed")
                return claimed.leases
            self._stopping.wait(pauses.next())
        return []

    def _tell_away(self, error: TracksideError) -> None:
        with self._changed:
            news, self._away = not self._away, True
        if news:
            self._say(f"cannot take tasks, and keeps trying: {error}")

    def _tell_back(self) -> None:
        with self._changed:
            news, self._away = self._away, False
        if news:
            self._say("the server answers again")

    def _take(self, lease: Lease) -> None:
        job = Job(
            lease=lease,
            worker=self.worker,
            home=os.fspath(self._settings.home.absolute()),
            api_host=self._settings.api_host or "",
            web_host=self._settings.web,
            files_host=self._settings.files,
        )
        try:
            supervisor = self._supervisors.start(job)
            self._say(f"task {lease.task} pulled from {self._queue_name(lease.queue)} by {self.worker}")
        except ExecutionError as error:
            self._say(f"task {lease.task} cannot be run: {error}")
            self._give_up(lease, EndLease(lease=lease.id, exit_class="env", reason=error.message))
            self._release(lease)
            return
        threading.Thread(target=self._watch, args=(supervisor, lease), name="supervisor", daemon=True).start()

    def _queue_name(self, queue: str) -> str:
        """A lease names its queue by id; people know it by name."""
        if queue not in self._queue_names:
            try:
                self._queue_names[queue] = self._api.call(GetQueue(queue=queue)).queue.name or queue
            except TracksideError:
                return queue
        return self._queue_names[queue]

    def _watch(self, supervisor: Supervisor, lease: Lease) -> None:
        supervisor.wait_for_slot()
        self._release(lease)
        code = supervisor.wait()
        if code == 0:
            self._say(f"task {lease.task} ended")
            return
        # it died without a word: nobody renews the lease or reads the output any more
        self._say(f"the supervisor of task {lease.task} died with {code}")
        kill_marked((MARKER, lease.id))
        self._give_up(lease, EndLease(lease=lease.id, exit_class="lost", reason=f"its supervisor died with {code}"))

    def _give_up(self, lease: Lease, request: EndLease) -> None:
        try:
            self._api.call(request)
        except TracksideError as error:
            # the lease runs out by itself, and the server then says that the attempt was lost
            self._say(f"the end of task {lease.task} was not told: {error}")

    def _release(self, lease: Lease) -> None:
        with self._changed:
            self._free = self._free + _room_of(lease)
            self._tasks.discard(lease.task)
            self._changed.notify_all()


def _room_of(lease: Lease) -> Room:
    return Room(light=1) if lease.type in LIGHT_TYPES else Room(compute=1)


def _take_name(settings: Settings) -> tuple[str, int]:
    """The first `<host>:<number>` that no other agent on this machine has, and the lock that says so."""
    for number in range(_MOST_AGENTS):
        name = f"{settings.worker}:{number}"
        lock = try_lock(_lock_file(settings, name))
        if lock is not None:
            return name, lock
    raise ExecutionError(f"{_MOST_AGENTS} agents run here as {settings.worker} already")


def _lock_file(settings: Settings, name: str) -> pathlib.Path:
    return settings.home / "agent" / f"{name.replace('/', '_')}.lock"
