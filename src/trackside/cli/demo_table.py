"""The live table of a pipeline's steps in a terminal; in a pipe, a line for each change."""

import datetime as dt
import sys

from rich.console import Console
from rich.live import Live
from rich.table import Table

from trackside.client.api import Api
from trackside.protocol.base import utc_now
from trackside.protocol.pipelines import GetRun, Run, StepState, WaitRun

_COLOURS = {
    "blocked": "dim",
    "queued": "cyan",
    "running": "yellow",
    "completed": "green",
    "cached": "green",
    "failed": "red",
    "aborted": "magenta",
    "skipped": "dim",
}


def follow(api: Api, run_id: str) -> Run:
    """Show the run until it has ended; its last state."""
    console = Console(stderr=True)
    run = api.call(GetRun(run=run_id)).run
    if not console.is_terminal:
        return _lines(api, run)
    with Live(render(run), console=console, refresh_per_second=4, get_renderable=lambda: render(run)) as live:
        while run.status == "running":
            run = api.call(WaitRun(run=run_id, after=run.sequence)).run
            live.refresh()
    return run


def _lines(api: Api, run: Run) -> Run:
    shown: dict[str, str] = {}
    while True:
        for step in run.steps:
            if shown.get(step.name) != step.status:
                shown[step.name] = step.status
                print(f"  {step.name}: {step.status}{_where(step)}", file=sys.stderr, flush=True)
        if run.status != "running":
            return run
        run = api.call(WaitRun(run=run.id, after=run.sequence)).run


def _where(step: StepState) -> str:
    if step.status in ("running", "completed") and step.worker:
        return f" on {step.worker}" + (f" in {run_time(step)}" if step.ended_at else "")
    return f" ({step.reason})" if step.reason else ""


def render(run: Run) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("step", "state", "queued", "ran", "worker"):
        table.add_column(column, justify="right" if column in ("queued", "ran") else "left")
    for step in run.steps:
        state = f"[{_COLOURS[step.status]}]{step.status}[/]"
        table.add_row(step.name, state, queue_time(step), run_time(step), step.worker or "")
    return table


def queue_time(step: StepState) -> str:
    return _span(step.queued_at, step.started_at or step.ended_at)


def run_time(step: StepState) -> str:
    return _span(step.started_at, step.ended_at)


def _span(start: dt.datetime | None, end: dt.datetime | None) -> str:
    return "" if start is None else f"{((end or utc_now()) - start).total_seconds():.1f} s"
