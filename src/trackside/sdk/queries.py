"""Finding tasks and projects by name."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from trackside.errors import InvalidId, InvalidRequest, UsageError
from trackside.protocol import base, projects, tasks

if TYPE_CHECKING:
    from trackside.client.api import Api

_PAGE = 500  #: the most a server lists at once
_NAME_TAKEN = 801  #: subcode: somebody made a project of this name meanwhile


def exactly(name: str) -> str:
    """The pattern that only `name` matches."""
    return f"^{re.escape(name)}$"


def task_by_id(api: "Api", task_id: str) -> tasks.Task:
    return api.call(tasks.GetTask(task=task_id)).task


def project_id(api: "Api", name: str) -> str | None:
    found = api.call(
        projects.GetProjects(name=exactly(name), only_fields=["id", "name"], search_hidden=True, shallow_search=False)
    )
    return found.projects[0].id if found.projects else None


def project_name(api: "Api", project: str) -> str:
    return api.call(projects.GetProject(project=project)).project.name or ""


def get_or_create_project(api: "Api", name: str) -> str:
    known = project_id(api, name)
    if known is not None:
        return known
    try:
        return api.call(projects.CreateProject(name=name)).id
    except InvalidRequest as error:
        known = project_id(api, name) if error.subcode == _NAME_TAKEN else None
        if known is None:
            raise
        return known


def newest_task(
    api: "Api", project: str | None, name: str, *, tags: Sequence[str] | None = None, archived: bool = True
) -> tasks.Task:
    """The task of this exact name that changed last.

    Raises:
        InvalidId: there is none; the message names project and task.
    """
    within = None
    if project is not None:
        within = project_id(api, project)
        if within is None:
            raise InvalidId(f"there is no project {project!r}, so there is no task {name!r} in it")
    query = tasks.GetTasks(
        name=exactly(name),
        project=[within] if within else None,
        tags=list(tags) if tags else None,
        system_tags=None if archived else ["-archived"],
        only_fields=["id", "name", "last_update", "system_tags"],
        order_by=["-last_update"],
        search_hidden=True,
        page=0,
        page_size=_PAGE,
    )
    found = api.call(query).tasks
    if not found:
        where = f" in project {project!r}" if project is not None else ""
        raise InvalidId(f"there is no task {name!r}{where}; run its script once to register it, or check both names")
    # one that was put away is only meant when nothing else has the name
    best = min(found, key=lambda item: "archived" in (item.system_tags or []))
    return task_by_id(api, best.id)


def list_tasks(api: "Api", project: str | None, name: str | None, **conditions: Any) -> list[tasks.Task]:
    """All tasks whose name matches the pattern `name`, newest change first; `conditions` are `tasks.get_all`'s.

    Raises:
        UsageError: `tasks.get_all` knows no such condition.
    """
    allowed = {field for field in tasks.GetTasks.__struct_fields__ if field not in ("page", "page_size")}
    unknown = set(conditions) - allowed
    if unknown:
        raise UsageError(f"tasks cannot be filtered by {', '.join(sorted(unknown))}; use {', '.join(sorted(allowed))}")
    if project is not None:
        within = project_id(api, project)
        if within is None:
            return []
        conditions["project"] = [within]
    if name:
        conditions["name"] = name
    query = tasks.GetTasks(**({"order_by": ["-last_update"]} | conditions))
    found: list[tasks.Task] = []
    for page in range(1 << 20):
        part = api.call(msgspec.structs.replace(query, page=page, page_size=_PAGE)).tasks
        found += part
        if len(part) < _PAGE:
            break
    return found


def create(
    api: "Api", *, project: str, name: str, task_type: tasks.TaskType, script: tasks.Script | None = None, **fields: Any
) -> tasks.Task:
    """Make a draft."""
    new = tasks.CreateTask(
        id=base.new_id(),
        name=name,
        type=task_type,
        project=get_or_create_project(api, project),
        script=script,
        **fields,
    )
    return task_by_id(api, api.call(new).id)


def clone(
    api: "Api", source: str, *, name: str | None, comment: str | None, parent: str | None, project: str | None
) -> tasks.Task:
    """Make a draft that is a copy of the task `source`."""
    if name is None:
        original = api.call(tasks.GetTask(task=source, only_fields=["name"])).task.name
        name = f"Clone of {original}"
    request = tasks.CloneTask(
        task=source,
        new_task_id=base.new_id(),
        new_task_name=name,
        new_task_comment=comment,
        new_task_parent=parent,
        new_task_project=project,
    )
    return task_by_id(api, api.call(request).id)
