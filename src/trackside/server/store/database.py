"""Transactions. A service function takes a `Tx`, does no other I/O, and may be run again.

SQLite: WAL, full sync, one writer that commits waiting functions in groups, each in a savepoint, so that sixty-four
claims cost one fsync. PostgreSQL: a connection each, retried on serialisation errors and deadlocks; locks are taken in
the order run, step, task, queue. Replies leave after the commit, and so do notifications (DESIGN 13).
"""

import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, Final, Protocol, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, CursorResult, make_url

from trackside.errors import ServerUnavailable
from trackside.protocol.base import utc_now
from trackside.server.store.regexp import sqlite_regexp

T = TypeVar("T")

Publish = Callable[[Iterable[str]], None]

_GROUP: Final = 64  # functions that share one commit at most
_RETRIED: Final = ("40001", "40P01")  # serialization_failure, deadlock_detected
_TRIES: Final = 8
CHANNEL: Final = "trackside"


class Tx:
    """One running transaction.

    Attributes:
        now: the moment it began; every row it writes carries this one.
        changed: ids of the tasks whose status changed in it; the engine settles their runs before the commit.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect.name
        self.now = utc_now()
        self.topics: list[str] = []
        self.changed: list[str] = []

    def run(self, statement: sa.Executable, parameters: Any = None) -> CursorResult[Any]:
        return self._connection.execute(statement, parameters)

    def row(self, statement: sa.Executable) -> sa.RowMapping | None:
        """The first row as a mapping, or None."""
        return self._connection.execute(statement).mappings().first()

    def rows(self, statement: sa.Executable) -> list[sa.RowMapping]:
        return list(self._connection.execute(statement).mappings())

    def value(self, statement: sa.Executable) -> Any:
        """The first column of the first row, or None."""
        return self._connection.execute(statement).scalar()

    def notify(self, *topics: str) -> None:
        """Wake who waits for `topics`, once this is committed. Topics look like `queue:<id>`."""
        self.topics += topics


class Database(Protocol):
    """The port: run a function in a transaction."""

    dialect: str

    def read(self, work: Callable[[Tx], T]) -> T: ...

    def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work`, commit, publish its topics, and answer its result. Nothing is kept when it raises."""
        ...

    def close(self) -> None: ...


def engine_for(url: str | URL, *, schema: str | None = None) -> sa.Engine:
    """An engine with our pragmas and JSON codec.

    Args:
        url: `sqlite:///…` or `postgresql+psycopg://…`.
        schema: PostgreSQL schema that unqualified names mean.
    """
    parsed = make_url(url)
    options: dict[str, Any] = {
        "json_serializer": lambda value: msgspec.json.encode(value).decode(),
        "json_deserializer": msgspec.json.decode,
    }
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(parsed, connect_args={"check_same_thread": False, "timeout": 30}, **options)
        sa.event.listen(engine, "connect", _configure_sqlite)
        return engine
    search = {"options": f"-csearch_path={schema}"} if schema else {}
    return sa.create_engine(parsed, pool_size=16, max_overflow=48, connect_args=search, **options)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16384"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.create_function("regexp", 2, sqlite_regexp, deterministic=True)


class SqliteDatabase:
    dialect = "sqlite"

    def __init__(self, engine: sa.Engine, publish: Publish) -> None:
        self._engine = engine
        self._publish = publish
        self._waiting: queue.SimpleQueue[tuple[Callable[[Tx], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_groups, name="sqlite-writer", daemon=True)
        self._writer.start()

    def read(self, work: Callable[[Tx], T]) -> T:
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                return work(Tx(connection))
            finally:
                connection.exec_driver_sql("ROLLBACK")

    def write(self, work: Callable[[Tx], T]) -> T:
        future: Future[T] = Future()
        self._waiting.put((work, future))
        return future.result()

    def close(self) -> None:
        self._waiting.put(None)
        self._writer.join()
        self._engine.dispose()

    def _write_groups(self) -> None:
        with self._engine.connect() as connection:
            while (first := self._waiting.get()) is not None:
                group = [first]
                while len(group) < _GROUP and not self._waiting.empty():
                    item = self._waiting.get()
                    if item is None:
                        self._waiting.put(None)
                        break
                    group.append(item)
                self._commit(connection, group)

    def _commit(self, connection: Connection, group: list[tuple[Callable[[Tx], Any], Future[Any]]]) -> None:
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        topics: list[str] = []
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            for work, future in group:
                answers.append((future, *self._run(connection, work, topics)))
            connection.exec_driver_sql("COMMIT")
        except sa.exc.DBAPIError as error:
            _roll_back(connection)
            refusal = ServerUnavailable(f"the database could not be written ({error.orig}); nothing was kept")
            for _, future in group:
                future.set_exception(refusal)
            return
        self._publish(topics)
        for future, result, failure in answers:
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)

    @staticmethod
    def _run(connection: Connection, work: Callable[[Tx], Any], topics: list[str]) -> tuple[Any, BaseException | None]:
        tx = Tx(connection)
        connection.exec_driver_sql("SAVEPOINT one")
        try:
            result = work(tx)
        except Exception as error:  # noqa: BLE001 - belongs to the caller that waits on the future
            connection.exec_driver_sql("ROLLBACK TO one")
            connection.exec_driver_sql("RELEASE one")
            return None, error
        connection.exec_driver_sql("RELEASE one")
        topics += tx.topics
        return result, None


def _roll_back(connection: Connection) -> None:
    try:
        connection.exec_driver_sql("ROLLBACK")
    except sa.exc.DBAPIError:
        connection.invalidate()  # the transaction is already gone, and the connection may be too


class PostgresDatabase:
    dialect = "postgresql"

    def __init__(self, engine: sa.Engine, publish: Publish) -> None:
        self._engine = engine
        self._publish = publish

    def read(self, work: Callable[[Tx], T]) -> T:
        with self._engine.connect() as connection:
            return work(Tx(connection))

    def write(self, work: Callable[[Tx], T]) -> T:
        for left in range(_TRIES - 1, -1, -1):
            try:
                return self._once(work)
            except sa.exc.DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _RETRIED or not left:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        self._engine.dispose()

    def _once(self, work: Callable[[Tx], T]) -> T:
        with self._engine.begin() as connection:
            tx = Tx(connection)
            result = work(tx)
            for topic in dict.fromkeys(tx.topics):
                connection.execute(sa.select(sa.func.pg_notify(CHANNEL, topic)))
        self._publish(tx.topics)
        return result


def open_database(url: str | URL, publish: Publish, *, schema: str | None = None) -> Database:
    engine = engine_for(url, schema=schema)
    kind = SqliteDatabase if engine.dialect.name == "sqlite" else PostgresDatabase
    return kind(engine, publish)
