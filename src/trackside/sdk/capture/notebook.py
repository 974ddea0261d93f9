"""The code of a notebook or an IPython session, as far as it has been executed."""

import os
import sys
from collections.abc import Callable
from pathlib import PurePath
from typing import Any


def shell() -> Any | None:
    """The interactive shell this code runs in, if it does."""
    ipython = sys.modules.get("IPython")
    found: Any | None = ipython.get_ipython() if ipython is not None else None
    return found


def file_name(shell: Any) -> str:
    """`<notebook>.py`; servers and editors tell kernels the name in ways of their own."""
    told = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME") or ""
    stem = PurePath(told).stem if told.endswith(".ipynb") else ""
    return f"{stem or 'notebook'}.py"


def code(shell: Any) -> str:
    """Every executed cell in order, runnable as a script: magics and shell commands are commented out."""
    cells = [cell for cell in shell.history_manager.input_hist_raw[1:] if cell.strip()]
    return "\n\n".join(_plain(cell) for cell in cells) + ("\n" if cells else "")


def _plain(cell: str) -> str:
    lines = cell.strip("\n").split("\n")
    if lines[0].lstrip().startswith("%%"):
        return "\n".join(f"# {line}" for line in lines)
    return "\n".join(_plain_line(line) for line in lines)


def _plain_line(line: str) -> str:
    stripped = line.lstrip()
    if not stripped.startswith(("%", "!", "?")) and not stripped.endswith("?"):
        return line
    if stripped.startswith("#"):
        return line
    # `pass` keeps a block whose only line was a magic
    indent = line[: len(line) - len(stripped)]
    return f"{indent}pass  # {stripped}" if indent else f"# {stripped}"


def after_each_cell(shell: Any, callback: Callable[[], None]) -> None:
    """Call `callback` after each cell; a second registration replaces the first."""
    previous = getattr(shell, "_trackside_after_cell", None)
    if previous is not None:
        shell.events.unregister("post_run_cell", previous)

    def after(_result: Any = None) -> None:
        callback()

    shell._trackside_after_cell = after  # noqa: SLF001 - ours, on their object
    shell.events.register("post_run_cell", after)
