"""Tasks: create, read, edit, clone, delete. Status changes are in `transitions`."""

from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from trackside.errors import Conflict, Forbidden, InvalidRequest, InvalidStatus
from trackside.protocol.base import Empty, Updated, new_id
from trackside.protocol.tasks import (
    AddOrUpdateArtifacts,
    AddOrUpdateModel,
    Artifact,
    Cloned,
    CloneTask,
    Created,
    CreateTask,
    Deleted,
    DeleteTask,
    EditConfiguration,
    EditHyperParams,
    EditTask,
    GetTask,
    Parameter,
    PingTask,
    SetRequirements,
    Task,
    TaskReply,
    UpdateTask,
)

from . import projects, task_rows
from .caller import Caller
from .query.projection import project_document
from .store import tables
from .store.database import Tx

_t = tables.task.c
#: The system tag of a task that a person runs by hand; queued and cloned tasks do not have it.
DEVELOPMENT = "development"


def create(tx: Tx, caller: Caller, request: CreateTask) -> Created:
    """A draft. With an id that exists and is the caller's: that task, unchanged.

    Raises:
        InvalidRequest: the name has fewer than 3 characters (102), or the id is somebody else's (10).
    """
    task_id = request.id or new_id()
    if request.id is not None:
        owner = tx.value(sa.select(_t.user).where(_t.id == task_id))
        if owner == caller.user:
            return Created(id=task_id)
        if owner is not None:
            raise InvalidRequest(f"id {task_id} belongs to another task", subcode=10)
    execution, artifacts, queue = _split_execution(request.execution)
    task_rows.insert(
        tx,
        _new_row(tx, caller, task_id)
        | {
            "name": checked_name(request.name),
            "type": request.type,
            "comment": request.comment,
            "parent": request.parent,
            "project": _existing_project(tx, request.project),
            "tags": sorted(set(request.tags or [])),
            "system_tags": sorted(set(request.system_tags or [])),
            "script": _plain(request.script),
            "execution": execution,
            "queue": queue,
            "hyperparams": _hyperparams(request.hyperparams or {}),
            "configuration": _plain(request.configuration or {}),
            "models": _plain(request.models) or {},
            "container": request.container or {},
            "output": {"destination": request.output_dest} if request.output_dest else {},
        },
    )
    write_artifacts(tx, task_id, artifacts)
    return Created(id=task_id)


def checked_name(name: str) -> str:
    stripped = name.strip()
    if len(stripped) < 3:
        raise InvalidRequest("a task's name has at least 3 characters", subcode=102, name=name)
    return stripped


def _plain(value: Any) -> Any:
    return None if value is None else msgspec.to_builtins(value)


def _new_row(tx: Tx, caller: Caller, task_id: str) -> dict[str, Any]:
    return {
        "id": task_id,
        "status": "created",
        "status_reason": "",
        "status_message": "",
        "status_changed": tx.now,
        "user": caller.user,
        "company": caller.company,
        "created": tx.now,
        "last_update": tx.now,
        "last_change": tx.now,
        "last_changed_by": caller.user,
        "last_iteration": 0,
        "attempt": 0,
        "runtime": {},
    }


def _existing_project(tx: Tx, project_id: str | None) -> str | None:
    if project_id is not None:
        projects.check_id(tx, project_id)
    return project_id


def _split_execution(execution: Any) -> tuple[dict[str, Any], list[Artifact], str | None]:
    """Artifacts and queue live in places of their own."""
    if execution is None:
        return {}, [], None
    document = _plain(execution)
    document.pop("artifacts", None)
    return document, execution.artifacts or [], document.pop("queue", None)


def _hyperparams(sections: dict[str, dict[str, Parameter]]) -> dict[str, Any]:
    """The stored form: each parameter names its section and itself."""
    return {
        section: {
            name: {"section": section, "name": name} | {k: v for k, v in _plain(item).items() if v is not None}
            for name, item in items.items()
        }
        for section, items in sections.items()
    }


def get(tx: Tx, _caller: Caller, request: GetTask) -> TaskReply:
    return TaskReply(task=project_document(task_rows.load(tx, request.task), request.only_fields, Task))


def require_editable(row: Any, caller: Caller, *, force: bool) -> None:
    """Raises InvalidStatus (110) unless the task is a draft or `force` is given; Conflict for a replaced attempt."""
    require_newest(row, caller)
    if row["status"] != "created" and not force:
        raise InvalidStatus(
            f"Invalid task status: expected=created, status={row['status']}; use force to edit it all the same",
            expected="created",
            status=row["status"],
        )


def require_newest(row: Any, caller: Caller) -> None:
    """Fencing: an attempt that was replaced writes nothing (DESIGN 3); a task's token writes its own task only."""
    if caller.task is None or caller.task != row["id"]:
        return
    if caller.attempt is not None and caller.attempt < row["attempt"]:
        raise Conflict(
            f"attempt {caller.attempt} was replaced by attempt {row['attempt']}", task=row["id"], attempt=row["attempt"]
        )


def edit(tx: Tx, caller: Caller, request: EditTask) -> Updated:
    row = task_rows.lock(tx, request.task)
    require_editable(row, caller, force=bool(request.force))
    values = _plain_edits(tx, request) | _merged_edits(row, request)
    if request.execution is not None and request.execution.artifacts is not None:
        _replace_artifacts(tx, row, request.execution.artifacts)
    task_rows.update(tx, request.task, values, user=caller.user)
    return Updated(updated=1, fields=_shown(values))


def _plain_edits(tx: Tx, request: EditTask | UpdateTask) -> dict[str, Any]:
    """Fields that are replaced by what was given."""
    values: dict[str, Any] = {
        key: getattr(request, key)
        for key in ("type", "comment", "parent", "container", "runtime")
        if getattr(request, key, None) is not None
    }
    if request.name is not None:
        values["name"] = checked_name(request.name)
    if request.project is not None:
        values["project"] = _existing_project(tx, request.project)
    for key in ("tags", "system_tags"):
        if getattr(request, key) is not None:
            values[key] = sorted(set(getattr(request, key)))
    return values


def _merged_edits(row: sa.RowMapping, request: EditTask) -> dict[str, Any]:
    """Objects that are merged by key, and the two maps stored in a form of their own."""
    values: dict[str, Any] = {}
    if request.script is not None:
        values["script"] = (row["script"] or {}) | _stripped_script(_plain(request.script))
    if request.output_dest is not None:
        values["output"] = (row["output"] or {}) | {"destination": request.output_dest}
    if request.hyperparams is not None:
        values["hyperparams"] = _hyperparams(request.hyperparams)
    if request.configuration is not None:
        values["configuration"] = _plain(request.configuration)
    if request.models is not None:
        values["models"] = row["models"] | {k: v for k, v in _plain(request.models).items() if v is not None}
    if request.execution is not None:
        execution, _, queue = _split_execution(request.execution)
        values["execution"] = (row["execution"] or {}) | execution
        if queue is not None:
            values["queue"] = queue
    return values


def _stripped_script(script: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value.strip() if isinstance(value, str) and key != "diff" else value
        for key, value in script.items()
        if value is not None
    }


def _shown(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in ("hyperparams", "configuration")}


def update(tx: Tx, caller: Caller, request: UpdateTask) -> Updated:
    row = task_rows.lock(tx, request.task)
    require_newest(row, caller)
    values = _plain_edits(tx, request)
    if request.output__error is not None:
        values["output"] = (row["output"] or {}) | {"error": request.output__error}
    task_rows.update(tx, request.task, values, user=caller.user)
    return Updated(updated=1, fields=values)


def set_requirements(tx: Tx, caller: Caller, request: SetRequirements) -> Updated:
    row = task_rows.lock(tx, request.task)
    require_newest(row, caller)
    script = (row["script"] or {}) | {"requirements": request.requirements}
    task_rows.update(tx, request.task, {"script": script}, user=caller.user)
    return Updated(updated=1, fields={"script.requirements": request.requirements})


def edit_hyper_params(tx: Tx, caller: Caller, request: EditHyperParams) -> Updated:
    row = task_rows.lock(tx, request.task)
    sections = {item.section or "General" for item in request.hyperparams}
    # user properties may be edited in any status
    require_editable(row, caller, force=bool(request.force) or sections <= {"properties"})
    if request.replace_hyperparams == "all":
        kept: dict[str, Any] = {}
    elif request.replace_hyperparams == "section":
        kept = {section: items for section, items in row["hyperparams"].items() if section not in sections}
    else:
        kept = {section: dict(items) for section, items in row["hyperparams"].items()}
    for item in request.hyperparams:
        if not item.name:
            raise InvalidRequest("a parameter needs a name", subcode=11)
        section = item.section or "General"
        old = kept.setdefault(section, {}).get(item.name, {})
        kept[section][item.name] = old | {k: v for k, v in _plain(item).items() if v is not None} | {"section": section}
    task_rows.update(tx, request.task, {"hyperparams": kept}, user=caller.user)
    return Updated(updated=1)


def edit_configuration(tx: Tx, caller: Caller, request: EditConfiguration) -> Updated:
    row = task_rows.lock(tx, request.task)
    require_editable(row, caller, force=bool(request.force))
    kept = {} if request.replace_configuration else dict(row["configuration"])
    for item in request.configuration:
        if not item.name:
            raise InvalidRequest("a configuration object needs a name", subcode=11)
        kept[item.name] = kept.get(item.name, {}) | {k: v for k, v in _plain(item).items() if v is not None}
    task_rows.update(tx, request.task, {"configuration": kept}, user=caller.user)
    return Updated(updated=1)


def add_or_update_artifacts(tx: Tx, caller: Caller, request: AddOrUpdateArtifacts) -> Updated:
    row = task_rows.lock(tx, request.task)
    require_newest(row, caller)
    if row["status"] == "published" and not request.force:
        raise InvalidStatus("a published task's artifacts cannot be changed without force", status="published")
    write_artifacts(tx, request.task, request.artifacts, attempt=row["attempt"])
    task_rows.update(tx, request.task, {}, user=caller.user)
    return Updated(updated=1)


def write_artifacts(tx: Tx, task_id: str, artifacts: Iterable[Artifact], *, attempt: int = 0) -> None:
    """Upsert by (key, mode) within the attempt."""
    table = tables.artifact
    for item in artifacts:
        tx.run(
            sa.delete(table).where(
                table.c.task == task_id, table.c.attempt == attempt, table.c.key == item.key, table.c.mode == item.mode
            )
        )
        document = _plain(item) | {"mode": item.mode}
        tx.run(sa.insert(table).values(task=task_id, attempt=attempt, key=item.key, mode=item.mode, document=document))


def _replace_artifacts(tx: Tx, row: Any, artifacts: list[Artifact]) -> None:
    tx.run(sa.delete(tables.artifact).where(tables.artifact.c.task == row["id"]))
    write_artifacts(tx, row["id"], artifacts, attempt=row["attempt"])


def add_or_update_model(tx: Tx, caller: Caller, request: AddOrUpdateModel) -> Updated:
    row = task_rows.lock(tx, request.task)
    require_newest(row, caller)
    models = dict(row["models"])
    entries = [item for item in models.get(request.type) or [] if item["name"] != request.name]
    entries.append({"name": request.name, "model": request.model, "updated": tx.now.isoformat()})
    task_rows.update(tx, request.task, {"models": models | {request.type: entries}}, user=caller.user)
    return Updated(updated=1)


def clone(tx: Tx, caller: Caller, request: CloneTask) -> Cloned:
    """A draft with the source's definition and none of its results (protocol.md §3.1, Clone)."""
    source = task_rows.lock(tx, request.task)
    new_project = None
    project = request.new_task_project or source["project"]
    if request.new_project_name:
        project = projects.find_or_create(tx, caller, request.new_project_name)
        new_project = {"id": project, "name": request.new_project_name}
    if request.new_task_id and tx.value(sa.select(_t.id).where(_t.id == request.new_task_id)):
        return Cloned(id=request.new_task_id, new_project=new_project)
    task_id = request.new_task_id or new_id()
    hyperparams = request.new_task_hyperparams
    configuration = request.new_task_configuration
    execution, artifacts, queue = _split_execution(request.execution_overrides)
    task_rows.insert(
        tx,
        _new_row(tx, caller, task_id)
        | {
            "name": checked_name(request.new_task_name or f"Clone Of {source['name']}"),
            "type": source["type"],
            "comment": request.new_task_comment if request.new_task_comment is not None else source["comment"],
            "parent": request.new_task_parent or source["parent"] or source["id"],
            "project": _existing_project(tx, project),
            "tags": sorted(set(source["tags"] if request.new_task_tags is None else request.new_task_tags)),
            "system_tags": _cloned_system_tags(source["system_tags"], request.new_task_system_tags),
            "script": source["script"],
            "execution": (source["execution"] or {}) | execution,
            "queue": queue,
            "hyperparams": source["hyperparams"] if hyperparams is None else _hyperparams(hyperparams),
            "configuration": source["configuration"] if configuration is None else _plain(configuration),
            "models": {"input": (source["models"] or {}).get("input") or []},
            "container": source["container"] if request.new_task_container is None else request.new_task_container,
            "output": {k: v for k, v in (source["output"] or {}).items() if k == "destination"},
        },
    )
    inputs = [item for item in task_rows.load_artifacts(tx, source["id"]) if item.mode == "input"]
    write_artifacts(tx, task_id, [*inputs, *artifacts])
    return Cloned(id=task_id, new_project=new_project)


def _cloned_system_tags(old: list[str], new: list[str] | None) -> list[str]:
    return sorted({tag for tag in (old if new is None else new) if tag not in (DEVELOPMENT, "archived")})


def delete(tx: Tx, caller: Caller, request: DeleteTask) -> Deleted:
    """Only a draft or an archived task goes without force. Children keep a name for their lost parent."""
    row = task_rows.lock(tx, request.task)
    if not request.force and row["status"] != "created" and "archived" not in row["system_tags"]:
        raise InvalidRequest("only drafts and archived tasks are deleted without force", subcode=123)
    if not caller.may_write:
        raise Forbidden("this user may not delete")
    tx.run(sa.update(tables.task).where(_t.parent == request.task).values(parent=f"__DELETED__{request.task}"))
    tx.run(sa.delete(tables.task).where(_t.id == request.task))
    tx.notify(f"task:{request.task}")
    return Deleted(deleted=True)


def ping(tx: Tx, _caller: Caller, request: PingTask) -> Empty:
    task_rows.lock(tx, request.task)
    tx.run(sa.update(tables.task).where(_t.id == request.task).values(last_update=tx.now))
    return Empty()
