"""Runs of a pipeline: one submitted graph, owned and advanced by the server (DESIGN 4; pipelines.md §5)."""

import datetime as dt
from typing import Any, Literal

from .base import Request, Wire

StepStatus = Literal["blocked", "queued", "running", "completed", "failed", "aborted", "skipped", "cached"]
RunStatus = Literal["running", "completed", "failed", "aborted"]

STEP_ENDED: frozenset[str] = frozenset({"completed", "failed", "aborted", "skipped", "cached"})
STEP_GOOD: frozenset[str] = frozenset({"completed", "cached"})


class StepSpec(Wire):
    """One node of the graph as submitted."""

    name: str
    base_task_id: str
    parents: list[str] = []
    parameters: dict[str, Any] = {}  #: `Section/name` → value or text with `${…}` references
    queue: str | None = None  #: name or id; the run's default queue when not given
    time_limit: float | None = None  #: seconds from the start of the attempt
    retries: int = 0  #: how often a failed step is run again
    lost_retries: int = 3  #: how often a step whose worker vanished is run again
    continue_on_fail: bool = False  #: its failure does not fail the run; descendants are skipped all the same


class StepState(Wire):
    """One node as it stands."""

    name: str
    status: StepStatus
    base_task_id: str
    parents: list[str]
    parameters: dict[str, Any]  #: as submitted
    resolved: dict[str, Any] | None = None  #: with the references replaced, once launched
    queue: str | None = None
    task: str | None = None  #: the clone, once launched
    attempt: int | None = None
    worker: str | None = None
    reason: str | None = None  #: why it failed, was aborted or skipped
    queued_at: dt.datetime | None = None
    started_at: dt.datetime | None = None
    ended_at: dt.datetime | None = None


class Run(Wire):
    id: str  #: the id of the controller task
    status: RunStatus
    created: dt.datetime
    sequence: int  #: grows with every change; pass it to `runs.wait`
    steps: list[StepState]
    reason: str | None = None
    ended: dt.datetime | None = None
    warnings: list[str] = []  #: for example a queue that no worker listens to


class RunReply(Wire):
    run: Run


class CreateRun(Request[RunReply]):
    """Start a run of the graph, owned by the controller task `task`.

    Creating again while it is running attaches to it; after its end a new epoch starts, whose steps begin anew unless
    `keep_completed`. Nothing is stored when the graph is not valid: unknown base task, unknown parent, circle,
    malformed reference, missing queue (400).
    """

    endpoint = "runs.create"
    permission = "write"
    reply = RunReply

    task: str
    steps: list[StepSpec]
    default_queue: str | None = None
    time_limit: float | None = None  #: seconds for the whole run
    tag_steps: bool = False  #: tag the clones `pipe: <task>`
    keep_completed: bool = False


class GetRun(Request[RunReply]):
    endpoint = "runs.get_by_id"
    permission = "read"
    reply = RunReply

    run: str


class WaitRun(Request[RunReply]):
    """Answers when the run's `sequence` is beyond `after` or the run has ended, or after `wait_sec` as it stands."""

    endpoint = "runs.wait"
    permission = "read"
    reply = RunReply

    run: str
    after: int = 0
    wait_sec: float = 55.0


class StopRun(Request[RunReply]):
    """Abort the run and its steps. Harmless after the end."""

    endpoint = "runs.stop"
    permission = "write"
    reply = RunReply

    run: str
    reason: str | None = None
