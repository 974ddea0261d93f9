"""Status changes of tasks: an atomic compare-and-set, and what each one sets besides (protocol.md §3.1)."""

from typing import Any

import sqlalchemy as sa

from trackside.errors import Conflict, InvalidRequest, InvalidStatus
from trackside.protocol.base import Updated
from trackside.protocol.states import ENDED, may_follow
from trackside.protocol.tasks import (
    Completed,
    CompleteTask,
    Dequeued,
    DequeueTask,
    Enqueued,
    EnqueueTask,
    ResetTask,
    Started,
    StartTask,
    StopTask,
    TaskFailed,
    TaskStopped,
)

from . import attempts, queues, task_rows
from .caller import Caller
from .store import tables
from .store.database import Tx
from .tasks import DEVELOPMENT, require_newest

_t = tables.task.c


def change(
    tx: Tx,
    caller: Caller,
    task_id: str,
    new_status: str,
    *,
    reason: str | None = None,
    message: str | None = None,
    force: bool = False,
    more: dict[str, Any] | None = None,
) -> Updated:
    """Set the status, and `more` columns, if the old status allows it.

    Raises:
        InvalidStatus: it does not (110), or somebody changed it meanwhile (121).
    """
    row = task_rows.lock(tx, task_id)
    require_newest(row, caller)
    old = row["status"]
    if not force and not may_follow(old, new_status):
        raise InvalidStatus(
            f"Invalid task status: a task that is {old} cannot become {new_status}",
            current_status=old,
            new_status=new_status,
        )
    fields: dict[str, Any] = {
        "status": new_status,
        "status_reason": reason or "",
        "status_message": message or "",
        "status_changed": tx.now,
    } | _times(tx, row, new_status)
    fields |= more or {}
    done = tx.run(sa.update(tables.task).where(_t.id == task_id, _t.status == old).values(status=new_status))
    if done.rowcount != 1:
        raise InvalidStatus("the task's status was changed by someone else meanwhile", subcode=121)
    task_rows.update(tx, task_id, fields, user=caller.user)
    if new_status in ENDED:
        attempts.close(tx, task_id, new_status, reason or message)
    tx.changed.append(task_id)
    return Updated(updated=1, fields=fields)


def _times(tx: Tx, row: sa.RowMapping, new_status: str) -> dict[str, Any]:
    if new_status == "in_progress":
        started = row["started"] if row["status"] == "in_progress" and row["started"] else tx.now
        return {"started": started, "completed": None, "active_duration": None}
    if new_status in ("completed", "stopped", "failed") and row["status"] not in ENDED:
        running = int((tx.now - row["started"]).total_seconds()) if row["started"] else 0
        return {"completed": tx.now, "active_duration": running}
    return {}


def started(tx: Tx, caller: Caller, request: StartTask) -> Started:
    """in_progress. A start from a non-running state begins an attempt, unless a lease already began it."""
    row = task_rows.lock(tx, request.task)
    reply = change(tx, caller, request.task, "in_progress", **_said(request))
    queues.remove(tx, request.task)
    if row["status"] != "in_progress":
        attempts.begin_or_join(tx, request.task, caller)
    return Started(updated=reply.updated, fields=reply.fields, started=1)


def _said(request: Any) -> dict[str, Any]:
    return {"reason": request.status_reason, "message": request.status_message, "force": bool(request.force)}


def runs_on(tx: Tx, task_id: str) -> bool:
    """Whether the task owns a pipeline run that can still advance: then its process's end is not its end."""
    table = tables.run
    found = tx.value(sa.select(table.c.id).where(table.c.id == task_id, table.c.status == "running"))
    return found is not None


def _end(tx: Tx, caller: Caller, request: Any, status: str) -> Updated:
    if request.attempt is not None and request.attempt < task_rows.lock(tx, request.task)["attempt"]:
        raise Conflict(f"attempt {request.attempt} was replaced", task=request.task)
    if runs_on(tx, request.task):
        return Updated(updated=0, fields={"status": "in_progress"})
    return change(tx, caller, request.task, status, **_said(request))


def completed(tx: Tx, caller: Caller, request: CompleteTask) -> Completed:
    reply = _end(tx, caller, request, "completed")
    if not request.publish:
        return Completed(updated=reply.updated, fields=reply.fields)
    reply = change(tx, caller, request.task, "published", more={"published": tx.now})
    return Completed(updated=reply.updated, fields=reply.fields, published=1)


def stopped(tx: Tx, caller: Caller, request: TaskStopped) -> Updated:
    reply = _end(tx, caller, request, "stopped")
    queues.remove(tx, request.task)
    return reply


def failed(tx: Tx, caller: Caller, request: TaskFailed) -> Updated:
    return _end(tx, caller, request, "failed")


def stop(tx: Tx, caller: Caller, request: StopTask) -> Updated:
    """Ask a task to stop; at once when nobody runs it, else through its lease and `status_message`.

    A task that has ended already stays as it is (`updated` 0).
    """
    row = task_rows.lock(tx, request.task)
    if row["status"] in ENDED:
        return Updated(updated=0)
    reason = request.status_reason or f"Stopped by {caller.name}"
    lease = attempts.held_lease(tx, request.task)
    waits = row["status"] == "in_progress" and (lease is not None or _is_alive(tx, row))
    if waits and not request.force:
        tx.notify(*([f"lease:{lease['id']}"] if lease else []))
        fields = {"status_reason": reason, "status_message": "stopping"}
        task_rows.update(tx, request.task, fields, user=caller.user)
        return Updated(updated=1, fields={"status": "in_progress"} | fields)
    queues.remove(tx, request.task)
    force = bool(request.force) or row["status"] == "created"
    return change(tx, caller, request.task, "stopped", reason=reason, message=reason, force=force)


def _is_alive(tx: Tx, row: sa.RowMapping) -> bool:
    """A process without a lease of ours, such as an old agent's, that reported within ten minutes."""
    silent = (tx.now - row["last_update"]).total_seconds()
    return DEVELOPMENT not in row["system_tags"] and row["last_worker"] is not None and silent < 600


def enqueue(tx: Tx, caller: Caller, request: EnqueueTask) -> Enqueued:
    """queued, at the end of the queue given by id or name; a queue name that is not there is made, as in ClearML.

    Raises:
        InvalidStatus: the task is not a draft and has not ended (110).
    """
    row = task_rows.lock(tx, request.task)
    queue_id = _target(tx, caller, request)
    system_tags = [tag for tag in row["system_tags"] if tag != DEVELOPMENT]
    previous = row["status"] if row["status"] != "queued" else row["enqueue_status"]
    reply = change(
        tx,
        caller,
        request.task,
        "queued",
        **_said(request),
        more={"queue": queue_id, "system_tags": system_tags, "enqueue_status": previous},
    )
    queues.push(tx, queue_id, request.task, row["type"])
    watched = queues.is_watched(tx, queue_id) if request.verify_watched_queue else None
    return Enqueued(updated=1, fields=reply.fields | {"execution.queue": queue_id}, queued=1, queue_watched=watched)


def _target(tx: Tx, caller: Caller, request: EnqueueTask) -> str:
    if request.queue:
        return queues.find(tx, request.queue, caller.company)
    if request.queue_name:
        table = tables.queue
        same = sa.and_(table.c.name == request.queue_name, table.c.company == caller.company)
        found = tx.value(sa.select(table.c.id).where(same))
        return found or queues.make(tx, caller, request.queue_name)
    from trackside.protocol.queues import GetDefaultQueue

    return queues.default(tx, caller, GetDefaultQueue()).id


def dequeue(tx: Tx, caller: Caller, request: DequeueTask) -> Dequeued:
    row = task_rows.lock(tx, request.task)
    gone = queues.remove(tx, request.task)
    if row["status"] not in ("queued", "in_progress"):
        return Dequeued(updated=0, dequeued=gone)
    status = request.new_status or row["enqueue_status"] or "created"
    if row["status"] == "in_progress" and not request.new_status:
        return Dequeued(updated=0, dequeued=gone)
    reply = change(tx, caller, request.task, status, force=True, more={"queue": None, "enqueue_status": None})
    if status == "in_progress" and row["status"] != "in_progress":
        attempts.begin_or_join(tx, request.task, caller)
    return Dequeued(updated=1, fields=reply.fields, dequeued=gone)


def reset(tx: Tx, caller: Caller, request: ResetTask) -> Updated:
    """A draft again, without results; its attempts' numbers are not used again.

    Raises:
        InvalidRequest: it is published, or it owns a run that is still going.
    """
    row = task_rows.lock(tx, request.task)
    if row["status"] == "published" and not request.force:
        raise InvalidStatus("a published task cannot be reset", subcode=113)
    if runs_on(tx, request.task):
        raise InvalidRequest("its pipeline is running: abort it first", subcode=125)
    queues.remove(tx, request.task)
    attempts.replace(tx, request.task, "reset")
    outputs = sa.and_(tables.artifact.c.task == request.task, tables.artifact.c.mode == "output")
    tx.run(sa.delete(tables.artifact).where(outputs))
    tx.run(sa.delete(tables.task_metric).where(tables.task_metric.c.task == request.task))
    tx.run(sa.delete(tables.run).where(tables.run.c.id == request.task))
    cleared: dict[str, Any] = dict.fromkeys(
        ("started", "completed", "published", "active_duration", "last_worker", "queue", "enqueue_status")
    )
    cleared |= {"last_iteration": 0, "runtime": {}, "models": {"input": (row["models"] or {}).get("input") or []}}
    if request.clear_all:
        cleared |= {"script": {}, "execution": {}}
    return change(tx, caller, request.task, "created", reason=request.status_reason, force=True, more=cleared)
