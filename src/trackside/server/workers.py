"""Workers: who listens to which queues, and when each was last heard of (protocol.md §3.5)."""

import datetime as dt
from typing import Any, Final

import sqlalchemy as sa

from trackside.errors import InvalidRequest
from trackside.protocol.base import Empty
from trackside.protocol.queues import (
    GetWorkers,
    RegisterWorker,
    ReportWorker,
    UnregisterWorker,
    Worker,
    WorkersReply,
)

from .caller import Caller
from .store import tables
from .store.database import Tx
from .store.upserts import upsert

_w = tables.worker.c
_LEGACY_TIMEOUT_SEC: Final = 600


def seen(
    tx: Tx, caller: Caller, worker: str, queue_ids: list[str] | None, *, timeout: int, tags: list[str] | None = None
) -> None:
    """Register the worker or move its last activity on; `queue_ids` None leaves its queues as they were."""
    if not worker:
        raise InvalidRequest("a worker needs an id", subcode=1001)
    values: dict[str, Any] = {"last_activity_time": tx.now, "timeout": timeout}
    if queue_ids is not None:
        values["queues"] = queue_ids
    if tags is not None:
        values["tags"] = tags
    fresh = {"user": caller.user, "id": worker, "queues": [], "tags": [], "register_time": tx.now}
    upsert(tx, tables.worker, [fresh | values], overwrite=list(values))
    tx.notify("workers")


def register(tx: Tx, caller: Caller, request: RegisterWorker) -> Empty:
    timeout = request.timeout or _LEGACY_TIMEOUT_SEC
    seen(tx, caller, request.worker, request.queues or [], timeout=timeout, tags=request.tags)
    return Empty()


def unregister(tx: Tx, caller: Caller, request: UnregisterWorker) -> Empty:
    tx.run(sa.delete(tables.worker).where(_w.user == caller.user, _w.id == request.worker))
    tx.notify("workers")
    return Empty()


def status_report(tx: Tx, caller: Caller, request: ReportWorker) -> Empty:
    seen(tx, caller, request.worker, request.queues, timeout=_LEGACY_TIMEOUT_SEC, tags=request.tags)
    same = sa.and_(_w.user == caller.user, _w.id == request.worker)
    tx.run(sa.update(tables.worker).where(same).values(task=request.task))
    if request.task:
        table = tables.task
        stamp = {"last_worker": request.worker, "last_worker_report": tx.now, "last_update": tx.now}
        tx.run(sa.update(table).where(table.c.id == request.task).values(**stamp))
    return Empty()


def get_all(tx: Tx, caller: Caller, request: GetWorkers) -> WorkersReply:
    seconds = 3600.0 if request.last_seen is None else request.last_seen
    statement = sa.select(tables.worker).order_by(_w.id)
    if seconds > 0:
        statement = statement.where(_w.last_activity_time >= tx.now - dt.timedelta(seconds=seconds))
    names = {row["id"]: row["name"] for row in tx.rows(sa.select(tables.queue.c.id, tables.queue.c.name))}
    return WorkersReply(workers=[_worker(tx, caller, row, names) for row in tx.rows(statement)])


def _worker(tx: Tx, caller: Caller, row: sa.RowMapping, queue_names: dict[str, str]) -> Worker:
    lease = tables.lease
    held = sa.and_(lease.c.worker == row["id"], lease.c.state == "held")
    task_id = row["task"] or tx.value(sa.select(lease.c.task).where(held).order_by(lease.c.claimed.desc()))
    task = tx.row(sa.select(tables.task.c.id, tables.task.c.name).where(tables.task.c.id == task_id))
    return Worker(
        id=row["id"],
        key=row["id"],
        user={"id": row["user"]},
        company={"id": caller.company},
        ip=row["ip"],
        register_time=row["register_time"],
        last_activity_time=row["last_activity_time"],
        queues=[{"id": queue, "name": queue_names.get(queue)} for queue in row["queues"]],
        tags=row["tags"],
        task=dict(task) if task else None,
    )
