"""The part of the query language every noun shares: ids, patterns, lists, order, pages."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from trackside.errors import InvalidRequest
from trackside.protocol.base import ListQuery

from .patterns import matches
from .projection import names

MAX_PAGE = 500


def listing(
    table: sa.Table,
    request: ListQuery,
    *,
    patterns: Iterable[str] = ("name",),
    lists: Iterable[str] = (),
    order: dict[str, Any] | None = None,
) -> sa.Select[Any]:
    """A select of `table` by the conditions of `request`, ordered and paged.

    Args:
        patterns: columns matched by regular expression.
        lists: columns that match any of the values given; `null` matches a missing one.
        order: what further names of `order_by` stand for.
    """
    statement = sa.select(table).where(*conditions(table, request, patterns=patterns, lists=lists))
    return paged(statement.order_by(*ordering(table, request, order or {})), request)


def conditions(
    table: sa.Table, request: ListQuery, *, patterns: Iterable[str], lists: Iterable[str]
) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if request.id is not None:
        found.append(table.c.id.in_([request.id] if isinstance(request.id, str) else request.id))
    for name in patterns:
        pattern = getattr(request, name, None)
        if pattern is not None:
            found.append(matches(table.c[name], pattern))
    for name in lists:
        values = getattr(request, name, None)
        if values is not None:
            found.append(any_of(table.c[name], [values] if isinstance(values, str) else values))
    return found


def any_of(column: Any, values: list[str | None]) -> sa.ColumnElement[bool]:
    """Any of the plain values, and none of those written `-value`."""
    wanted = [value for value in values if value is not None and not value.startswith("-")]
    unwanted = [value[1:] for value in values if value is not None and value.startswith("-")]
    parts: list[sa.ColumnElement[bool]] = []
    if wanted:
        parts.append(column.in_(wanted))
    if None in values:
        parts.append(column.is_(None))
    positive = sa.or_(*parts) if parts else sa.true()
    return sa.and_(positive, sa.or_(column.is_(None), column.not_in(unwanted))) if unwanted else positive


def ordering(table: sa.Table, request: ListQuery, more: dict[str, Any]) -> list[Any]:
    result: list[Any] = []
    for name in names(request.order_by):
        bare = name.removeprefix("-")
        column = more.get(bare, table.c.get(bare))
        if column is None:
            raise InvalidRequest(f"cannot order by {bare!r}", subcode=14, field=bare)
        # a missing value comes last when rising, as ClearML does
        result += [column.desc()] if name.startswith("-") else [column.is_(None), column.asc()]
    return [*result, table.c.id]


def paged(statement: sa.Select[Any], request: ListQuery) -> sa.Select[Any]:
    size = min(request.page_size or MAX_PAGE, MAX_PAGE)
    return statement.limit(max(size, 1)).offset(max(request.page or 0, 0) * size)
