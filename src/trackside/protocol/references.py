r"""The reference grammar of pipelines: `${step.artifacts.name.url}` (pipelines.md §1.2, §5.6).

`\.` stands for a dot inside a name. A value that is one whole reference keeps the type of what it names; inside a
longer text each reference becomes text.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from trackside.errors import InvalidRequest

_REFERENCE = re.compile(r"\$\{([^}]*)\}")
_DOT = re.compile(r"(?<!\\)\.")

#: What may follow the step's name. `id` stands alone; the others need more.
FIELDS = frozenset(
    {
        "id",
        "artifacts",
        "parameters",
        "models",
        "script",
        "execution",
        "container",
        "output",
        "comment",
        "tags",
        "system_tags",
        "project",
    }
)


class Reference(msgspec.Struct, frozen=True):
    """`${step.field.rest…}` taken apart; `step` is `pipeline` for a pipeline's own parameter."""

    text: str
    step: str
    path: tuple[str, ...]


def parse(text: str) -> Reference:
    """Take one `${…}` apart.

    Raises:
        InvalidRequest: it is not a reference of the grammar; the message shows a right one.
    """
    match = _REFERENCE.fullmatch(text)
    parts = [part.replace("\\.", ".") for part in _DOT.split(match.group(1))] if match else []
    if len(parts) < 2 or not all(parts):
        raise InvalidRequest(f"{text!r} is not a reference; write ${{step.artifacts.name.url}} or ${{step.id}}")
    reference = Reference(text=text, step=parts[0], path=tuple(parts[1:]))
    _check(reference)
    return reference


def _check(reference: Reference) -> None:
    if reference.step == "pipeline":
        return
    field, rest = reference.path[0], reference.path[1:]
    if field not in FIELDS:
        raise InvalidRequest(f"{reference.text!r}: a step has no {field!r}; use one of {', '.join(sorted(FIELDS))}")
    if field == "models" and (len(rest) < 3 or rest[0] not in ("input", "output") or not _is_index(rest[1])):
        raise InvalidRequest(f"{reference.text!r}: write ${{step.models.output.-1.url}}")
    if field in ("artifacts", "parameters") and not rest:
        raise InvalidRequest(f"{reference.text!r} does not say which of the step's {field}")


def _is_index(text: str) -> bool:
    return text.lstrip("-").isdigit()


def find(value: Any) -> Iterator[Reference]:
    """Every reference inside a value; dictionaries and lists are looked through.

    Raises:
        InvalidRequest: one of them is malformed.
    """
    if isinstance(value, str):
        for match in _REFERENCE.finditer(value):
            yield parse(match.group(0))
    elif isinstance(value, dict):
        for item in value.values():
            yield from find(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from find(item)


def resolve(value: Any, look_up: Callable[[Reference], Any]) -> Any:
    """Replace every reference inside `value` by what `look_up` gives for it."""
    if isinstance(value, str):
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return look_up(parse(value))
        return _REFERENCE.sub(lambda match: str(look_up(parse(match.group(0)))), value)
    if isinstance(value, dict):
        return {key: resolve(item, look_up) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(item, look_up) for item in value]
    return value
