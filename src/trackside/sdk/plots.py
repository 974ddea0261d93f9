"""What is shown as a plot, as plotly's JSON: pure."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any


def figure_text(figure: Any) -> str:
    """A plotly figure, or its dictionary, as text."""
    if hasattr(figure, "to_json"):
        return str(figure.to_json())
    return json.dumps(figure, default=_plain)


def picture(figure: Any, title: str) -> str:
    """A matplotlib figure as a plot that shows it as a picture, in its own proportions."""
    content = io.BytesIO()
    figure.savefig(content, format="png", bbox_inches="tight")
    source = "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
    width, height = (float(inches) * 100 for inches in figure.get_size_inches())
    image = {
        "source": source,
        "xref": "x",
        "yref": "y",
        "x": 0,
        "y": height,
        "sizex": width,
        "sizey": height,
        "sizing": "contain",
        "layer": "below",
    }
    axis = {"visible": False, "showgrid": False, "zeroline": False}
    layout = {
        "title": {"text": title},
        "images": [image],
        "xaxis": axis | {"range": [0, width]},
        "yaxis": axis | {"range": [0, height], "scaleanchor": "x"},
        "margin": {"l": 0, "r": 0, "t": 40, "b": 0},
        "showlegend": False,
    }
    # without a trace plotly draws no axes, and so no picture
    corners = {
        "type": "scatter",
        "mode": "markers",
        "x": [0, width],
        "y": [0, height],
        "marker": {"opacity": 0},
        "hoverinfo": "skip",
    }
    return json.dumps({"data": [corners], "layout": layout})


def table(title: str, rows: Any) -> str:
    """A table from a pandas frame, or from rows of which the first is the header."""
    if hasattr(rows, "columns") and hasattr(rows, "index"):
        header = [str(rows.index.name or ""), *(str(name) for name in rows.columns)]
        columns = [list(rows.index), *(list(rows[name]) for name in rows.columns)]
    else:
        header, *body = [list(row) for row in rows] or [[]]
        columns = [[row[place] for row in body] for place in range(len(header))]
    trace = {"type": "table", "header": {"values": header}, "cells": {"values": columns}}
    return json.dumps({"data": [trace], "layout": {"title": {"text": title}}}, default=_plain)


def scatter(
    title: str,
    series: str,
    points: Any,
    *,
    mode: str = "lines",
    axes: tuple[str | None, str | None] = (None, None),
    labels: Sequence[str] | None = None,
) -> str:
    """Points in the plane, given as pairs or as an array of shape `(n, 2)`."""
    pairs = [(_number(point[0]), _number(point[1])) for point in points]
    trace: dict[str, Any] = {
        "type": "scatter",
        "name": series,
        "mode": mode,
        "x": [x for x, _ in pairs],
        "y": [y for _, y in pairs],
    }
    if labels:
        trace["text"] = list(labels)
    layout: dict[str, Any] = {"title": {"text": title}}
    for name, text in zip(("xaxis", "yaxis"), axes, strict=True):
        if text:
            layout[name] = {"title": {"text": text}}
    return json.dumps({"data": [trace], "layout": layout})


def bars(title: str, series: str, values: Any, labels: Sequence[str] | None = None) -> str:
    """A histogram whose bins are counted already."""
    heights = [_number(value) for value in values]
    trace: dict[str, Any] = {"type": "bar", "name": series, "y": heights}
    if labels:
        trace["x"] = list(labels)
    return json.dumps({"data": [trace], "layout": {"title": {"text": title}}})


def heat_map(title: str, series: str, matrix: Any, xlabels: Sequence[str] | None, ylabels: Sequence[str] | None) -> str:
    trace: dict[str, Any] = {
        "type": "heatmap",
        "name": series,
        "z": [[_number(cell) for cell in row] for row in matrix],
    }
    trace |= {name: list(labels) for name, labels in (("x", xlabels), ("y", ylabels)) if labels}
    return json.dumps({"data": [trace], "layout": {"title": {"text": title}}})


def _number(value: Any) -> float:
    return value if type(value) in (int, float) else float(value)


def _plain(value: Any) -> Any:
    """JSON for what numpy and pandas put into figures."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
