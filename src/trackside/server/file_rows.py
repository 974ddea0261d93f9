"""Which name holds which content: rows of files and counted blobs (DESIGN 16).

Content is never removed when its last name goes, but by `sweep`, days later: an upload of the same content may be on
its way, and it notes the blob before it moves the bytes into place.
"""

import datetime as dt
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from trackside.errors import Conflict, FileMissing, Forbidden
from trackside.safe import file_keys
from trackside.server.caller import Caller
from trackside.server.store import tables
from trackside.server.store.blobs import Blobs
from trackside.server.store.database import Database, Tx
from trackside.server.store.upserts import upsert

KEPT = dt.timedelta(days=7)  #: how long content without a name stays
_PAGE = 500

file, blob = tables.file, tables.blob


class Stored(msgspec.Struct, frozen=True):
    """Content under a name."""

    path: str
    hash: str
    size: int
    content_type: str | None = None


def find(tx: Tx, path: str) -> Stored:
    """
    Raises:
        FileMissing: nothing has that name.
    """  # noqa: D212 - there is nothing else to say
    query = sa.select(blob.c.hash, blob.c.size, file.c.content_type).join(blob, blob.c.hash == file.c.blob)
    row = tx.row(query.where(file.c.path == path))
    if row is None:
        raise FileMissing("no such file", path=path)
    return Stored(path, row["hash"], row["size"], row["content_type"])


def expect(tx: Tx, digest: str, size: int) -> None:
    """Note that this content is about to get a name, so that no sweep removes it meanwhile."""
    row = {"hash": digest, "size": size, "rows": 0, "created": tx.now}
    upsert(tx, blob, [row], overwrite=["created"])


def put(tx: Tx, caller: Caller, stored: Stored) -> None:
    """Give content a name; the same content again is harmless.

    Raises:
        Conflict: the name holds other content, and the caller may not write its owner's files.
    """
    before = tx.row(sa.select(file).where(file.c.path == stored.path).with_for_update())
    if before is not None:
        if before["blob"] == stored.hash:
            return
        if not _may_change(tx, caller, before):
            raise Conflict("another's file has this name; store it under a name of your own task", path=stored.path)
        _count(tx, before["blob"], -1)
    row = {
        "path": stored.path,
        "blob": stored.hash,
        "user": caller.user,
        "task": _owner(tx, stored.path),
        "content_type": stored.content_type,
        "created": tx.now,
    }
    upsert(tx, file, [row])
    _count(tx, stored.hash, 1)


def put_all(tx: Tx, caller: Caller, stored: Sequence[Stored]) -> None:
    """Give several names at once: all or none."""
    for one in stored:
        put(tx, caller, one)


def delete_all(tx: Tx, caller: Caller, paths: Sequence[str]) -> None:
    """Remove several names at once: all or none."""
    for path in paths:
        delete(tx, caller, path)


def delete(tx: Tx, caller: Caller, path: str) -> None:
    """Remove one name; other names of the same content stay.

    Raises:
        FileMissing, Forbidden: nothing has that name, or it is another's.
    """
    row = tx.row(sa.select(file).where(file.c.path == path).with_for_update())
    if row is None:
        raise FileMissing("no such file", path=path)
    if not _may_change(tx, caller, row):
        raise Forbidden("only its owner or an administrator may delete this file", path=path)
    tx.run(sa.delete(file).where(file.c.path == path))
    _count(tx, row["blob"], -1)


def below(tx: Tx, folder: str) -> list[str]:
    """Names below a folder of a task, `_PAGE` of them at most; nothing else has folders that can be deleted."""
    task = file_keys.owner(f"{folder}/")
    if task is None:
        return []
    prefix = sa.func.substr(file.c.path, 1, len(folder) + 1) == f"{folder}/"  # LIKE would ignore case on SQLite
    return [row["path"] for row in tx.rows(sa.select(file.c.path).where(file.c.task == task, prefix).limit(_PAGE))]


def sweep(database: Database, blobs: Blobs, kept: dt.timedelta = KEPT) -> int:
    """Remove content that has had no name for `kept`; answers how many."""

    def forget(tx: Tx) -> int:
        old = sa.and_(blob.c.rows == 0, blob.c.created < tx.now - kept)
        hashes = [row["hash"] for row in tx.rows(sa.select(blob.c.hash).where(old).limit(_PAGE).with_for_update())]
        for digest in hashes:  # in the transaction, which holds back who is about to store the same content again
            blobs.remove(digest)
        tx.run(sa.delete(blob).where(blob.c.hash.in_(hashes)))
        return len(hashes)

    count = 0
    while removed := database.write(forget):
        count += removed
    return count


def _count(tx: Tx, digest: str, change: int) -> None:
    # `created` is the moment the count last changed: what `sweep` goes by
    tx.run(sa.update(blob).where(blob.c.hash == digest).values(rows=blob.c.rows + change, created=tx.now))


def _owner(tx: Tx, path: str) -> str | None:
    task = file_keys.owner(path)
    return task and tx.value(sa.select(tables.task.c.id).where(tables.task.c.id == task))


def _may_change(tx: Tx, caller: Caller, row: sa.RowMapping) -> bool:
    if caller.may_administer:
        return True
    task = tx.row(sa.select(tables.task.c.id, tables.task.c.user).where(tables.task.c.id == (row["task"] or "")))
    if (
        caller.task is not None and row["task"]
    ):  # a task's token: its own folder, or what its user stored outside of any
        return bool(row["task"] == caller.task)
    return bool((task["user"] if task else row["user"]) == caller.user)
