"""Column types that mean the same on SQLite and PostgreSQL."""

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)


class Instant(sa.TypeDecorator[dt.datetime]):
    """A moment in UTC, kept as whole milliseconds since the epoch so that it sorts and compares alike everywhere."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> int | None:  # noqa: ARG002 - given by SQLAlchemy
        return None if value is None else (value - _EPOCH) // _MILLISECOND

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> dt.datetime | None:  # noqa: ARG002
        return None if value is None else _EPOCH + value * _MILLISECOND


#: A JSON document; None is SQL NULL, never JSON null.
Document = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
