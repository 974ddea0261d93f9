"""Moving a task from status to status, and waiting for one."""

import random
import threading
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from trackside.client import retries
from trackside.errors import ExecutionError, InvalidId
from trackside.protocol import queues, tasks

from . import queries

if TYPE_CHECKING:
    from trackside.client.api import Api


def wait_for(
    api: "Api", task: str, wanted: Collection[str], refused: Collection[str], timeout: float | None = None
) -> tasks.Task:
    """Wait until the task has one of the `wanted` statuses.

    Raises:
        ExecutionError: it has one of the `refused` ones.
        TimeoutError: `timeout` seconds have passed.
    """
    give_up = None if timeout is None else time.monotonic() + timeout
    asked = 0
    while True:
        found = api.call(tasks.GetTask(task=task, only_fields=["id", "name", "status", "status_reason"])).task
        status = found.status or "unknown"
        if status in wanted:
            return queries.task_by_id(api, task)
        if status in refused:
            raise ExecutionError(f"task {task} is {status}: {found.status_reason or 'no reason was given'}")
        if give_up is not None and time.monotonic() >= give_up:
            raise TimeoutError(f"task {task} is still {status} after {timeout} seconds")
        asked += 1
        # until the server can be asked to answer when the status changes
        threading.Event().wait(retries.delay(asked, random.random()))  # noqa: S311


def resolve_queue(api: "Api", name: str) -> str:
    """The id of the queue called, or having the id, `name`."""
    found = api.call(queues.GetQueues(name=queries.exactly(name), only_fields=["id", "name"])).queues
    if not found:
        found = api.call(queues.GetQueues(id=[name], only_fields=["id", "name"])).queues
    if not found:
        known = sorted(queue.name or "" for queue in api.call(queues.GetQueues(only_fields=["id", "name"])).queues)
        raise InvalidId(f"there is no queue {name!r}; there are: {', '.join(known) or 'none'}")
    return found[0].id


def enqueue(api: "Api", task: str, queue: str | None) -> tasks.Enqueued:
    """Put the task into a queue, by name or id; the default queue when none is given."""
    queue_id = resolve_queue(api, queue) if queue else None
    return api.call(tasks.EnqueueTask(task=task, queue=queue_id, verify_watched_queue=True))
