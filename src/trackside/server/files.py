"""The file server: plain HTTP under /files, and ClearML's multipart POST (protocol.md §1.7; DESIGN 16, 20).

Bytes are streamed both ways with flat memory. A name is visible once its content is durable; an upload that breaks off
leaves nothing.
"""

import contextlib
import mimetypes
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, BinaryIO, Final
from urllib.parse import quote, unquote

import anyio.to_thread
import msgspec
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from trackside import faults
from trackside.errors import FileMissing, InvalidRequest, TracksideError
from trackside.protocol.files import DIGEST_HEADER, FILES_PREFIX

from . import file_rows
from .caller import Caller
from .context import Server
from .envelope import envelope_error
from .store.blobs import LocalBlobs, Upload

_PIECE: Final = 1 << 18  # bytes
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
_SHOWN: Final = ("image/", "audio/", "video/")
_AS_TEXT: Final = re.compile(r"text/|application/(json|xml|javascript|x-sh|xhtml)|image/svg")
_HEADERS: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, max-age=300",
}

Authenticate = Callable[[Request], Awaitable[Caller]]


def routes(server: Server, authenticate: Authenticate) -> list[Route]:
    files = Files(server, authenticate)
    return [
        Route("/", files.endpoint(files.post), methods=["POST"]),
        Route(FILES_PREFIX, files.endpoint(files.post), methods=["POST"]),
        Route(FILES_PREFIX + "/", files.endpoint(files.post), methods=["POST"]),
        Route(FILES_PREFIX + "/delete_many", files.endpoint(files.delete_many), methods=["POST"]),
        Route(FILES_PREFIX + "/{path:path}", files.endpoint(files.put), methods=["PUT"]),
        Route(FILES_PREFIX + "/{path:path}", files.endpoint(files.get), methods=["GET", "HEAD"]),
        Route(FILES_PREFIX + "/{path:path}", files.endpoint(files.delete), methods=["DELETE"]),
    ]


class Files:
    def __init__(self, server: Server, authenticate: Authenticate) -> None:
        self._server = server
        self._authenticate = authenticate
        self._blobs = LocalBlobs(server.data / "blobs")

    def endpoint(
        self, handle: Callable[[Request, Caller], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                return await handle(request, await self._authenticate(request))
            except TracksideError as error:
                return JSONResponse(envelope_error(error), error.status)

        return answer

    async def put(self, request: Request, caller: Caller) -> Response:
        """The body is the file. `X-Trackside-Sha256`, when given, must be its hash."""
        path = _path(request)
        upload = self._blobs.begin()
        try:
            async for piece in request.stream():
                if piece:
                    await anyio.to_thread.run_sync(upload.write, piece)
            content_type = request.headers.get("content-type")
            digest = await self._keep(caller, path, upload, content_type, request.headers.get(DIGEST_HEADER))
        except BaseException:
            upload.abort()
            raise
        return JSONResponse([path], headers={DIGEST_HEADER: digest})

    async def _keep(
        self, caller: Caller, path: str, upload: Upload, content_type: str | None, expected: str | None = None
    ) -> str:
        def work() -> str:
            digest = upload.commit()
            faults.point("files.written")
            if expected is not None and expected.lower() != digest:
                raise InvalidRequest(f"the body's sha256 is {digest}, not {expected}; nothing was kept", subcode=12)
            gone = self._server.main.write(
                lambda tx: file_rows.put(tx, caller, path, digest, upload.size, content_type)
            )
            faults.point("files.committed")
            self._sweep(gone)
            return digest

        return await anyio.to_thread.run_sync(work)

    def _sweep(self, gone: list[str]) -> None:
        for digest in gone:
            self._blobs.remove(digest)

    async def post(self, request: Request, caller: Caller) -> Response:
        """Multipart: each file part is stored under its form-field name, verbatim."""
        stored: list[str] = []
        at_root = request.url.path.rstrip("/") == request.scope.get("root_path", "")
        async with request.form(max_files=1000, max_part_size=_PIECE) as form:
            for name, part in form.multi_items():
                if isinstance(part, UploadFile):
                    path = name.removeprefix("/")
                    stored.append(
                        await self._store_part(path.removeprefix("files/") if at_root else path, part, caller)
                    )
        if not stored:
            raise InvalidRequest("send files as multipart/form-data, each named by its path", subcode=12)
        return JSONResponse(stored)

    async def _store_part(self, path: str, part: UploadFile, caller: Caller) -> str:
        path = file_rows.checked_path(path)
        upload = self._blobs.begin()
        try:
            while piece := await part.read(_PIECE):
                await anyio.to_thread.run_sync(upload.write, piece)
            await self._keep(caller, path, upload, part.content_type)
        except BaseException:
            upload.abort()
            raise
        return path

    async def get(self, request: Request, _caller: Caller) -> Response:
        path = _path(request)
        row = await anyio.to_thread.run_sync(lambda: self._server.main.read(lambda tx: file_rows.find(tx, path)))
        etag = f'"{row["blob"]}"'
        headers = _HEADERS | {"ETag": etag, DIGEST_HEADER: row["blob"]} | _disposition(path, request)
        headers["Content-Type"] = _content_type(path, row["content_type"])
        if request.headers.get("if-none-match") in (etag, "*"):
            return Response(status_code=304, headers=headers)
        wanted = _range(request, row["size"], etag)
        if wanted is None:
            return Response(status_code=416, headers={"Content-Range": f"bytes */{row['size']}"})
        start, end, status = wanted
        headers["Content-Length"] = str(end - start)
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{row['size']}"
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        try:
            file = await anyio.to_thread.run_sync(self._blobs.open, row["blob"])
        except FileNotFoundError as error:
            raise FileMissing(f"the content of {path} is gone from the server's disk", path=path) from error
        return StreamingResponse(_pieces(file, start, end), status, headers=headers)

    async def delete(self, request: Request, caller: Caller) -> Response:
        path = _path(request)
        await anyio.to_thread.run_sync(self._delete, caller, path)
        return JSONResponse(path)

    def _delete(self, caller: Caller, path: str) -> None:
        self._sweep(self._server.main.write(lambda tx: file_rows.delete(tx, caller, path)))

    async def delete_many(self, request: Request, caller: Caller) -> Response:
        try:
            names = msgspec.json.decode(await request.body(), type=dict[str, list[str]])["files"]
        except (msgspec.MsgspecError, KeyError) as error:
            raise InvalidRequest('send {"files": [path, …]}', subcode=12) from error
        deleted: dict[str, str] = {}
        errors: dict[str, list[str]] = {}
        for name in names:
            try:
                path = file_rows.checked_path(unquote(name))
                await anyio.to_thread.run_sync(self._delete, caller, path)
                deleted[name] = path
            except TracksideError as error:
                errors.setdefault(error.message, []).append(name)
        return JSONResponse({"deleted": deleted, "errors": errors})


def _path(request: Request) -> str:
    """The path below /files, percent-decoded once by the server."""
    return file_rows.checked_path(request.path_params["path"])


def _content_type(path: str, declared: str | None) -> str:
    """What the browser is told: pictures, sound and film as they are, markup and scripts as text, the rest as bytes."""
    guessed = mimetypes.guess_type(path)[0] or declared or "application/octet-stream"
    if _AS_TEXT.match(guessed):
        return "text/plain; charset=utf-8"
    return guessed


def _disposition(path: str, request: Request) -> dict[str, str]:
    name = quote(path.rpartition("/")[2])
    kind = _content_type(path, None)
    shown = kind.startswith((*_SHOWN, "text/plain")) and "download" not in request.query_params
    return {"Content-Disposition": f"{'inline' if shown else 'attachment'}; filename*=UTF-8''{name}"}


def _range(request: Request, size: int, etag: str) -> tuple[int, int, int] | None:
    """Start, end and status of what is asked for; None when it cannot be satisfied."""
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or request.headers.get("if-range", etag) != etag or not any(match.groups()):
        return 0, size, 200
    first, last = match.groups()
    if first:
        start, end = int(first), min(int(last) + 1, size) if last else size
    else:
        start, end = max(size - int(last), 0), size
    return (start, end, 206) if start < end else None


async def _pieces(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    with contextlib.closing(file):
        await anyio.to_thread.run_sync(file.seek, start)
        left = end - start
        while left > 0:
            piece: Any = await anyio.to_thread.run_sync(file.read, min(_PIECE, left))
            if not piece:
                return  # shorter than its row says: the connection breaks off instead of ending as if whole
            left -= len(piece)
            yield piece
