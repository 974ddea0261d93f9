"""The task: a recorded run of a script, and the calls that make, change, move and read it (protocol.md §3.1, §6)."""

import datetime as dt
from typing import Any, Literal, get_args

from trackside.errors import InvalidRequest

from .base import Empty, ListQuery, Request, StrList, Updated, Wire
from .states import TaskStatus

TaskType = Literal[
    "training",
    "testing",
    "inference",
    "data_processing",
    "application",
    "monitor",
    "controller",
    "report",
    "optimizer",
    "service",
    "qc",
    "custom",
]

TASK_TYPES: tuple[TaskType, ...] = get_args(TaskType)


def as_type(text: str) -> TaskType:
    """A task type by its name.

    Raises:
        InvalidRequest: there is no such type; the message lists them.
    """
    for known in TASK_TYPES:
        if known == text:
            return known
    raise InvalidRequest(f"there is no task type {text!r}; use one of {', '.join(TASK_TYPES)}")


#: These wait for others most of the time and take no compute slot on our agent (DESIGN 4).
LIGHT_TYPES: frozenset[str] = frozenset({"controller", "optimizer", "service", "monitor"})


class Parameter(Wire):
    section: str | None = None
    name: str | None = None
    value: str | None = None
    type: str | None = None  #: the Python type's name
    description: str | None = None


class ConfigurationItem(Wire):
    name: str | None = None
    value: str | None = None
    type: str | None = None
    description: str | None = None


class Script(Wire):
    """Where the code came from. Without a repository `diff` is the whole script and `entry_point` its file name."""

    binary: str | None = None
    repository: str | None = None
    branch: str | None = None
    tag: str | None = None
    version_num: str | None = None  #: the commit
    entry_point: str | None = None
    working_dir: str | None = None
    requirements: dict[str, Any] | None = None
    diff: str | None = None
    snapshot: str | None = None  #: ours: file path of a content-addressed archive of the code (DESIGN 15)


class TypeData(Wire):
    preview: str | None = None
    content_type: str | None = None
    data_hash: str | None = None


class Artifact(Wire):
    key: str
    type: str = "custom"
    mode: Literal["input", "output"] = "output"
    uri: str | None = None
    content_size: int | None = None  #: bytes
    hash: str | None = None  #: sha256 of the file, hex
    timestamp: int | None = None  #: seconds since the epoch
    type_data: TypeData | None = None
    display_data: list[list[str]] | None = None


class Execution(Wire):
    queue: str | None = None
    parameters: dict[str, Any] | None = None
    model: str | None = None
    model_desc: dict[str, Any] | None = None
    model_labels: dict[str, int] | None = None
    framework: str | None = None
    docker_cmd: str | None = None
    artifacts: list[Artifact] | None = None


class TaskModel(Wire):
    name: str
    model: str
    updated: dt.datetime | None = None


class TaskModels(Wire):
    input: list[TaskModel] | None = None
    output: list[TaskModel] | None = None


class Output(Wire):
    destination: str | None = None
    result: str | None = None
    error: str | None = None
    model: str | None = None


class LastMetric(Wire):
    metric: str
    variant: str
    value: float
    min_value: float
    min_value_iteration: int
    max_value: float
    max_value_iteration: int
    first_value: float | None = None
    first_value_iteration: int | None = None
    mean_value: float | None = None
    count: int | None = None


class Task(Wire):
    """A task as it is read. A projection (`only_fields`) leaves the rest out."""

    id: str
    name: str | None = None
    user: str | None = None
    company: str | None = None
    type: TaskType | None = None
    status: TaskStatus | None = None
    status_reason: str | None = None
    status_message: str | None = None
    status_changed: dt.datetime | None = None
    comment: str | None = None
    parent: str | None = None
    project: str | None = None
    created: dt.datetime | None = None
    started: dt.datetime | None = None
    completed: dt.datetime | None = None
    published: dt.datetime | None = None
    active_duration: int | None = None  #: seconds
    last_update: dt.datetime | None = None
    last_change: dt.datetime | None = None
    last_changed_by: str | None = None
    last_worker: str | None = None
    last_worker_report: dt.datetime | None = None
    last_iteration: int | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    script: Script | None = None
    execution: Execution | None = None
    container: dict[str, str] | None = None
    hyperparams: dict[str, dict[str, Parameter]] | None = None
    configuration: dict[str, ConfigurationItem] | None = None
    runtime: dict[str, Any] | None = None
    models: TaskModels | None = None
    output: Output | None = None
    last_metrics: dict[str, dict[str, LastMetric]] | None = None
    enqueue_status: str | None = None
    report: str | None = None
    report_assets: list[str] | None = None
    attempt: int | None = None  #: ours: number of the newest attempt, from 1; absent before the first


class TaskReply(Wire):
    task: Task


class TasksReply(Wire):
    tasks: list[Task]
    scroll_id: str | None = None
    total: int | None = None  #: ours: how many match in all; only in `get_all_ex`


class TaskDocument(Wire):
    """A task in `*_ex` replies: references may be expanded to objects, so it is left a map."""

    task: dict[str, Any]


class TaskDocuments(Wire):
    tasks: list[dict[str, Any]]
    scroll_id: str | None = None
    total: int | None = None


class Created(Wire):
    id: str


class CreateTask(Request[Created]):
    """`id` is ours: creating with an id that exists and is yours answers that id and changes nothing."""

    endpoint = "tasks.create"
    permission = "write"
    reply = Created

    name: str
    type: TaskType
    id: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    comment: str | None = None
    parent: str | None = None
    project: str | None = None
    output_dest: str | None = None
    execution: Execution | None = None
    script: Script | None = None
    hyperparams: dict[str, dict[str, Parameter]] | None = None
    configuration: dict[str, ConfigurationItem] | None = None
    models: TaskModels | None = None
    container: dict[str, str] | None = None


class GetTask(Request[TaskReply]):
    endpoint = "tasks.get_by_id"
    permission = "read"
    reply = TaskReply

    task: str
    only_fields: list[str] | str | None = None


class GetTaskEx(Request[TaskDocuments]):
    endpoint = "tasks.get_by_id_ex"
    permission = "read"
    reply = TaskDocuments

    id: list[str] | str
    only_fields: list[str] | str | None = None


class _TaskQuery(ListQuery):
    user: StrList | None = None
    project: StrList | None = None
    type: StrList | None = None
    status: StrList | None = None
    parent: StrList | None = None
    include_subprojects: bool | None = None


class GetTasks(Request[TasksReply], _TaskQuery):
    endpoint = "tasks.get_all"
    permission = "read"
    reply = TasksReply


class GetTasksEx(Request[TaskDocuments], _TaskQuery):
    endpoint = "tasks.get_all_ex"
    permission = "read"
    reply = TaskDocuments


class EditTask(Request[Updated]):
    """Change any field of a draft; of any task with `force`. Objects are merged by key, maps are replaced."""

    endpoint = "tasks.edit"
    permission = "write"
    reply = Updated

    task: str
    force: bool | None = None
    name: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    type: TaskType | None = None
    comment: str | None = None
    parent: str | None = None
    project: str | None = None
    output_dest: str | None = None
    execution: Execution | None = None
    script: Script | None = None
    hyperparams: dict[str, dict[str, Parameter]] | None = None
    configuration: dict[str, ConfigurationItem] | None = None
    models: TaskModels | None = None
    container: dict[str, str] | None = None
    runtime: dict[str, Any] | None = None


class UpdateTask(Request[Updated]):
    """Change the light fields, in any status."""

    endpoint = "tasks.update"
    permission = "write"
    reply = Updated

    task: str
    name: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    comment: str | None = None
    project: str | None = None
    output__error: str | None = None


class SetRequirements(Request[Updated]):
    endpoint = "tasks.set_requirements"
    permission = "write"
    reply = Updated

    task: str
    requirements: dict[str, Any]


class EditHyperParams(Request[Updated]):
    endpoint = "tasks.edit_hyper_params"
    permission = "write"
    reply = Updated

    task: str
    hyperparams: list[Parameter]
    replace_hyperparams: Literal["none", "section", "all"] | None = None
    force: bool | None = None


class EditConfiguration(Request[Updated]):
    endpoint = "tasks.edit_configuration"
    permission = "write"
    reply = Updated

    task: str
    configuration: list[ConfigurationItem]
    replace_configuration: bool | None = None
    force: bool | None = None


class AddOrUpdateArtifacts(Request[Updated]):
    endpoint = "tasks.add_or_update_artifacts"
    permission = "write"
    reply = Updated

    task: str
    artifacts: list[Artifact]
    force: bool | None = None


class AddOrUpdateModel(Request[Updated]):
    endpoint = "tasks.add_or_update_model"
    permission = "write"
    reply = Updated

    task: str
    name: str
    model: str
    type: Literal["input", "output"]
    iteration: int | None = None


class Cloned(Wire):
    id: str
    new_project: dict[str, str] | None = None


class CloneTask(Request[Cloned]):
    """`new_task_id` is ours: cloning twice to the same id is cloning once."""

    endpoint = "tasks.clone"
    permission = "write"
    reply = Cloned

    task: str
    new_task_id: str | None = None
    new_task_name: str | None = None
    new_task_comment: str | None = None
    new_task_tags: list[str] | None = None
    new_task_system_tags: list[str] | None = None
    new_task_parent: str | None = None
    new_task_project: str | None = None
    new_project_name: str | None = None
    new_task_hyperparams: dict[str, dict[str, Parameter]] | None = None
    new_task_configuration: dict[str, ConfigurationItem] | None = None
    execution_overrides: Execution | None = None
    new_task_container: dict[str, str] | None = None


class _Transition(Wire):
    task: str
    force: bool | None = None
    status_reason: str | None = None
    status_message: str | None = None
    attempt: int | None = None  #: ours: the writer's fencing token; an older one than the newest is refused (409)


class Started(Updated):
    started: int | None = None


class StartTask(Request[Started], _Transition):
    endpoint = "tasks.started"
    permission = "write"
    reply = Started


class Completed(Updated):
    published: int | None = None


class CompleteTask(Request[Completed], _Transition):
    endpoint = "tasks.completed"
    permission = "write"
    reply = Completed

    publish: bool | None = None


class TaskStopped(Request[Updated], _Transition):
    """The task has stopped."""

    endpoint = "tasks.stopped"
    permission = "write"
    reply = Updated


class TaskFailed(Request[Updated], _Transition):
    endpoint = "tasks.failed"
    permission = "write"
    reply = Updated


class StopTask(Request[Updated], _Transition):
    """Ask a task to stop: at once when nobody runs it, else by `status_message` "stopping" and through its lease."""

    endpoint = "tasks.stop"
    permission = "write"
    reply = Updated

    include_pipeline_steps: bool | None = None


class ResetTask(Request[Updated], _Transition):
    """Back to a draft: outputs, events, attempts' visible results and runtime are dropped."""

    endpoint = "tasks.reset"
    permission = "write"
    reply = Updated

    clear_all: bool | None = None
    delete_output_models: bool | None = None


class Deleted(Wire):
    deleted: bool


class DeleteTask(Request[Deleted], _Transition):
    endpoint = "tasks.delete"
    permission = "write"
    reply = Deleted


class Enqueued(Updated):
    queued: int = 0
    queue_watched: bool | None = None


class EnqueueTask(Request[Enqueued], _Transition):
    endpoint = "tasks.enqueue"
    permission = "write"
    reply = Enqueued

    queue: str | None = None
    queue_name: str | None = None
    verify_watched_queue: bool | None = None
    update_execution_queue: bool | None = None


class Dequeued(Updated):
    dequeued: int = 0


class DequeueTask(Request[Dequeued], _Transition):
    endpoint = "tasks.dequeue"
    permission = "write"
    reply = Dequeued

    new_status: TaskStatus | None = None
    remove_from_all_queues: bool | None = None


class PingTask(Request[Empty]):
    endpoint = "tasks.ping"
    permission = "write"
    reply = Empty

    task: str
