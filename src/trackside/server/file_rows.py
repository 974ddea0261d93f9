"""Names of files: a row maps a verbatim path to a blob; who owns the task in the path may write it (DESIGN 16)."""

import sqlalchemy as sa

from trackside.errors import Conflict, FileMissing
from trackside.safe import file_keys

from .caller import Caller
from .store import tables
from .store.database import Tx

_f = tables.file.c
_b = tables.blob.c


def checked_path(path: str) -> str:
    """A path as it is stored: verbatim, without a slash at the front."""
    return file_keys.checked(path.removeprefix("/"))


def put(tx: Tx, caller: Caller, path: str, digest: str, size: int, content_type: str | None) -> list[str]:
    """Give the path this content; answers the blobs that nobody names any more.

    Raises:
        Conflict: the path is there, and not the caller's to overwrite.
    """
    owner = _owner_task(tx, path)
    old = tx.row(sa.select(tables.file).where(_f.path == path).with_for_update())
    if not _may_write(tx, caller, owner, old):
        raise Conflict(f"{path} belongs to somebody else", path=path)
    if old is not None and old["blob"] == digest:
        return []
    _count(tx, digest, size)
    values = {"blob": digest, "user": caller.user, "task": owner, "content_type": content_type, "created": tx.now}
    if old is None:
        tx.run(sa.insert(tables.file).values(path=path, **values))
        return []
    tx.run(sa.update(tables.file).where(_f.path == path).values(**values))
    return _uncount(tx, old["blob"])


def _owner_task(tx: Tx, path: str) -> str | None:
    named = file_keys.owner(path)
    found: str | None = tx.value(sa.select(tables.task.c.id).where(tables.task.c.id == named))
    return found


def _may_write(tx: Tx, caller: Caller, owner: str | None, old: sa.RowMapping | None) -> bool:
    if caller.may_administer:
        return True
    if caller.task is not None and owner is not None:
        return caller.task == owner
    if owner is not None:
        return bool(tx.value(sa.select(tables.task.c.user).where(tables.task.c.id == owner)) == caller.user)
    return old is None or old["user"] == caller.user


def find(tx: Tx, path: str) -> sa.RowMapping:
    joined = sa.select(_f.path, _f.blob, _f.content_type, _f.created, _b.size).join(tables.blob, _b.hash == _f.blob)
    row = tx.row(joined.where(_f.path == path))
    if row is None:
        raise FileMissing(f"there is no file {path}", path=path)
    return row


def delete(tx: Tx, caller: Caller, path: str) -> list[str]:
    """Remove one name; answers the blobs that nobody names any more."""
    row = tx.row(sa.select(tables.file).where(_f.path == path).with_for_update())
    if row is None:
        raise FileMissing(f"there is no file {path}", path=path)
    if not _may_write(tx, caller, row["task"], row):
        raise Conflict(f"{path} belongs to somebody else", path=path)
    tx.run(sa.delete(tables.file).where(_f.path == path))
    return _uncount(tx, row["blob"])


def _count(tx: Tx, digest: str, size: int) -> None:
    one_more = sa.update(tables.blob).where(_b.hash == digest).values(rows=_b.rows + 1)
    if not tx.run(one_more).rowcount:
        tx.run(sa.insert(tables.blob).values(hash=digest, size=size, rows=1, created=tx.now))


def _uncount(tx: Tx, digest: str) -> list[str]:
    tx.run(sa.update(tables.blob).where(_b.hash == digest).values(rows=_b.rows - 1))
    gone = sa.and_(_b.hash == digest, _b.rows <= 0)
    return [digest] if tx.run(sa.delete(tables.blob).where(gone)).rowcount else []
