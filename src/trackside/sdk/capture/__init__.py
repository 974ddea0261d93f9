"""What is recorded without a line of code: the code itself, what it prints, its arguments, figures and models."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from trackside.protocol.tasks import Script

from . import arguments as _arguments
from . import console, figures, hooks, notebook
from .frameworks import joblib
from .port import Journal, Task

if TYPE_CHECKING:
    from . import repository

__all__ = ["describe_script", "install", "remove", "watch_arguments"]

_FRAMEWORKS: dict[str, Callable[[Task], None]] = {"matplotlib": figures.install, "joblib": joblib.install}

#: Names under which ClearML's `auto_connect_frameworks` switches a thing off that is one of ours.
_SYNONYMS = {"scikit": "joblib", "scikitlearn": "joblib"}

watch_arguments = _arguments.watch


def install(
    task: Task,
    journal: Journal,
    *,
    streams: bool,
    frameworks: bool | Mapping[str, bool],
    arguments: bool,
) -> None:
    """Begin to capture for this task; a later call goes over to another one.

    `streams` (standard output and error) is ignored under an agent, whose supervisor reads them from outside.
    `frameworks` is all, none, or off by name: `{"matplotlib": False}`; names that we do not capture mean nothing.
    `arguments` are what argparse parses, before or after this call.
    """
    if streams and not os.environ.get("TRACKSIDE_JOURNAL"):
        console.install(journal)
    for name, begin in _FRAMEWORKS.items():
        if _is_on(name, frameworks):
            begin(task)
    if arguments:
        _arguments.install(task)
    shell = notebook.shell()
    record = getattr(task, "record_script", None)
    if shell is not None and record is not None and not task.running_remotely():
        notebook.after_each_cell(shell, lambda: _record_cells(record))


def remove() -> None:
    """Give the program its streams back, and record what was printed without a newline."""
    console.remove()


def describe_script(main_file: str | None = None) -> Script:
    """Where the running code came from, and what it imports.

    Takes some git calls and reads the project's own modules; best called from a thread. One process of a distributed
    run describes it, the one of rank 0: the others get an empty script.

    `main_file` is `__main__.__file__` of an earlier moment: Python forgets it when the script's last line is done, and
    the thread may come later.
    """
    if _rank():
        return Script()
    # what these two need takes as long to import as the rest of the client
    from . import packages, repository

    entry = repository.find_entry(main_file)
    script = repository.locate(entry)
    return msgspec.structs.replace(
        script, binary=_binary(), requirements=packages.requirements(_text(entry), _folders(entry, script))
    )


def _is_on(name: str, frameworks: bool | Mapping[str, bool]) -> bool:
    if isinstance(frameworks, bool):
        return frameworks
    names = [name, *(synonym for synonym, ours in _SYNONYMS.items() if ours == name)]
    return all(frameworks.get(each, True) is not False for each in names)


def _record_cells(record: Callable[[Script], None]) -> None:
    try:
        record(describe_script())
    except Exception as error:  # noqa: BLE001 - the user's next cell must run
        hooks.warn("the notebook's code", error)


def _rank() -> int:
    """As torchrun and other launchers number the processes of one run; 0 where there is no launcher."""
    number = os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or "0"
    return int(number) if number.isdigit() else 0


def _binary() -> str:
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def _text(entry: "repository.Entry") -> str:
    if entry.path is None:
        return entry.text or ""
    return entry.path.read_text("utf-8", "replace") if entry.path.is_file() else ""


def _folders(entry: "repository.Entry", script: Script) -> list[Path]:
    """Where the project's own modules are: beside the script, or where `-m` and a notebook look."""
    folders = [Path.cwd()]
    if entry.path is not None:
        folders.insert(0, entry.path.parent)
        depth = (script.entry_point or "").count(".") if entry.module else 0
        folders += list(entry.path.parents)[1 : 1 + depth]
    return list(dict.fromkeys(folders))
