"""Where a logger's records go: the journal of this process's own task, or straight to the server for another task."""

import math
import threading
import time
import uuid
from typing import TYPE_CHECKING, Protocol

from trackside.protocol import events

if TYPE_CHECKING:
    from trackside.client.api import Api


class Reporter(Protocol):
    """What the journal's writer offers."""

    def scalar(self, metric: str, variant: str, value: float, step: int) -> None: ...

    def plot(self, metric: str, variant: str, plot_str: str, step: int) -> None: ...

    def console(self, text: str, level: str = "info") -> None: ...


class DirectReporter:
    """One call to the server a record: for reporting now and then to a task that another process runs."""

    def __init__(self, api: "Api", task: str) -> None:
        self._api = api
        self._task = task
        self._session = uuid.uuid4().hex
        self._sequence = 0
        self._lock = threading.Lock()

    def scalar(self, metric: str, variant: str, value: float, step: int) -> None:
        column = events.ScalarColumn(
            metric=metric, variant=variant, steps=[step], times=[_now()], values=[None if math.isnan(value) else value]
        )
        self._send(scalars=[column])

    def plot(self, metric: str, variant: str, plot_str: str, step: int) -> None:
        self._send(plots=[events.PlotEvent(at=_now(), step=step, metric=metric, variant=variant, plot_str=plot_str)])

    def console(self, text: str, level: str = "info") -> None:
        self._send(console=[events.ConsoleLine(at=_now(), msg=text, level=level)])

    def _send(
        self,
        *,
        scalars: list[events.ScalarColumn] | None = None,
        plots: list[events.PlotEvent] | None = None,
        console: list[events.ConsoleLine] | None = None,
    ) -> None:
        with self._lock:
            self._sequence += 1
            self._api.call(
                events.AppendEvents(
                    task=self._task,
                    session=self._session,
                    sequence=self._sequence,
                    scalars=scalars,
                    plots=plots,
                    console=console,
                )
            )


def _now() -> int:
    return time.time_ns() // 1_000_000
