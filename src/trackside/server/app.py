"""The ASGI edge: decode, authenticate, dispatch, encode; files, live events and the UI beside it."""

import asyncio
import contextlib
import logging
import pathlib
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import anyio.to_thread
import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute

from trackside.errors import InvalidRequest, TracksideError, Unauthorized, UnknownEndpoint
from trackside.protocol.auth import Login, Proven, Token
from trackside.protocol.base import Permission

from . import auth, dispatch, envelope, file_rows, files, links, routes, stream, ui
from .caller import Caller
from .context import Server, open_databases
from .gate import COOKIE, Gate
from .housekeeping import Housekeeper
from .live import Bus
from .waiting import Pending

_log = logging.getLogger(__name__)
_ACTION: Final = re.compile(r"/(?:api/)?(?:v(?P<version>\d+\.?\d+)/)?(?P<name>[A-Za-z_]\w+\.[A-Za-z_]\w+)/?")
MAX_BODY: Final = 64 * 1024 * 1024  # bytes
_THREADS: Final = 64


def open_server(data: pathlib.Path, *, database_url: str | None = None, public_url: str | None = None) -> Server:
    """The collaborators, on the databases in `data` (made and migrated when needed)."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    bus = Bus()
    main, events = open_databases(data, bus, database_url)
    key, company = main.write(auth.first_start)
    return Server(data=data, main=main, events=events, bus=bus, signing_key=key, company=company, public_url=public_url)


def build(server: Server) -> Starlette:
    """The application over `server`; its housekeeper runs from start-up to shut-down."""
    actions = Actions(server)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        blobs = files.open_blobs(server)
        await anyio.to_thread.run_sync(blobs.clear)
        await anyio.to_thread.run_sync(file_rows.sweep, server.main, blobs)
        housekeeper = Housekeeper(server)
        housekeeper.start()
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(housekeeper.stop)

    methods = ["GET", "POST", "PUT"]
    action_paths = ("/{name}", "/{version}/{name}", "/api/{name}", "/api/{version}/{name}")
    is_action = [HttpRoute(path, actions.answer, methods=methods) for path in action_paths]
    return Starlette(
        routes=[
            *files.routes(server, actions.who),
            *stream.routes(server, actions.who),
            *ui.routes(),
            *is_action,
            HttpRoute("/{rest:path}", ui.page, methods=["GET"]),
        ],
        lifespan=lifespan,
    )


class Actions:
    """One endpoint for all actions."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._gate = Gate(server)
        self._table = routes.table()

    async def who(self, request: Request) -> Caller:
        """The caller of what is no action: reading for GET and HEAD, else writing."""
        permission: Permission = "read" if request.method in ("GET", "HEAD") else "write"
        return await anyio.to_thread.run_sync(self._gate.caller, request, permission)

    async def answer(self, request: Request) -> Response:
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        match = _ACTION.fullmatch(path)
        if match is None:
            return await ui.page(request)
        name, version = match["name"], match["version"] or "2.34"
        trx = request.headers.get("x-clearml-trx")
        try:
            reply, caller = await self._reply(request, name)
            body = links.outward(envelope.success(reply, name, trx, version), caller.origin)
        except Exception as error:  # noqa: BLE001 - the process boundary: one request must not end the server
            if not isinstance(error, TracksideError):
                _log.exception("unforeseen error in %s", name)
            status, body = envelope.failure(error, name, trx, version)
            return Response(body, status, media_type="application/json", headers=_headers(request))
        response = Response(body, 200, media_type="application/json", headers=_headers(request))
        _set_cookie(response, request, reply)
        return response

    async def _reply(self, request: Request, name: str) -> tuple[Any, Caller]:
        route = self._table.get(name)
        if route is None:
            raise UnknownEndpoint(f"Unable to find endpoint for name {name}", name=name)
        caller = await anyio.to_thread.run_sync(self._gate.caller, request, route.request.permission)
        if route.request is Login and not caller.user:
            raise Unauthorized("no credentials: log in with access key and secret key", subcode=20)
        raw = links.inward(await _body(request), caller.origin)
        message = _decode(route.request, raw, request)
        return await self._run(route, caller, message), caller

    async def _run(self, route: dispatch.Route, caller: Caller, message: Any) -> Any:
        result = await anyio.to_thread.run_sync(dispatch.run, self._server, route, caller, message)
        if not isinstance(result, Pending):
            return result
        deadline = asyncio.get_running_loop().time() + result.wait_sec
        with self._server.bus.event(result.topics) as event:
            while True:
                event.clear()
                result = await anyio.to_thread.run_sync(dispatch.run, self._server, route, caller, message)
                if not isinstance(result, Pending):
                    return result
                if self._server.bus.closed:
                    return result.reply
                try:
                    async with asyncio.timeout_at(deadline):
                        await event.wait()
                except TimeoutError:
                    return result.reply


async def _body(request: Request) -> bytes:
    if request.headers.get("content-encoding"):
        raise InvalidRequest("send the body as it is: Content-Encoding is not taken", subcode=5)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise InvalidRequest(f"the body is over {MAX_BODY} bytes", subcode=12)
        chunks.append(chunk)
    return b"".join(chunks)


def _decode(kind: type[Any], raw: bytes, request: Request) -> Any:
    try:
        if request.headers.get("content-type", "").startswith("application/json-lines"):
            lines = [msgspec.json.decode(line) for line in raw.splitlines() if line.strip()]
            return msgspec.convert({"lines": lines}, kind)
        document = msgspec.json.decode(raw) if raw.strip() else {}
        if request.query_params:
            if not isinstance(document, dict):
                raise InvalidRequest("the body is a JSON object", subcode=0)
            return msgspec.convert(dict(request.query_params) | document, kind, strict=False)
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Validation error: {error}", subcode=12) from error
    except msgspec.DecodeError as error:
        raise InvalidRequest(f"the body is not JSON: {error}", subcode=0) from error
    except UnicodeDecodeError as error:
        raise InvalidRequest("the body is not UTF-8", subcode=0) from error


def _headers(request: Request) -> dict[str, str]:
    headers = {"Server": "clearml", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if request.headers.get("content-encoding"):
        headers["Connection"] = "close"
    return headers


def _set_cookie(response: Response, request: Request, reply: Any) -> None:
    if isinstance(reply, Token | Proven):
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, reply.token, httponly=True, samesite="lax", secure=secure, max_age=86400)
