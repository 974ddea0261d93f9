"""When to try a call again, and how long to wait before it: pure decisions."""

from typing import Any

from trackside.protocol.base import Request
from trackside.protocol.models import CreateModel
from trackside.protocol.tasks import CloneTask, CreateTask

#: Doing one of these twice is not the same as doing it once.
_ONCE = frozenset(
    {
        "auth.create_credentials",
        "auth.create_login_ticket",
        "auth.prove",
        "auth.redeem_login_ticket",
        "projects.create",
        "queues.create",
        "queues.get_next_task",
        "tasks.delete",
        "tasks.enqueue",
    }
)

_FIRST_DELAY = 0.05  #: seconds
_LONGEST_DELAY = 5.0


def may_repeat(request: Request[Any]) -> bool:
    """Whether the call may be sent again when nobody knows if the server acted on it."""
    if isinstance(request, (CreateTask, CreateModel)):
        return request.id is not None
    if isinstance(request, CloneTask):
        return request.new_task_id is not None
    return request.endpoint not in _ONCE


def delay(failures: int, jitter: float) -> float:
    """Seconds to wait after so many failures in a row: doubling, bounded, between half and the whole of it.

    Args:
        failures: 1 or more.
        jitter: 0 to 1, drawn by the caller, so that many clients of one server do not return together.
    """
    whole = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failures - 1, 30))
    return whole * (0.5 + jitter / 2)
