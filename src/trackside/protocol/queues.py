"""Queues, the leases of their entries, and the workers that take them (protocol.md §3.4, §3.5; DESIGN 8)."""

import datetime as dt
from typing import Any, Literal

from .base import Empty, ListQuery, Request, Wire
from .tasks import Created

LEASE_SEC = 30.0  #: a lease that is not renewed for this long is lost
RENEW_SEC = 10.0  #: how long a renewal waits on the server for news before it answers
CLAIM_WAIT_SEC = 55.0  #: how long a claim waits on the server for an entry

ExitClass = Literal["ok", "user", "signal", "oom", "timeout", "lost", "env", "source", "aborted"]


class Entry(Wire):
    task: str
    added: dt.datetime | None = None


class Queue(Wire):
    id: str
    name: str | None = None
    display_name: str | None = None
    user: str | None = None
    company: str | None = None
    created: dt.datetime | None = None
    last_update: dt.datetime | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    entries: list[Entry] | None = None
    metadata: dict[str, Any] | None = None


class QueueReply(Wire):
    queue: Queue


class QueuesReply(Wire):
    queues: list[Queue]
    scroll_id: str | None = None


class QueueDocuments(Wire):
    queues: list[dict[str, Any]]


class GetQueue(Request[QueueReply]):
    endpoint = "queues.get_by_id"
    permission = "read"
    reply = QueueReply

    queue: str


class GetQueues(Request[QueuesReply], ListQuery):
    endpoint = "queues.get_all"
    permission = "read"
    reply = QueuesReply


class GetQueuesEx(Request[QueueDocuments], ListQuery):
    """Entries carry `{task: {id, name}}`, and `workers` lists who listens."""

    endpoint = "queues.get_all_ex"
    permission = "read"
    reply = QueueDocuments


class CreateQueue(Request[Created]):
    endpoint = "queues.create"
    permission = "write"
    reply = Created

    name: str
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    display_name: str | None = None


class DefaultQueue(Wire):
    id: str
    name: str


class GetDefaultQueue(Request[DefaultQueue]):
    endpoint = "queues.get_default"
    permission = "read"
    reply = DefaultQueue


class NextTask(Wire):
    entry: Entry | None = None


class GetNextTask(Request[NextTask]):
    """Old agents' pop. Every call is a new claim; see DESIGN 8 for its acknowledgement."""

    endpoint = "queues.get_next_task"
    permission = "write"
    reply = NextTask

    queue: str


class Removed(Wire):
    removed: int


class RemoveTask(Request[Removed]):
    endpoint = "queues.remove_task"
    permission = "write"
    reply = Removed

    queue: str
    task: str


class Lease(Wire):
    """The right, and the duty, to run one task once.

    `attempt` is the fencing token: whoever writes with an older one is refused. `token` is a credential for this
    attempt alone; the supervisor and the script use it, never the agent's own.
    """

    id: str
    task: str
    queue: str
    attempt: int
    token: str
    type: str  #: the task's type; `LIGHT_TYPES` take no compute slot
    expires_in: float  #: seconds


class Claimed(Wire):
    leases: list[Lease] = []


class ClaimTasks(Request[Claimed]):
    """Take up to `slots` compute tasks and `light_slots` light ones from the heads of `queues`, in their order.

    Waits up to `wait_sec` when there is nothing to take. The same `request_id` answers the same leases again while they
    are held, so a lost reply loses nothing. The call registers the worker and counts as its heartbeat.
    """

    endpoint = "queues.claim"
    permission = "write"
    reply = Claimed

    worker: str
    queues: list[str]  #: names or ids
    request_id: str
    slots: int
    light_slots: int = 0
    wait_sec: float = CLAIM_WAIT_SEC


class LeaseState(Wire):
    held: bool  #: false: it was lost or ended; `reason` says how
    stop: bool = False  #: somebody asked the task to stop
    reason: str | None = None


class RenewLease(Request[LeaseState]):
    """Keep a lease. Waits up to `wait_sec`, and answers at once when the task is asked to stop or the lease is gone."""

    endpoint = "queues.renew_lease"
    permission = "write"
    reply = LeaseState

    lease: str
    wait_sec: float = RENEW_SEC


class StartLease(Request[Empty]):
    """The process of the leased task is about to start: queued → in_progress, attempt's `started` is set.

    Raises 409 when the attempt was replaced.
    """

    endpoint = "queues.start_lease"
    permission = "write"
    reply = Empty

    lease: str


class EndLease(Request[Empty]):
    """The attempt has ended. Sets the task's status, and advances the pipeline it is a step of, in one transaction.

    Idempotent; 409 when a later attempt has begun. `ok` → completed (unless the script itself set failed or stopped),
    `aborted` → stopped, everything else → failed.
    """

    endpoint = "queues.end_lease"
    permission = "write"
    reply = Empty

    lease: str
    exit_class: ExitClass
    exit_code: int | None = None
    reason: str | None = None


class Worker(Wire):
    id: str
    key: str | None = None
    user: dict[str, Any] | None = None
    company: dict[str, Any] | None = None
    ip: str | None = None
    register_time: dt.datetime | None = None
    last_activity_time: dt.datetime | None = None
    task: dict[str, Any] | None = None
    queues: list[dict[str, Any]] | None = None
    tags: list[str] | None = None


class WorkersReply(Wire):
    workers: list[Worker]


class GetWorkers(Request[WorkersReply]):
    endpoint = "workers.get_all"
    permission = "read"
    reply = WorkersReply

    last_seen: float | None = None  #: seconds; 3600 when not given, 0 means all


class RegisterWorker(Request[Empty]):
    endpoint = "workers.register"
    permission = "write"
    reply = Empty

    worker: str
    timeout: int | None = None
    queues: list[str] | None = None
    tags: list[str] | None = None


class UnregisterWorker(Request[Empty]):
    endpoint = "workers.unregister"
    permission = "write"
    reply = Empty

    worker: str


class ReportWorker(Request[Empty]):
    endpoint = "workers.status_report"
    permission = "write"
    reply = Empty

    worker: str
    timestamp: int | None = None
    task: str | None = None
    queue: str | None = None
    queues: list[str] | None = None
    tags: list[str] | None = None
