"""The graph a script builds, before it is submitted; and the stored form a person may have edited. Pure."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from trackside.errors import InvalidRequest, UsageError
from trackside.protocol.pipelines import StepSpec, StepState
from trackside.protocol.references import find


class Node:
    """A step as Trains' callers see it."""

    def __init__(self, spec: StepSpec) -> None:
        self.name = spec.name
        self.base_task_id = spec.base_task_id
        self.queue = spec.queue
        self.parents = list(spec.parents)
        self.timeout = spec.time_limit
        self.parameters = dict(spec.parameters)
        self.executed: str | bool | None = None  #: task id; False when it failed
        self.status: str = "blocked"
        self.task_id: str | None = None
        self.reason: str | None = None

    def follow(self, state: StepState) -> None:
        """Take over how far the server has come with it."""
        self.status, self.task_id, self.reason = state.status, state.task, state.reason
        if state.status in ("completed", "cached"):
            self.executed = state.task
        elif state.status in ("failed", "aborted", "skipped"):
            self.executed = False
        else:
            self.executed = None

    def __repr__(self) -> str:
        return f"Node(name={self.name!r}, status={self.status!r}, task={self.task_id!r})"


class Graph:
    def __init__(self) -> None:
        self.steps: dict[str, StepSpec] = {}

    def add(self, spec: StepSpec) -> None:
        """Add a step.

        Raises:
            UsageError: (also a ValueError) the name is taken or reserved.
            InvalidRequest: (also a ValueError) a reference in its parameters is malformed.
        """
        if spec.name in self.steps:
            raise UsageError(f"there is a step {spec.name!r} already; a step's name is its own")
        if not spec.name or spec.name == "pipeline":
            raise UsageError(f"a step cannot be called {spec.name!r}")
        list(find(spec.parameters))
        self.steps[spec.name] = spec

    def nodes(self) -> dict[str, Node]:
        return {name: Node(spec) for name, spec in self.steps.items()}


def from_stored(text: str) -> list[StepSpec]:
    """The steps in a task's configuration object `Pipeline`, as Trains writes it and a person may edit it.

    Raises:
        InvalidRequest: it is not that; the message says where.
    """
    try:
        document = json.loads(text)
        return [_step(name, entry) for name, entry in document.items()]
    except (ValueError, AttributeError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise InvalidRequest(f"the configuration object 'Pipeline' is not a pipeline: {error}") from error


def _step(name: str, entry: Mapping[str, Any]) -> StepSpec:
    wanted = {
        "name": name,
        "base_task_id": entry["base_task_id"],
        "parents": entry.get("parents") or [],
        "parameters": entry.get("parameters") or {},
        "queue": entry.get("queue"),
        "time_limit": entry.get("timeout"),
    }
    return msgspec.convert(wanted, StepSpec)
