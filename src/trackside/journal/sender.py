"""Ships a journal to the server, in order, each batch once, however often either side dies on the way."""

import fcntl
import logging
import os
import select
import threading
import time
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from trackside.errors import Conflict, InternalError, ServerUnavailable, TracksideError, Unauthorized
from trackside.protocol.base import Request, Wire

from . import batches, reader, shipping
from .records import segments
from .writer import WAKE_INTERVAL, open_wake

log = logging.getLogger(__name__)

REFUSED = "refused"

_FIRST_DELAY = 0.2
_LONGEST_DELAY = 15.0

#: A batch that makes the server fail this often in a row is set aside, so that what follows it arrives.
_MAX_FAILURES = 5

ReplyT = TypeVar("ReplyT", bound=Wire)


class Api(Protocol):
    """The part of `trackside.client.api.Api` that is used here."""

    def call(self, request: Request[ReplyT]) -> ReplyT:
        """Raises TracksideError."""


class Sender:
    """Give `run` a thread of its own; `finish` ends it; `drain` ships what is there, from any thread.

    One folder has one sender at a time.

    Raises:
        ValueError: the folder's state is of another version, or damaged.
        OSError: the folder cannot be written.
        Conflict: another process is shipping this folder.
    """

    def __init__(
        self, api: Api, folder: Path, task: str, attempt: int | None = None, worker: str | None = None
    ) -> None:
        self._api = api
        self._folder = folder
        self._task = task
        self._attempt = attempt
        self._worker = worker
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._state = shipping.load(folder)
        self._wake = _claim(folder)
        # held while a batch is built and sent: batches leave in order, and `drain` covers what was there when it began
        self._shipping = threading.Lock()
        self._finished = threading.Event()
        self._failures = 0
        self._told: set[str] = set()

    def run(self) -> None:
        """Ship until `finish`; what was there before, first. What is left at the end is `drain`'s."""
        pause: float | None = 0.0
        while not self._finished.is_set():
            if pause is None:
                self._wait_for_bytes()
            else:
                self._finished.wait(pause)
            if not self._finished.is_set():
                pause = self._ship_all()

    def finish(self) -> None:
        """Make `run` return, after the request it may be in."""
        self._finished.set()
        try:
            os.write(self._wake, b"\0")
        except OSError:  # full: `run` is awake anyway
            return

    def drain(self, timeout: float) -> bool:
        """Ship everything that is there, for up to `timeout` seconds; True when the server has it all.

        A request that is under way when the time is over is waited for.
        """
        deadline = time.monotonic() + timeout
        never = threading.Event()
        while True:
            pause = self._ship_all()
            if pause is None:
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            never.wait(min(pause, left))

    def close(self) -> None:
        """Let go of the FIFO, after `run` has returned."""
        os.close(self._wake)

    def _wait_for_bytes(self) -> None:
        """Wait for a first byte, then as long as writers may keep silent about further records."""
        select.select([self._wake], [], [])
        window = time.monotonic() + 2 * WAKE_INTERVAL
        self._finished.wait(window - time.monotonic())
        try:
            os.read(self._wake, 65536)
        except BlockingIOError:
            return

    def _ship_all(self) -> float | None:
        """Ship what is there; None when all of it arrived, else the seconds to wait before the next try."""
        with self._shipping:
            try:
                while self._ship_one():
                    self._failures = 0
                self._failures = 0
                self._remove_finished()
            except (ServerUnavailable, Unauthorized, InternalError) as error:
                self._tell_once(f"the server did not take events ({error}); they are kept and sent again")
            except OSError as error:
                self._tell_once(f"{self._folder} cannot be written ({error}); events stay in the journal")
            else:
                return None
            self._failures += 1
            return float(min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(self._failures - 1, 10)))

    def _ship_one(self) -> bool:
        """Send the next batch, or again the one that was not acknowledged; False when nothing is left."""
        batch = self._next_batch()
        if batch is None:
            return False
        request = batches.to_request(
            batch.records,
            task=self._task,
            session=self._state.session,
            sequence=self._state.sequence + 1,
            attempt=self._attempt,
            worker=self._worker,
        )
        try:
            self._api.call(request)
        except (ServerUnavailable, Unauthorized):
            raise
        except InternalError as error:
            if self._failures + 1 < _MAX_FAILURES:
                raise
            self._set_aside(request, error)
            self._advance(batch, by=1)
        except TracksideError as error:
            # the server kept nothing of it, so its number goes to the next batch
            self._set_aside(request, error)
            self._advance(batch, by=0)
        else:
            self._advance(batch, by=1)
        return True

    def _next_batch(self) -> batches.Batch | None:
        if self._state.pending is not None:
            try:
                return batches.regather(self._folder, self._state.pending)
            except FileNotFoundError as error:
                # whether it arrived is unknown, so its number is not used again
                self._tell_once(f"a part of the journal was deleted before it was acknowledged ({error})")
                self._advance(batches.Batch(self._state.pending, []), by=1)
        batch, troubles = batches.gather(self._folder, self._state.offsets)
        for trouble in troubles:
            self._tell_once(trouble)
        if not batch.records:
            return None
        self._state.pending = batch.pieces
        try:
            shipping.save(self._folder, self._state)
        except OSError:
            # nothing was sent yet, so the next try may choose again
            self._state.pending = None
            raise
        return batch

    def _advance(self, batch: batches.Batch, *, by: int) -> None:
        self._state.sequence += by
        self._state.offsets |= {piece.segment: piece.end for piece in batch.pieces}
        self._state.pending = None
        shipping.save(self._folder, self._state)

    def _set_aside(self, request: Wire, error: TracksideError) -> None:
        with (self._folder / REFUSED).open("ab") as file:
            file.write(msgspec.json.encode({"error": str(error), "request": request}) + b"\n")
        self._tell_once(f"the server refused events ({error}); they are kept in {self._folder / REFUSED}")

    def _remove_finished(self) -> None:
        """Delete segments that nobody writes any more and that the server has whole."""
        for path in segments(self._folder):
            offset = self._state.offsets.get(path.name, 0)
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                # looked at under the lock: its writer can no longer have added something
                if _is_shipped(path, offset):
                    path.unlink()
        kept = {path.name for path in segments(self._folder)}
        if kept != self._state.offsets.keys() & kept or len(kept) < len(self._state.offsets):
            self._state.offsets = {name: end for name, end in self._state.offsets.items() if name in kept}
            shipping.save(self._folder, self._state)

    def _tell_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            log.warning(message)


def _claim(folder: Path) -> int:
    wake = open_wake(folder)
    try:
        fcntl.flock(wake, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(wake)
        raise Conflict(f"another process is already shipping {folder}; wait for it to end") from error
    return wake


def _is_shipped(path: Path, offset: int) -> bool:
    try:
        return next(reader.read(path, offset), None) is None
    except (ValueError, msgspec.DecodeError):
        return False
