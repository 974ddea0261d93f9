"""`Api.call`: a request struct in, its reply struct out, whatever happens to tokens and connections in between."""

import random
import threading
import time
from typing import Any, TypeVar, cast

import msgspec

from trackside import errors
from trackside.protocol.auth import GetChallenge, ProveSecret
from trackside.protocol.base import API_VERSION, Request, Wire
from trackside.protocol.events import AddEvents, FreeReply
from trackside.protocol.files import FILES_PREFIX
from trackside.safe import scram

from . import retries
from .transport import Answer, Transport

REPLY_TIMEOUT = 30.0  #: seconds a reply may take, beyond what its request asks the server to wait
PATIENCE = 60.0  #: seconds to go on trying while nobody answers

ReplyT = TypeVar("ReplyT", bound=Wire)


class Credentials(msgspec.Struct, frozen=True):
    access_key: str
    secret_key: str


class _Meta(msgspec.Struct):
    result_code: int = 200
    result_subcode: int = 0
    result_msg: str = ""
    error_data: dict[str, Any] | None = None


class _Envelope(msgspec.Struct):
    meta: _Meta
    data: msgspec.Raw = msgspec.Raw(b"{}")


class Api:
    """A server as its clients see it. Logs in with the first call that needs it; may be shared between threads.

    Args:
        token: used before, and instead of, logging in; without `credentials` nothing replaces it once it is refused.
        files: base URL of the file server; `/files` of the transport's own when not given.
        worker: the name the server records for this process.
        patience: seconds to go on trying while nobody answers.
    """

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials | None = None,
        *,
        token: str | None = None,
        files: str | None = None,
        worker: str | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.transport = transport
        self.files = (files or getattr(transport, "base_url", "") + FILES_PREFIX).rstrip("/")
        self.files_transport: Transport | None = None  #: made by the first transfer
        self.patience = patience
        self._credentials = credentials
        self._token = token
        self._login = threading.Lock()
        self._headers = {"Content-Type": "application/json", "X-ClearML-Client": f"trackside-{API_VERSION}"}
        if worker:
            self._headers["X-ClearML-Worker"] = worker

    def call(
        self, request: Request[ReplyT], *, timeout: float = REPLY_TIMEOUT, patience: float | None = None
    ) -> ReplyT:
        """Make the call and wait for its reply.

        `timeout` is how many seconds the reply may take, beyond the request's own `wait_sec`; `patience` how many to go
        on trying while nobody answers: the Api's own when not given, 0 to try once.

        Raises:
            TracksideError: what the server raised, rebuilt.
            ServerUnavailable: nobody answered for `patience` seconds, or the connection broke in a call that must not
                be repeated; the server may have acted on the latter.
        """
        path, body = f"/{request.endpoint}", _encode(request)
        timeout += getattr(request, "wait_sec", None) or 0.0
        give_up = time.monotonic() + (self.patience if patience is None else patience)
        failures = 0
        while True:
            try:
                return _reply(request, self._authorized(request, path, body, timeout))
            except errors.ServerUnavailable as error:
                failures += 1
                wait = retries.delay(failures, random.random())  # noqa: S311 - spreads clients, guards nothing
                unclear = error.details.get("sent") and not retries.may_repeat(request)
                if unclear or time.monotonic() + wait > give_up:
                    raise
            threading.Event().wait(wait)

    @property
    def can_log_in(self) -> bool:
        return self._credentials is not None

    def token(self, *, instead_of: str | None = None) -> str:
        """A token that was not refused yet, logging in when there is none.

        Args:
            instead_of: the token the server has just refused.

        Raises:
            Unauthorized: the credentials are refused, missing, or the server cannot prove that it knows them.
        """
        with self._login:
            if self._token is None or self._token == instead_of:
                self._token = self._log_in()
            return self._token

    def _authorized(self, request: Request[Any], path: str, body: bytes, timeout: float) -> Answer:
        headers = dict(self._headers)
        if isinstance(request, AddEvents):
            headers["Content-Type"] = "application/json-lines"
        if request.permission == "public":
            return self.transport.send("POST", path, headers, body, timeout)
        token = self.token()
        answer = self.transport.send("POST", path, headers | {"Authorization": f"Bearer {token}"}, body, timeout)
        if answer.status == errors.Unauthorized.status and self._credentials is not None:
            token = self.token(instead_of=token)
            answer = self.transport.send("POST", path, headers | {"Authorization": f"Bearer {token}"}, body, timeout)
        return answer

    def _log_in(self) -> str:
        known = self._credentials
        if known is None:
            raise errors.Unauthorized(
                "the server wants credentials: set TRACKSIDE_API_ACCESS_KEY and TRACKSIDE_API_SECRET_KEY, "
                "or run as the user who started the server on this machine"
            )
        mine = scram.new_nonce()
        nonce = self._public(GetChallenge(access_key=known.access_key, nonce=mine)).nonce
        if not nonce.startswith(mine) or nonce == mine:
            raise errors.Unauthorized("the server answered another challenge than ours; nothing was sent to it")
        proof = scram.client_proof(known.access_key, known.secret_key, nonce)
        proven = self._public(ProveSecret(access_key=known.access_key, nonce=nonce, proof=proof))
        if not scram.server_is_known(known.access_key, known.secret_key, nonce, proven.server_signature):
            raise errors.Unauthorized("the server cannot prove that it knows our key; it is not the one that made it")
        return proven.token

    def _public(self, request: Request[ReplyT]) -> ReplyT:
        answer = self.transport.send("POST", f"/{request.endpoint}", self._headers, _encode(request), REPLY_TIMEOUT)
        return _reply(request, answer)


def _encode(request: Request[Any]) -> bytes:
    if isinstance(request, AddEvents):
        return b"\n".join(msgspec.json.encode(line) for line in request.lines)
    return msgspec.json.encode(request)


def _reply(request: Request[ReplyT], answer: Answer) -> ReplyT:
    envelope = _opened(answer)
    if request.reply is FreeReply:
        return cast("ReplyT", FreeReply(document=msgspec.json.decode(envelope.data)))
    data = b"{}" if bytes(envelope.data) == b"null" else envelope.data
    try:
        return cast("ReplyT", msgspec.json.decode(data, type=request.reply))
    except msgspec.DecodeError as error:
        raise errors.InternalError(f"the reply of {request.endpoint} cannot be read: {error}") from error


def _opened(answer: Answer) -> _Envelope:
    try:
        envelope = msgspec.json.decode(answer.body, type=_Envelope)
    except msgspec.DecodeError as error:
        raise raised(answer) from error
    if envelope.meta.result_code >= 400 or answer.status >= 400:
        raise raised(answer)
    return envelope


def raised(answer: Answer) -> errors.TracksideError:
    """The error an answer stands for; one without an envelope is told by its HTTP status."""
    try:
        meta = msgspec.json.decode(answer.body, type=_Envelope).meta
    except msgspec.DecodeError:
        if answer.status < 400:
            return errors.InternalError("the answer is not Trackside's: is something else listening at this address?")
        text = answer.body[:200].decode(errors="replace")
        return errors.from_wire(answer.status, 0, text or f"HTTP status {answer.status}", {})
    status = meta.result_code if meta.result_code >= 400 else answer.status
    error = errors.from_wire(status, meta.result_subcode, meta.result_msg, dict(meta.error_data or {}))
    if isinstance(error, errors.ServerUnavailable):
        error.details["sent"] = False  # it answered that it did not act
    return error
