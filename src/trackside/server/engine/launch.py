"""Launching one step: resolve its references, clone its base task, and enqueue the clone."""

from typing import Any

import sqlalchemy as sa

from trackside.errors import InvalidRequest
from trackside.protocol import parameters, references
from trackside.protocol.base import new_id
from trackside.protocol.models import Model
from trackside.protocol.references import Reference
from trackside.protocol.tasks import CloneTask, EnqueueTask, Task
from trackside.server import queues, task_rows, tasks, transitions
from trackside.server.caller import Caller
from trackside.server.store.database import Tx
from trackside.server.store.tables import model, queue, step, task

from . import lookups, plan
from .book import Book


def launch(book: Book, row: sa.RowMapping, caller: Caller) -> None:
    """Clone and enqueue a step that is ready.

    Raises:
        InvalidRequest: a reference names nothing, or the base task or the queue is gone. The step is as it was, save
            that it may have a draft clone already.
    """
    tx, name = book.tx, row["name"]
    resolved = references.resolve(row["parameters"], _Steps(book).value)
    base = task_rows.load(tx, row["base_task_id"])
    tags = [*(base.tags or ()), f"pipe: {book.id}"] if book.tag_steps else None
    clone = tasks.clone(
        tx,
        caller,
        CloneTask(
            task=base.id,
            new_task_id=new_id(),
            new_task_parent=book.id,
            new_task_tags=tags,
            new_task_hyperparams=parameters.merged(base.hyperparams or {}, resolved),
        ),
    )
    tx.run(sa.update(task).where(task.c.id == clone.id).values(run=book.id))
    book.note(name, task=clone.id, resolved=resolved)
    enqueue(book, clone.id, row["queue"], caller)


def enqueue(book: Book, task_id: str, queue_id: str, caller: Caller, *, reason: str | None = None) -> None:
    """Put a step's task into its queue, the first time or again, and say so when nobody listens there."""
    if not queues.is_watched(book.tx, queue_id):
        book.warn(unwatched(book.tx, queue_id))
    transitions.enqueue(book.tx, caller, EnqueueTask(task=task_id, queue=queue_id, status_reason=reason))


def unwatched(tx: Tx, queue_id: str) -> str:
    name = tx.value(sa.select(queue.c.name).where(queue.c.id == queue_id)) or queue_id
    return f"no worker listens to queue {name!r}; start one with: trackside agent --queue {name}"


class _Steps:
    """The tasks that one step's references name, each loaded once."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._tasks: dict[str, Task] = {}

    def value(self, reference: Reference) -> Any:
        if reference.step == plan.RESERVED:
            return lookups.pipeline_parameter(reference, self._load(self._book.id))
        found = self._load(self._task_of(reference))
        models = self._models(found) if reference.path[0] == "models" else []
        return lookups.look_up(reference, found, models)

    def _task_of(self, reference: Reference) -> str:
        chosen = sa.select(step.c.task).where(step.c.run == self._book.id, step.c.name == reference.step)
        task_id: str | None = self._book.tx.value(chosen)
        if task_id is None:
            raise InvalidRequest(f"{reference.text}: step {reference.step!r} has no task yet")
        return task_id

    def _load(self, task_id: str) -> Task:
        if task_id not in self._tasks:
            self._tasks[task_id] = task_rows.load(self._book.tx, task_id)
        return self._tasks[task_id]

    def _models(self, found: Task) -> list[Model]:
        sides = (found.models.input or [], found.models.output or []) if found.models else ()
        ids = [item.model for side in sides for item in side]
        rows = self._book.tx.rows(sa.select(model).where(model.c.id.in_(ids)))
        return [Model(**row) for row in rows]
