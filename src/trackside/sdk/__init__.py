"""What a script holds: the task, its logger, artifacts and models.

The façade (`task.py`) reaches the modules that do the work through this package, and each is loaded when it is first
used, so that `from trackside import Task` stays cheap in processes that never call it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import (
        artifacts,
        capture,
        closing,
        connect,
        creation,
        current,
        logger,
        models,
        parameters,
        queries,
        recording,
        remote,
        statuses,
        uploads,
    )

__all__ = [
    "artifacts",
    "capture",
    "closing",
    "connect",
    "creation",
    "current",
    "logger",
    "models",
    "parameters",
    "queries",
    "recording",
    "remote",
    "statuses",
    "uploads",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'trackside.sdk' has no attribute {name!r}")
    return import_module(f"trackside.sdk.{name}")
