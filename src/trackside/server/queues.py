"""Queues and the order of their entries. Who takes an entry is in `leases`."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from trackside.errors import InvalidId, InvalidRequest
from trackside.protocol.base import new_id
from trackside.protocol.queues import (
    CreateQueue,
    DefaultQueue,
    Entry,
    GetDefaultQueue,
    GetQueue,
    GetQueues,
    GetQueuesEx,
    Queue,
    QueueDocuments,
    QueueReply,
    QueuesReply,
    Removed,
    RemoveTask,
)
from trackside.protocol.tasks import LIGHT_TYPES, Created

from .caller import Caller
from .query.listing import listing
from .query.projection import plain, project_document
from .store import tables
from .store.database import Tx

_q = tables.queue.c
_e = tables.queue_entry.c
_w = tables.worker.c


def create(tx: Tx, caller: Caller, request: CreateQueue) -> Created:
    name = request.name.strip()
    if not name:
        raise InvalidRequest("a queue needs a name", subcode=11)
    if tx.value(sa.select(_q.id).where(_q.name == name, _q.company == caller.company)):
        raise InvalidRequest(f"Value combination already exists: name={name}", subcode=801, name=name)
    return Created(id=make(tx, caller, name, request.tags, request.system_tags, request.display_name))


def make(
    tx: Tx,
    caller: Caller,
    name: str,
    tags: list[str] | None = None,
    system_tags: list[str] | None = None,
    display_name: str | None = None,
) -> str:
    queue_id = new_id()
    tx.run(
        sa.insert(tables.queue).values(
            id=queue_id,
            name=name,
            display_name=display_name,
            user=caller.user,
            company=caller.company,
            created=tx.now,
            last_update=tx.now,
            tags=tags or [],
            system_tags=system_tags or [],
            metadata={},
        )
    )
    return queue_id


def find(tx: Tx, name_or_id: str, company: str) -> str:
    """The id of a queue given by id or name.

    Raises:
        InvalidId: there is none (701); the message lists those there are.
    """
    statement = sa.select(_q.id).where(sa.or_(_q.id == name_or_id, _q.name == name_or_id), _q.company == company)
    queue_id: str | None = tx.value(statement)
    if queue_id is None:
        there = [row["name"] for row in tx.rows(sa.select(_q.name).where(_q.company == company).order_by(_q.name))]
        raise InvalidId(f"there is no queue {name_or_id!r}; there are: {', '.join(there)}", subcode=701, id=name_or_id)
    return queue_id


def default(tx: Tx, caller: Caller, _request: GetDefaultQueue) -> DefaultQueue:
    for row in tx.rows(sa.select(tables.queue).where(_q.company == caller.company).order_by(_q.created)):
        if "default" in row["system_tags"]:
            return DefaultQueue(id=row["id"], name=row["name"])
    raise InvalidRequest("there is no default queue", subcode=707)


def live_workers(tx: Tx) -> list[sa.RowMapping]:
    """Workers heard of within their timeout."""
    rows = tx.rows(sa.select(tables.worker))
    return [row for row in rows if row["last_activity_time"] + dt.timedelta(seconds=row["timeout"]) > tx.now]


def is_watched(tx: Tx, queue_id: str) -> bool:
    return any(queue_id in row["queues"] for row in live_workers(tx))


def push(tx: Tx, queue_id: str, task_id: str, task_type: str, *, front: bool = False) -> None:
    """Add an entry at the end, or at the head; takes the task out of any other queue first."""
    remove(tx, task_id)
    edge = sa.func.min(_e.position) if front else sa.func.max(_e.position)
    at = tx.value(sa.select(edge).where(_e.queue == queue_id)) or 0
    tx.run(
        sa.insert(tables.queue_entry).values(
            task=task_id,
            queue=queue_id,
            position=at - 1 if front else at + 1,
            light=task_type in LIGHT_TYPES,
            added=tx.now,
        )
    )
    tx.notify(f"queue:{queue_id}")


def remove(tx: Tx, task_id: str) -> int:
    """Take the task out of whatever queue it waits in; how many entries went."""
    return tx.run(sa.delete(tables.queue_entry).where(_e.task == task_id)).rowcount


def remove_task(tx: Tx, caller: Caller, request: RemoveTask) -> Removed:
    queue_id = find(tx, request.queue, caller.company)
    gone = tx.run(sa.delete(tables.queue_entry).where(_e.task == request.task, _e.queue == queue_id)).rowcount
    if not gone:
        raise InvalidRequest("the task is not in this queue", subcode=703)
    tx.notify(f"queue:{queue_id}")
    return Removed(removed=gone)


def _entries(tx: Tx, queue_id: str) -> list[Entry]:
    rows = tx.rows(sa.select(_e.task, _e.added).where(_e.queue == queue_id).order_by(_e.position, _e.added))
    return [Entry(task=row["task"], added=row["added"]) for row in rows]


def _queue(tx: Tx, row: sa.RowMapping) -> Queue:
    return Queue(**row, entries=_entries(tx, row["id"]))


def get(tx: Tx, caller: Caller, request: GetQueue) -> QueueReply:
    row = tx.row(sa.select(tables.queue).where(_q.id == request.queue, _q.company == caller.company))
    if row is None:
        raise InvalidId(f"Invalid queue id: id={request.queue}", subcode=701, id=request.queue)
    return QueueReply(queue=_queue(tx, row))


def get_all(tx: Tx, _caller: Caller, request: GetQueues) -> QueuesReply:
    rows = tx.rows(listing(tables.queue, request))
    return QueuesReply(queues=[project_document(_queue(tx, row), request.only_fields, Queue) for row in rows])


def get_all_ex(tx: Tx, _caller: Caller, request: GetQueuesEx) -> QueueDocuments:
    workers = live_workers(tx)
    return QueueDocuments(queues=[_document(tx, row, workers) for row in tx.rows(listing(tables.queue, request))])


def _document(tx: Tx, row: sa.RowMapping, workers: list[sa.RowMapping]) -> dict[str, Any]:
    document: dict[str, Any] = plain(_queue(tx, row))
    waiting = [entry["task"] for entry in document["entries"]]
    table = tables.task
    named = {
        item["id"]: item["name"] for item in tx.rows(sa.select(table.c.id, table.c.name).where(table.c.id.in_(waiting)))
    }
    for entry in document["entries"]:
        entry["task"] = {"id": entry["task"], "name": named.get(entry["task"])}
    document["workers"] = [
        {"name": worker["id"], "ip": worker["ip"], "key": worker["id"], "task": worker["task"]}
        for worker in workers
        if row["id"] in worker["queues"]
    ]
    return document
