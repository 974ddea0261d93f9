"""What a delivery changes at the task itself: its last update, last iteration and last metrics (protocol.md §3.1)."""

import math
from typing import Any

import sqlalchemy as sa

from trackside.server.store import tables
from trackside.server.store.database import Tx
from trackside.server.store.upserts import upsert

from .batch import Batch, Points

_METRICS = 2000  # pairs of metric and variant a task keeps last values of


def record(tx: Tx, batch: Batch) -> None:
    """Note the batch at its task, and wake who watches the task.

    An attempt that was replaced delivers its rest, but no longer moves the task's last values.
    """
    # first of all, because it takes the row's lock: what follows reads before it writes
    changed = {"last_update": tx.now, "last_change": tx.now}
    mine = tables.task.c.id == batch.task
    if not tx.run(sa.update(tables.task).where(mine).values(**changed)).rowcount:
        return  # deleted meanwhile; its events go with the next clean-up
    newest = tx.value(sa.select(tables.task.c.attempt).where(mine))
    if batch.attempt >= newest:
        later = sa.and_(mine, tables.task.c.last_iteration < batch.last_step())
        tx.run(sa.update(tables.task).where(later).values(last_iteration=batch.last_step()))
        _record_metrics(tx, batch)
        _hide_replaced(tx, batch)
    tx.notify(f"task:{batch.task}")


def _hide_replaced(tx: Tx, batch: Batch) -> None:
    first = batch.first_step()
    if first is None or batch.attempt < 2:
        return
    column = tables.attempt.c.hidden_from_step
    older = sa.and_(tables.attempt.c.task == batch.task, tables.attempt.c.number < batch.attempt)
    reported = sa.or_(column.is_(None), column > first)
    tx.run(sa.update(tables.attempt).where(older, reported).values(hidden_from_step=first))


def _record_metrics(tx: Tx, batch: Batch) -> None:
    summaries = {pair: _summarize(points) for pair, points in batch.scalars.items()}
    table = tables.task_metric
    of_task = table.c.task == batch.task
    names = {metric for metric, _ in summaries}
    known = {
        (row["metric"], row["variant"]): dict(row)
        for row in tx.rows(sa.select(table).where(of_task, table.c.metric.in_(names)))
    }
    room = _METRICS
    if not summaries.keys() <= known.keys():
        room -= tx.value(sa.select(sa.func.count()).where(of_task))
    changed = []
    for (metric, variant), summary in summaries.items():
        before = known.get((metric, variant))
        if summary is None or (before is None and room <= 0):
            continue
        room -= before is None
        identity = {"task": batch.task, "metric": metric, "variant": variant}
        changed.append(identity | (merge(before, summary) if before else summary))
    upsert(tx, table, changed)


def merge(before: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """The summary of two batches: a later batch always sets the value, the extremes go by the numbers."""
    both = dict(later)
    for extreme, wins in (("min_value", before["min_value"] <= later["min_value"]),
                          ("max_value", before["max_value"] >= later["max_value"])):  # fmt: skip
        if wins:
            both |= {column: before[column] for column in (extreme, f"{extreme}_iteration")}
    both |= {column: before[column] for column in ("first_value", "first_value_iteration")}
    both |= {column: before[column] + later[column] for column in ("total", "count")}
    return both


def _summarize(points: Points) -> dict[str, Any] | None:
    """None when there is no number: the columns cannot hold NaN."""
    triples = zip(points.steps, points.times, points.values, strict=True)
    numbers = [(step, at, value) for step, at, value in triples if value is not None and not math.isnan(value)]
    if not numbers:
        return None
    last = max(numbers, key=lambda p: p[:2])
    low, high = min(numbers, key=lambda p: p[2]), max(numbers, key=lambda p: p[2])
    return {
        "value": last[2],
        "iteration": last[0],
        "min_value": low[2],
        "min_value_iteration": low[0],
        "max_value": high[2],
        "max_value_iteration": high[0],
        "first_value": numbers[0][2],
        "first_value_iteration": numbers[0][0],
        "total": sum(value for *_, value in numbers),
        "count": len(numbers),
    }
