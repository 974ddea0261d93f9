"""A task's parameters, read and written on the server."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trackside.protocol import parameters, tasks

if TYPE_CHECKING:
    from trackside.client.api import Api


def as_nested(hyperparams: parameters.Hyperparams) -> dict[str, Any]:
    """`{section: {name: text}}`, with the names' own `/` taken apart into dictionaries."""
    nested: dict[str, Any] = {}
    for section, items in hyperparams.items():
        for name, item in items.items():
            *folders, last = name.split("/")
            place = nested.setdefault(section, {})
            for folder in folders:
                inner = place.get(folder)
                place = place.setdefault(folder, {}) if not isinstance(inner, dict) else inner
                if not isinstance(place, dict):  # a name that is both a value and a folder: keep the flat key
                    place, last = nested[section], name
                    break
            place[last] = item.value or ""
    return nested


def replace_all(api: "Api", task: str, values: Mapping[str, Any], *, force: bool) -> None:
    """Write flat `values`; parameters not among them are removed."""
    api.call(
        tasks.EditHyperParams(task=task, hyperparams=_items(values, {}), replace_hyperparams="all", force=force or None)
    )


def update(
    api: "Api",
    task: str,
    known: parameters.Hyperparams,
    values: Mapping[str, Any],
    *,
    force: bool,
    descriptions: Mapping[str, str] | None = None,
) -> None:
    """Write flat `values` beside what is there; type and description of the old stay."""
    items = _items(values, known, descriptions or {})
    api.call(tasks.EditHyperParams(task=task, hyperparams=items, replace_hyperparams="none", force=force or None))


def _items(
    values: Mapping[str, Any], known: parameters.Hyperparams, descriptions: Mapping[str, str] | None = None
) -> list[tasks.Parameter]:
    items = []
    for key, value in parameters.flatten(values).items():
        section, name = parameters.split_key(key)
        old = known.get(section, {}).get(name)
        description = (descriptions or {}).get(key) or (old.description if old else None)
        new = parameters.parameter(section, name, value, description)
        items.append(
            tasks.Parameter(
                section=section,
                name=name,
                value=new.value,
                type=(old.type if old else None) or new.type,
                description=description,
            )
        )
    return items
