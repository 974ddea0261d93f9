"""What a `${step.…}` reference names, read from the step's task. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from trackside.errors import InvalidRequest
from trackside.protocol import parameters
from trackside.protocol.models import Model
from trackside.protocol.references import Reference
from trackside.protocol.tasks import Artifact, Task, TaskModel

#: Trains' names of attributes, where the protocol has others.
_ARTIFACT = {"url": "uri", "size": "content_size", "name": "key"}
_MODEL = {"url": "uri"}


def look_up(reference: Reference, task: Task, models: Sequence[Model]) -> Any:
    """The value `reference` names.

    Args:
        task: of the step that the reference names, with its artifacts.
        models: at least those that the task names.

    Raises:
        InvalidRequest: the task has no such thing; the message says what it has.
    """
    field, rest = reference.path[0], reference.path[1:]
    if field == "artifacts":
        return _artifact(reference, task, rest)
    if field == "parameters":
        return _parameter(reference, task, ".".join(rest))
    if field == "models":
        return _model(reference, task, models, rest)
    return _walk(reference, msgspec.to_builtins(getattr(task, field)), rest)


def pipeline_parameter(reference: Reference, controller: Task) -> Any:
    """The value of `${pipeline.name}`: a parameter of the controller task, wherever it stands."""
    name = ".".join(reference.path)
    values = parameters.as_flat(controller.hyperparams or {})
    for key in (name, f"Args/{name}", f"{parameters.DEFAULT_SECTION}/{name}"):
        if key in values:
            return values[key]
    if name == "id":
        return controller.id
    raise InvalidRequest(f"{reference.text}: the pipeline has no parameter {name!r}; {_has(values)}")


def _artifact(reference: Reference, task: Task, rest: tuple[str, ...]) -> Any:
    name, attribute = rest[0], ".".join(rest[1:]) or "url"
    every = (task.execution.artifacts if task.execution else None) or []
    artifacts = {artifact.key: artifact for artifact in every}
    artifact = artifacts.get(name)
    if artifact is None:
        raise InvalidRequest(f"{reference.text}: step {reference.step!r} has no artifact {name!r}; {_has(artifacts)}")
    if attribute == "preview":
        return artifact.type_data.preview if artifact.type_data else None
    if attribute == "metadata":
        return dict(pair[:2] for pair in artifact.display_data or () if len(pair) > 1)
    return _attribute(reference, artifact, attribute, _ARTIFACT)


def _parameter(reference: Reference, task: Task, name: str) -> str:
    values = parameters.as_flat(task.hyperparams or {})
    key = "/".join(parameters.split_key(name))
    if key not in values:
        raise InvalidRequest(f"{reference.text}: step {reference.step!r} has no parameter {name!r}; {_has(values)}")
    return values[key]


def _model(reference: Reference, task: Task, models: Sequence[Model], rest: tuple[str, ...]) -> Any:
    side, place, attribute = rest[0], rest[1], ".".join(rest[2:])
    listed: list[TaskModel] = (getattr(task.models, side) if task.models else None) or []
    try:
        chosen = listed[int(place)]
    except (IndexError, ValueError):
        raise InvalidRequest(
            f"{reference.text}: step {reference.step!r} has {len(listed)} {side} models, none at {place}"
        ) from None
    model = next((model for model in models if model.id == chosen.model), None)
    if model is None:
        raise InvalidRequest(f"{reference.text}: the model {chosen.model} does not exist any more")
    return _attribute(reference, model, attribute, _MODEL)


def _attribute(reference: Reference, thing: Artifact | Model, name: str, names: Mapping[str, str]) -> Any:
    fields = msgspec.structs.asdict(thing)
    field = names.get(name, name)
    if field not in fields:
        kind = type(thing).__name__.lower()
        raise InvalidRequest(f"{reference.text}: no {kind} has a {name!r}; {_has({*fields, *names})}")
    return fields[field]


def _walk(reference: Reference, value: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        if not isinstance(value, dict) or part not in value:
            has = _has(value) if isinstance(value, dict) else f"it ends at {value!r}"
            raise InvalidRequest(f"{reference.text}: step {reference.step!r} has no {part!r} there; {has}")
        value = value[part]
    return value


def _has(names: Iterable[str]) -> str:
    listed = ", ".join(sorted(names))
    return f"it has {listed}" if listed else "it has none"
