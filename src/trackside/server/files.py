"""The file server: `/files/<name>`, plain HTTP (protocol.md §1.7). Bodies stream both ways; memory stays flat.

Every reply is sandboxed (DESIGN 20): what a browser could run comes as text, what it cannot show as a download.
"""

import functools
import logging
import mimetypes
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from trackside import faults
from trackside.errors import Forbidden, InvalidRequest, TracksideError
from trackside.protocol.files import DIGEST_HEADER, FILES_PREFIX
from trackside.safe import file_keys
from trackside.server import envelope, file_rows
from trackside.server.caller import Caller
from trackside.server.context import Server
from trackside.server.file_rows import Stored
from trackside.server.store.blobs import Blobs, FolderBlobs, Writer
from trackside.server.uploads import Form

log = logging.getLogger(__name__)

Authenticate = Callable[[Request], Awaitable[Caller]]
Handler = Callable[[Request, Caller], Awaitable[Response]]

_PIECE = 1 << 20  # bytes gathered before a thread writes them
_MANY = 1000  # names in one delete_many
_SAFE = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-site",
    "Cache-Control": "private, no-cache",  # a name may get other content; the ETag makes asking again cheap
}
_RUNS = frozenset({"script", "worker", "sharedworker", "serviceworker", "audioworklet", "paintworklet", "style"})
_TEXT = frozenset({"application/javascript", "application/json", "application/xml", "application/xhtml+xml",
                   "application/x-sh", "application/yaml", "image/svg+xml"})  # fmt: skip


class _Body(FileResponse):
    chunk_size = _PIECE


class Files:
    def __init__(self, server: Server, blobs: Blobs, authenticate: Authenticate) -> None:
        self._server = server
        self._blobs = blobs
        self._authenticate = authenticate

    def endpoint(self, handler: Handler, *, writes: bool) -> Callable[[Request], Awaitable[Response]]:
        """The handler behind authentication; errors become envelopes."""

        async def answer(request: Request) -> Response:
            try:
                caller = await self._authenticate(request)
                if writes:
                    _check_may_write(caller)
                return await handler(request, caller)
            except ClientDisconnect:
                return Response(status_code=400)  # nobody is there to read it
            except TracksideError as error:
                return _refusal(error)
            except Exception as error:  # the edge: one request must not end the others
                log.exception("a file request failed")
                return _refusal(error)

        return answer

    async def put(self, request: Request, caller: Caller) -> Response:
        key = _key(request)
        writer = await run_in_threadpool(self._blobs.begin)
        try:
            await _receive(request, writer.write)
            given = {"expected": request.headers.get(DIGEST_HEADER)}
            content_type = request.headers.get("content-type")
            stored = await run_in_threadpool(self._keep, caller, [(key, writer, content_type)], **given)
        finally:
            writer.abort()
        return _json(msgspec.structs.asdict(stored[0]), 201)

    async def post(self, request: Request, caller: Caller) -> Response:
        """ClearML's upload; answers the names as they were stored."""
        prefix = "" if request.url.path.rstrip("/").endswith(FILES_PREFIX) else f"{FILES_PREFIX[1:]}/"
        form = Form(self._blobs, request.headers.get("content-type", ""), prefix)
        try:
            await _receive(request, form.feed)
            parts = [(part.key, part.writer, part.content_type) for part in form.finish()]
            stored = await run_in_threadpool(self._keep, caller, parts)
        finally:
            form.abort()
        return _json([one.path for one in stored])

    async def get(self, request: Request, _caller: Caller) -> Response:
        if request.headers.get("sec-fetch-dest") in _RUNS:
            raise Forbidden("files are data: a page may not run or style itself with them")
        key = _key(request)
        stored = await run_in_threadpool(self._server.main.read, lambda tx: file_rows.find(tx, key))
        media_type, shown = _shown_as(key)
        if "download" in request.query_params:
            shown = False
        headers = _SAFE | {
            "ETag": f'"{stored.hash}"',
            DIGEST_HEADER: stored.hash,
            "Content-Disposition": _disposition(key, shown=shown),
        }
        if _matches(request.headers.get("if-none-match"), stored.hash):
            return Response(status_code=304, headers=headers)
        return _Body(self._blobs.path(stored.hash), headers=headers, media_type=media_type)

    async def delete(self, request: Request, caller: Caller) -> Response:
        key = _key(request)
        await run_in_threadpool(self._server.main.write, lambda tx: file_rows.delete(tx, caller, key))
        return _json(key)

    async def delete_many(self, request: Request, caller: Caller) -> Response:
        """`{"files": [name or folder, quoted]}` → what was deleted, and the rest by its reason."""
        try:
            names = msgspec.json.decode(await request.body(), type=dict[str, list[str]])["files"]
        except (msgspec.DecodeError, KeyError) as error:
            raise InvalidRequest('send {"files": [name, …]}') from error
        if len(names) > _MANY:
            raise InvalidRequest(f"at most {_MANY} files at once", limit=_MANY)
        deleted: dict[str, str] = {}
        errors: dict[str, list[str]] = {}
        for name in names:
            key = urllib.parse.unquote(name).lstrip("/").rstrip("/")
            try:
                await run_in_threadpool(self._delete_any, caller, file_keys.checked(key))
                deleted[name] = key
            except TracksideError as error:
                errors.setdefault(error.message, []).append(name)
        return _json({"deleted": deleted, "errors": errors})

    def _delete_any(self, caller: Caller, key: str) -> None:
        main = self._server.main
        names = main.read(lambda tx: file_rows.below(tx, key)) or [key]
        while names:
            main.write(functools.partial(file_rows.delete_all, caller=caller, paths=names))
            names = main.read(lambda tx: file_rows.below(tx, key))

    def _keep(
        self, caller: Caller, parts: list[tuple[str, Writer, str | None]], expected: str | None = None
    ) -> list[Stored]:
        """Make bytes durable, note them, move them into place, name them: a crash anywhere leaves no half name."""
        kept = []
        for key, writer, content_type in parts:
            digest, size = writer.finish(expected)
            faults.point("files.written")
            self._server.main.write(functools.partial(file_rows.expect, digest=digest, size=size))
            writer.commit(digest)
            kept.append(Stored(key, digest, size, content_type))
        self._server.main.write(lambda tx: file_rows.put_all(tx, caller, kept))
        faults.point("files.committed")
        return kept


def open_blobs(server: Server) -> FolderBlobs:
    return FolderBlobs(server.data / "blobs")


def routes(server: Server, authenticate: Authenticate, blobs: Blobs | None = None) -> list[Route]:
    """`/files…`, and `POST /`, where old clients send their forms.

    Args:
        server: whose files they are.
        authenticate: answers who asks, or raises one of our errors. No cookie should count here.
        blobs: where content lies; a folder of the server's data when not given.
    """
    files = Files(server, blobs or open_blobs(server), authenticate)
    name = FILES_PREFIX + "/{path:path}"
    post = files.endpoint(files.post, writes=True)
    return [
        Route("/", post, methods=["POST"]),
        Route(FILES_PREFIX, post, methods=["POST"]),
        Route(FILES_PREFIX + "/", post, methods=["POST"]),
        Route(FILES_PREFIX, _alive, methods=["GET"]),
        Route(FILES_PREFIX + "/", _alive, methods=["GET"]),
        Route(FILES_PREFIX + "/delete_many", files.endpoint(files.delete_many, writes=True), methods=["POST"]),
        Route(name, files.endpoint(files.get, writes=False), methods=["GET", "HEAD"]),
        Route(name, files.endpoint(files.put, writes=True), methods=["PUT"]),
        Route(name, files.endpoint(files.delete, writes=True), methods=["DELETE"]),
    ]


def _check_may_write(caller: Caller) -> None:
    if not caller.may_write:
        raise Forbidden("this user may only read", role=caller.role)


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("OK")


async def _receive(request: Request, take: Callable[[bytes], Any]) -> None:
    piece = bytearray()
    async for data in request.stream():
        piece += data
        if len(piece) >= _PIECE:
            await run_in_threadpool(take, bytes(piece))
            piece.clear()
    if piece:
        await run_in_threadpool(take, bytes(piece))


def _key(request: Request) -> str:
    """The name, percent-decoded once: from the raw path, because the decoded one hides what was no UTF-8."""
    raw = request.scope["raw_path"].partition(b"?")[0]
    _, found, quoted = raw.partition(f"{FILES_PREFIX}/".encode())
    if not found:
        raise InvalidRequest("write /files/ unquoted")
    try:
        return file_keys.checked(urllib.parse.unquote_to_bytes(quoted).decode())
    except UnicodeDecodeError as error:
        raise InvalidRequest("a file name must be valid UTF-8") from error


def _shown_as(key: str) -> tuple[str, bool]:
    """The media type to say, and whether a browser may show it."""
    guessed, encoding = mimetypes.guess_type(key.rpartition("/")[2])
    if guessed is None or encoding is not None:
        return "application/octet-stream", False
    if guessed.startswith("text/") or guessed in _TEXT:
        return "text/plain", True
    return guessed, guessed.startswith(("image/", "audio/", "video/"))


def _disposition(key: str, *, shown: bool) -> str:
    name = urllib.parse.quote(key.rpartition("/")[2], safe="")
    return f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{name}"


def _matches(if_none_match: str | None, digest: str) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in tags or f'"{digest}"' in tags


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, headers=_SAFE, media_type="application/json")


def _refusal(error: Exception) -> Response:
    status = error.status if isinstance(error, TracksideError) else 500
    return _json(envelope.envelope_error(error), status)
