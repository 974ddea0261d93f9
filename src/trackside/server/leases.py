"""Who runs what: claims, renewals and ends of leases (DESIGN 8).

A lease is lost when it was not renewed for `LEASE_SEC`. Its holder may come back: as long as no later attempt began, it
goes on where it was. The attempt's number fences off everything older.
"""

import datetime as dt
from typing import Any, Final

import sqlalchemy as sa

from trackside.errors import Conflict, InvalidId
from trackside.protocol.base import Empty, new_id
from trackside.protocol.queues import (
    LEASE_SEC,
    RENEW_SEC,
    Claimed,
    ClaimTasks,
    EndLease,
    Entry,
    GetNextTask,
    Lease,
    LeaseState,
    NextTask,
    RenewLease,
    StartLease,
)

from . import attempts, queues, task_rows, tokens, transitions, workers
from .caller import Caller
from .store import tables
from .store.database import Tx
from .waiting import Pending

_l = tables.lease.c
_e = tables.queue_entry.c
_a = tables.attempt.c

#: How long an old agent may take between its claim and its first write (DESIGN 8).
LEGACY_ACKNOWLEDGE_SEC: Final = 120.0
#: A claim comes at least every CLAIM_WAIT_SEC; a worker silent for longer than this is gone.
WORKER_TIMEOUT_SEC: Final = 90
_LEASE = dt.timedelta(seconds=LEASE_SEC)


def claim(tx: Tx, caller: Caller, request: ClaimTasks) -> Claimed | Pending:
    queue_ids = [queues.find(tx, name, caller.company) for name in request.queues]
    workers.seen(tx, caller, request.worker, queue_ids, timeout=WORKER_TIMEOUT_SEC)
    again = tx.rows(sa.select(tables.lease).where(_l.request == request.request_id, _l.state == "held"))
    if again:
        return Claimed(leases=[_lease(tx, row) for row in again])
    taken = [
        _take(tx, request, entry)
        for light, limit in ((False, request.slots), (True, request.light_slots))
        for entry in _heads(tx, queue_ids, light=light, limit=limit)
    ]
    if taken or request.wait_sec <= 0:
        return Claimed(leases=taken)
    return Pending(Claimed(leases=[]), [f"queue:{queue_id}" for queue_id in queue_ids], request.wait_sec)


def _heads(tx: Tx, queue_ids: list[str], *, light: bool, limit: int) -> list[sa.RowMapping]:
    """The first entries of the queues in the order of the queues, each locked against other claimers."""
    found: list[sa.RowMapping] = []
    for queue_id in queue_ids:
        if len(found) >= limit:
            break
        found += tx.rows(
            sa.select(tables.queue_entry)
            .where(_e.queue == queue_id, _e.light == light)
            .order_by(_e.position)
            .limit(limit - len(found))
            .with_for_update(skip_locked=True)
        )
    return found


def _take(tx: Tx, request: ClaimTasks, entry: sa.RowMapping) -> Lease:
    lease_id = _open(tx, entry, request.worker, request.request_id, tx.now + _LEASE, acknowledged=True)
    row = tx.row(sa.select(tables.lease).where(_l.id == lease_id))
    assert row is not None
    return _lease(tx, row)


def _open(
    tx: Tx, entry: sa.RowMapping, worker: str, request_id: str, expires: dt.datetime, *, acknowledged: bool
) -> str:
    lease_id = new_id()
    number = attempts.begin(tx, entry["task"], worker=worker, lease=lease_id)
    tx.run(sa.delete(tables.queue_entry).where(_e.task == entry["task"]))
    tx.run(
        sa.insert(tables.lease).values(
            id=lease_id,
            task=entry["task"],
            queue=entry["queue"],
            attempt=number,
            worker=worker,
            request=request_id,
            state="held",
            claimed=tx.now,
            expires=expires,
            acknowledged=acknowledged,
        )
    )
    tx.run(sa.update(tables.task).where(tables.task.c.id == entry["task"]).values(last_worker=worker))
    tx.notify("timers", f"task:{entry['task']}")
    return lease_id


def _lease(tx: Tx, row: sa.RowMapping) -> Lease:
    task = tx.row(sa.select(tables.task.c.type, tables.task.c.user).where(tables.task.c.id == row["task"]))
    assert task is not None
    token = tokens.for_attempt(tx, task["user"], row["task"], row["attempt"], session=row["id"])
    return Lease(
        id=row["id"],
        task=row["task"],
        queue=row["queue"],
        attempt=row["attempt"],
        token=token,
        type=task["type"],
        expires_in=max((row["expires"] - tx.now).total_seconds(), 0.0),
    )


def next_task(tx: Tx, caller: Caller, request: GetNextTask) -> NextTask:
    """An old agent's pop: a lease that its first write to the task acknowledges."""
    queue_id = queues.find(tx, request.queue, caller.company)
    heads = _heads(tx, [queue_id], light=False, limit=1) + _heads(tx, [queue_id], light=True, limit=1)
    if not heads:
        return NextTask()
    head = min(heads, key=lambda row: row["position"])
    expires = tx.now + dt.timedelta(seconds=LEGACY_ACKNOWLEDGE_SEC)
    _open(tx, head, caller.worker, new_id(), expires, acknowledged=False)
    return NextTask(entry=Entry(task=head["task"], added=head["added"]))


def _locked(tx: Tx, lease_id: str) -> tuple[sa.RowMapping, sa.RowMapping]:
    """The lease and its task, both locked."""
    task_id = tx.value(sa.select(_l.task).where(_l.id == lease_id))
    if task_id is None:
        raise InvalidId(f"there is no lease {lease_id}", id=lease_id)
    task = task_rows.lock(tx, task_id)
    lease = tx.row(sa.select(tables.lease).where(_l.id == lease_id).with_for_update())
    assert lease is not None
    return lease, task


def renew(tx: Tx, _caller: Caller, request: RenewLease) -> LeaseState | Pending:
    lease, task = _locked(tx, request.lease)
    if lease["attempt"] < task["attempt"]:
        return LeaseState(held=False, stop=True, reason=f"attempt {task['attempt']} replaced this one")
    if lease["state"] == "ended":
        return LeaseState(held=False, stop=True, reason=task["status_reason"] or "the attempt was ended")
    if lease["state"] == "lost":
        _revive(tx, lease, task)
    tx.run(sa.update(tables.lease).where(_l.id == request.lease).values(expires=tx.now + _LEASE, state="held"))
    tx.run(sa.update(tables.task).where(tables.task.c.id == task["id"]).values(last_worker_report=tx.now))
    stop = task["status_message"] == "stopping"
    state = LeaseState(held=True, stop=stop, reason=task["status_reason"] if stop else None)
    if stop or request.wait_sec <= 0:
        return state
    return Pending(state, [f"lease:{request.lease}"], min(request.wait_sec, RENEW_SEC))


def _revive(tx: Tx, lease: sa.RowMapping, task: sa.RowMapping) -> None:
    """The holder came back before anybody replaced it: the attempt goes on."""
    same = sa.and_(_a.task == task["id"], _a.number == lease["attempt"])
    tx.run(sa.update(tables.attempt).where(same).values(ended=None, exit_class=None, reason=None))
    queues.remove(tx, task["id"])
    task_rows.update(
        tx,
        task["id"],
        {"status": "in_progress", "status_reason": "the worker came back", "status_changed": tx.now, "completed": None},
    )
    tx.changed.append(task["id"])


def start(tx: Tx, caller: Caller, request: StartLease) -> Empty:
    lease, task = _locked(tx, request.lease)
    _require_current(lease, task)
    if lease["state"] == "ended":
        raise Conflict("the lease is over", lease=lease["id"], reason=task["status_reason"])
    same = sa.and_(_a.task == task["id"], _a.number == lease["attempt"])
    tx.run(sa.update(tables.attempt).where(same, _a.started.is_(None)).values(started=tx.now))
    if task["status"] != "in_progress":
        transitions.change(
            tx,
            caller,
            task["id"],
            "in_progress",
            reason=f"running on {lease['worker']}",
            message=task["status_message"],
        )
    return Empty()


def _require_current(lease: sa.RowMapping, task: sa.RowMapping) -> None:
    if lease["attempt"] < task["attempt"]:
        raise Conflict(
            f"attempt {lease['attempt']} was replaced by attempt {task['attempt']}",
            task=task["id"],
            attempt=task["attempt"],
        )


_STATUS_OF: Final = {"ok": "completed", "aborted": "stopped"}


def end(tx: Tx, caller: Caller, request: EndLease) -> Empty:
    lease, task = _locked(tx, request.lease)
    _require_current(lease, task)
    same = sa.and_(_a.task == task["id"], _a.number == lease["attempt"])
    closed = tx.value(sa.select(_a.exit_class).where(same)) not in (None, "lost")
    outcome: dict[str, Any] = {"exit_code": request.exit_code}
    if not closed:
        outcome |= {"ended": tx.now, "exit_class": request.exit_class, "reason": request.reason}
    tx.run(sa.update(tables.attempt).where(same).values(**outcome))
    if lease["state"] == "ended":
        return Empty()
    tx.run(sa.update(tables.lease).where(_l.id == lease["id"]).values(state="ended"))
    tokens.retire(tx, lease["id"])
    if lease["state"] == "lost":
        _revive(tx, lease, task)
    _settle_status(tx, caller, task["id"], request)
    return Empty()


def _settle_status(tx: Tx, caller: Caller, task_id: str, request: EndLease) -> None:
    """The task ends with its attempt, unless the script set an end itself, or its run goes on without it."""
    task = task_rows.lock(tx, task_id)
    if task["status"] not in ("in_progress", "queued") or transitions.runs_on(tx, task_id):
        return
    status = _STATUS_OF.get(request.exit_class, "failed")
    reason = request.reason or ("" if status == "completed" else request.exit_class)
    transitions.change(tx, caller, task_id, status, reason=reason, message="", force=True)


def expire(tx: Tx) -> dt.datetime | None:
    """Give up every lease that was not renewed in time; answers when the next one is due.

    A task that never started goes back to the head of its queue; a running one fails as lost, and the engine or its
    owner decides what follows.
    """
    overdue = tx.rows(sa.select(tables.lease).where(_l.state == "held", _l.expires <= tx.now).limit(100))
    for row in overdue:
        _lose(tx, row)
    next_due: dt.datetime | None = tx.value(sa.select(sa.func.min(_l.expires)).where(_l.state == "held"))
    return next_due


def _lose(tx: Tx, found: sa.RowMapping) -> None:
    lease, task = _locked(tx, found["id"])
    if lease["state"] != "held" or lease["expires"] > tx.now:
        return
    legacy_and_running = not lease["acknowledged"] and task["status"] != "queued"
    if legacy_and_running:  # its first write acknowledged it; the watchdog looks after old agents from here on
        tx.run(sa.update(tables.lease).where(_l.id == lease["id"]).values(state="ended"))
        return
    tx.run(sa.update(tables.lease).where(_l.id == lease["id"]).values(state="lost"))
    tx.notify(f"lease:{lease['id']}")
    reason = f"worker {lease['worker']} did not renew its lease for {LEASE_SEC:.0f} s"
    same = sa.and_(_a.task == task["id"], _a.number == lease["attempt"])
    tx.run(sa.update(tables.attempt).where(same).values(ended=tx.now, exit_class="lost", reason=reason))
    if task["status"] == "queued":
        queues.push(tx, lease["queue"], task["id"], task["type"], front=True)
    elif task["status"] == "in_progress" and not transitions.runs_on(tx, task["id"]):
        system = Caller(user=task["user"], name="server", role="system", company=task["company"])
        message = "stopping" if task["status_message"] == "stopping" else ""
        status = "stopped" if message else "failed"
        transitions.change(tx, system, task["id"], status, reason=f"lost: {reason}", force=True)
