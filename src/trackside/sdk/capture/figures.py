"""Matplotlib figures that are shown or saved become plots of the task."""

import base64
import hashlib
import io
import os
import sys
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgspec

from . import hooks
from .port import Task

SERIES = "plot image"

#: Rendered by the hook to see whether the figure changed, and taken by `figure_to_plotly` right after.
_rendered: "weakref.WeakKeyDictionary[Any, bytes]" = weakref.WeakKeyDictionary()


def install(task: Task) -> None:
    if task.running_remotely() and sys.platform == "linux" and not _has_display():
        os.environ.setdefault("MPLBACKEND", "Agg")
    reporter = _Reporter(task)
    hooks.after_import("matplotlib.pyplot", lambda module: _hook(module, reporter))


def figure_to_plotly(figure: Any) -> str:
    """A matplotlib figure as plotly JSON: its picture fills the plot's area, one unit a pixel."""
    png = _rendered.pop(figure, None) or _render(figure)
    width, height = _size(png)
    axis = {"visible": False, "showgrid": False, "zeroline": False}
    layout = {
        "images": [
            {
                "source": "data:image/png;base64," + base64.b64encode(png).decode(),
                "xref": "x",
                "yref": "y",
                "x": 0,
                "y": height,
                "sizex": width,
                "sizey": height,
                "sizing": "stretch",
                "layer": "below",
            }
        ],
        "xaxis": axis | {"range": [0, width]},
        "yaxis": axis | {"range": [0, height], "scaleanchor": "x"},
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "showlegend": False,
    }
    corners = {"type": "scatter", "mode": "markers", "x": [0, width], "y": [0, height], "marker": {"opacity": 0}}
    return msgspec.json.encode({"data": [corners | {"hoverinfo": "skip"}], "layout": layout}).decode()


def _render(figure: Any) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def _size(png: bytes) -> tuple[int, int]:
    """Width and height in pixels, which the PNG header keeps at a fixed place."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


class _Reporter:
    """Reports a figure once for each look it has had."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._looks: weakref.WeakKeyDictionary[Any, bytes] = weakref.WeakKeyDictionary()
        self._untitled: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        self._count = 0

    def report(self, figure: Any) -> None:
        png = _render(figure)
        look = hashlib.sha256(png).digest()
        if self._looks.get(figure) == look:
            return
        self._looks[figure] = look
        _rendered[figure] = png
        self._task.get_logger().report_matplotlib_figure(self._title(figure), SERIES, figure, iteration=None)
        _rendered.pop(figure, None)

    def _title(self, figure: Any) -> str:
        titles = [figure.get_suptitle() if hasattr(figure, "get_suptitle") else ""]
        titles += [axes.get_title() for axes in figure.axes]
        for title in titles:
            if title.strip():
                return str(title.strip())
        if figure not in self._untitled:
            self._untitled[figure] = f"untitled {self._count:02d}"
            self._count += 1
        return self._untitled[figure]


def _hook(pyplot: ModuleType, reporter: _Reporter) -> None:
    hooks.wrap(pyplot, "savefig", lambda *_, **__: reporter.report(pyplot.gcf()), "matplotlib figures")
    show = pyplot.show
    pyplot.show = _show(pyplot, getattr(show, "_trackside_original", show), reporter)  # type: ignore[attr-defined]


def _show(pyplot: Any, original: Callable[..., Any], reporter: _Reporter) -> Callable[..., Any]:
    """Reports before it shows: a window takes its figures with it when it is closed."""
    working = True

    def show(*arguments: Any, **options: Any) -> Any:
        nonlocal working
        try:
            for number in pyplot.get_fignums() if working else ():
                reporter.report(pyplot.figure(number))
        except Exception as error:  # noqa: BLE001 - the user's script must go on to show its figures
            working = False
            hooks.warn("matplotlib figures", error)
        # where nothing can be shown, matplotlib would only warn about it
        return None if _is_silent(pyplot) else original(*arguments, **options)

    show._trackside_original = original  # type: ignore[attr-defined]  # noqa: SLF001 - ours
    show.__doc__ = original.__doc__
    return show


def _is_silent(pyplot: Any) -> bool:
    return str(pyplot.get_backend()).lower() in ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")


def _has_display() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
