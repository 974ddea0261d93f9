"""`Task.connect`: what a script holds becomes the task's parameters; under an agent, the other way round.

Pure: `described` says what to record, `overridden` what to write back into the script's object.
"""

import argparse
import json
from collections.abc import Mapping, MutableMapping
from typing import Any

from trackside.errors import InvalidRequest
from trackside.protocol import parameters, tasks

ARGUMENTS = "Args"  #: section of what came from the command line
_PLAIN = (str, int, float, bool, list, tuple, dict, set, type(None))


def section_of(mutable: Any, name: str | None) -> str:
    if name:
        return name
    return ARGUMENTS if isinstance(mutable, (argparse.Namespace, argparse.ArgumentParser)) else "General"


def described(mutable: Any) -> dict[str, Any]:
    """The flat values of a connected object.

    Raises:
        InvalidRequest: nothing in it can be recorded.
    """
    return parameters.flatten({str(key): value for key, value in _members(mutable).items()})


def as_parameters(section: str, values: Mapping[str, Any]) -> list[tasks.Parameter]:
    return [parameters.parameter(section, name, value) for name, value in values.items()]


def overridden(values: Mapping[str, Any], recorded: Mapping[str, tasks.Parameter]) -> dict[str, Any]:
    """Those of the flat `values` that the task has other values for, cast to the type of the script's default.

    Raises:
        InvalidRequest: a recorded text is no value of that type; the message names the parameter.
    """
    changed = {}
    for name, default in values.items():
        item = recorded.get(name)
        if item is None or (item.value or "") == parameters.to_text(default):
            continue
        try:
            changed[name] = parameters.from_text(item.value or "", default)
        except ValueError as error:
            kind = type(default).__name__
            raise InvalidRequest(f"parameter {item.section}/{name} must be {kind}, not {item.value!r}") from error
    return changed


def write_back(mutable: Any, changed: Mapping[str, Any]) -> None:
    """Set flat `changed` inside the object, nested dictionaries in place."""
    for name, value in changed.items():
        if isinstance(mutable, argparse.ArgumentParser):
            mutable.set_defaults(**{name: value})
        elif isinstance(mutable, MutableMapping):
            _set_nested(mutable, name, value)
        else:
            first, slash, rest = name.partition("/")
            held = getattr(mutable, first, None)
            if slash and isinstance(held, MutableMapping):
                _set_nested(held, rest, value)
            else:
                setattr(mutable, name, value)


def _members(mutable: Any) -> dict[Any, Any]:
    if isinstance(mutable, Mapping):
        return dict(mutable)
    if isinstance(mutable, argparse.ArgumentParser):
        return vars(mutable.parse_known_args()[0])
    if isinstance(mutable, argparse.Namespace):
        return vars(mutable)
    kind = mutable if isinstance(mutable, type) else type(mutable)
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__[:-1]):
        found |= vars(base)
    found |= vars(mutable) if hasattr(mutable, "__dict__") else {}
    plain = {name: value for name, value in found.items() if not name.startswith("_") and isinstance(value, _PLAIN)}
    if not plain:
        raise InvalidRequest(
            f"a {kind.__name__} has nothing to connect; give a dict, a Namespace, or an object with attributes"
        )
    return plain


def _set_nested(mapping: MutableMapping[Any, Any], name: str, value: Any) -> None:
    keys = {str(key): key for key in mapping}
    if name in keys:
        mapping[keys[name]] = value
        return
    first, slash, rest = name.partition("/")
    held = mapping.get(keys.get(first, first))
    if slash and isinstance(held, MutableMapping):
        _set_nested(held, rest, value)
    else:
        mapping[name] = value


def configuration_text(value: Any) -> tuple[str, str]:
    """Text and type of a configuration object."""
    if isinstance(value, str):
        return value, "text"
    try:
        return json.dumps(value, indent=2), "dictionary" if isinstance(value, Mapping) else "json"
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"the configuration cannot be written as JSON: {error}") from error


def configuration_value(text: str, name: str) -> Any:
    """Read a configuration object's text back.

    Raises:
        InvalidRequest: it is not JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidRequest(f"configuration {name!r} is not JSON: {error}") from error
