"""Where a task's process lives: the port, and what is handed through it. Adapters are the modules beside this one."""

import pathlib
from typing import BinaryIO, Protocol

import msgspec


class Command(msgspec.Struct, frozen=True):
    argv: list[str]
    folder: pathlib.Path
    environ: dict[str, str]
    marker: tuple[str, str]  #: a variable and its value in `environ` by which everything of this attempt is known


class Running(Protocol):
    """A started process. `wait` may be called by one thread while others signal it."""

    pid: int
    stdout: BinaryIO
    stderr: BinaryIO

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for its end: the exit code, negative for a signal; None when `timeout` seconds passed."""

    def signal(self, number: int) -> None:
        """Send a signal to the process and those of its group; nothing happens when it has ended."""

    def kill(self) -> None:
        """End it, and everything it started, at once. Harmless after the end, and then sweeps what it left behind."""


class Launcher(Protocol):
    def start(self, command: Command) -> Running: ...
