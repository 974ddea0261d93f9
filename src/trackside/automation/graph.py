"""The graph a script builds, before it is submitted; and the stored form a person may have edited. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from trackside.errors import InvalidRequest, UsageError
from trackside.protocol.parameters import from_text
from trackside.protocol.pipelines import STEP_ENDED, STEP_GOOD, StepSpec, StepState
from trackside.protocol.references import find


class Options(msgspec.Struct, frozen=True):
    """The parameters of section `Pipeline`, which a person may edit before the task runs again."""

    default_queue: str | None = None
    tag_steps: bool = False
    continue_pipeline: bool = False  #: keep the steps that completed in the task's last run

    def stored(self) -> dict[str, Any]:
        return {
            "continue_pipeline": self.continue_pipeline,
            "default_queue": self.default_queue,
            "add_pipeline_tags": self.tag_steps,
        }

    def edited(self, texts: Mapping[str, str]) -> "Options":
        """With the stored texts in place of the script's values; what is not stored stays."""
        values = {
            name: from_text(texts[name], "" if old is None else old)
            for name, old in self.stored().items()
            if name in texts
        }
        return Options(
            default_queue=values.get("default_queue") or self.default_queue,
            tag_steps=bool(values.get("add_pipeline_tags", self.tag_steps)),
            continue_pipeline=bool(values.get("continue_pipeline", self.continue_pipeline)),
        )


class Job:
    """The launched task of a step, with the questions that Trains' `TrainsJob` answers."""

    def __init__(self, task: str, status: str, worker: str | None) -> None:
        self._task, self._status, self.worker = task, status, worker

    def task_id(self) -> str:
        return self._task

    def status(self) -> str:
        return self._status

    def is_running(self) -> bool:
        return self._status == "running"

    def is_failed(self) -> bool:
        return self._status == "failed"

    def is_stopped(self) -> bool:
        return self._status in STEP_ENDED


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
        self.job: Job | None = None  #: once launched
        self.status: str = "blocked"
        self.task_id: str | None = None
        self.reason: str | None = None

    def follow(self, state: StepState) -> None:
        """Take over how far the server has come with it."""
        self.status, self.task_id, self.reason = state.status, state.task, state.reason
        self.job = Job(state.task, state.status, state.worker) if state.task else None
        if state.resolved is not None:
            self.parameters = dict(state.resolved)
        if state.status in STEP_ENDED:
            self.executed = state.task if state.status in STEP_GOOD else False
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


def from_run(state: StepState) -> Node:
    """A step of a run that was submitted elsewhere."""
    return Node(
        StepSpec(
            name=state.name,
            base_task_id=state.base_task_id,
            parents=state.parents,
            parameters=state.parameters,
            queue=state.queue,
        )
    )


def to_stored(steps: Iterable[StepSpec]) -> str:
    """The configuration object of a graph that has not run yet; the server writes it anew when it does."""
    document = {
        step.name: {
            "base_task_id": step.base_task_id,
            "queue": step.queue,
            "parents": step.parents,
            "timeout": step.time_limit,
            "parameters": step.parameters,
            "executed": None,
        }
        for step in steps
    }
    return json.dumps(document, indent=2)


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
        "retries": entry.get("retries") or 0,
        "continue_on_fail": bool(entry.get("continue_on_fail")),
    }
    return msgspec.convert(wanted, StepSpec)
