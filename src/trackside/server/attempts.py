"""Attempts: each time a task runs, counted from 1. The number is the fencing token (DESIGN 3, 8)."""

import sqlalchemy as sa

from .caller import Caller
from .store import tables
from .store.database import Tx

_a = tables.attempt.c
_l = tables.lease.c


def held_lease(tx: Tx, task_id: str) -> sa.RowMapping | None:
    return tx.row(sa.select(tables.lease).where(_l.task == task_id, _l.state == "held"))


def begin(tx: Tx, task_id: str, *, worker: str, lease: str | None = None, session: str | None = None) -> int:
    """Begin the next attempt; who held an older one is fenced off from now on."""
    number = _newest(tx, task_id) + 1
    values = {"task": task_id, "number": number, "worker": worker, "lease": lease, "session": session}
    tx.run(sa.insert(tables.attempt).values(**values, started=None if lease else tx.now))
    tx.run(sa.update(tables.task).where(tables.task.c.id == task_id).values(attempt=number))
    return number


def begin_or_join(tx: Tx, task_id: str, caller: Caller) -> None:
    """A start seen from outside: it is the held lease's attempt if there is one, else a new one."""
    lease = held_lease(tx, task_id)
    if lease is None:
        begin(tx, task_id, worker=caller.worker, session=caller.session)
        return
    same = sa.and_(_a.task == task_id, _a.number == lease["attempt"])
    tx.run(sa.update(tables.attempt).where(same, _a.started.is_(None)).values(started=tx.now))


def close(tx: Tx, task_id: str, status: str, reason: str | None) -> None:
    """The newest attempt has ended with the task, unless it was closed with a class of its own before."""
    exit_class = {"completed": "ok", "failed": "user", "stopped": "aborted"}.get(status, "ok")
    open_one = sa.and_(_a.task == task_id, _a.number == _newest(tx, task_id), _a.ended.is_(None))
    tx.run(sa.update(tables.attempt).where(open_one).values(ended=tx.now, exit_class=exit_class, reason=reason))


def replace(tx: Tx, task_id: str, reason: str) -> None:
    """Whoever runs the task now is fenced off: its lease is over."""
    for lease in tx.rows(sa.select(tables.lease).where(_l.task == task_id, _l.state == "held")):
        tx.run(sa.update(tables.lease).where(_l.id == lease["id"]).values(state="ended"))
        tx.notify(f"lease:{lease['id']}")
    close(tx, task_id, "stopped", reason)


def _newest(tx: Tx, task_id: str) -> int:
    return int(tx.value(sa.select(tables.task.c.attempt).where(tables.task.c.id == task_id)) or 0)
