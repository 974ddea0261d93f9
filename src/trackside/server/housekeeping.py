"""What must happen by itself: leases that were not renewed, timers that are due. Waits for the next due moment only."""

import datetime as dt
import logging
import threading
from typing import Final

import sqlalchemy as sa

from trackside.protocol.base import utc_now

from . import leases
from .context import Server
from .engine import runs
from .store import tables
from .store.database import Tx

_log = logging.getLogger(__name__)
_m = tables.timer.c
_GRACE: Final = dt.timedelta(milliseconds=20)  # so that a due row is due by the database's clock too


def settle_due(tx: Tx) -> dt.datetime | None:
    """Do what is due, in one transaction; answers when the next thing is."""
    next_lease = leases.expire(tx)
    for row in tx.rows(sa.select(tables.timer).where(_m.due_at <= tx.now).order_by(_m.due_at).limit(100)):
        tx.run(sa.delete(tables.timer).where(_m.id == row["id"]))
        runs.fire(tx, row["kind"], row["subject"], row["payload"])
    runs.settle(tx)
    next_timer = tx.value(sa.select(sa.func.min(_m.due_at)))
    return min((moment for moment in (next_lease, next_timer) if moment is not None), default=None)


class Housekeeper:
    """The thread that does it, woken by the topic `timers` when something nearer is due."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        with self._server.bus.listening(["timers"], lambda _topic: self._wake.set()):
            while not self._stopping:
                self._wake.clear()
                due = self._settle()
                self._wake.wait(None if due is None else max((due + _GRACE - utc_now()).total_seconds(), 0.0))

    def _settle(self) -> dt.datetime | None:
        try:
            return self._server.main.write(settle_due)
        except Exception:  # noqa: BLE001 - the thread's boundary: it must go on
            _log.exception("housekeeping failed; it is tried again in a minute")
            return utc_now() + dt.timedelta(minutes=1)
