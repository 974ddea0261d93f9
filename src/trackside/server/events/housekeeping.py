"""Events leave with their task."""

import sqlalchemy as sa

from trackside.protocol.events import DeletedEvents, DeleteForTask
from trackside.server.caller import Caller
from trackside.server.context import Server
from trackside.server.store.database import Tx
from trackside.server.store.event_tables import console_chunk, image, journal_session, plot, scalar_chunk

from . import ingest


def delete_for_task(server: Server, task: str) -> None:
    """Delete every event of the task; again is harmless.

    How far its journals were acknowledged is kept: what was delivered before must not come back.
    """

    def delete(tx: Tx) -> None:
        for table in (console_chunk, scalar_chunk, plot, image):
            tx.run(sa.delete(table).where(table.c.task == task))

    server.events.write(delete)


def forget_journals(server: Server, task: str) -> None:
    """Forget how far the journals of a task that no longer exists were acknowledged."""
    server.events.write(lambda tx: tx.run(sa.delete(journal_session).where(journal_session.c.task == task)))


def delete_task_events(server: Server, caller: Caller, request: DeleteForTask) -> DeletedEvents:
    """The action `events.delete_for_task`.

    Raises:
        InvalidId, Forbidden: as for writing.
    """
    ingest.check_writable(server, caller, request.task)
    delete_for_task(server, request.task)
    return DeletedEvents(deleted=True)
