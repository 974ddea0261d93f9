"""The two plots by which Trains and ClearML show a pipeline, computed from its run whenever they are read. Pure."""

import html
import json
from typing import Any

from trackside.protocol.pipelines import Run, StepState

_COLOURS = {
    "completed": "royalblue",
    "cached": "royalblue",
    "failed": "firebrick",
    "aborted": "firebrick",
    "running": "green",
    "queued": "green",
    "blocked": "lightsteelblue",
    "skipped": "lightgray",
}
_COLUMNS = ("Pipeline Step", "Task ID", "Status", "Parameters")


def plots(run: Run) -> list[dict[str, Any]]:
    """The flow and the table, as a task's plots are stored: metric, variant, iter, timestamp (ms), plot_str."""
    stamp = int((run.ended or _last_change(run)).timestamp() * 1000)
    pairs = (("Pipeline", "Execution Flow", _flow(run)), ("Pipeline Details", "Execution Details", _table(run)))
    return [
        {"metric": metric, "variant": variant, "iter": 0, "timestamp": stamp, "plot_str": json.dumps(plot)}
        for metric, variant, plot in pairs
    ]


def _last_change(run: Run) -> Any:
    times = [at for step in run.steps for at in (step.queued_at, step.started_at, step.ended_at) if at]
    return max(times, default=run.created)


def _flow(run: Run) -> dict[str, Any]:
    """A sankey of the steps that depend on each other; those that stand alone are dots beside it."""
    linked = {name for step in run.steps if step.parents for name in (step.name, *step.parents)}
    chained = [step for step in run.steps if step.name in linked]
    alone = [step for step in run.steps if step.name not in linked]
    data = [*([_sankey(chained)] if chained else []), *([_dots(alone)] if alone else [])]
    hidden = {"visible": False}
    return {"data": data, "layout": {"title": {"text": "Pipeline"}, "xaxis": hidden, "yaxis": hidden}}


def _sankey(steps: list[StepState]) -> dict[str, Any]:
    place = {step.name: at for at, step in enumerate(steps)}
    links = [(place[parent], at) for at, step in enumerate(steps) for parent in step.parents]
    return {
        "type": "sankey",
        "orientation": "h",
        "textfont": {"color": "rgba(0,0,0,0)", "size": 1},  # the names are in the hover text, as in Trains
        "node": {
            "label": [step.name for step in steps],
            "color": [_COLOURS[step.status] for step in steps],
            "customdata": [_hover(step) for step in steps],
            "hovertemplate": "%{customdata}<extra></extra>",
            "hoverlabel": {"align": "left"},
        },
        "link": {
            "source": [source for source, _ in links],
            "target": [target for _, target in links],
            "value": [1] * len(links),
            "hovertemplate": "<extra></extra>",
        },
    }


def _dots(steps: list[StepState]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": list(range(len(steps))),
        "y": [1] * len(steps),
        "marker": {"size": 40, "color": [_COLOURS[step.status] for step in steps]},
        "customdata": [_hover(step) for step in steps],
        "hovertemplate": "%{customdata}<extra></extra>",
        "showlegend": False,
    }


def _hover(step: StepState) -> str:
    """Name, status and overridden parameters; plotly reads it as HTML."""
    lines = [f"<b>{html.escape(step.name)}</b> ({step.status})", *map(html.escape, _parameters(step))]
    return "<br />".join([*lines, html.escape(step.reason)] if step.reason else lines)


def _parameters(step: StepState) -> list[str]:
    values = step.resolved if step.resolved is not None else step.parameters
    return [f"{name}: {value}" for name, value in values.items()]


def _table(run: Run) -> dict[str, Any]:
    rows = [(step.name, step.task or "", step.status, "<br />".join(_escaped(step))) for step in run.steps]
    columns = [list(column) for column in zip(*rows, strict=True)]
    header = {"values": list(_COLUMNS), "align": "left"}
    cells = {"values": columns, "align": "left"}
    return {"data": [{"type": "table", "header": header, "cells": cells}], "layout": {"title": {"text": "Details"}}}


def _escaped(step: StepState) -> list[str]:
    return [html.escape(line) for line in _parameters(step)]
