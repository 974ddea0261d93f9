import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from trackside.errors import InvalidRequest
from trackside.server.context import Server
from trackside.server.store import event_tables, tables
from trackside.server.store.database import Tx


def put(tx: Tx, key: str) -> None:
    tx.run(sa.insert(tables.meta).values(key=key, value=key))


def keys(server: Server) -> set[str]:
    return {row["key"] for row in server.main.read(lambda tx: tx.rows(sa.select(tables.meta.c.key)))}


def test_the_migrations_make_exactly_the_declared_tables(server: Server) -> None:
    for database, metadata in ((server.main, tables.metadata), (server.events, event_tables.metadata)):
        with database._engine.connect() as connection:
            differences = compare_metadata(MigrationContext.configure(connection), metadata)
        assert differences == []


def test_what_a_failing_function_wrote_is_not_kept_and_its_neighbours_are(server: Server) -> None:
    def fails(tx: Tx) -> None:
        put(tx, "half")
        raise InvalidRequest("no")

    threads = [threading.Thread(target=lambda k=f"k{n}": server.main.write(lambda tx: put(tx, k))) for n in range(20)]
    for thread in threads:
        thread.start()
    with pytest.raises(InvalidRequest):
        server.main.write(fails)
    for thread in threads:
        thread.join()

    assert keys(server) == {f"k{n}" for n in range(20)}


def test_topics_are_published_after_the_commit_and_only_then(server: Server) -> None:
    seen: list[tuple[str, bool]] = []

    def work(tx: Tx) -> None:
        put(tx, "a")
        tx.notify("queue:1")

    def fails(tx: Tx) -> None:
        tx.notify("queue:1")
        raise InvalidRequest("no")

    with server.bus.listening(["queue:1"], lambda topic: seen.append((topic, "a" in keys(server)))):
        server.main.write(work)
        with pytest.raises(InvalidRequest):
            server.main.write(fails)

    assert seen == [("queue:1", True)]
