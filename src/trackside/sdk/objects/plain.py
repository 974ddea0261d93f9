"""Texts, and what JSON gives back exactly as it was."""

import json
import pathlib
import urllib.parse
from typing import Any

from trackside.errors import InvalidRequest

from . import Stored

_PREVIEW = 4000  #: characters


def file_name(name: str) -> str:
    """An artifact's name as one part of a path."""
    quoted = urllib.parse.quote(name, safe=" ()[]{},;=+@").strip() or "artifact"
    return f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted[:200]


def store(name: str, value: Any, folder: pathlib.Path) -> Stored | None:
    if type(value) is str:
        path = folder / f"{file_name(name)}.txt"
        path.write_bytes(value.encode("utf-8", "surrogatepass"))
        return Stored(path, "string", value[:_PREVIEW], "text/plain")
    if type(value) not in (dict, list, int, float, bool, type(None)):
        return None
    text = _exact_json(value)
    if text is None:
        return None
    path = folder / f"{file_name(name)}.json"
    path.write_text(text)
    return Stored(path, "dict" if type(value) is dict else "json", text[:_PREVIEW], "application/json")


def load(path: pathlib.Path, kind: str) -> Any:
    content = path.read_bytes()
    if kind == "string":
        return content.decode("utf-8", "surrogatepass")
    try:
        return json.loads(content)
    except ValueError as error:
        raise InvalidRequest(f"{path.name} is not JSON: {error}") from error


def _exact_json(value: Any) -> str | None:
    try:
        text = json.dumps(value, indent=1)
        # int keys, tuples, NaN and subclasses come back as something else: those are pickled
        return text if json.loads(text) == value and not _loses_types(value) else None
    except (TypeError, ValueError, RecursionError):
        return None


def _loses_types(value: Any) -> bool:
    if type(value) is dict:
        return any(type(key) is not str or _loses_types(item) for key, item in value.items())
    if type(value) is list:
        return any(_loses_types(item) for item in value)
    return type(value) not in (str, int, float, bool, type(None))
