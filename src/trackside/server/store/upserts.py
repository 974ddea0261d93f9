"""Insert or overwrite by primary key, in the words of either database."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from .database import Tx


def upsert(tx: Tx, table: sa.Table, rows: Sequence[dict[str, Any]], *, overwrite: Sequence[str] | None = None) -> None:
    """Insert `rows`; where one with the same primary key exists, set its columns `overwrite` (None: all but the key).

    Within `rows` no key may come twice.
    """
    if not rows:
        return
    insert: Any = sqlite.insert if tx.dialect == "sqlite" else postgresql.insert
    statement = insert(table)
    names = [c.name for c in table.columns if not c.primary_key] if overwrite is None else overwrite
    given = {name: statement.excluded[name] for name in names if name in rows[0]}
    keys = list(table.primary_key.columns)
    conflict = (
        statement.on_conflict_do_update(index_elements=keys, set_=given)
        if given
        else statement.on_conflict_do_nothing(index_elements=keys)
    )
    tx.run(conflict, list(rows))
