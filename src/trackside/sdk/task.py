"""`Task`: the façade a script holds. It has many methods and no logic; each hands on to a module of this room."""

import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from trackside.errors import UsageError
from trackside.protocol import base, tasks
from trackside.protocol.parameters import as_flat, parameter, split_key
from trackside.settings import Settings

from . import current, names

if TYPE_CHECKING:
    from trackside.client.api import Api

    from .artifacts import Artifacts
    from .logger import Logger
    from .models import Model, Wanted
    from .recording import Recording

C = TypeVar("C")


class Task:
    """A recorded run of a script, or any task of the server.

    `Task.init` makes the one that this process runs; `Task.get_task` and its like read others.
    """

    TaskTypes: ClassVar[type[names.TaskTypes]] = names.TaskTypes
    TaskStatusEnum: ClassVar[type[names.TaskStatusEnum]] = names.TaskStatusEnum

    def __init__(self, api: "Api", settings: Settings, data: tasks.Task) -> None:
        self.api = api
        self.settings = settings
        self.data = data  #: as last read from the server, see `reload`
        self._recording: Recording | None = None
        self._logger: Logger | None = None

    # -- making and finding tasks

    @classmethod
    def init(
        cls,
        project_name: str | None = None,
        task_name: str | None = None,
        task_type: names.TaskTypes | tasks.TaskType = names.TaskTypes.training,
        tags: Sequence[str] | None = None,
        reuse_last_task_id: bool | str = True,
        continue_last_task: bool | str = False,
        output_uri: str | bool | None = None,
        auto_connect_arg_parser: bool = True,
        auto_connect_frameworks: bool | Mapping[str, bool] = True,
        auto_resource_monitoring: bool = True,
        auto_connect_streams: bool = True,
    ) -> "Task":
        """Begin to record this process. A second call answers the same task.

        Under an agent the task is the one the agent runs, and nothing is made. Otherwise it is a new one, or the last
        of this name from the past 24 hours when nothing worth keeping came of it (`reuse_last_task_id`).

        Raises:
            ServerUnavailable: no server answered within two seconds.
        """
        from . import creation, starting

        with current.lock:
            running = current.task()
            if running is not None:
                return starting.again(running, project_name, task_name)
            api, settings = current.connection(patience=creation.patience())
            wanted = creation.Wanted(
                project=project_name or "Examples",
                name=task_name or creation.default_name(),
                type=tasks.as_type(str(task_type)),
                tags=list(tags or []),
                reuse=reuse_last_task_id,
                continued=continue_last_task,
                destination=output_uri if isinstance(output_uri, str) else None,
            )
            data, how = creation.begin(api, settings, wanted)
            task = cls(api, settings, data)
            current.set_task(task)
            task._say_hello(how)
            starting.begin(
                task,
                streams=auto_connect_streams,
                frameworks=auto_connect_frameworks,
                arguments=auto_connect_arg_parser,
                machine=auto_resource_monitoring,
            )
            return task

    @classmethod
    def current_task(cls) -> "Task | None":
        """The task that this process runs; None before `Task.init`."""
        return current.task()

    @classmethod
    def get_task(
        cls,
        task_id: str | None = None,
        project_name: str | None = None,
        task_name: str | None = None,
        tags: Sequence[str] | None = None,
        allow_archived: bool = True,
    ) -> "Task":
        """One task, by its id, or the newest of that name.

        Raises:
            InvalidId: (also a ValueError and a LookupError) there is none; the message names project and task.
        """
        from . import queries

        api, settings = current.connection()
        if task_id:
            return cls(api, settings, queries.task_by_id(api, task_id))
        if not task_name:
            raise UsageError("get_task needs a task_id, or a task_name")
        return cls(api, settings, queries.newest_task(api, project_name, task_name, tags=tags, archived=allow_archived))

    @classmethod
    def get_tasks(
        cls,
        task_ids: Sequence[str] | None = None,
        project_name: str | None = None,
        task_name: str | None = None,
        tags: Sequence[str] | None = None,
        task_filter: Mapping[str, Any] | None = None,
    ) -> "list[Task]":
        """All tasks whose name matches the pattern `task_name`, newest change first."""
        from . import queries

        api, settings = current.connection()
        conditions = dict(task_filter or {})
        if task_ids:
            conditions["id"] = list(task_ids)
        if tags:
            conditions["tags"] = list(tags)
        return [cls(api, settings, item) for item in queries.list_tasks(api, project_name, task_name, **conditions)]

    @classmethod
    def create(
        cls,
        project_name: str | None = None,
        task_name: str | None = None,
        task_type: names.TaskTypes | tasks.TaskType = names.TaskTypes.training,
    ) -> "Task":
        """A draft, not recorded by this process."""
        from . import creation, queries

        api, settings = current.connection()
        name = task_name or creation.default_name()
        kind = tasks.as_type(str(task_type))
        data = queries.create(api, project=project_name or "Examples", name=name, task_type=kind)
        return cls(api, settings, data)

    @classmethod
    def clone(
        cls,
        source_task: "Task | str | None" = None,
        name: str | None = None,
        comment: str | None = None,
        parent: str | None = None,
        project: str | None = None,
    ) -> "Task":
        """A draft that is a copy of `source_task`; `project` is an id."""
        from . import queries

        api, settings = current.connection()
        source = _id(source_task or _running())
        made = queries.clone(api, source, name=name, comment=comment, parent=parent, project=project)
        return cls(api, settings, made)

    @classmethod
    def enqueue(cls, task: "Task | str", queue_name: str | None = None, queue_id: str | None = None) -> tasks.Enqueued:
        """Have an agent run it. The reply's `queue_watched` says whether any listens to the queue."""
        from . import remote, statuses

        api, _ = current.connection()
        reply = statuses.enqueue(api, _id(task), queue_id or queue_name)
        remote.warn_unwatched(queue_name or queue_id or "default", reply)
        return reply

    @classmethod
    def dequeue(cls, task: "Task | str") -> tasks.Dequeued:
        api, _ = current.connection()
        return api.call(tasks.DequeueTask(task=_id(task)))

    # -- what it is

    @property
    def id(self) -> str:
        return self.data.id

    task_id = id  # noqa: A003 - Trains has both

    @property
    def name(self) -> str:
        return self.data.name or ""

    @property
    def status(self) -> str:
        """As last read; `get_status` asks the server."""
        return self.data.status or "unknown"

    @property
    def project(self) -> str | None:
        """Id of the project."""
        return self.data.project

    @property
    def parent(self) -> str | None:
        return self.data.parent

    @property
    def task_type(self) -> str:
        return self.data.type or "custom"

    def get_project_name(self) -> str:
        from . import queries

        return queries.project_name(self.api, self.project) if self.project else ""

    def get_status(self) -> str:
        self.reload()
        return self.status

    def reload(self) -> None:
        """Read it anew from the server."""
        from . import queries

        self.data = queries.task_by_id(self.api, self.id)

    def get_output_log_web_page(self) -> str:
        return f"{self.settings.web}/projects/{self.project or '*'}/tasks/{self.id}/output/log"

    @staticmethod
    def running_locally() -> bool:
        """Whether a person, not an agent, runs this process."""
        return current.connection()[1].task_id is None

    @staticmethod
    def is_main_task() -> bool:
        return current.task() is not None

    def running_remotely(self) -> bool:
        return self.settings.task_id == self.id

    # -- parameters

    def connect(self, mutable: C, name: str | None = None) -> C:
        """Record the values of a dict, Namespace, parser or object as parameters of section `name`.

        Under an agent it is the other way round: values that were changed on the task are written into `mutable`.
        """
        from . import connect, parameters

        values = connect.described(mutable)
        section = connect.section_of(mutable, name)
        if self.running_remotely():
            self.reload()
            recorded = (self.data.hyperparams or {}).get(section, {})
            changed = connect.overridden(values, recorded)
            connect.write_back(mutable, changed)
            values = {key: value for key, value in values.items() if key not in recorded}
        flat = {f"{section}/{key}": value for key, value in values.items()}
        if flat:
            parameters.update(self.api, self.id, {}, flat, force=True)
        return mutable

    def connect_configuration(self, configuration: Any, name: str | None = None, description: str | None = None) -> Any:
        """Record a dict or list, or the text of a file given by path, as a configuration object.

        Under an agent the task's own object is answered instead.
        """
        from . import configurations

        return configurations.connect(self, configuration, name or "General", description)

    def get_parameters(self, cast: bool = False) -> dict[str, Any]:
        """`{"Section/name": text}`, read anew."""
        self.reload()
        flat: dict[str, Any] = dict(as_flat(self.data.hyperparams or {}))
        if cast:
            from trackside.protocol.parameters import from_text

            return {key: from_text(value, None) for key, value in flat.items()}
        return flat

    def get_parameters_as_dict(self) -> dict[str, Any]:
        from . import parameters

        self.reload()
        return parameters.as_nested(self.data.hyperparams or {})

    def get_parameter(self, name: str, default: Any = None) -> Any:
        return self.get_parameters().get("/".join(split_key(name)), default)

    def set_parameters(self, *values: Mapping[str, Any], **named: Any) -> None:
        """Replace all parameters."""
        from . import parameters

        merged: dict[str, Any] = {}
        for item in values:
            merged |= item
        parameters.replace_all(self.api, self.id, merged | named, force=True)

    def update_parameters(self, *values: Mapping[str, Any], **named: Any) -> None:
        """Set these parameters, and leave the others as they are."""
        from . import parameters

        self.reload()
        merged: dict[str, Any] = {}
        for item in values:
            merged |= item
        parameters.update(self.api, self.id, self.data.hyperparams or {}, merged | named, force=True)

    def set_parameter(self, name: str, value: Any, description: str | None = None) -> None:
        item = parameter(*split_key(name), value, description)
        self.api.call(tasks.EditHyperParams(task=self.id, hyperparams=[item], force=True))

    # -- results

    def get_logger(self) -> "Logger":
        from . import logger, reporting

        if self._logger is None:
            reporter: reporting.Reporter = reporting.DirectReporter(self.api, self.id)
            streams = False
            if self._recording is not None:
                reporter, streams = self._recording.journal, self._recording.streams
            self._logger = logger.Logger(reporter, streams_are_captured=streams)
        return self._logger

    @property
    def artifacts(self) -> "Artifacts":
        """By name, read anew; the current task's own uploads are waited for."""
        from . import artifacts

        self.flush(wait_for_uploads=True)
        self.reload()
        return artifacts.of_task(self.api, self.settings, self.data)

    @property
    def models(self) -> "dict[str, list[Model]]":
        """`{"input": […], "output": […]}`, read anew; the newest output is the last."""
        from . import models

        self.flush(wait_for_uploads=True)
        self.reload()
        return models.of_task(self.data)

    def upload_artifact(
        self,
        name: str,
        artifact_object: Any,
        metadata: dict[str, Any] | None = None,
        delete_after_upload: bool = False,
        auto_pickle: bool | None = None,
        preview: str | None = None,
        wait_on_upload: bool = False,
    ) -> bool:
        """Keep an object with the task: arrays, tables, dicts, texts, images, a file or folder by path, else a pickle.

        The object is written to a file before the call returns, and uploaded behind, unless `wait_on_upload`. A failed
        upload is told on stderr, and by `flush(wait_for_uploads=True)`.
        """
        from . import results

        del auto_pickle
        job = results.upload(self, name, artifact_object, metadata, preview, delete=delete_after_upload)
        if wait_on_upload:
            job.done.wait()
            return not job.failed
        return True

    def record_saved_model(self, path: str, framework: str) -> None:
        """Record a file that a framework has just saved as an output model."""
        from . import models

        # saved again, it is the same model with new weights
        seen = self._recording.saved_models if self._recording is not None else {}
        model = seen.setdefault(str(pathlib.Path(path).absolute()), base.new_id())
        self._record_model(pathlib.Path(path), models.Wanted(model, None, framework))

    def record_script(self, script: tasks.Script) -> None:
        from . import starting

        starting.record_script(self, script)

    def _record_model(self, path: pathlib.Path, wanted: "Wanted") -> str:
        from . import results

        return results.upload_model(self, path, wanted)

    # -- its end, and its other states

    def execute_remotely(
        self, queue_name: str | None = None, clone: bool = False, exit_process: bool = True
    ) -> "Task | None":
        """End this local run here: the task becomes a draft, or waits in `queue_name` for an agent.

        Under an agent it does nothing, so what follows is what the agent runs. The process exits with code 0 unless
        told not to.
        """
        from . import remote

        if self.running_remotely():
            return None
        if queue_name is not None:
            remote.check_queue(self.api, queue_name)
        self.flush(wait_for_uploads=True)
        enqueued: tasks.Enqueued | None = None
        told = self.id
        if clone:
            told, enqueued = remote.clone_over(self.api, self.data, queue_name)
        self._settle()
        if not clone:
            enqueued = remote.settle(self.api, self.id, queue_name)
        remote.tell(told, queue_name, enqueued)
        if exit_process:
            raise SystemExit(0)
        return Task.get_task(task_id=told) if clone else None

    def flush(self, wait_for_uploads: bool = False) -> bool:
        """Wait for what goes on behind; whether all of it was done since the last wait."""
        if self._recording is None or not wait_for_uploads:
            return True
        return self._recording.background.wait()

    def close(self) -> None:
        """End the recording here instead of at the end of the process; the task completes."""
        from . import closing

        if self._recording is not None:
            closing.end(self._recording, closing.Outcome("completed"))
            self.reload()
        if current.task() is self:
            current.set_task(None)

    def started(self, force: bool = False) -> None:
        self.api.call(tasks.StartTask(task=self.id, force=force))

    def mark_completed(self, status_message: str | None = None, force: bool = False) -> None:
        self._end(tasks.CompleteTask(task=self.id, status_message=status_message, force=force))

    def mark_failed(
        self, status_reason: str | None = None, status_message: str | None = None, force: bool = False
    ) -> None:
        request = tasks.TaskFailed(
            task=self.id, status_reason=status_reason, status_message=status_message, force=force
        )
        self._end(request)

    def mark_stopped(self, force: bool = False, status_message: str | None = None) -> None:
        self._end(tasks.TaskStopped(task=self.id, status_message=status_message, force=force))

    def abort(self) -> None:
        """Ask it to stop, wherever it runs."""
        self.api.call(tasks.StopTask(task=self.id))

    def reset(self, force: bool = False) -> None:
        self.api.call(tasks.ResetTask(task=self.id, force=force))
        self.reload()

    def delete(self, force: bool = False) -> bool:
        return self.api.call(tasks.DeleteTask(task=self.id, force=force)).deleted

    def add_tags(self, tags: Sequence[str] | str) -> None:
        self.reload()
        added = [tags] if isinstance(tags, str) else list(tags)
        self.api.call(tasks.UpdateTask(task=self.id, tags=sorted({*(self.data.tags or []), *added})))
        self.reload()

    def set_name(self, name: str) -> None:
        self.api.call(tasks.UpdateTask(task=self.id, name=name))
        self.reload()

    def set_comment(self, comment: str) -> None:
        self.api.call(tasks.UpdateTask(task=self.id, comment=comment))

    def wait_for_status(
        self,
        status: Collection[str] = ("completed", "stopped", "closed"),
        raise_on_status: Collection[str] = ("failed",),
        timeout: float | None = None,
    ) -> None:
        """Wait until the task has one of these statuses; `timeout` in seconds."""
        from . import statuses

        wanted, refused = [{str(item) for item in group} for group in (status, raise_on_status)]
        self.data = statuses.wait_for(self.api, self.id, wanted, refused, timeout)

    # -- for this room

    def attach(self, recording: "Recording") -> None:
        """This process records the task from now on."""
        self._recording = recording
        self._logger = None

    @property
    def recording(self) -> "Recording | None":
        return self._recording

    def _end(self, request: Any) -> None:
        if self._recording is not None:
            self._recording.settled = True
        self.api.call(request)
        self.reload()

    def _settle(self) -> None:
        """Deliver what was recorded; the status is set by who calls."""
        from . import closing

        if self._recording is not None:
            self._recording.settled = True
            closing.end(self._recording, closing.Outcome("none"))
        if current.task() is self:
            current.set_task(None)

    def _say_hello(self, how: str) -> None:
        if how == "attached":
            return
        done = {"created": "created new", "reused": "reusing", "continued": "continuing"}[how]
        print(f"Trackside Task: {done} task id={self.id}")  # noqa: T201 - what a person starts a script for
        print(f"Trackside results page: {self.get_output_log_web_page()}", flush=True)  # noqa: T201

    def __repr__(self) -> str:
        return f"Task(id={self.id!r}, name={self.name!r}, status={self.status!r})"


def _running() -> Task:
    running = current.task()
    if running is None:
        raise UsageError("give a task, or call Task.init first")
    return running


def _id(task: Task | str) -> str:
    return task if isinstance(task, str) else task.id
