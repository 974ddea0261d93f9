"""Scalars go out: sampled curves, single values, names."""

import datetime as dt
import math
import operator
from collections.abc import Callable, Iterable
from itertools import groupby, pairwise, starmap
from typing import Any

import sqlalchemy as sa

from trackside import series
from trackside.errors import InvalidRequest
from trackside.protocol.events import (
    FreeReply,
    GetTaskMetrics,
    GetTaskSingleValueMetrics,
    MetricVariants,
    ScalarHistogram,
    SingleValue,
    SingleValues,
    SingleValuesReply,
    TaskMetrics,
    TaskMetricsReply,
)
from trackside.server.caller import Caller
from trackside.server.context import Server
from trackside.server.store import event_tables, tables
from trackside.server.store.event_tables import scalar_chunk

from . import access
from .batch import SINGLE_VALUE

_SAMPLES, _MAX_SAMPLES = 2000, 6000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Point = tuple[int, float]  # time in milliseconds, value


def scalar_metrics_iter_histogram(server: Server, caller: Caller, request: ScalarHistogram) -> FreeReply:  # noqa: ARG001
    """Metric → variant → `{name, x, y}`, names in order; of two values at one iteration the last accepted counts.

    Raises:
        InvalidId: no such task.
        InvalidRequest: `samples` is out of range.
    """
    samples = _SAMPLES if request.samples is None else request.samples
    if not 1 <= samples <= _MAX_SAMPLES:
        raise InvalidRequest(f"samples must be between 1 and {_MAX_SAMPLES}", samples=samples)
    access.require(server, request.task)
    document: dict[str, dict[str, Any]] = {}
    for (metric, variant), chunks in _chunks(server, request.task, scalar_chunk.c.max_step > SINGLE_VALUE):
        steps, points = merged(chunks, lambda step: step > SINGLE_VALUE)
        if not steps:
            continue
        xs, ys = _sampled(steps, points, request.key or "iter", samples)
        document.setdefault(metric, {})[variant] = {"name": variant, "x": xs, "y": ys}
    return FreeReply(document=document)


def get_task_single_value_metrics(
    server: Server,
    caller: Caller,  # noqa: ARG001
    request: GetTaskSingleValueMetrics,
) -> SingleValuesReply:
    found = []
    for task, task_name in access.names_of(server, request.tasks).items():
        values = []
        for (metric, variant), chunks in _chunks(server, task, scalar_chunk.c.min_step <= SINGLE_VALUE):
            _, points = merged(chunks, lambda step: step <= SINGLE_VALUE)
            at, value = points[-1]
            values.append(SingleValue(metric=metric, variant=variant, value=value, timestamp=at))
        if values:
            found.append(SingleValues(task=task, task_name=task_name, values=values))
    return SingleValuesReply(tasks=found)


def get_task_metrics(server: Server, caller: Caller, request: GetTaskMetrics) -> TaskMetricsReply:  # noqa: ARG001
    """Names by task; without an event type those of scalars, plots and images together."""
    kinds = {
        "training_stats_scalar": scalar_chunk,
        "plot": event_tables.plot,
        "training_debug_image": event_tables.image,
    }
    chosen = list(kinds.values()) if request.event_type is None else [kinds.get(request.event_type)]
    replies = []
    for task in access.names_of(server, request.tasks):
        pairs: set[tuple[str, str]] = set()
        for table in filter(lambda t: t is not None, chosen):
            assert table is not None
            query = sa.select(table.c.metric, table.c.variant).where(table.c.task == task).distinct()
            rows = server.events.read(lambda tx, query=query: tx.rows(query))  # type: ignore[misc]
            pairs |= {(row["metric"], row["variant"]) for row in rows}
        groups = groupby(sorted(pairs), key=lambda pair: pair[0])
        metrics = [MetricVariants(metric=metric, variants=[v for _, v in group]) for metric, group in groups]
        replies.append(TaskMetrics(task=task, metrics=metrics))
    return TaskMetricsReply(metrics=replies)


Chunk = tuple[series.Columns, float]  # points, and the step from which a later attempt replaces them


def _chunks(
    server: Server, task: str, condition: sa.ColumnElement[bool]
) -> Iterable[tuple[tuple[str, str], list[Chunk]]]:
    """Series by name, each with its chunks: older attempts first, then in the order accepted."""
    hidden = _hidden(server, task)
    c = scalar_chunk.c
    query = sa.select(c.metric, c.variant, c.attempt, c.id, c.payload).where(c.task == task, condition)
    rows = server.events.read(lambda tx: tx.rows(query))
    rows.sort(key=lambda row: (row["metric"], row["variant"], row["attempt"], row["id"]))
    for pair, group in groupby(rows, key=lambda row: (row["metric"], row["variant"])):
        yield pair, [(series.unpack(row["payload"]), hidden.get(row["attempt"], math.inf)) for row in group]


def _hidden(server: Server, task: str) -> dict[int, int]:
    c = tables.attempt.c
    query = sa.select(c.number, c.hidden_from_step).where(c.task == task, c.hidden_from_step.is_not(None))
    return {row["number"]: row["hidden_from_step"] for row in server.main.read(lambda tx: tx.rows(query))}


def merged(chunks: Iterable[Chunk], wanted: Callable[[int], bool]) -> tuple[list[int], list[Point]]:
    """One point a step, by step: the last accepted wins."""
    latest: dict[int, Point] = {}
    for columns, hidden_from in chunks:
        points = zip(columns.times, columns.values, strict=True)
        if hidden_from == math.inf:
            latest.update(zip(columns.steps, points, strict=True))
        else:
            latest.update((s, p) for s, p in zip(columns.steps, points, strict=True) if s < hidden_from)
    steps = list(latest)
    if not all(starmap(operator.lt, pairwise(steps))):
        steps.sort()
    if steps and not (wanted(steps[0]) and wanted(steps[-1])):
        steps = [step for step in steps if wanted(step)]
    return steps, [latest[step] for step in steps]


def _sampled(steps: list[int], points: list[Point], key: str, samples: int) -> tuple[list[Any], list[float]]:
    if key == "iter":
        return series.sample(steps, [value for _, value in points], samples)
    by_time = sorted(points, key=lambda point: point[0])
    xs, ys = series.sample([at for at, _ in by_time], [value for _, value in by_time], samples)
    if key == "timestamp":
        return xs, ys
    return [(_EPOCH + dt.timedelta(milliseconds=x)).isoformat(timespec="milliseconds") for x in xs], ys
