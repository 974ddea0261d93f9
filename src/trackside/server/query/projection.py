"""`only_fields`: keep the named dotted fields, always with `id`; `-field` leaves one out."""

import datetime as dt
from typing import Any, TypeVar

import msgspec

W = TypeVar("W", bound=msgspec.Struct)


def plain(item: Any) -> Any:
    """Structs as maps; moments stay moments, so that the envelope writes them all alike."""
    return msgspec.to_builtins(item, builtin_types=(dt.datetime,))


def names(only_fields: list[str] | str | None) -> list[str]:
    return [only_fields] if isinstance(only_fields, str) else list(only_fields or [])


def project_document(item: W, only_fields: list[str] | str | None, kind: type[W]) -> W:
    """`item` with only the named fields."""
    wanted = names(only_fields)
    return msgspec.convert(project_map(plain(item), wanted), kind) if wanted else item


def project_map(document: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    included = [name for name in wanted if not name.startswith("-")]
    excluded = [name[1:] for name in wanted if name.startswith("-")]
    if included:
        result: dict[str, Any] = {"id": document["id"]}
        for name in included:
            _copy(document, result, name.split("."))
    else:
        result = dict(document)
    for name in excluded:
        result.pop(name, None)
    if any(name.split(".")[0] == "runtime" for name in included):
        result.setdefault("runtime", {})  # the Dataset code reads .runtime.get (protocol.md §1.2)
    return result


def _copy(source: dict[str, Any], target: dict[str, Any], path: list[str]) -> None:
    head, rest = path[0], path[1:]
    if head not in source:
        return
    if not rest or not isinstance(source[head], dict):
        target[head] = source[head]
        return
    inner = target.setdefault(head, {})
    if isinstance(inner, dict):
        _copy(source[head], inner, rest)
