"""Runs of pipelines: submit, read, stop, and what follows when a task of one changes (DESIGN 4).

A run is advanced inside the transaction that ends a step: the dispatcher calls `settle` after each handler, and what
`plan` decides is done here. Locks are taken in the order run, step, task, queue.
"""

import datetime as dt
from collections import deque
from typing import Any

import msgspec
import sqlalchemy as sa

from trackside.errors import InvalidId, InvalidRequest, InvalidStatus
from trackside.protocol import parameters
from trackside.protocol.base import new_id
from trackside.protocol.pipelines import (
    STEP_ENDED,
    STEP_GOOD,
    CreateRun,
    GetRun,
    RunReply,
    RunStatus,
    StepSpec,
    StepStatus,
    StopRun,
    WaitRun,
)
from trackside.protocol.states import ENDED
from trackside.protocol.tasks import StopTask, Task
from trackside.server import queues, task_rows, transitions
from trackside.server.caller import Caller
from trackside.server.store.database import Tx
from trackside.server.store.tables import attempt, queue, run, step, task, timer, user
from trackside.server.waiting import Pending

from . import book as books
from . import launch, plan, view
from .book import Book


def create(tx: Tx, caller: Caller, request: CreateRun) -> RunReply:
    """Start the run of a graph, or attach to the one that goes on.

    Raises:
        InvalidRequest: the graph is not valid; nothing is stored.
    """
    controller = _controller(tx, caller, request.task)
    books.insert_run(tx, controller.id)
    with books.opened(tx, controller.id) as book:
        if book.running:
            return _reply(tx, book.id)
        _begin(book, caller, request, controller)
    settle(tx)
    return _reply(tx, controller.id)


def get(tx: Tx, caller: Caller, request: GetRun) -> RunReply:
    return _visible(tx, caller, request.run)


def wait(tx: Tx, caller: Caller, request: WaitRun) -> RunReply | Pending:
    reply = _visible(tx, caller, request.run)
    if reply.run.sequence > request.after or reply.run.status != "running":
        return reply
    return Pending(reply=reply, topics=[f"run:{request.run}"], wait_sec=request.wait_sec)


def stop(tx: Tx, caller: Caller, request: StopRun) -> RunReply:
    _visible(tx, caller, request.run)
    abort_for_task(tx, request.run, request.reason or f"stopped by {caller.name}")
    settle(tx)
    return _reply(tx, request.run)


def abort_for_task(tx: Tx, task_id: str, reason: str) -> None:
    """Abort the run that the task owns, its steps and the task; nothing when the run has ended."""
    with books.opened(tx, task_id) as book:
        if book.running:
            _stop_steps(book, reason)
            _end(book, "aborted", reason)


def fire(tx: Tx, kind: str, subject: str, payload: dict[str, Any]) -> None:
    """What the timers `run_limit` and `step_limit` are due for; harmless when it was overtaken by events."""
    if kind == "run_limit":
        _fire_run_limit(tx, subject, payload)
    elif kind == "step_limit":
        _fire_step_limit(tx, subject, payload)
    settle(tx)


def settle(tx: Tx) -> None:
    """Apply what the changed tasks of this transaction mean to their runs, until nothing more follows."""
    while tx.changed:
        task_id = tx.changed.pop(0)
        place = books.step_of(tx, task_id)
        if place is not None:
            with books.opened(tx, place[0]) as book:
                _step_changed(book, place[1], task_id)
        if transitions.runs_on(tx, task_id):
            _controller_changed(tx, task_id)


# -- submission


def _controller(tx: Tx, caller: Caller, task_id: str) -> Task:
    found = task_rows.load(tx, task_id)
    if found.company not in (None, caller.company):
        raise InvalidId(f"there is no task {task_id!r}", subcode=101)
    if found.status in ("published", "publishing"):
        raise InvalidStatus(f"task {task_id} is published and cannot run a pipeline; clone it and start the clone")
    return found


def _begin(book: Book, caller: Caller, request: CreateRun, controller: Task) -> None:
    tx = book.tx
    parents = plan.check(request.steps)
    default = queues.find(tx, request.default_queue, caller.company) if request.default_queue else None
    rows = [
        _row(tx, caller, spec, position, parents[spec.name], default) | {"run": book.id, "position": position}
        for position, spec in enumerate(request.steps)
    ]
    kept = _kept(book) if request.keep_completed else {}
    rows = [row | kept.get(row["name"], {}) for row in rows]
    done = {row["name"] for row in rows if row["status"] in STEP_GOOD}
    for row in rows:
        row["missing"] = sum(parent not in done for parent in row["parents"])
    book.begin_epoch(default_queue=default, tag_steps=request.tag_steps)
    edges = [{"run": book.id, "parent": one, "child": name} for name, above in parents.items() for one in above]
    books.insert_steps(tx, rows, edges)
    if controller.status != "in_progress":
        transitions.change(tx, caller, book.id, "in_progress", reason="pipeline started", force=True)
    if request.time_limit:
        _set_timer(tx, "run_limit", book.id, request.time_limit, {"epoch": book.epoch, "seconds": request.time_limit})
    _launch_all(book, [row["name"] for row in rows if row["status"] == "blocked" and not row["missing"]])
    _end_if_over(book)
    _store_view(book)


def _row(
    tx: Tx, caller: Caller, spec: StepSpec, position: int, parents: tuple[str, ...], default: str | None
) -> dict[str, Any]:
    base = tx.row(sa.select(task.c.company).where(task.c.id == spec.base_task_id))
    if base is None or base["company"] != caller.company:
        raise InvalidId(f"step {spec.name!r}: there is no base task {spec.base_task_id!r}", subcode=101)
    queue_id = queues.find(tx, spec.queue, caller.company) if spec.queue else default
    if queue_id is None:
        raise InvalidRequest(f"step {spec.name!r} has no queue; give it one, or the pipeline a default queue")
    return {
        "name": spec.name,
        "position": position,
        "status": "blocked",
        "base_task_id": spec.base_task_id,
        "parents": list(parents),
        "parameters": spec.parameters,
        "queue": queue_id,
        "time_limit": spec.time_limit,
        "retries": spec.retries,
        "lost_retries": spec.lost_retries,
        "continue_on_fail": spec.continue_on_fail,
        "failures": 0,
        "losses": 0,
        **dict.fromkeys(_RESULT),
    }


_RESULT = ("resolved", "task", "worker", "queued_at", "started_at", "ended_at")


def _kept(book: Book) -> dict[str, dict[str, Any]]:
    good = book.steps(*STEP_GOOD)
    return {row["name"]: {"status": row["status"]} | {name: row[name] for name in _RESULT} for row in good}


# -- a step's task changed


def _step_changed(book: Book, name: str, task_id: str) -> None:
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
        _set_timer(book.tx, "step_limit", now["id"], row["time_limit"], payload)


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
        launch.enqueue(book, now["id"], row["queue"], _owner(book), reason=again)
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
    if made is not None and made["exit_class"] == "lost":
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
        advance = plan.after(name, status, book.children)
        book.move_closer(advance.closer)
        for skipped in advance.skipped:
            book.mark(skipped, "skipped", reason=f"step {name!r} has {_DID[status]}")
        ended += _launch(book, advance.ready)
        may_be_last = may_be_last or advance.may_be_last
    if may_be_last and book.running:
        _end_if_over(book)


_DID = {"failed": "failed", "aborted": "been aborted"}


def _launch_all(book: Book, names: list[str]) -> None:
    for name, status, reason in _launch(book, names):
        _finish(book, name, status, reason)


def _launch(book: Book, names: list[str]) -> list[tuple[str, StepStatus, str | None]]:
    """Launch the named steps; those that cannot be are answered, to be finished as failed."""
    failed: list[tuple[str, StepStatus, str | None]] = []
    caller = _owner(book) if names else None
    for name in names:
        assert caller is not None
        try:
            launch.launch(book, book.step(name), caller)
        except InvalidRequest as error:
            failed.append((name, "failed", error.message))
    return failed


def _owner(book: Book) -> Caller:
    """The engine acts for the controller's owner."""
    found = book.tx.row(
        sa.select(task.c.user, task.c.company, user.c.name, user.c.role)
        .outerjoin(user, user.c.id == task.c.user)
        .where(task.c.id == book.id)
    )
    if found is None:
        raise books.missing_run(book.id)
    return Caller(
        user=found["user"],
        name=found["name"] or found["user"],
        role=found["role"] or "user",
        company=found["company"],
    )


# -- the run's end


def _end_if_over(book: Book) -> None:
    left = sa.select(step.c.name).where(step.c.run == book.id, step.c.status.not_in(STEP_ENDED)).limit(1)
    if not book.running or book.tx.value(left) is not None:
        return
    ends = (
        plan.Ended(row["name"], row["status"], row["continue_on_fail"], row["reason"])
        for row in sorted(book.steps(), key=lambda row: (row["ended_at"], row["position"]))
    )
    over = plan.conclude(ends)
    assert over is not None
    _end(book, *over)


def _end(book: Book, status: RunStatus, reason: str | None) -> None:
    """The controller's status follows the run's."""
    caller = _owner(book)
    book.end(status, reason)
    book.close()  # before the task changes: nobody may take it for the owner of a running run any more
    _drop_timers(book.tx, book.id)
    if status == "aborted":  # its process is told through its lease, as for any other task
        transitions.stop(book.tx, caller, StopTask(task=book.id, status_reason=reason))
    else:
        transitions.change(book.tx, caller, book.id, status, reason=reason, message=reason, force=True)
    _store_view(book)


def _stop_steps(book: Book, reason: str) -> None:
    caller = _owner(book)
    for row in book.steps("blocked"):
        book.mark(row["name"], "skipped", reason=reason)
    for row in book.steps("queued", "running"):
        _stop_step(book, row["name"], row["task"], reason, caller)


def _stop_step(book: Book, name: str, task_id: str, reason: str, caller: Caller) -> None:
    book.note(name, reason=reason)
    transitions.stop(book.tx, caller, StopTask(task=task_id, status_reason=reason))


def _controller_changed(tx: Tx, task_id: str) -> None:
    """A person stopped, reset or ended a task whose run goes on: that aborts the run."""
    now = tx.row(sa.select(task.c.status, task.c.status_message, task.c.status_reason).where(task.c.id == task_id))
    if now is None or now["status"] in ENDED or now["status"] == "created":
        reason = (now["status_reason"] if now else None) or "the controller task was stopped"
        abort_for_task(tx, task_id, reason)
    elif now["status"] == "in_progress" and now["status_message"] == "stopping":
        abort_for_task(tx, task_id, now["status_reason"] or "stopped by a person")


def _fire_run_limit(tx: Tx, run_id: str, payload: dict[str, Any]) -> None:
    if not transitions.runs_on(tx, run_id):
        return
    with books.opened(tx, run_id) as book:
        if book.running and book.epoch == payload["epoch"]:
            reason = f"the pipeline's time limit of {payload['seconds']:g} s is over"
            _stop_steps(book, reason)
            _end(book, "failed", reason)


def _fire_step_limit(tx: Tx, task_id: str, payload: dict[str, Any]) -> None:
    place = books.step_of(tx, task_id)
    if place is None:
        return
    with books.opened(tx, place[0]) as book:
        row = book.step(place[1])
        newest = tx.value(sa.select(task.c.attempt).where(task.c.id == task_id))
        if row["status"] == "running" and newest == payload["attempt"]:
            reason = f"its time limit of {payload['seconds']:g} s is over"
            _stop_step(book, row["name"], task_id, reason, _owner(book))


def _set_timer(tx: Tx, kind: str, subject: str, seconds: float, payload: dict[str, Any]) -> None:
    due = tx.now + dt.timedelta(seconds=seconds)
    tx.run(sa.insert(timer).values(id=new_id(), due_at=due, kind=kind, subject=subject, payload=payload))
    tx.notify("timers")


def _drop_timers(tx: Tx, subject: str) -> None:
    tx.run(sa.delete(timer).where(timer.c.subject == subject, timer.c.kind.in_(("run_limit", "step_limit"))))


# -- reading


def _visible(tx: Tx, caller: Caller, run_id: str) -> RunReply:
    owner = sa.select(task.c.company).join(run, run.c.id == task.c.id).where(run.c.id == run_id)
    if tx.value(owner) != caller.company:
        raise books.missing_run(run_id)
    return _reply(tx, run_id)


def _reply(tx: Tx, run_id: str) -> RunReply:
    found = books.read(tx, run_id)
    if found is None:
        raise books.missing_run(run_id)
    return RunReply(run=found)


def _store_view(book: Book) -> None:
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
