"""`PipelineController` with Trains' interface (pipelines.md §1.2, §5.6)."""

import inspect
import math
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from trackside.errors import TracksideError, UsageError
from trackside.protocol.parameters import parameter
from trackside.protocol.pipelines import STEP_GOOD, CreateRun, Run, StepSpec, StopRun, WaitRun
from trackside.protocol.tasks import ConfigurationItem, EditConfiguration, EditHyperParams
from trackside.sdk.task import Task

from . import graph
from .graph import Node, Options

STORED = "Pipeline"  #: configuration object that holds the graph of a pipeline


class PipelineController:
    """Chains tasks: each step is a clone of a base task, run by an agent once its parents have completed.

    The server runs the pipeline: this process may end or be killed, and the steps go on.

    Args:
        pool_frequency: accepted for Trains' sake; nothing polls.
        default_execution_queue: of steps that name none.
        pipeline_time_limit: minutes for the whole run.
        auto_connect_task: the task to run as; True takes the current one.
        always_create_task: make a task when there is none.
        add_pipeline_tags: tag every step with `pipe: <id of this task>`.
    """

    def __init__(
        self,
        pool_frequency: float | str = 0.2,
        default_execution_queue: str | None = None,
        pipeline_time_limit: float | None = None,
        auto_connect_task: bool | Task = True,
        always_create_task: bool = False,
        add_pipeline_tags: bool = False,
        **unknown: Any,
    ) -> None:
        if unknown or isinstance(pool_frequency, str):
            raise UsageError(
                "ClearML's PipelineController(name=…, project=…) is not here yet; use Trains' six arguments"
            )
        self._task = _task(auto_connect_task, create=always_create_task)
        self._task.add_tags("pipeline")
        self._options = Options(default_queue=default_execution_queue, tag_steps=add_pipeline_tags)
        self._time_limit = pipeline_time_limit
        self._graph = graph.Graph()
        self._nodes: dict[str, Node] = {}
        self._run: Run | None = None
        self._started_at: float | None = None
        self._ended = threading.Event()
        self._callback: Callable[..., Any] | None = None
        self._stored = self._read_stored()

    def add_step(
        self,
        name: str,
        base_task_id: str | None = None,
        parents: list[str] | None = None,
        parameter_override: Mapping[str, Any] | None = None,
        execution_queue: str | None = None,
        time_limit: float | None = None,
        base_task_project: str | None = None,
        base_task_name: str | None = None,
    ) -> bool:
        """Add a step, whose base task is given by id, or by project and name (the newest of that name).

        Under an agent, for a task whose stored graph was edited or kept, the stored graph stands and this does nothing.

        Args:
            parameter_override: `{"Section/name": value}`; text may hold references: `${step.artifacts.name.url}`.
            time_limit: seconds from the start of the step.

        Raises:
            ValueError: the name is taken, or there is no such base task; the message names project and task.
        """
        if self._stored is not None:
            return True
        if not base_task_id:
            if not (base_task_project and base_task_name):
                raise UsageError(f"step {name!r} needs base_task_id, or base_task_project and base_task_name")
            base_task_id = _base_task(name, base_task_project, base_task_name)
        self._graph.add(
            StepSpec(
                name=name,
                base_task_id=base_task_id,
                parents=list(parents or []),
                parameters=dict(parameter_override or {}),
                queue=execution_queue,
                time_limit=time_limit,
            )
        )
        return True

    def start(
        self, run_remotely: bool | str = False, step_task_created_callback: Callable[..., Any] | None = None
    ) -> bool:
        """Submit the pipeline and go on in the background.

        Args:
            run_remotely: end this process and have an agent run the controller from this queue (True: `services`).
            step_task_created_callback: called with `(node, parameters)` once a step's task is made.

        Raises:
            InvalidRequest: (also a ValueError) the graph cannot run; the message says why. Nothing was started.
        """
        if self._run is not None:
            return True
        steps = self._stored if self._stored is not None else list(self._graph.steps.values())
        if run_remotely and not self._task.running_remotely():
            self._store(steps)
            self._task.execute_remotely(queue_name=run_remotely if isinstance(run_remotely, str) else "services")
        limit = None if self._time_limit is None else self._time_limit * 60.0
        request = CreateRun(
            task=self._task.id,
            steps=steps,
            default_queue=self._options.default_queue,
            time_limit=limit,
            tag_steps=self._options.tag_steps,
            keep_completed=self._options.continue_pipeline,
        )
        self._callback = step_task_created_callback
        self._started_at = time.monotonic()
        run = self._task.api.call(request).run
        self._nodes = {spec.name: Node(spec) for spec in steps}
        print(f"pipeline submitted: {len(steps)} steps", flush=True)  # noqa: T201 - what a person waits for
        self._follow(run)
        threading.Thread(target=self._watch, name="trackside-pipeline", daemon=True).start()
        return True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the pipeline has ended; `timeout` in minutes. False when it has not; how it ended is printed."""
        if self._run is None:
            return True
        return self._ended.wait(None if timeout is None else timeout * 60.0)

    def stop(self, timeout: float | None = None) -> None:
        """Abort the pipeline and its steps; harmless after its end."""
        if self._run is None or self._ended.is_set():
            return
        self._task.api.call(StopRun(run=self._task.id, reason="stopped by its controller"))
        self.wait(timeout)

    def is_running(self) -> bool:
        return self._run is not None and not self._ended.is_set()

    def is_successful(self) -> bool:
        """Whether it has ended, and well."""
        return self._run is not None and self._run.status == "completed"

    def elapsed(self) -> float:
        """Minutes since the start; -1.0 before."""
        return -1.0 if self._started_at is None else (time.monotonic() - self._started_at) / 60.0

    def get_pipeline_dag(self) -> dict[str, Node]:
        return self._nodes or self._graph.nodes()

    def get_processed_nodes(self) -> dict[str, Node]:
        return {name: node for name, node in self._nodes.items() if node.executed}

    def get_running_nodes(self) -> dict[str, Node]:
        return {name: node for name, node in self._nodes.items() if node.status in ("queued", "running")}

    def _read_stored(self) -> list[StepSpec] | None:
        """The graph kept with a task that an agent runs again: what a person edited there, options too, counts."""
        if not self._task.running_remotely():
            return None
        self._task.reload()
        section = (self._task.data.hyperparams or {}).get(STORED) or {}
        self._options = self._options.edited({name: item.value or "" for name, item in section.items()})
        held = (self._task.data.configuration or {}).get(STORED)
        return graph.from_stored(held.value) if held is not None and held.value else None

    def _store(self, steps: list[StepSpec]) -> None:
        """Keep graph and options with the task, so that they can be seen and edited before an agent runs it."""
        item = ConfigurationItem(name=STORED, type="dictionary", value=graph.to_stored(steps))
        self._task.api.call(EditConfiguration(task=self._task.id, configuration=[item], force=True))
        values = [parameter(STORED, name, value) for name, value in self._options.stored().items()]
        self._task.api.call(EditHyperParams(task=self._task.id, hyperparams=values, force=True))

    def _watch(self) -> None:
        try:
            while self._run is not None and self._run.status == "running":
                wait = WaitRun(run=self._run.id, after=self._run.sequence)
                # the run goes on in the server, so an absent one is waited for as long as it takes
                self._follow(self._task.api.call(wait, patience=math.inf).run)
        except TracksideError as error:
            print(f"lost sight of the pipeline, which goes on without us: {error}", file=sys.stderr, flush=True)  # noqa: T201
        finally:
            self._ended.set()

    def _follow(self, run: Run) -> None:
        """Take over the run's state, and say what is new in it."""
        for warning in run.warnings:
            if self._run is None or warning not in self._run.warnings:
                print(f"warning: {warning}", flush=True)  # noqa: T201
        for state in run.steps:
            node = self._nodes.setdefault(state.name, graph.from_run(state))
            before = node.status, node.task_id
            node.follow(state)
            if node.task_id and node.task_id != before[1] and self._callback is not None:
                _call(self._callback, self, node)
            if node.status != before[0]:
                where = f" on {state.worker}" if node.status == "running" and state.worker else ""
                why = f": {node.reason}" if node.reason and node.status not in STEP_GOOD else ""
                print(f"  {node.name}: {node.status}{where}{why}", flush=True)  # noqa: T201
        self._run = run
        if run.status != "running":
            stream = sys.stdout if run.status == "completed" else sys.stderr
            print(f"pipeline {run.status}{f': {run.reason}' if run.reason else ''}", file=stream, flush=True)


def _task(given: bool | Task, *, create: bool) -> Task:
    if isinstance(given, Task):
        return given
    running = Task.current_task() if given else None
    if running is not None:
        return running
    if not create:
        raise UsageError("a pipeline runs as a task: call Task.init first, or pass always_create_task=True")
    name = f"Pipeline {time.strftime('%Y-%m-%d %H:%M:%S')}"
    return Task.init(project_name="Pipelines", task_name=name, task_type="controller", reuse_last_task_id=False)


def _base_task(step: str, project: str, name: str) -> str:
    try:
        return Task.get_task(project_name=project, task_name=name).id
    except LookupError as error:
        raise UsageError(
            f"step {step!r}: there is no base task {name!r} in project {project!r}; run its script once to register it"
        ) from error


def _call(callback: Callable[..., Any], pipeline: PipelineController, node: Node) -> None:
    """Trains' callbacks take `(node, parameters)`, ClearML's `(pipeline, node, parameters)`."""
    wanted = len(inspect.signature(callback).parameters)
    arguments = (pipeline, node, node.parameters) if wanted >= 3 else (node, node.parameters)
    try:
        callback(*arguments)
    except Exception:  # noqa: BLE001 - a person's code; the run goes on in the server, and we go on following it
        print(f"the callback for step {node.name!r} failed:\n{traceback.format_exc()}", file=sys.stderr)  # noqa: T201
