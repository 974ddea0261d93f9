"""The task behind `Task.init`: the one an agent gave this process, the last one used again, or a new one."""

import pathlib
import sys
from typing import TYPE_CHECKING, Literal, NamedTuple

from trackside import settings
from trackside.errors import InvalidId, ServerUnavailable
from trackside.protocol import base, tasks
from trackside.settings import Settings

from . import queries, reuse

if TYPE_CHECKING:
    from trackside.client.api import Api

INIT_PATIENCE = 2.0  #: seconds `Task.init` waits for a server that is away, when a person started the script


def patience() -> float | None:
    """Under an agent the server is known to come back: the usual patience, so that its restart fails no step."""
    return None if settings.load().task_id else INIT_PATIENCE


How = Literal["attached", "continued", "reused", "created"]


class Wanted(NamedTuple):
    """What the script asked `Task.init` for."""

    project: str
    name: str
    type: tasks.TaskType
    tags: list[str]
    reuse: bool | str
    continued: bool | str
    destination: str | None


def begin(api: "Api", known: Settings, wanted: Wanted) -> tuple[tasks.Task, How]:
    """The task this process now runs, in progress, with the number of its attempt.

    Raises:
        ServerUnavailable: nobody answers; the message says where, and what to do.
    """
    try:
        return _begin(api, known, wanted)
    except ServerUnavailable as error:
        message = f"{error.message}; start the server with `trackside up`, or check TRACKSIDE_API_HOST"
        raise ServerUnavailable(message) from error


def _begin(api: "Api", known: Settings, wanted: Wanted) -> tuple[tasks.Task, How]:
    if known.task_id is not None:
        return _attach(api, known, known.task_id), "attached"
    project = queries.get_or_create_project(api, wanted.project)
    last = reuse.last_id(known.home, known.api_host or "", wanted.project, wanted.name)
    how: How = "created"
    task = _continued(api, wanted, last)
    if task is not None:
        how = "continued"
    else:
        task = _reset_last(api, wanted, last)
        if task is not None:
            how = "reused"
    task_id = task.id if task is not None else _create(api, wanted, project)
    api.call(tasks.StartTask(task=task_id, force=how == "continued" or None))
    reuse.remember(known.home, known.api_host or "", wanted.project, wanted.name, task_id)
    return queries.task_by_id(api, task_id), how


def default_name() -> str:
    """What a task is called that was not given a name: its script's."""
    main = sys.argv[0] if sys.argv else ""
    return pathlib.Path(main).stem or "interactive"


def _attach(api: "Api", known: Settings, task_id: str) -> tasks.Task:
    task = queries.task_by_id(api, task_id)
    if known.attempt is None:
        # no agent of ours has begun an attempt: one of ClearML's, or a person by hand
        if task.status != "in_progress":
            api.call(tasks.StartTask(task=task_id, force=True))
            task = queries.task_by_id(api, task_id)
        return task
    return task


def _continued(api: "Api", wanted: Wanted, last: str | None) -> tasks.Task | None:
    if not wanted.continued:
        return None
    chosen = wanted.continued if isinstance(wanted.continued, str) else last
    if chosen is None:
        return None
    return queries.task_by_id(api, chosen)


def _reset_last(api: "Api", wanted: Wanted, last: str | None) -> tasks.Task | None:
    if not wanted.reuse:
        return None
    chosen = wanted.reuse if isinstance(wanted.reuse, str) else last
    if chosen is None:
        return None
    try:
        task = queries.task_by_id(api, chosen)
    except InvalidId:
        return None
    if not reuse.may_reuse(task, name=wanted.name, task_type=wanted.type):
        return None
    api.call(tasks.ResetTask(task=task.id))
    # what the last run connected is not what this one will
    api.call(tasks.EditTask(task=task.id, force=True, tags=wanted.tags, hyperparams={}, configuration={}))
    return task


def _create(api: "Api", wanted: Wanted, project: str) -> str:
    new = tasks.CreateTask(
        id=base.new_id(),
        name=wanted.name,
        type=wanted.type,
        project=project,
        tags=wanted.tags,
        system_tags=["development"],
        output_dest=wanted.destination,
    )
    return api.call(new).id
