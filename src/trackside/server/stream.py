"""Live changes for browsers: server-sent events of what was committed, by topic."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from trackside.errors import TracksideError

from .caller import Caller
from .context import Server
from .envelope import envelope_error
from .live import CLOSING

_KINDS: Final = frozenset({"task", "run", "queue", "workers"})
_KEEP_ALIVE_SEC: Final = 25.0
_WAITING: Final = 1000  # a reader slower than this loses its connection and reconnects


def routes(server: Server, authenticate: Callable[[Request], Awaitable[Caller]]) -> list[Route]:
    async def stream(request: Request) -> Response:
        try:
            await authenticate(request)
        except TracksideError as error:
            return JSONResponse(envelope_error(error), error.status)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(_changes(server), media_type="text/event-stream", headers=headers)

    return [Route("/stream", stream, methods=["GET"])]


async def _changes(server: Server) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[str] = asyncio.Queue(_WAITING)

    def hear(topic: str) -> None:
        if topic == CLOSING or topic.partition(":")[0] in _KINDS:
            loop.call_soon_threadsafe(_put, waiting, topic)

    with server.bus.listening(None, hear):
        yield b"retry: 1000\n: hello\n\n"
        while not server.bus.closed:
            try:
                async with asyncio.timeout(_KEEP_ALIVE_SEC):
                    topic = await waiting.get()
            except TimeoutError:
                yield b": still here\n\n"
                continue
            kind, _, subject = topic.partition(":")
            change = msgspec.json.encode({"kind": kind, "id": subject})
            yield b"event: change\ndata: " + change + b"\n\n"


def _put(waiting: asyncio.Queue[str], topic: str) -> None:
    if not waiting.full():
        waiting.put_nowait(topic)
