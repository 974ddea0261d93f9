"""What a command prints: rows for people, JSON for machines; notes to stderr."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


def say(text: str) -> None:
    """A note for the person; never data."""
    print(text, file=sys.stderr, flush=True)


def data(value: Any) -> None:
    """JSON, indented, on stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Aligned columns on stdout; nothing but the header when there are no rows."""
    cells = [[_text(row.get(column)) for column in columns] for row in rows]
    widths = [max([len(column), *(len(line[at]) for line in cells)]) for at, column in enumerate(columns)]
    for line in [[column.upper() for column in columns], *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d %H:%M:%S"))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
