"""The task state machine (protocol.md §3.1): which status may follow which."""

from typing import Literal, get_args

TaskStatus = Literal[
    "created", "queued", "in_progress", "stopped", "publishing", "published", "closed", "failed", "completed", "unknown"
]
TASK_STATUSES: tuple[str, ...] = get_args(TaskStatus)

_FOLLOWS: dict[str, frozenset[str]] = {
    "created": frozenset({"queued", "in_progress"}),
    "queued": frozenset({"created", "in_progress", "stopped"}),
    "in_progress": frozenset({"stopped", "failed", "created", "completed"}),
    "stopped": frozenset(
        {
            "closed",
            "created",
            "failed",
            "queued",
            "in_progress",
            "published",
            "publishing",
            "completed",
        }
    ),
    "closed": frozenset({"created", "failed", "published", "publishing", "stopped"}),
    "failed": frozenset({"created", "stopped", "published", "queued"}),
    "publishing": frozenset({"published"}),
    "published": frozenset(),
    "completed": frozenset({"published", "in_progress", "created"}),
    "unknown": frozenset(),
}

#: A task in one of these has ended: nothing will change it unless somebody asks.
ENDED: frozenset[str] = frozenset({"stopped", "closed", "failed", "completed", "published"})


def may_follow(old: str, new: str) -> bool:
    """Whether a task may go from `old` to `new` without force; staying is always allowed."""
    return old == new or new in _FOLLOWS.get(old, frozenset())
