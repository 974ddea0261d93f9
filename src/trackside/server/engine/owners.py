"""Which tasks own a running pipeline. Apart from `runs`, so that task transitions can ask without a circle."""

import sqlalchemy as sa

from trackside.server.store.database import Tx
from trackside.server.store.tables import run, task


def owns_running_run(tx: Tx, task_id: str) -> bool:
    """Whether the task's status comes from a run that still goes on: then its process's end does not end it."""
    found = sa.select(run.c.id).where(run.c.id == task_id, run.c.status == "running")
    return tx.value(found) is not None


def lock_run_of(tx: Tx, task_id: str) -> None:
    """Lock the run that the task is a step of or owns, before the task itself is locked: run, step, task, queue."""
    of_step = sa.select(task.c.run).where(task.c.id == task_id).scalar_subquery()
    tx.run(sa.select(run.c.id).where(sa.or_(run.c.id == task_id, run.c.id == of_step)).with_for_update())
