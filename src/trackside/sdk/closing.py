"""How a run ends: noticing why the process ends, and delivering what is left, in bounded time."""

import atexit
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

from . import capture

if TYPE_CHECKING:
    from .recording import Recording

DELIVERY_TIMEOUT = 30.0  #: seconds that the end of a process may wait for the journal's delivery

Status = Literal["completed", "failed", "stopped", "none"]


class Outcome(NamedTuple):
    status: Status
    reason: str | None = None


class ExitWatch:
    """Knows why this process ends: by its last line, an exception, Ctrl-C, or an exit code.

    `sys.exit` and `sys.excepthook` are wrapped until `remove`; nothing else in Python tells the code of a SystemExit.
    """

    def __init__(self, at_end: Callable[[Outcome], None]) -> None:
        self._at_end = at_end
        self._outcome = Outcome("completed")
        self._exit, self._excepthook = sys.exit, sys.excepthook
        sys.exit, sys.excepthook = self._exiting, self._raised
        atexit.register(self._ending)

    def remove(self) -> None:
        if sys.exit == self._exiting:
            sys.exit = self._exit
        if sys.excepthook == self._raised:
            sys.excepthook = self._excepthook
        atexit.unregister(self._ending)

    def _exiting(self, code: object = None, /) -> NoReturn:
        if code in (None, 0, False):
            self._outcome = Outcome("completed")
        else:
            what = f"exit code {code}" if isinstance(code, int) else str(code)
            self._outcome = Outcome("failed", f"the script ended with {what}")
        self._exit(code)  # type: ignore[arg-type]

    def _raised(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self._outcome = outcome_of(error)
        self._excepthook(kind, error, trace)

    def _ending(self) -> None:
        self._at_end(self._outcome)


def outcome_of(error: BaseException) -> Outcome:
    if isinstance(error, KeyboardInterrupt):
        return Outcome("stopped", "interrupted by the user")
    text = str(error)
    return Outcome("failed", f"{type(error).__name__}: {text}" if text else type(error).__name__)


def end(recording: "Recording", outcome: Outcome, timeout: float = DELIVERY_TIMEOUT) -> bool:
    """Finish what is in the background, close the journal, and have the rest delivered; whether all of it was.

    Uploads are waited for as long as they move; each gives up by itself when the server is away.
    """
    if recording.closed or not recording.ours:
        return True
    recording.closed = True
    whole = recording.background.wait()
    sys.stdout.flush()
    sys.stderr.flush()
    capture.remove()
    recording.journal.close()
    if recording.companion is None:
        return whole
    status: Status = "none" if recording.settled or recording.supervised else outcome.status
    delivered = recording.companion.finish(status, outcome.reason if status != "none" else None, timeout)
    if not delivered:
        print(  # noqa: T201
            "trackside: the server did not take everything in time; the journal keeps it, `trackside sync` sends it",
            file=sys.stderr,
        )
    return whole and delivered
