"""`Logger`: numbers, texts and plots of a task."""

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reporting import Reporter

_SUMMARY = "Summary"  #: ClearML's metric for values that have no iteration
_NO_ITERATION = -(1 << 31)


class Logger:
    """Reports to one task. Reporting to the current task costs microseconds and never raises for the server's sake."""

    def __init__(self, reporter: "Reporter", *, streams_are_captured: bool) -> None:
        self._reporter = reporter
        self._scalar = reporter.scalar
        self._streams_are_captured = streams_are_captured
        self._warned: set[str] = set()

    @classmethod
    def current_logger(cls) -> "Logger | None":
        """The logger of the task that this process runs; None before `Task.init`."""
        from . import current

        task = current.task()
        return task.get_logger() if task is not None else None

    def report_scalar(self, title: str, series: str, value: float, iteration: int) -> None:
        """Record one number. One that is no number is told once on stderr and left out."""
        try:
            self._scalar(title, series, float(value), int(iteration))
        except (TypeError, ValueError) as error:
            self._warn_once(f"{title}/{series}", error)

    def report_single_value(self, name: str, value: float) -> None:
        """Record a number that belongs to the run as a whole."""
        self.report_scalar(_SUMMARY, name, value, _NO_ITERATION)

    def report_text(self, msg: str, level: int = logging.INFO, print_console: bool = True, *args: Any) -> None:
        """Add a line to the task's console, and print it unless told not to."""
        text = msg % args if args else str(msg)
        if print_console:
            print(text)  # noqa: T201 - what it is for
        if not (print_console and self._streams_are_captured):
            self._reporter.console(text, logging.getLevelName(level).lower())

    def report_plotly(self, title: str, series: str, figure: Any, iteration: int | None = None) -> None:
        """Show a plotly figure, or its dictionary."""
        from . import plots

        self._plot(title, series, plots.figure_text(figure), iteration)

    def report_matplotlib_figure(
        self,
        title: str,
        series: str,
        figure: Any,
        iteration: int | None = None,
        report_image: bool = False,
        report_interactive: bool = True,
    ) -> None:
        """Show a matplotlib figure, or the `pyplot` module's current one, as a picture."""
        from . import plots

        del report_image, report_interactive
        if not hasattr(figure, "get_size_inches"):
            figure = figure.gcf()
        self._plot(title, series, plots.picture(figure, title), iteration)

    def report_table(
        self,
        title: str,
        series: str,
        iteration: int | None = None,
        table_plot: Any = None,
        csv: str | None = None,
        extra_layout: dict[str, Any] | None = None,
    ) -> None:
        """Show a pandas frame, rows of which the first is the header, or a CSV file."""
        from . import plots

        del extra_layout
        if csv is not None:
            import csv as reader

            with open(csv, newline="", encoding="utf-8") as file:  # noqa: PTH123 - a path or whatever open takes
                table_plot = list(reader.reader(file))
        self._plot(title, series, plots.table(title, table_plot), iteration)

    def report_scatter2d(
        self,
        title: str,
        series: str,
        scatter: Any,
        iteration: int | None = None,
        xaxis: str | None = None,
        yaxis: str | None = None,
        labels: Sequence[str] | None = None,
        mode: str = "lines",
        comment: str | None = None,
        extra_layout: dict[str, Any] | None = None,
    ) -> None:
        """Show points, given as pairs or an array of shape `(n, 2)`."""
        from . import plots

        del comment, extra_layout
        text = plots.scatter(title, series, scatter, mode=mode, axes=(xaxis, yaxis), labels=labels)
        self._plot(title, series, text, iteration)

    def report_histogram(
        self, title: str, series: str, values: Any, iteration: int | None = None, labels: Sequence[str] | None = None
    ) -> None:
        """Show counts as bars."""
        from . import plots

        self._plot(title, series, plots.bars(title, series, values, labels), iteration)

    def report_confusion_matrix(
        self,
        title: str,
        series: str,
        matrix: Any,
        iteration: int | None = None,
        xlabels: Sequence[str] | None = None,
        ylabels: Sequence[str] | None = None,
    ) -> None:
        """Show a matrix in colours."""
        from . import plots

        self._plot(title, series, plots.heat_map(title, series, matrix, xlabels, ylabels), iteration)

    def flush(self, wait: bool = False) -> None:
        """Nothing is held back: what was reported is in the journal already."""

    def _plot(self, title: str, series: str, text: str, iteration: int | None) -> None:
        self._reporter.plot(title, series, text, int(iteration or 0))

    def _warn_once(self, what: str, error: Exception) -> None:
        if what not in self._warned:
            self._warned.add(what)
            print(f"trackside: {what} is not recorded: {error}", file=sys.stderr)  # noqa: T201
