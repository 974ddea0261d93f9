"""Parameters on both sides: Python values ↔ the protocol's strings ↔ flat `Section/name` keys.

The wire carries every value as text with the name of its Python type beside it (protocol.md §3.1 `hyperparams`).
"""

import ast
import json
from collections.abc import Mapping
from typing import Any

from .tasks import Parameter

DEFAULT_SECTION = "General"

Hyperparams = dict[str, dict[str, Parameter]]


def to_text(value: Any) -> str:
    """As Trains writes it: `str` of a scalar, JSON of a container when it is JSON, "" for None."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list, tuple)):
        try:
            return json.dumps(value)
        except (TypeError, ValueError):
            return str(value)
    return str(value)


def type_name(value: Any) -> str | None:
    return None if value is None else type(value).__name__


def from_text(text: str, default: Any) -> Any:
    """Read `text` back as the type of `default`.

    Raises:
        ValueError: the text is not a value of that type; the message says which.
    """
    if default is None:
        return _literal(text) if text else None
    kind = type(default)
    if kind is str:
        return text
    if not text:
        return None
    return _READERS.get(kind, _other)(text, kind)


def _boolean(text: str, _kind: type) -> bool:
    lowered = text.strip().lower()
    if lowered in ("true", "1", "yes", "y", "on"):
        return True
    if lowered in ("false", "0", "no", "n", "off"):
        return False
    raise ValueError(f"{text!r} is not true or false")


def _number(text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        # an int whose override was written 2.0, or 0.5: keep the number the person wrote
        number = float(text)
        return int(number) if kind is int and number.is_integer() else number


def _container(text: str, kind: type) -> Any:
    value = _literal(text)
    return kind(value) if isinstance(value, (list, tuple, dict, set)) else value


def _other(text: str, _kind: type) -> Any:
    return _literal(text)


_READERS = {
    bool: _boolean,
    int: _number,
    float: _number,
    list: _container,
    tuple: _container,
    dict: _container,
    set: _container,
}


def _literal(text: str) -> Any:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return text


def split_key(key: str) -> tuple[str, str]:
    """`Section/name` → (section, name); a key without a section belongs to `General`."""
    section, slash, name = key.partition("/")
    return (section, name) if slash and section else (DEFAULT_SECTION, key)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries become `a/b` keys; an empty one stays a value."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{name}/")
        else:
            flat[name] = value
    return flat


def parameter(section: str, name: str, value: Any, description: str | None = None) -> Parameter:
    return Parameter(section=section, name=name, value=to_text(value), type=type_name(value), description=description)


def as_flat(hyperparams: Mapping[str, Mapping[str, Parameter]]) -> dict[str, str]:
    """`{section: {name: parameter}}` → `{"Section/name": text}`."""
    return {
        f"{section}/{name}": item.value or "" for section, items in hyperparams.items() for name, item in items.items()
    }


def merged(hyperparams: Hyperparams, overrides: Mapping[str, Any]) -> Hyperparams:
    """A copy of `hyperparams` with the flat `overrides` written over it; type and description of the old stay."""
    result = {section: dict(items) for section, items in hyperparams.items()}
    for key, value in overrides.items():
        section, name = split_key(key)
        old = result.setdefault(section, {}).get(name)
        result[section][name] = Parameter(
            section=section,
            name=name,
            value=to_text(value),
            type=(old.type if old else None) or type_name(value),
            description=old.description if old else None,
        )
    return result
