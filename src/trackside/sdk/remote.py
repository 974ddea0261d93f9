"""`execute_remotely`: this run ends here; an agent, or nobody yet, runs the task (protocol.md §7.4)."""

import sys
from typing import TYPE_CHECKING

from trackside.protocol import tasks

from . import closing, queries, starting, statuses

if TYPE_CHECKING:
    from trackside.client.api import Api

    from .task import Task


def leave(task: "Task", queue: str | None, *, clone: bool, exit_process: bool) -> "Task | None":
    """End this process's run of the task, and see to who runs it."""
    if task.running_remotely() or task.recording is None:
        return None
    api, copy, enqueued = task.api, None, None
    if queue:
        statuses.resolve_queue(api, queue)  # a name that does not exist leaves the task running
    task.flush(wait_for_uploads=True)
    if clone:
        copy_id, enqueued = clone_over(api, task.reload(), queue)
        copy = type(task).get_task(task_id=copy_id)
        starting.finish(task, closing.Outcome("completed"))
    else:
        # first the console's rest, so that it does not arrive in the draft
        task.recording.settled = True
        starting.finish(task, closing.Outcome("none"))
        if queue:
            enqueued = hand_over(api, task.id, queue)
        else:
            leave_draft(api, task.id)
    tell(copy.id if copy is not None else task.id, queue, enqueued)
    if exit_process:
        sys.stdout.flush()
        sys.exit(0)
    return copy


def leave_draft(api: "Api", task: str) -> None:
    """Turn the running task into a draft that keeps its code and parameters."""
    api.call(tasks.TaskStopped(task=task, force=True, status_reason="registered by execute_remotely"))
    # no longer somebody's experiment on the way: a base for others
    api.call(tasks.EditTask(task=task, system_tags=[], force=True))
    api.call(tasks.ResetTask(task=task, force=True))


def hand_over(api: "Api", task: str, queue: str) -> tasks.Enqueued:
    """Stop the running task and put it into a queue as it is."""
    api.call(tasks.TaskStopped(task=task, force=True, status_reason="continues on a worker"))
    return statuses.enqueue(api, task, queue)


def clone_over(api: "Api", task: tasks.Task, queue: str | None) -> tuple[str, tasks.Enqueued | None]:
    """Make a copy of the task, and put it into a queue when one is given."""
    copy = queries.clone(api, task.id, name=task.name, comment=None, parent=task.id, project=None)
    return copy.id, statuses.enqueue(api, copy.id, queue) if queue else None


def tell(task: str, queue: str | None, enqueued: tasks.Enqueued | None) -> None:
    """Say on the terminal what became of the task."""
    if enqueued is None:
        print(f"Trackside Task: {task} is registered as a draft; clone it or enqueue it to run it")  # noqa: T201
        return
    print(f"Trackside Task: {task} is in queue {queue!r}")  # noqa: T201
    warn_unwatched(queue or "default", enqueued)


def warn_unwatched(queue: str, enqueued: tasks.Enqueued) -> None:
    """Say at once that a task will wait for a worker that nobody has started."""
    if enqueued.queue_watched is False:
        print(  # noqa: T201
            f"trackside: no worker listens to queue {queue!r}; start one with `trackside agent --queue {queue}`",
            file=sys.stderr,
        )
