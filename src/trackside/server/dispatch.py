"""How a route's function is called: in which transaction, and what is settled before the commit."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec

from trackside.protocol.base import Request

from .caller import Caller
from .context import Server
from .engine import runs
from .store.database import Tx

R = TypeVar("R", bound=Request[Any])


class Route(msgspec.Struct, frozen=True):
    """A request class and the function that answers it.

    `read` and `write` functions take `(tx, caller, request)`; `serve` functions take `(server, caller, request)` and
    open their own transactions.
    """

    request: type[Request[Any]]
    handle: Callable[[Any, Caller, Any], Any]
    kind: Literal["read", "write", "serve"]


def reads(request: type[R], handle: Callable[[Tx, Caller, R], Any]) -> Route:
    return Route(request, handle, "read")


def writes(request: type[R], handle: Callable[[Tx, Caller, R], Any]) -> Route:
    return Route(request, handle, "write")


def serves(request: type[R], handle: Callable[[Server, Caller, R], Any]) -> Route:
    return Route(request, handle, "serve")


def run(server: Server, route: Route, caller: Caller, request: Request[Any]) -> Any:
    """The reply, or a `Pending`."""
    if route.kind == "serve":
        return route.handle(server, caller, request)
    if route.kind == "read":
        return server.main.read(lambda tx: route.handle(tx, caller, request))

    def work(tx: Tx) -> Any:
        reply = route.handle(tx, caller, request)
        runs.settle(tx)
        return reply

    return server.main.write(work)
