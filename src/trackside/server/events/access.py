"""Which tasks a request of events names."""

import sqlalchemy as sa

from trackside.errors import InvalidId
from trackside.server.context import Server
from trackside.server.store import tables


def names_of(server: Server, tasks: list[str] | str) -> dict[str, str]:
    """Id → name of the tasks that exist, in the order asked; a string holds ids between commas."""
    ids = tasks.split(",") if isinstance(tasks, str) else tasks
    query = sa.select(tables.task.c.id, tables.task.c.name).where(tables.task.c.id.in_(ids))
    found = {row["id"]: row["name"] for row in server.main.read(lambda tx: tx.rows(query))}
    return {task: found[task] for task in ids if task in found}


def require(server: Server, task: str) -> None:
    """
    Raises:
        InvalidId: no such task.
    """  # noqa: D212 - there is nothing else to say
    if not names_of(server, [task]):
        raise InvalidId("no such task", subcode=101, task=task)
