"""The built UI: hashed assets under /static, and one page for every other path."""

import pathlib
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

STATIC: Final = pathlib.Path(__file__).parent / "static"
_MISSING: Final = (
    "<!doctype html><title>Trackside</title><p>The server is running, but this installation has no UI in it. "
    "In a checkout, build it with: <code>make web</code>"
)
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def routes() -> list[BaseRoute]:
    return [Mount("/static", StaticFiles(directory=STATIC, check_dir=False))]


async def page(request: Request) -> Response:
    """The single page, told the path prefix we are served under."""
    index = STATIC / "index.html"
    if "." in request.url.path.rpartition("/")[2] and request.headers.get("sec-fetch-dest", "document") != "document":
        raise HTTPException(404)
    if not index.exists():
        return HTMLResponse(_MISSING, headers=_HEADERS)
    base = request.scope.get("root_path", "") + "/"
    return HTMLResponse(index.read_text().replace("__BASE__", base), headers=_HEADERS)
