"""What follows from a step's end: retries, children, the run's end; and the rows that record it.

`runs` says when, `plan` decides what, this does it.
"""

import datetime as dt
from collections import deque
from typing import Any

import msgspec
import sqlalchemy as sa

from trackside.errors import InvalidRequest
from trackside.protocol import parameters
from trackside.protocol.base import new_id
from trackside.protocol.pipelines import STEP_ENDED, STEP_GOOD, RunStatus, StepStatus
from trackside.protocol.states import ENDED
from trackside.protocol.tasks import StopTask
from trackside.server import task_rows, transitions
from trackside.server.caller import Caller
from trackside.server.store.database import Tx
from trackside.server.store.tables import attempt, queue, step, task, timer, user

from . import book as books
from . import launch, plan, view
from .book import Book


def step_changed(book: Book, name: str, task_id: str) -> None:
    row = book.step(name)
    if row["status"] in STEP_ENDED:
        return  # somebody runs the clone again by hand; that is no part of the run
    now = book.tx.row(sa.select(task).where(task.c.id == task_id))
    if now is None:
        _finish(book, name, "aborted", "its task was deleted")
    elif now["status"] == "queued":
        if row["status"] != "queued":
            book.mark(name, "queued", queued_at=book.tx.now, started_at=None, worker=None)
    elif now["status"] == "in_progress":
        _step_started(book, row, now)
    elif now["status"] == "created":
        if row["status"] != "blocked":
            _finish(book, name, "aborted", "its task was taken out of the queue")
    elif now["status"] in ENDED:
        _step_ended(book, row, now)


def _step_started(book: Book, row: sa.RowMapping, now: sa.RowMapping) -> None:
    if row["status"] == "running":
        return
    made = _attempt(book.tx, now)
    worker = (made["worker"] if made else None) or now["last_worker"]
    book.mark(row["name"], "running", detail=worker, started_at=book.tx.now, worker=worker, reason=None)
    book.unwarn(launch.unwatched(book.tx, row["queue"]))
    if row["time_limit"]:
        payload = {"attempt": now["attempt"], "seconds": row["time_limit"]}
        set_timer(book.tx, "step_limit", now["id"], row["time_limit"], payload)


def _step_ended(book: Book, row: sa.RowMapping, now: sa.RowMapping) -> None:
    outcome, reason = _outcome(book.tx, row, now)
    tally = plan.Tally(
        retries=row["retries"], lost_retries=row["lost_retries"], failures=row["failures"], losses=row["losses"]
    )
    verdict = plan.judge(outcome, tally)
    book.note(row["name"], failures=verdict.tally.failures, losses=verdict.tally.losses)
    _drop_timers(book.tx, now["id"])
    if verdict.status == "queued" and book.running:
        again = f"run again after it was {outcome}: {reason}" if reason else f"run again after it was {outcome}"
        book.record("queued", step_name=row["name"], detail=again)
        launch.enqueue(book, now["id"], row["queue"], owner(book), reason=again)
        return
    _finish(book, row["name"], "failed" if verdict.status == "queued" else verdict.status, reason)


def _outcome(tx: Tx, row: sa.RowMapping, now: sa.RowMapping) -> tuple[plan.Outcome, str | None]:
    """What the task's end was, and why. A reason on a step that runs says that it was asked to stop."""
    if now["status"] not in ("failed", "stopped"):
        return "completed", None
    made = _attempt(tx, now)
    reason = (made["reason"] if made else None) or now["status_message"] or now["status_reason"] or None
    if row["reason"]:
        return "aborted", row["reason"]
    if now["status"] == "failed" and made is not None and made["exit_class"] == "lost":
        return "lost", reason or "its worker vanished"
    return ("failed" if now["status"] == "failed" else "aborted"), reason


def _attempt(tx: Tx, now: sa.RowMapping) -> sa.RowMapping | None:
    return tx.row(sa.select(attempt).where(attempt.c.task == now["id"], attempt.c.number == now["attempt"]))


def _finish(book: Book, name: str, status: StepStatus, reason: str | None = None) -> None:
    """End a step, and do what follows from it in the graph."""
    ended = deque([(name, status, reason)])
    may_be_last = False
    while ended:
        name, status, reason = ended.popleft()
        book.mark(name, status, reason=None if status in STEP_GOOD else reason)
        if not book.running:
            continue
        follows = plan.after(name, status, book.children)
        book.move_closer(follows.closer)
        for skipped in follows.skipped:
            book.mark(skipped, "skipped", reason=f"step {name!r} has {_DID[status]}")
        ended += _launch(book, follows.ready)
        may_be_last = may_be_last or follows.may_be_last
    if may_be_last and book.running:
        end_if_over(book)


_DID = {"failed": "failed", "aborted": "been aborted"}


def launch_all(book: Book, names: list[str]) -> None:
    for name, status, reason in _launch(book, names):
        _finish(book, name, status, reason)


def _launch(book: Book, names: list[str]) -> list[tuple[str, StepStatus, str | None]]:
    """Launch the named steps; those that cannot be are answered, to be finished as failed."""
    failed: list[tuple[str, StepStatus, str | None]] = []
    caller = owner(book) if names else None
    for name in names:
        assert caller is not None
        try:
            launch.launch(book, book.step(name), caller)
        except InvalidRequest as error:
            failed.append((name, "failed", error.message))
    return failed


def owner(book: Book) -> Caller:
    """The engine acts for the controller's owner."""
    return owner_of(book.tx, book.id)


def owner_of(tx: Tx, run_id: str) -> Caller:
    found = tx.row(
        sa.select(task.c.user, task.c.company, user.c.name, user.c.role)
        .outerjoin(user, user.c.id == task.c.user)
        .where(task.c.id == run_id)
    )
    if found is None:
        raise books.missing_run(run_id)
    return Caller(
        user=found["user"],
        name=found["name"] or found["user"],
        role=found["role"] or "user",
        company=found["company"],
    )


def end_if_over(book: Book) -> None:
    left = sa.select(step.c.name).where(step.c.run == book.id, step.c.status.not_in(STEP_ENDED)).limit(1)
    if not book.running or book.tx.value(left) is not None:
        return
    ends = (
        plan.Ended(row["name"], row["status"], row["continue_on_fail"], row["reason"])
        for row in sorted(book.steps(), key=lambda row: (row["ended_at"], row["position"]))
    )
    over = plan.conclude(ends)
    assert over is not None
    end(book, *over)


def end(book: Book, status: RunStatus, reason: str | None) -> None:
    """The controller's status follows the run's."""
    caller = owner(book)
    book.end(status, reason)
    book.close()  # before the task changes: nobody may take it for the owner of a running run any more
    _drop_timers(book.tx, book.id)
    if status == "aborted":  # its process is told through its lease, as for any other task
        transitions.stop(book.tx, caller, StopTask(task=book.id, status_reason=reason))
    else:
        transitions.change(book.tx, caller, book.id, status, reason=reason, message=reason, force=True)
    store_view(book)


def stop_steps(book: Book, reason: str) -> None:
    caller = owner(book)
    for row in book.steps("blocked"):
        book.mark(row["name"], "skipped", reason=reason)
    for row in book.steps("queued", "running"):
        stop_step(book, row["name"], row["task"], reason, caller)


def stop_step(book: Book, name: str, task_id: str, reason: str, caller: Caller) -> None:
    book.note(name, reason=reason)
    transitions.stop(book.tx, caller, StopTask(task=task_id, status_reason=reason))


def set_timer(tx: Tx, kind: str, subject: str, seconds: float, payload: dict[str, Any]) -> None:
    due = tx.now + dt.timedelta(seconds=seconds)
    tx.run(sa.insert(timer).values(id=new_id(), due_at=due, kind=kind, subject=subject, payload=payload))
    tx.notify("timers")


def _drop_timers(tx: Tx, subject: str) -> None:
    tx.run(sa.delete(timer).where(timer.c.subject == subject, timer.c.kind.in_(("run_limit", "step_limit"))))


def store_view(book: Book) -> None:
    tx = book.tx
    steps = book.steps()
    ids = {row["queue"] for row in steps} | {book.default_queue}
    found = tx.rows(sa.select(queue.c.id, queue.c.name).where(queue.c.id.in_([one for one in ids if one])))
    names = {row["id"]: row["name"] for row in found}
    controller = task_rows.load(tx, book.id)
    item = view.configuration([dict(row) for row in steps], names, book.default_queue)
    default = names.get(book.default_queue) if book.default_queue else None
    section = view.section(default_queue=default, tag_steps=book.tag_steps)
    hyperparams: parameters.Hyperparams = {**(controller.hyperparams or {}), view.NAME: section}
    documents = {**(controller.configuration or {}), view.NAME: item}
    values = msgspec.to_builtins({"configuration": documents, "hyperparams": hyperparams})
    task_rows.update(tx, book.id, values)
