"""The tables of the events database: chunks of console lines and of scalars, and plots (DESIGN 10)."""

import sqlalchemy as sa
from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from .types import Instant

metadata = sa.MetaData()

journal_session = Table(  # how far each journal was acknowledged; makes a batch idempotent
    "journal_session",
    metadata,
    Column("session", String(64), primary_key=True),
    Column("task", String(64), nullable=False, index=True),
    Column("sequence", BigInteger, nullable=False),
    Column("last_seen", Instant, nullable=False),
)

console_chunk = Table(
    "console_chunk",
    metadata,
    Column("task", String(64), primary_key=True),
    Column("first_index", BigInteger, primary_key=True),  # place of its first line in the task's log
    Column("attempt", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first_at", BigInteger, nullable=False),  # milliseconds since the epoch
    Column("last_at", BigInteger, nullable=False),
    Column("worker", String),
    Column("format", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

scalar_chunk = Table(
    "scalar_chunk",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("task", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("metric", String, nullable=False),
    Column("variant", String, nullable=False),
    Column("count", Integer, nullable=False),
    Column("min_step", BigInteger, nullable=False),
    Column("max_step", BigInteger, nullable=False),
    Column("format", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index("scalar_chunk_by_series", "task", "metric", "variant", "id"),
)

plot = Table(
    "plot",
    metadata,
    Column("task", String(64), primary_key=True),
    Column("metric", String, primary_key=True),
    Column("variant", String, primary_key=True),
    Column("iter", BigInteger, primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("worker", String),
    Column("plot_str", String, nullable=False),
)

image = Table(
    "image",
    metadata,
    Column("task", String(64), primary_key=True),
    Column("metric", String, primary_key=True),
    Column("variant", String, primary_key=True),
    Column("iter", BigInteger, primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("worker", String),
    Column("url", String),
    Column("key", String),
)
