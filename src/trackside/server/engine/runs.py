"""Runs of pipelines: submit, read, stop, and what follows when a task of one changes (DESIGN 4).

A run is advanced inside the transaction that ends a step: the dispatcher calls `settle` after each handler, and what
`plan` decides is done here. Locks are taken in the order run, step, task, queue.
"""

from typing import Any

import sqlalchemy as sa

from trackside.errors import InvalidId, InvalidRequest, InvalidStatus
from trackside.protocol.pipelines import STEP_GOOD, CreateRun, GetRun, RunReply, StepSpec, StopRun, WaitRun
from trackside.protocol.states import ENDED
from trackside.protocol.tasks import Task
from trackside.server import queues, task_rows, transitions
from trackside.server.caller import Caller
from trackside.server.store.database import Tx
from trackside.server.store.tables import run, task
from trackside.server.waiting import Pending

from . import advance, plan, report
from . import book as books
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
            advance.stop_steps(book, reason)
            advance.end(book, "aborted", reason)


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
                advance.step_changed(book, place[1], task_id)
        if transitions.runs_on(tx, task_id):
            _controller_changed(tx, task_id)
        else:
            _keep_status_of_run(tx, task_id)


def plots(tx: Tx, task_id: str) -> list[dict[str, Any]]:
    """The plots of the run that the task owns, as they are stored for other tasks; none without a run."""
    found = books.read(tx, task_id)
    return report.plots(found) if found is not None else []


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
        payload = {"epoch": book.epoch, "seconds": request.time_limit}
        advance.set_timer(tx, "run_limit", book.id, request.time_limit, payload)
    advance.launch_all(book, [row["name"] for row in rows if row["status"] == "blocked" and not row["missing"]])
    advance.end_if_over(book)
    advance.store_view(book)


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


def _controller_changed(tx: Tx, task_id: str) -> None:
    """A person stopped, reset or ended a task whose run goes on: that aborts the run."""
    now = tx.row(sa.select(task.c.status, task.c.status_message, task.c.status_reason).where(task.c.id == task_id))
    if now is None or now["status"] in ENDED or now["status"] == "created":
        reason = (now["status_reason"] if now else None) or "the controller task was stopped"
        abort_for_task(tx, task_id, reason)
    elif now["status"] == "in_progress" and now["status_message"] == "stopping":
        abort_for_task(tx, task_id, now["status_reason"] or "stopped by a person")


_STATUS_OF = {"completed": "completed", "failed": "failed", "aborted": "stopped"}


def _keep_status_of_run(tx: Tx, task_id: str) -> None:
    """A process that ends after its run does not make an aborted pipeline a completed one."""
    found = sa.select(task.c.status, task.c.started, run.c.status.label("run_status"), run.c.reason, run.c.ended)
    row = tx.row(found.join(run, run.c.id == task.c.id).where(task.c.id == task_id))
    if row is None or row["status"] not in _STATUS_OF.values() or row["run_status"] not in _STATUS_OF:
        return
    started_since = row["ended"] is None or (row["started"] is not None and row["started"] > row["ended"])
    expected = _STATUS_OF[row["run_status"]]
    if row["status"] != expected and not started_since:
        caller = advance.owner_of(tx, task_id)
        transitions.change(tx, caller, task_id, expected, reason=row["reason"], message=row["reason"], force=True)


def _fire_run_limit(tx: Tx, run_id: str, payload: dict[str, Any]) -> None:
    if not transitions.runs_on(tx, run_id):
        return
    with books.opened(tx, run_id) as book:
        if book.running and book.epoch == payload["epoch"]:
            reason = f"the pipeline's time limit of {payload['seconds']:g} s is over"
            advance.stop_steps(book, reason)
            advance.end(book, "failed", reason)


def _fire_step_limit(tx: Tx, task_id: str, payload: dict[str, Any]) -> None:
    place = books.step_of(tx, task_id)
    if place is None:
        return
    with books.opened(tx, place[0]) as book:
        row = book.step(place[1])
        newest = tx.value(sa.select(task.c.attempt).where(task.c.id == task_id))
        if row["status"] == "running" and newest == payload["attempt"]:
            reason = f"its time limit of {payload['seconds']:g} s is over"
            advance.stop_step(book, row["name"], task_id, reason, advance.owner(book))


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
