"""The rows of one run: locked, changed with an event for each change, and read back as messages."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from trackside.errors import InvalidId
from trackside.protocol.pipelines import STEP_ENDED, Run, RunStatus, StepState, StepStatus
from trackside.server.store.database import Tx
from trackside.server.store.tables import queue, run, run_event, step, step_edge, task

from . import plan


class Book:
    """One run while its row is locked; every change adds an event and makes `sequence` grow."""

    def __init__(self, tx: Tx, row: sa.RowMapping) -> None:
        self.tx = tx
        self.id: str = row["id"]
        self.status: RunStatus = row["status"]
        self.reason: str | None = row["reason"]
        self.default_queue: str | None = row["default_queue"]
        self.tag_steps: bool = row["tag_steps"]
        self.epoch: int = row["epoch"]
        self._sequence: int = row["sequence"]
        self._warnings: list[str] = list(row["warnings"])
        self._ended = row["ended"]

    @property
    def running(self) -> bool:
        return self.status == "running"

    def step(self, name: str) -> sa.RowMapping:
        found = sa.select(step).where(step.c.run == self.id, step.c.name == name).with_for_update()
        return self.tx.rows(found)[0]

    def steps(self, *statuses: str) -> list[sa.RowMapping]:
        """The steps in one of `statuses` (none: all) in the order of submission."""
        chosen = sa.select(step).where(step.c.run == self.id).order_by(step.c.position)
        return self.tx.rows(chosen.where(step.c.status.in_(statuses)) if statuses else chosen)

    def children(self, names: Sequence[str]) -> Iterator[plan.Child]:
        """The direct children of any of `names`; the look-up that `plan.after` takes."""
        edges = sa.select(step_edge.c.child).where(step_edge.c.run == self.id, step_edge.c.parent.in_(names))
        found = sa.select(step.c.name, step.c.missing, step.c.status).where(
            step.c.run == self.id, step.c.name.in_(edges)
        )
        for row in self.tx.rows(found.order_by(step.c.position)):
            yield plan.Child(name=row["name"], missing=row["missing"], status=row["status"])

    def move_closer(self, names: Sequence[str]) -> None:
        if names:
            self.tx.run(
                sa.update(step).where(step.c.run == self.id, step.c.name.in_(names)).values(missing=step.c.missing - 1)
            )

    def mark(self, name: str, status: StepStatus, *, detail: str | None = None, **values: Any) -> None:
        """Set a step's status and `values`."""
        if status in STEP_ENDED:
            values.setdefault("ended_at", self.tx.now)
        self.tx.run(sa.update(step).where(step.c.run == self.id, step.c.name == name).values(status=status, **values))
        self.record(status, step_name=name, detail=detail or values.get("reason"))

    def note(self, name: str, **values: Any) -> None:
        """Set values of a step that are no change of its status: no event."""
        self.tx.run(sa.update(step).where(step.c.run == self.id, step.c.name == name).values(**values))

    def end(self, status: RunStatus, reason: str | None) -> None:
        self.status, self.reason, self._ended = status, reason, self.tx.now
        self.record(status, detail=reason)

    def record(self, status: str, *, step_name: str | None = None, detail: str | None = None) -> None:
        self._sequence += 1
        self.tx.run(
            sa.insert(run_event).values(
                run=self.id, sequence=self._sequence, at=self.tx.now, step=step_name, status=status, detail=detail
            )
        )

    def warn(self, warning: str) -> None:
        if warning not in self._warnings:
            self._warnings.append(warning)

    def unwarn(self, warning: str) -> None:
        if warning in self._warnings:
            self._warnings.remove(warning)

    def begin_epoch(self, *, default_queue: str | None, tag_steps: bool) -> None:
        """Start again: the old steps are dropped, the history of events stays."""
        self.tx.run(sa.delete(step).where(step.c.run == self.id))
        self.epoch += 1
        self.status, self.reason, self._ended, self._warnings = "running", None, None, []
        self.default_queue, self.tag_steps = default_queue, tag_steps
        self.tx.run(
            sa.update(run)
            .where(run.c.id == self.id)
            .values(epoch=self.epoch, default_queue=default_queue, tag_steps=tag_steps, created=self.tx.now, ended=None)
        )
        self.record("running", detail=f"epoch {self.epoch}")

    def close(self) -> None:
        self.tx.run(
            sa.update(run)
            .where(run.c.id == self.id)
            .values(
                status=self.status,
                reason=self.reason,
                sequence=self._sequence,
                warnings=self._warnings,
                ended=self._ended,
            )
        )
        self.tx.notify(f"run:{self.id}")


@contextmanager
def opened(tx: Tx, run_id: str) -> Iterator[Book]:
    """Lock a run, and write what was said about it when the block ends well.

    Raises:
        InvalidId: there is no such run.
    """
    row = tx.row(sa.select(run).where(run.c.id == run_id).with_for_update())
    if row is None:
        raise missing_run(run_id)
    book = Book(tx, row)
    yield book
    book.close()


def missing_run(run_id: str) -> InvalidId:
    return InvalidId(f"there is no pipeline run {run_id!r}; its id is the controller task's", run=run_id)


def insert_run(tx: Tx, run_id: str) -> None:
    """A run that has not begun, unless it is there; two that insert at once do not disturb each other."""
    if tx.dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    tx.run(
        insert(run)
        .values(id=run_id, epoch=0, status="completed", sequence=0, tag_steps=False, warnings=[], created=tx.now)
        .on_conflict_do_nothing()
    )


def insert_steps(tx: Tx, rows: list[dict[str, Any]], edges: list[dict[str, str]]) -> None:
    tx.run(sa.insert(step), rows)
    if edges:
        tx.run(sa.insert(step_edge), edges)


def step_of(tx: Tx, task_id: str) -> tuple[str, str] | None:
    """The (run, step) that the task executes now."""
    row = tx.row(sa.select(step.c.run, step.c.name).where(step.c.task == task_id))
    return (row["run"], row["name"]) if row else None


def read(tx: Tx, run_id: str) -> Run | None:
    """The run with all its steps."""
    row = tx.row(sa.select(run).where(run.c.id == run_id))
    if row is None:
        return None
    found = (
        sa.select(step, task.c.attempt, queue.c.name.label("queue_name"))
        .outerjoin(task, task.c.id == step.c.task)
        .outerjoin(queue, queue.c.id == step.c.queue)
        .where(step.c.run == run_id)
        .order_by(step.c.position)
    )
    return Run(
        id=row["id"],
        status=row["status"],
        created=row["created"],
        sequence=row["sequence"],
        steps=list(_states(tx.rows(found))),
        reason=row["reason"],
        ended=row["ended"],
        warnings=row["warnings"],
    )


def _states(rows: Iterable[sa.RowMapping]) -> Iterator[StepState]:
    same = ("name", "status", "base_task_id", "parents", "parameters", "resolved", "task", "worker", "reason")
    times = ("queued_at", "started_at", "ended_at")
    for row in rows:
        yield StepState(
            queue=row["queue_name"] or row["queue"],
            attempt=row["attempt"] or None,
            **{name: row[name] for name in (*same, *times)},
        )
