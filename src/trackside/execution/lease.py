"""Keeping the lease of a running attempt, and giving it back with the word about its end."""

import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from trackside.errors import Conflict, InternalError, InvalidId, ServerUnavailable, TracksideError
from trackside.protocol.base import Request, Wire
from trackside.protocol.queues import LeaseState, RenewLease

from .pacing import Backoff

ReplyT = TypeVar("ReplyT", bound=Wire)

#: Less than half of what a lease lives without renewal, so that a server that returns finds us in time.
_LONGEST_PAUSE = 5.0


class Api(Protocol):
    """The part of `trackside.client.api.Api` that is used here."""

    def call(self, request: Request[ReplyT]) -> ReplyT:
        """Raises TracksideError."""


def persist(api: Api, request: Request[ReplyT], *, until: threading.Event | None = None) -> ReplyT:
    """Call until the server takes it, however long it is away; `until` ends the trying.

    Raises:
        TracksideError: what the server refused it with, or ServerUnavailable once `until` is set.
    """
    pauses = Backoff(cap=_LONGEST_PAUSE)
    given_up = until or threading.Event()
    while True:
        try:
            return api.call(request)
        except (ServerUnavailable, InternalError):
            if given_up.wait(pauses.next()):
                raise


class Keeper:
    """Renews one lease (`run`, in a thread of its own) and passes on what the server wants.

    `on_stop` is called once, with the reason, when somebody asked the task to stop; `on_lost` once, when another
    attempt has replaced this one or its task is gone. Silence of the server calls neither: nothing is killed because
    it is away.
    """

    def __init__(self, api: Api, lease: str, *, on_stop: Callable[[str], None], on_lost: Callable[[str], None]) -> None:
        self._api = api
        self._lease = lease
        self._on_stop = on_stop
        self._on_lost = on_lost
        self._ended = threading.Event()
        self._told = False

    def run(self) -> None:
        pauses = Backoff(cap=_LONGEST_PAUSE)
        while not self._ended.is_set():
            began = time.monotonic()
            request = RenewLease(lease=self._lease)
            try:
                state = self._api.call(request)
            except (Conflict, InvalidId) as error:
                state = LeaseState(held=False, reason=error.message)
            except TracksideError:
                self._ended.wait(pauses.next())
                continue
            if self._ended.is_set():
                return
            if not state.held:
                self._on_lost(state.reason or "the lease is gone")
                return
            if state.stop and not self._told:
                self._told = True
                # the way to SIGKILL takes seconds, and the lease must be kept meanwhile
                reason = state.reason or "asked to stop"
                threading.Thread(target=self._on_stop, args=(reason,), name="stop", daemon=True).start()
            if time.monotonic() - began >= request.wait_sec / 2:
                pauses.reset()
            else:
                # answered early though there is nothing new for us; a server that always does must not be flooded
                self._ended.wait(pauses.next())

    def end(self) -> None:
        """Renew no more. A renewal that is under way is left to itself."""
        self._ended.set()
