"""The order of locks. Apart from `runs`, so that task transitions can use it without a circle."""

import sqlalchemy as sa

from trackside.server.store.database import Tx
from trackside.server.store.tables import run, task


def lock_run_of(tx: Tx, task_id: str) -> None:
    """Lock the run that the task is a step of or owns, before the task itself is locked: run, step, task, queue."""
    of_step = sa.select(task.c.run).where(task.c.id == task_id).scalar_subquery()
    chosen = sa.select(run.c.id).where(sa.or_(run.c.id == task_id, run.c.id == of_step)).order_by(run.c.id)
    tx.run(chosen.with_for_update())
