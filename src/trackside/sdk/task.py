"""`Task`: what a script sees of its own task, and of any other. A façade: each method hands on to its module."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from trackside import sdk

from .names import TaskStatusEnum, TaskTypes

if TYPE_CHECKING:
    from trackside.client.api import Api
    from trackside.protocol import tasks
    from trackside.settings import Settings

    from .artifacts import Artifacts
    from .logger import Logger
    from .models import Model, Wanted
    from .recording import Recording

ConnectedT = TypeVar("ConnectedT")


class Task:
    """A recorded run of a script. `Task.init` makes the one this process runs; `Task.get_task` reads any.

    A `Task` may be shared between threads.
    """

    TaskTypes = TaskTypes
    TaskStatusEnum = TaskStatusEnum

    def __init__(
        self, api: "Api", known: "Settings", data: "tasks.Task", recording: "Recording | None" = None
    ) -> None:
        self.api = api
        self.recording = recording
        self._known = known
        self._data = data
        self._logger: Logger | None = None
        self._project_name: str | None = None

    # making and finding

    @classmethod
    def init(
        cls,
        project_name: str | None = None,
        task_name: str | None = None,
        task_type: TaskTypes | str = TaskTypes.training,
        tags: Sequence[str] | None = None,
        reuse_last_task_id: bool | str = True,
        continue_last_task: bool | str = False,
        output_uri: str | bool | None = None,
        auto_connect_arg_parser: bool = True,
        auto_connect_frameworks: bool | Mapping[str, bool] = True,
        auto_resource_monitoring: bool = True,
        auto_connect_streams: bool = True,
    ) -> "Task":
        """Begin to record this process; under an agent, as the task it runs. A second call gives the same task.

        A local run of the same name within a day uses its task again, if that kept no artifact and no model.

        Raises:
            ServerUnavailable: nobody answered within 2 seconds.
            UsageError: no server is known, or this process runs another task already.
        """
        wanted = sdk.creation.Wanted(
            project=project_name or "Untitled",
            name=task_name or sdk.creation.default_name(),
            type=TaskTypes(task_type).value,
            tags=list(tags or []),
            reuse=reuse_last_task_id,
            continued=continue_last_task,
            destination=output_uri if isinstance(output_uri, str) else None,
        )
        captured = {
            "streams": auto_connect_streams,
            "frameworks": auto_connect_frameworks,
            "arguments": auto_connect_arg_parser,
        }
        return sdk.starting.start(cls, wanted, captured, machine=bool(auto_resource_monitoring))

    @classmethod
    def current_task(cls) -> "Task | None":
        """The task this process runs."""
        return sdk.current.task()

    @classmethod
    def get_task(
        cls,
        task_id: str | None = None,
        project_name: str | None = None,
        task_name: str | None = None,
        tags: Sequence[str] | None = None,
        allow_archived: bool = True,
    ) -> "Task":
        """A task by its id, or the one of this project and name that changed last.

        Raises:
            InvalidId: there is none; a ValueError whose message names project and task.
        """
        api, known = sdk.current.connection()
        if task_id:
            return cls(api, known, sdk.queries.task_by_id(api, task_id))
        if not task_name:
            raise sdk.queries.UsageError("give a task_id, or a task_name with its project_name")
        return cls(
            api, known, sdk.queries.newest_task(api, project_name, task_name, tags=tags, archived=allow_archived)
        )

    @classmethod
    def get_tasks(
        cls,
        task_ids: Sequence[str] | None = None,
        project_name: str | None = None,
        task_name: str | None = None,
        tags: Sequence[str] | None = None,
        task_filter: Mapping[str, Any] | None = None,
    ) -> "list[Task]":
        """All tasks that match, newest change first. `task_name` is a pattern; `task_filter` holds more conditions."""
        api, known = sdk.current.connection()
        conditions = dict(task_filter or {})
        conditions |= {name: list(value) for name, value in (("id", task_ids), ("tags", tags)) if value}
        return [cls(api, known, data) for data in sdk.queries.list_tasks(api, project_name, task_name, **conditions)]

    @classmethod
    def create(
        cls,
        project_name: str | None = None,
        task_name: str | None = None,
        task_type: TaskTypes | str = TaskTypes.training,
        **script: Any,
    ) -> "Task":
        """Make a draft; `script` are fields of `protocol.tasks.Script`: repository, branch, entry_point …"""
        api, known = sdk.current.connection()
        data = sdk.queries.create(
            api,
            project=project_name or "Untitled",
            name=task_name or sdk.creation.default_name(),
            task_type=TaskTypes(task_type).value,
            script=sdk.queries.tasks.Script(**script) if script else None,
        )
        return cls(api, known, data)

    @classmethod
    def clone(
        cls,
        source_task: "Task | str",
        name: str | None = None,
        comment: str | None = None,
        parent: str | None = None,
        project: str | None = None,
    ) -> "Task":
        """Make a draft that is a copy of a task. `project` is an id."""
        api, known = sdk.current.connection()
        copy = sdk.queries.clone(api, _id(source_task), name=name, comment=comment, parent=parent, project=project)
        return cls(api, known, copy)

    @classmethod
    def enqueue(cls, task: "Task | str", queue_name: str | None = None, queue_id: str | None = None) -> Any:
        """Put a task into a queue, the default one when none is named; the reply says whether a worker listens.

        Raises:
            InvalidId: there is no such queue; the message lists those there are.
            InvalidStatus: the task runs, or waits, already.
        """
        api, _known = sdk.current.connection()
        reply = sdk.statuses.enqueue(api, _id(task), queue_name or queue_id)
        sdk.remote.warn_unwatched(queue_name or queue_id or "default", reply)
        return reply

    @classmethod
    def dequeue(cls, task: "Task | str") -> Any:
        api, _known = sdk.current.connection()
        return api.call(sdk.queries.tasks.DequeueTask(task=_id(task)))

    # what it is

    @property
    def data(self) -> "tasks.Task":
        """The task's record as it was read last."""
        return self._data

    @property
    def id(self) -> str:
        return self._data.id

    task_id = id

    @property
    def name(self) -> str:
        return self._data.name or ""

    @property
    def project(self) -> str | None:
        """The project's id."""
        return self._data.project

    @property
    def parent(self) -> str | None:
        return self._data.parent

    @property
    def task_type(self) -> str | None:
        return self._data.type

    @property
    def comment(self) -> str:
        return self._data.comment or ""

    @property
    def status(self) -> str:
        """Read from the server each time."""
        return self.get_status()

    @property
    def artifacts(self) -> "Artifacts":
        """By name, as the server has them now; the current task's uploads are waited for."""
        self.flush(wait_for_uploads=True)
        self.reload()
        return sdk.artifacts.of_task(self.api, self._known, self._data)

    @property
    def models(self) -> "dict[str, list[Model]]":
        """`{"input": […], "output": […]}`, each in the order they were attached."""
        self.flush(wait_for_uploads=True)
        self.reload()
        return sdk.models.of_task(self._data)

    def get_status(self) -> str:
        return self.reload().status or "unknown"

    def reload(self) -> "tasks.Task":
        self._data = sdk.queries.task_by_id(self.api, self.id)
        return self._data

    def get_project_name(self) -> str:
        if self._project_name is None:
            self._project_name = sdk.queries.project_name(self.api, self.project) if self.project else ""
        return self._project_name

    def get_tags(self) -> list[str]:
        return list(self.reload().tags or [])

    def get_output_log_web_page(self) -> str:
        return f"{self._known.web}/projects/{self.project or '*'}/tasks/{self.id}/output/log"

    def get_logger(self) -> "Logger":
        if self._logger is None:
            if self.recording is not None:
                captured = self.recording.supervised or self.recording.streams
                self._logger = sdk.logger.Logger(self.recording.journal, streams_are_captured=captured)
            else:
                reporter = sdk.reporting.DirectReporter(self.api, self.id)
                self._logger = sdk.logger.Logger(reporter, streams_are_captured=False)
        return self._logger

    def is_main_task(self) -> bool:
        return sdk.current.task() is self

    def running_remotely(self) -> bool:
        """Whether an agent started this process to run this task."""
        return self._known.task_id == self.id

    @classmethod
    def running_locally(cls) -> bool:
        task = sdk.current.task()
        return not (task is not None and task.running_remotely())

    # parameters and configuration

    def connect(
        self, mutable: ConnectedT, name: str | None = None, ignore_remote_overrides: bool = False
    ) -> ConnectedT:
        """Record the values of a dict, Namespace, parser or object, and give it back.

        Under an agent the task's values are written into it first, each as the type of the script's own. Two
        objects connected without a name share the section `General`.

        Raises:
            InvalidRequest: nothing in it can be recorded, or a value is not of its type.
        """
        return sdk.connect.to_task(self, mutable, name, keep=ignore_remote_overrides)

    def connect_configuration(
        self, configuration: Any, name: str | None = None, description: str | None = None
    ) -> Any:
        """Record a dict, list or file as a configuration; under an agent, give the task's instead.

        A file's content is recorded; then a path is given back.
        """
        return sdk.connect.configuration_to_task(self, configuration, name or "General", description)

    def get_parameters(self) -> dict[str, str]:
        """`{"Section/name": text}`."""
        return sdk.parameters.parameters.as_flat(self.reload().hyperparams or {})

    def get_parameters_as_dict(self) -> dict[str, Any]:
        """`{section: {name: text}}`; names with `/` are nested."""
        return sdk.parameters.as_nested(self.reload().hyperparams or {})

    def get_parameter(self, name: str, default: Any = None) -> Any:
        """One parameter's text, by `Section/name`."""
        return self.get_parameters().get("/".join(sdk.parameters.parameters.split_key(name)), default)

    def set_parameters(self, *args: Mapping[str, Any], **kwargs: Any) -> None:
        """Replace all parameters by these."""
        sdk.parameters.replace_all(self.api, self.id, _merged(args, kwargs), force=self._is_ours)

    def update_parameters(self, *args: Mapping[str, Any], **kwargs: Any) -> None:
        """Write these parameters, and leave the others."""
        known = self.reload().hyperparams or {}
        sdk.parameters.update(self.api, self.id, known, _merged(args, kwargs), force=self._is_ours)

    def set_parameter(self, name: str, value: Any, description: str | None = None) -> None:
        known = self.reload().hyperparams or {}
        descriptions = {name: description} if description else None
        sdk.parameters.update(
            self.api, self.id, known, {name: value}, force=self._is_ours, descriptions=descriptions
        )

    # results

    def upload_artifact(
        self,
        name: str,
        artifact_object: Any,
        metadata: dict[str, Any] | None = None,
        delete_after_upload: bool = False,
        preview: Any = None,
        wait_on_upload: bool = False,
    ) -> bool:
        """Keep an object, file or folder as it is now; a file's content is read when its turn comes.

        Uploading happens behind; an artifact is seen by others when it is there whole. False: it was waited for, and
        failed, which is also told on stderr.

        Raises:
            InvalidRequest: the object cannot be kept, or there is no such file.
        """
        return sdk.uploads.artifact(
            self, name, artifact_object, metadata, preview, delete=delete_after_upload, wait=wait_on_upload
        )

    def record_saved_model(self, path: str | os.PathLike[str], framework: str) -> None:
        """Keep a model file that the script has just saved, as an output model of this task."""
        sdk.models.saved(self, pathlib.Path(path), framework)

    def record_script(self, script: "tasks.Script") -> None:
        """Write down where the running code came from."""
        sdk.starting.record_script(self, script)

    def flush(self, wait_for_uploads: bool = False) -> bool:
        """Whether everything uploaded since the last flush arrived; without waiting, True."""
        if not wait_for_uploads or self.recording is None or not self.recording.ours:
            return True
        return self.recording.background.wait()

    # moving

    def execute_remotely(
        self, queue_name: str | None = None, clone: bool = False, exit_process: bool = True
    ) -> "Task | None":
        """End this run here and leave the task to an agent: in a queue, or without one as a draft.

        Under an agent it does nothing. With `clone` a copy is enqueued, or left as the draft, and this one completes.
        """
        return sdk.remote.leave(self, queue_name, clone=clone, exit_process=exit_process)

    def started(self, ignore_errors: bool = True, force: bool = False) -> None:
        sdk.statuses.move(self, sdk.statuses.tasks.StartTask(task=self.id, force=force or None), quiet=ignore_errors)

    mark_started = started

    def mark_completed(
        self, ignore_errors: bool = True, status_message: str | None = None, force: bool = False
    ) -> None:
        request = sdk.statuses.tasks.CompleteTask(
            task=self.id, force=force or None, status_reason="completed", status_message=status_message
        )
        sdk.statuses.move(self, request, quiet=ignore_errors)

    completed = mark_completed

    def mark_failed(
        self,
        ignore_errors: bool = True,
        status_reason: str | None = None,
        status_message: str | None = None,
        force: bool = False,
    ) -> None:
        request = sdk.statuses.tasks.TaskFailed(
            task=self.id, force=force or None, status_reason=status_reason, status_message=status_message
        )
        sdk.statuses.move(self, request, quiet=ignore_errors)

    def mark_stopped(self, force: bool = False, status_message: str | None = None) -> None:
        request = sdk.statuses.tasks.TaskStopped(
            task=self.id, force=force or None, status_reason="stopped", status_message=status_message
        )
        sdk.statuses.move(self, request)

    def reset(self, set_started_on_success: bool = False, force: bool = False) -> None:
        """Back to a draft: outputs and metrics are dropped."""
        self.api.call(sdk.statuses.tasks.ResetTask(task=self.id, force=force or None))
        if set_started_on_success:
            self.started(ignore_errors=False)

    def delete(self, force: bool = False) -> bool:
        return self.api.call(sdk.statuses.tasks.DeleteTask(task=self.id, force=force or None)).deleted

    def wait_for_status(
        self,
        status: Sequence[TaskStatusEnum | str] = (TaskStatusEnum.completed, TaskStatusEnum.stopped),
        raise_on_status: Sequence[TaskStatusEnum | str] | None = (TaskStatusEnum.failed,),
        timeout: float | None = None,
    ) -> None:
        """Wait until the task has one of the statuses; `timeout` in seconds.

        Raises:
            ExecutionError: it has one of `raise_on_status`.
            TimeoutError: the time is over.
        """
        self._data = sdk.statuses.wait_for(self.api, self.id, _words(status), _words(raise_on_status or ()), timeout)

    def add_tags(self, tags: Sequence[str] | str) -> None:
        new = [tags] if isinstance(tags, str) else list(tags)
        self.set_tags(sorted({*self.get_tags(), *new}))

    def set_tags(self, tags: Sequence[str]) -> None:
        self._update(tags=list(tags))

    def set_name(self, name: str) -> None:
        self._update(name=name)

    def set_comment(self, comment: str) -> None:
        self._update(comment=comment)

    def close(self) -> None:
        """End the recording: wait for the uploads and, at most 30 seconds, for the journal's delivery."""
        if self.recording is not None:
            sdk.starting.finish(self, sdk.closing.Outcome("completed"))

    # parts of the façade

    @property
    def _is_ours(self) -> bool:
        """A running task's parameters are changed only by who runs it."""
        return self.recording is not None

    def _record_model(self, path: pathlib.Path, wanted: "Wanted") -> str:
        return sdk.models.record(self, path, wanted)

    def _update(self, **fields: Any) -> None:
        self.api.call(sdk.statuses.tasks.UpdateTask(task=self.id, **fields))
        self.reload()

    def __repr__(self) -> str:
        return f"Task(id={self.id!r}, name={self.name!r})"


def _id(task: "Task | str") -> str:
    return task if isinstance(task, str) else task.id


def _words(statuses: Sequence[str]) -> frozenset[str]:
    return frozenset(str(status) for status in statuses)


def _merged(mappings: Sequence[Mapping[str, Any]], named: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for mapping in mappings:
        merged |= mapping
    return merged | dict(named)
