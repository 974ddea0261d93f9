"""What capturing needs of the task and of the journal; `trackside.sdk` and `trackside.journal` have both."""

from typing import Any, Protocol


class Logger(Protocol):
    def report_matplotlib_figure(
        self, title: str, series: str, figure: Any, iteration: int | None = None, report_image: bool = False
    ) -> None: ...


class Task(Protocol):
    def get_logger(self) -> Logger: ...

    def connect(self, mutable: Any, name: str | None = None) -> Any:
        """Record a dictionary's values in a section; under an agent, write the overridden ones back into it."""

    def running_remotely(self) -> bool: ...

    def record_saved_model(self, path: str, framework: str) -> None: ...


class Journal(Protocol):
    def console(self, text: str, level: str = "info") -> None: ...
