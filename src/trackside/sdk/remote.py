"""`execute_remotely`: this run ends here; an agent, or nobody yet, runs the task (protocol.md §7.4)."""

import sys
from typing import TYPE_CHECKING

from trackside.protocol import tasks

from . import queries, statuses

if TYPE_CHECKING:
    from trackside.client.api import Api


def leave_draft(api: "Api", task: str) -> None:
    """Turn the running task into a draft that keeps its code and parameters."""
    api.call(tasks.TaskStopped(task=task, force=True, status_reason="registered by execute_remotely"))
    # no longer somebody's experiment on the way: a base for others
    api.call(tasks.EditTask(task=task, system_tags=[], force=True))
    api.call(tasks.ResetTask(task=task, force=True))


def hand_over(api: "Api", task: str, queue: str) -> tasks.Enqueued:
    """Stop the running task and put it into a queue as it is."""
    statuses.resolve_queue(api, queue)  # a name that does not exist leaves the task running
    api.call(tasks.TaskStopped(task=task, force=True, status_reason="continues on a worker"))
    return statuses.enqueue(api, task, queue)


def settle(api: "Api", task: str, queue: str | None) -> tasks.Enqueued | None:
    """The local run is over: a draft, or an entry in the queue."""
    if queue is None:
        leave_draft(api, task)
        return None
    return hand_over(api, task, queue)


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


def check_queue(api: "Api", queue: str) -> None:
    """A queue that does not exist is told while the task still runs.

    Raises:
        InvalidId: there is none of this name; the message lists those there are.
    """
    statuses.resolve_queue(api, queue)
