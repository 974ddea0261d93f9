"""Plots go out: the newest iterations of each metric and variant."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from trackside.errors import InvalidRequest
from trackside.protocol.events import GetTaskPlots, PlotsReply
from trackside.server.caller import Caller
from trackside.server.context import Server
from trackside.server.engine import runs
from trackside.server.store.event_tables import plot

from . import access

_MAX_ITERATIONS = 1000


def get_task_plots(server: Server, caller: Caller, request: GetTaskPlots) -> PlotsReply:  # noqa: ARG001 - all may read
    """All plots of the newest `iters` iterations of each metric and variant, by name; one page holds everything.

    Raises:
        InvalidId: no such task.
        InvalidRequest: `iters` is out of range.
    """
    iterations = 1 if request.iters is None else request.iters
    if not 1 <= iterations <= _MAX_ITERATIONS:
        raise InvalidRequest(f"iters must be between 1 and {_MAX_ITERATIONS}", iters=iterations)
    access.require(server, request.task)
    if request.scroll_id:  # the page before held everything
        return PlotsReply(plots=[], returned=0, total=0, scroll_id=request.scroll_id)
    rank = sa.func.row_number().over(partition_by=[plot.c.metric, plot.c.variant], order_by=plot.c.iter.desc())
    ranked = sa.select(plot, rank.label("rank")).where(plot.c.task == request.task).subquery()
    newest = sa.select(ranked).where(ranked.c.rank <= iterations)
    rows = server.events.read(lambda tx: tx.rows(newest))
    # sorted here, because a PostgreSQL may collate names otherwise than SQLite
    rows.sort(key=lambda row: (row["metric"], row["variant"], row["iter"]))
    events = [_event(row) for row in rows] + _of_run(server, request.task)
    scroll = None if request.no_scroll else request.task
    return PlotsReply(plots=events, returned=len(events), total=len(events), scroll_id=scroll)


def _of_run(server: Server, task: str) -> list[dict[str, Any]]:
    """A controller's plots follow from its run, so they are nowhere stored."""
    rows = server.main.read(lambda tx: runs.plots(tx, task))
    return [_event({"task": task, "worker": None} | row) for row in rows]


def _event(row: Mapping[Any, Any]) -> dict[str, Any]:
    columns = ("task", "timestamp", "metric", "variant", "iter", "plot_str")
    event: dict[str, Any] = {column: row[column] for column in columns}
    return event | {"type": "plot", "worker": row["worker"] or "", "plot_len": len(row["plot_str"])}
