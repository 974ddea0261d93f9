"""The edge's questions about a request: who sends it, and may they (DESIGN 19, 20)."""

import threading
import time
from typing import Final
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request

from trackside.errors import Forbidden, Unauthorized
from trackside.protocol.base import Permission

from . import auth, tokens
from .caller import Caller
from .context import Server

COOKIE: Final = "trackside_token"
NOBODY: Final = Caller(user="", name="", role="guest", company="")
_CACHE_SEC: Final = 1.0  # how long a revoked token may still be accepted


class Gate:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Caller]] = {}

    def caller(self, request: Request, permission: Permission) -> Caller:
        """Who sends `request`; blocking. A header wins over a cookie.

        Raises:
            Unauthorized: nobody, and the permission is not `public`.
            Forbidden: somebody who may not.
        """
        found = self._identify(request, permission)
        if found is None:
            if permission != "public":
                raise Unauthorized("no credentials: send a token, or log in", subcode=20)
            return self._dress(NOBODY, request)
        if permission == "write" and not found.may_write:
            raise Forbidden(f"a {found.role} may not change anything", role=found.role)
        if permission == "admin" and not found.may_administer:
            raise Forbidden("only an administrator may do this", role=found.role)
        return self._dress(found, request)

    def _identify(self, request: Request, permission: Permission) -> Caller | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._by_token(value.strip())
        if scheme.lower() == "basic":
            access_key, secret = auth.basic_pair(value.strip())
            worker = self._worker(request)
            return self._by_token(self._server.main.write(lambda tx: auth.login_basic(tx, access_key, secret, worker)))
        if scheme:
            raise Unauthorized("use Authorization: Bearer or Basic", subcode=10)
        cookie = request.cookies.get(COOKIE)
        if not cookie or permission == "public":
            return None
        if permission != "read":
            _require_own_page(request)
        return self._by_token(cookie)

    def _by_token(self, token: str) -> Caller:
        now = time.monotonic()
        with self._lock:
            known = self._known.get(token)
        if known is not None and known[0] > now:
            return known[1]
        found = self._server.main.read(lambda tx: tokens.caller_of(tx, self._server.signing_key, token))
        with self._lock:
            if len(self._known) > 4096:
                self._known.clear()
            self._known[token] = (now + _CACHE_SEC, found)
        return found

    @staticmethod
    def _worker(request: Request) -> str:
        for header in ("x-trackside-worker", "x-clearml-worker", "x-trains-worker"):
            if request.headers.get(header):
                return request.headers[header]
        return request.client.host if request.client else ""

    def _dress(self, caller: Caller, request: Request) -> Caller:
        """The caller with what the request says besides."""
        return msgspec.structs.replace(caller, worker=self._worker(request), origin=self.origin(request))

    def origin(self, request: Request) -> str:
        """Base URL by which the caller reached us."""
        return self._server.public_url or str(request.base_url).rstrip("/")


def _require_own_page(request: Request) -> None:
    """A cookie changes things only by a POST of JSON from our own page, so no other site can ride on it."""
    own = request.headers.get("host", "")
    origin = request.headers.get("origin")
    json = request.headers.get("content-type", "").startswith("application/json")
    if request.method != "POST" or not json or origin is None or urlsplit(origin).netloc != own:
        raise Forbidden("a browser session changes things only from this server's own page", subcode=20)
