"""Tokens: signed for the clients that decode them, checked against the session table (protocol.md §1.4, DESIGN 19)."""

import base64
import datetime as dt
import secrets
from typing import Any, Final

import jwt
import sqlalchemy as sa

from trackside import __version__
from trackside.errors import Unauthorized
from trackside.protocol.base import API_VERSION, new_id

from .caller import Caller
from .store import tables
from .store.database import Tx

_s = tables.session.c
TOKEN_LIFE: Final = dt.timedelta(hours=24)
#: An attempt's token outlives its attempt so that its journal can still be delivered (DESIGN 9).
ATTEMPT_LIFE: Final = dt.timedelta(days=30)
ATTEMPT_REST: Final = dt.timedelta(days=7)
_KEY: Final = "signing_key"
_COMPANY: Final = "company"


def signing_key(tx: Tx) -> bytes:
    """The HMAC key, made the first time somebody asks."""
    table = tables.meta
    found = tx.value(sa.select(table.c.value).where(table.c.key == _KEY))
    if found is None:
        found = base64.b64encode(secrets.token_bytes(32)).decode()
        tx.run(sa.insert(table).values(key=_KEY, value=found))
    return base64.b64decode(found)


def company(tx: Tx) -> str:
    """Id of the one workspace, made the first time somebody asks."""
    table = tables.meta
    found = tx.value(sa.select(table.c.value).where(table.c.key == _COMPANY))
    if found is None:
        found = new_id()
        tx.run(sa.insert(table).values(key=_COMPANY, value=found))
    return str(found)


def for_user(tx: Tx, user_id: str, *, life: dt.timedelta = TOKEN_LIFE) -> str:
    return _issue(tx, user_id, new_id(), life, task=None, attempt=None)


def for_attempt(tx: Tx, user_id: str, task_id: str, attempt: int, *, session: str) -> str:
    """A token with its owner's rights, bound to one attempt of one task. The same session gives the token anew."""
    return _issue(tx, user_id, session, ATTEMPT_LIFE, task=task_id, attempt=attempt)


def _issue(tx: Tx, user_id: str, session: str, life: dt.timedelta, *, task: str | None, attempt: int | None) -> str:
    user = tx.row(sa.select(tables.user).where(tables.user.c.id == user_id))
    if user is None:
        raise Unauthorized("there is no such user any more", subcode=22)
    expires = tx.now + life
    if not tx.run(sa.update(tables.session).where(_s.id == session).values(expires=expires)).rowcount:
        values = {"id": session, "user": user_id, "task": task, "attempt": attempt}
        tx.run(sa.insert(tables.session).values(**values, created=tx.now, expires=expires, revoked=False))
    claims = {
        "identity": {
            "user": user_id,
            "company": user["company"],
            "role": user["role"],
            "user_name": user["name"],
            "company_name": "trackside",
        },
        "entities": {},
        "auth_type": "Bearer",
        "iat": int(tx.now.timestamp()),
        "exp": int(expires.timestamp()),
        "session_id": session,
        "env": "",
        "api_version": API_VERSION,
        "server_version": __version__,
        "server_build": __version__,
        "feature_set": "basic",
    }
    return jwt.encode(claims, signing_key(tx), algorithm="HS256")


def retire(tx: Tx, session: str) -> None:
    """The attempt is over: its token may deliver the rest of its journal for some days, no longer."""
    tx.run(sa.update(tables.session).where(_s.id == session).values(expires=tx.now + ATTEMPT_REST))


def revoke(tx: Tx, session: str) -> None:
    tx.run(sa.update(tables.session).where(_s.id == session).values(revoked=True))


def caller_of(tx: Tx, key: bytes, token: str) -> Caller:
    """Who a token speaks for.

    Raises:
        Unauthorized: it is malformed or foreign (30), expired (30) or revoked (31).
    """
    claims = _claims(key, token)
    joined = sa.select(tables.session, tables.user.c.name, tables.user.c.role, tables.user.c.company)
    statement = joined.join(tables.user, tables.user.c.id == _s.user).where(_s.id == claims.get("session_id"))
    row = tx.row(statement)
    if row is None or row["revoked"]:
        raise Unauthorized("the token was revoked; log in again", subcode=31)
    if row["expires"] <= tx.now:
        raise Unauthorized("the token has expired; log in again", subcode=30)
    return Caller(
        user=row["user"],
        name=row["name"],
        role=row["role"],
        company=row["company"],
        session=row["id"],
        task=row["task"],
        attempt=row["attempt"],
    )


def _claims(key: bytes, token: str) -> dict[str, Any]:
    try:
        # expiry is the session row's: an attempt's rest may be delivered after the claim says so
        return jwt.decode(token, key, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})
    except jwt.PyJWTError as error:
        raise Unauthorized(f"the token is not one of this server ({error}); log in again", subcode=30) from error
