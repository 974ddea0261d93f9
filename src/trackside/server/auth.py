"""Who may come in: credentials, the challenge, login links, and the first start (DESIGN 19)."""

import base64
import datetime as dt
import getpass
import hashlib
import hmac
import secrets
import string
from typing import Final

import sqlalchemy as sa

from trackside.errors import Forbidden, InvalidRequest, Unauthorized
from trackside.protocol import auth as wire
from trackside.protocol.base import Empty, new_id
from trackside.safe import scram

from . import queues, tokens
from .caller import Caller
from .store import tables
from .store.database import Tx

_c = tables.credential.c
_k = tables.ticket.c
_ACCESS_KEY_ALPHABET: Final = string.ascii_uppercase + string.digits
_CHALLENGE_LIFE: Final = dt.timedelta(minutes=1)
_TICKET_LIFE: Final = dt.timedelta(minutes=5)


def first_start(tx: Tx) -> tuple[bytes, str]:
    """Make what a server cannot be without, once: keys, workspace, an administrator, two queues.

    Returns:
        The signing key and the workspace's id.
    """
    key, company = tokens.signing_key(tx), tokens.company(tx)
    if tx.value(sa.select(sa.func.count()).select_from(tables.user)) == 0:
        admin = Caller(user=new_id(), name=_local_name(), role="admin", company=company)
        _add_user(tx, admin)
        queues.make(tx, admin, "default", system_tags=["default"])
        queues.make(tx, admin, "services")
    return key, company


def _local_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "admin"


def _add_user(tx: Tx, user: Caller) -> None:
    values = {"id": user.user, "name": user.name, "role": user.role, "company": user.company}
    tx.run(sa.insert(tables.user).values(**values, created=tx.now, preferences={}))


def user_named(tx: Tx, name: str | None, role: str | None) -> Caller:
    """The user of that name, made with `role` when missing; without a name, the first administrator.

    Raises:
        InvalidRequest: the user is there with another role.
    """
    table = tables.user
    where = table.c.name == name if name else table.c.role == "admin"
    row = tx.row(sa.select(table).where(where).order_by(table.c.created))
    if row is None:
        made = Caller(user=new_id(), name=name or _local_name(), role=role or "user", company=tokens.company(tx))
        _add_user(tx, made)
        return made
    if role and row["role"] != role:
        raise InvalidRequest(
            f"user {row['name']} is there already, as {row['role']}; roles are changed by auth.edit_user"
        )
    return Caller(user=row["id"], name=row["name"], role=row["role"], company=row["company"])


def new_credentials(tx: Tx, user_id: str, label: str | None) -> wire.Credential:
    access_key = "".join(secrets.choice(_ACCESS_KEY_ALPHABET) for _ in range(30))
    secret = secrets.token_urlsafe(50)
    known = scram.verifier(access_key, secret)
    values = {"access_key": access_key, "user": user_id, "label": label, "created": tx.now}
    tx.run(sa.insert(tables.credential).values(**values, stored_key=known.stored_key, server_key=known.server_key))
    return wire.Credential(access_key=access_key, secret_key=secret, label=label)


def _verifier(tx: Tx, access_key: str) -> tuple[str, scram.Verifier]:
    row = tx.row(sa.select(tables.credential).where(_c.access_key == access_key))
    if row is None:
        raise Unauthorized("failed to locate provided credentials", subcode=22)
    return row["user"], scram.Verifier(row["stored_key"], row["server_key"])


def login_basic(tx: Tx, access_key: str, secret: str, origin: str) -> str:
    """A token for who knows the secret."""
    user_id, known = _verifier(tx, access_key)
    if not hmac.compare_digest(scram.verifier(access_key, secret).stored_key, known.stored_key):
        raise Unauthorized("failed to locate provided credentials", subcode=22)
    _used(tx, access_key, origin)
    return tokens.for_user(tx, user_id)


def is_current(tx: Tx, access_key: str, secret: str) -> bool:
    """Whether the pair is one of this server's."""
    try:
        _, known = _verifier(tx, access_key)
    except Unauthorized:
        return False
    return hmac.compare_digest(scram.verifier(access_key, secret).stored_key, known.stored_key)


def _used(tx: Tx, access_key: str, origin: str) -> None:
    same = _c.access_key == access_key
    tx.run(sa.update(tables.credential).where(same).values(last_used=tx.now, last_used_from=origin))


def login(tx: Tx, caller: Caller, _request: wire.Login) -> wire.Token:
    """A fresh token for who already has one; the edge logs in by Basic before it comes here."""
    if caller.task is not None:
        return wire.Token(
            token=tokens.for_attempt(tx, caller.user, caller.task, caller.attempt or 0, session=caller.session)
        )
    return wire.Token(token=tokens.for_user(tx, caller.user))


def challenge(tx: Tx, _caller: Caller, request: wire.GetChallenge) -> wire.Challenge:
    """An unknown key gets one too, so that nobody learns which keys there are."""
    nonce = request.nonce + scram.new_nonce()
    _keep_ticket(tx, "challenge", nonce, request.access_key, _CHALLENGE_LIFE)
    return wire.Challenge(nonce=nonce)


def prove(tx: Tx, caller: Caller, request: wire.ProveSecret) -> wire.Proven:
    subject = _take_ticket(tx, "challenge", request.nonce)
    if subject != request.access_key:
        raise Unauthorized("the challenge is not one of ours, was used, or is older than a minute", subcode=22)
    user_id, known = _verifier(tx, request.access_key)
    if not scram.accepts(known, request.access_key, request.nonce, request.proof):
        raise Unauthorized("failed to locate provided credentials", subcode=22)
    _used(tx, request.access_key, caller.worker)
    signature = scram.server_signature(known, request.access_key, request.nonce)
    return wire.Proven(token=tokens.for_user(tx, user_id), server_signature=signature)


def create_login_ticket(tx: Tx, caller: Caller, _request: wire.CreateLoginTicket) -> wire.Ticket:
    if caller.task is not None:
        raise Forbidden("a task's token opens no browser session", subcode=20)
    return wire.Ticket(url_path=login_path(tx, caller.user))


def login_path(tx: Tx, user_id: str) -> str:
    secret = secrets.token_urlsafe(32)
    _keep_ticket(tx, "login", secret, user_id, _TICKET_LIFE)
    return f"/login#ticket={secret}"


def redeem_login_ticket(tx: Tx, _caller: Caller, request: wire.RedeemLoginTicket) -> wire.Token:
    user_id = _take_ticket(tx, "login", request.ticket)
    if user_id is None:
        raise Unauthorized(
            "the link was used or is older than five minutes; ask for a new one: trackside login", subcode=22
        )
    return wire.Token(token=tokens.for_user(tx, user_id))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _keep_ticket(tx: Tx, kind: str, secret: str, subject: str, life: dt.timedelta) -> None:
    tx.run(sa.delete(tables.ticket).where(_k.expires < tx.now))
    values = {"digest": _digest(secret), "kind": kind, "subject": subject, "expires": tx.now + life}
    tx.run(sa.insert(tables.ticket).values(**values))


def _take_ticket(tx: Tx, kind: str, secret: str) -> str | None:
    mine = sa.and_(_k.digest == _digest(secret), _k.kind == kind, _k.expires >= tx.now)
    subject = tx.value(sa.select(_k.subject).where(mine).with_for_update())
    if subject is None or tx.run(sa.delete(tables.ticket).where(mine)).rowcount != 1:
        return None
    return str(subject)


def logout(tx: Tx, caller: Caller, _request: wire.Logout) -> Empty:
    tokens.revoke(tx, caller.session)
    return Empty()


def create_credentials(tx: Tx, caller: Caller, request: wire.CreateCredentials) -> wire.CredentialReply:
    if caller.task is not None:
        raise Forbidden("a task's token makes no credentials", subcode=20)
    return wire.CredentialReply(credentials=new_credentials(tx, caller.user, request.label))


def get_credentials(tx: Tx, caller: Caller, _request: wire.GetCredentials) -> wire.CredentialsReply:
    rows = tx.rows(sa.select(tables.credential).where(_c.user == caller.user).order_by(_c.created))
    shown = ("access_key", "label", "last_used", "last_used_from")
    return wire.CredentialsReply(credentials=[wire.Credential(**{key: row[key] for key in shown}) for row in rows])


def revoke_credentials(tx: Tx, caller: Caller, request: wire.RevokeCredentials) -> wire.Revoked:
    mine = sa.and_(_c.access_key == request.access_key, _c.user == caller.user)
    return wire.Revoked(revoked=tx.run(sa.delete(tables.credential).where(mine)).rowcount)


def validate_token(tx: Tx, _caller: Caller, request: wire.ValidateToken) -> wire.Validity:
    try:
        found = tokens.caller_of(tx, tokens.signing_key(tx), request.token)
    except Unauthorized:
        return wire.Validity(valid=False)
    return wire.Validity(valid=True, user=found.user, company=found.company)


def current_user(_tx: Tx, caller: Caller, _request: wire.GetCurrentUser) -> wire.CurrentUser:
    user = wire.User(
        id=caller.user,
        name=caller.name,
        given_name=caller.name,
        family_name="",
        role=caller.role,
        company={"id": caller.company, "name": "trackside"},
    )
    return wire.CurrentUser(user=user, getting_started={}, settings={"max_download_items": "1000"})


def get_users(tx: Tx, caller: Caller, request: wire.GetUsers) -> wire.UsersReply:
    table = tables.user
    statement = sa.select(table).where(table.c.company == caller.company).order_by(table.c.name)
    if request.id is not None:
        statement = statement.where(table.c.id.in_([request.id] if isinstance(request.id, str) else request.id))
    shown = ("id", "name", "role", "company", "created")
    return wire.UsersReply(users=[wire.User(**{key: row[key] for key in shown}) for row in tx.rows(statement)])


def basic_pair(header: str) -> tuple[str, str]:
    """Access key and secret of an `Authorization: Basic` header's value.

    Raises:
        Unauthorized: it is malformed (21).
    """
    try:
        user, colon, password = base64.b64decode(header, validate=True).decode().partition(":")
    except ValueError as error:
        raise Unauthorized("malformed Authorization header", subcode=21) from error
    if not colon:
        raise Unauthorized("malformed Authorization header", subcode=21)
    return user, password
