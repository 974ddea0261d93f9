"""The one place in the SDK that remembers something: the task this process runs, and its connection."""

import threading
from typing import TYPE_CHECKING

from trackside import client, settings

if TYPE_CHECKING:
    from trackside.client.api import Api

    from .task import Task

lock = threading.RLock()  #: held while the current task is made or ended

_task: "Task | None" = None
_connections: "dict[settings.Settings, Api]" = {}


def task() -> "Task | None":
    return _task


def set_task(new: "Task | None") -> None:
    global _task
    _task = new


def connection(patience: float | None = None) -> "tuple[Api, settings.Settings]":
    """The connection to the server the environment names now; kept, so that one process logs in once.

    `patience` is how many seconds a new connection goes on trying while nobody answers.

    Raises:
        UsageError: no server is known.
    """
    known = settings.load()
    with lock:
        api = _connections.get(known)
        if api is None:
            api = _connections[known] = client.connect(known, patience=patience)
    return api, known
