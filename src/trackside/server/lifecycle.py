"""Status calls that mean more for a task that owns a pipeline run: the run decides, not the process (DESIGN 4)."""

from trackside.protocol.base import Updated
from trackside.protocol.tasks import StopTask

from . import transitions
from .caller import Caller
from .engine import runs
from .store.database import Tx


def stop(tx: Tx, caller: Caller, request: StopTask) -> Updated:
    """A person's stop of a controller aborts its run and the steps; of any other task, asks it to stop."""
    if transitions.runs_on(tx, request.task):
        reason = request.status_reason or f"Stopped by {caller.name}"
        runs.abort_for_task(tx, request.task, reason)
        return Updated(updated=1, fields={"status_reason": reason})
    return transitions.stop(tx, caller, request)
