import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from trackside.protocol.base import new_id
from trackside.protocol.queues import ClaimTasks, Lease
from trackside.protocol.tasks import CreateTask, EnqueueTask, GetTask, Task
from trackside.server import auth, leases, queues, tasks, transitions
from trackside.server.caller import Caller
from trackside.server.context import Server
from trackside.server.engine import runs
from trackside.server.store import tables
from trackside.server.waiting import Pending


class Desk:
    """Calls service functions as the edge does: in a transaction, runs settled before the commit."""

    def __init__(self, server: Server) -> None:
        self.server = server
        server.main.write(auth.first_start)
        self.caller = server.main.write(lambda tx: auth.user_named(tx, None, None))

    def call(self, handle: Callable[..., Any], request: Any, caller: Caller | None = None) -> Any:
        def work(tx: Any) -> Any:
            reply = handle(tx, caller or self.caller, request)
            runs.settle(tx)
            return reply

        reply = self.server.main.write(work)
        return reply.reply if isinstance(reply, Pending) else reply

    def task(self, name: str = "a task", **fields: Any) -> str:
        return self.call(tasks.create, CreateTask(name=name, type=fields.pop("type", "training"), **fields)).id

    def get(self, task_id: str) -> Task:
        return self.call(tasks.get, GetTask(task=task_id)).task

    def enqueue(self, task_id: str, queue: str = "default") -> Any:
        return self.call(transitions.enqueue, EnqueueTask(task=task_id, queue=queue, verify_watched_queue=True))

    def claim(self, *queue_names: str, slots: int = 1, light_slots: int = 0, request_id: str = "") -> list[Lease]:
        request = ClaimTasks(
            worker="host:0",
            queues=list(queue_names or ("default",)),
            request_id=request_id or new_id(),
            slots=slots,
            light_slots=light_slots,
            wait_sec=0,
        )
        return self.call(leases.claim, request).leases

    def let_expire(self, lease: Lease) -> None:
        """Put the lease's end into the past, and let housekeeping find it."""
        past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        self.server.main.write(
            lambda tx: tx.run(sa.update(tables.lease).where(tables.lease.c.id == lease.id).values(expires=past))
        )

        def expire(tx: Any) -> None:
            leases.expire(tx)
            runs.settle(tx)

        self.server.main.write(expire)

    def waiting(self, queue: str = "default") -> list[str]:
        from trackside.protocol.queues import GetQueue

        queue_id = self.server.main.read(lambda tx: queues.find(tx, queue, self.caller.company))
        return [entry.task for entry in self.call(queues.get, GetQueue(queue=queue_id)).queue.entries]


@pytest.fixture
def desk(server: Server) -> Desk:
    return Desk(server)
