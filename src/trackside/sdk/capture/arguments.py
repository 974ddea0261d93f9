"""Command-line arguments of argparse become the section `Args`; under an agent its values win over the command line."""

import logging
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from trackside.protocol import parameters

from . import hooks
from .port import Task

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

log = logging.getLogger(__name__)

SECTION = "Args"


class _Watch:
    """Keeps what was parsed before there was a task, and connects what is parsed from then on."""

    def __init__(self) -> None:
        self._task: Task | None = None
        self._parsed: list[tuple[Any, Any]] = []
        self._hooked = False

    def begin(self) -> None:
        if not self._hooked:
            self._hooked = True
            hooks.after_import("argparse", self._hook)

    def connect(self, task: Task) -> None:
        self._task = task
        parsed, self._parsed = self._parsed, []
        for parser, namespace in parsed:
            connect(task, parser, namespace)

    def _hook(self, argparse: ModuleType) -> None:
        hooks.wrap(argparse.ArgumentParser, "parse_known_args", self._after, "arguments")

    def _after(self, result: Any, parser: Any, args: Any = None, namespace: Any = None) -> None:
        del namespace  # what was filled is in the result
        # a library parsing something of its own, and the parsers of subcommands inside the outermost, are not meant
        if args is not None and list(args) != sys.argv[1:]:
            return
        if self._task is None:
            self._parsed.append((parser, result[0]))
        else:
            connect(self._task, parser, result[0])


_watch = _Watch()


def watch() -> None:
    """Remember what is parsed from now on: scripts that parse before `Task.init` are captured too."""
    _watch.begin()


def install(task: Task) -> None:
    _watch.begin()
    _watch.connect(task)


def connect(task: Task, parser: "ArgumentParser", namespace: "Namespace") -> None:
    """Record what was parsed; where the task runs remotely, put the recorded values into the namespace."""
    given = {name: value for name, value in vars(namespace).items() if _is_plain(name, value)}
    connected = task.connect(dict(given), name=SECTION)
    if not task.running_remotely() or not isinstance(connected, dict):
        return
    types = {action.dest: action.type for action in parser._actions}  # noqa: SLF001 - argparse shows them no other way
    for name, before in given.items():
        value = connected.get(name, before)
        if value != before:
            setattr(namespace, name, _cast(value, before, types.get(name), name))


def _cast(value: Any, before: Any, convert: Any, name: str) -> Any:
    """The argument's own `type` knows best; without one, the type of the value it had."""
    if callable(convert) and convert is not bool and isinstance(value, (str, int, float)):
        try:
            return convert(str(value))
        except Exception as error:  # noqa: BLE001 - the program's own function may raise anything
            log.warning("the value %r of %r is not what the argument takes: %s", value, name, error)
            return value
    return parameters.from_text(value, before) if isinstance(value, str) else value


def _is_plain(name: str, value: Any) -> bool:
    """Functions, as `set_defaults(func=…)` leaves them, and argparse's own notes are not parameters."""
    return not name.startswith("_") and not callable(value)
