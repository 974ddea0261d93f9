"""Events: console, scalars, plots and images of a task (protocol.md §2), and our packed batch."""

from typing import Any, Literal

from .base import Request, Wire

EventType = Literal["training_stats_scalar", "training_stats_vector", "training_debug_image", "plot", "log"]


class AddedEvents(Wire):
    added: int
    errors: int = 0
    errors_info: dict[str, int] | None = None


class AddEvents(Request[AddedEvents]):
    """The body is NDJSON, one event a line; the server's edge collects the lines here."""

    endpoint = "events.add_batch"
    permission = "write"
    reply = AddedEvents

    lines: list[dict[str, Any]]


class ScalarColumn(Wire):
    """Points of one series in the order they were reported."""

    metric: str
    variant: str
    steps: list[int]
    times: list[int]  #: milliseconds since the epoch
    values: list[float | None]  #: None stands for NaN on this wire


class ConsoleLine(Wire):
    at: int  #: milliseconds since the epoch
    msg: str
    level: str = "info"


class PlotEvent(Wire):
    at: int
    step: int
    metric: str
    variant: str
    plot_str: str  #: plotly JSON


class Appended(Wire):
    sequence: int  #: everything up to here, of this session, is durable


class AppendEvents(Request[Appended]):
    """One batch of a journal. `(session, sequence)` makes it idempotent: a batch seen before is acknowledged again."""

    endpoint = "events.append"
    permission = "write"
    reply = Appended

    task: str
    session: str  #: 32 hex, one per journal
    sequence: int  #: 1, 2, 3 … per session
    attempt: int | None = None
    worker: str | None = None
    scalars: list[ScalarColumn] | None = None
    console: list[ConsoleLine] | None = None
    plots: list[PlotEvent] | None = None


class TaskLog(Wire):
    events: list[dict[str, Any]]
    returned: int
    total: int


class GetTaskLog(Request[TaskLog]):
    """Console lines; each event carries `timestamp, worker, level, msg`, and `index`, its place in the log, is ours."""

    endpoint = "events.get_task_log"
    permission = "read"
    reply = TaskLog

    task: str
    batch_size: int | None = None
    navigate_earlier: bool | None = None
    from_timestamp: float | None = None
    order: Literal["asc", "desc"] | None = None
    from_index: int | None = None  #: ours: lines from this one on, ascending


class PlotsReply(Wire):
    plots: list[dict[str, Any]]
    returned: int
    total: int
    scroll_id: str | None = None


class GetTaskPlots(Request[PlotsReply]):
    endpoint = "events.get_task_plots"
    permission = "read"
    reply = PlotsReply

    task: str
    iters: int | None = None
    no_scroll: bool | None = None
    scroll_id: str | None = None


class FreeReply(Wire):
    """A reply whose top level is data itself; `document` becomes `data`."""

    document: dict[str, Any]


class ScalarHistogram(Request[FreeReply]):
    endpoint = "events.scalar_metrics_iter_histogram"
    permission = "read"
    reply = FreeReply

    task: str
    samples: int | None = None
    key: Literal["iter", "timestamp", "iso_time"] | None = None


class SingleValue(Wire):
    metric: str
    variant: str
    value: float
    timestamp: int


class SingleValues(Wire):
    task: str
    task_name: str
    values: list[SingleValue]


class SingleValuesReply(Wire):
    tasks: list[SingleValues]


class GetTaskSingleValueMetrics(Request[SingleValuesReply]):
    """Scalars reported without an iteration (`report_single_value`)."""

    endpoint = "events.get_task_single_value_metrics"
    permission = "read"
    reply = SingleValuesReply

    tasks: list[str] | str


class MetricVariants(Wire):
    metric: str
    variants: list[str] | None = None


class TaskMetrics(Wire):
    task: str
    metrics: list[MetricVariants]


class TaskMetricsReply(Wire):
    metrics: list[TaskMetrics]


class GetTaskMetrics(Request[TaskMetricsReply]):
    """Which metrics and variants tasks reported."""

    endpoint = "events.get_task_metrics"
    permission = "read"
    reply = TaskMetricsReply

    tasks: list[str] | str
    event_type: EventType | None = None


class DeletedEvents(Wire):
    deleted: bool


class DeleteForTask(Request[DeletedEvents]):
    endpoint = "events.delete_for_task"
    permission = "write"
    reply = DeletedEvents

    task: str
