"""What a script finds in its environment (variables for Trackside, and their twins for real clearml scripts)."""

import os
import pathlib
from collections.abc import Mapping

import msgspec

from trackside.protocol.queues import Lease

from .environment import Environment
from .layer import Layer
from .source import Source

_FAMILIES = ("TRACKSIDE_", "CLEARML_", "TRAINS_")
_INTERPRETER = frozenset({"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"})
MARKER = "TRACKSIDE_LEASE"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent hands to a supervisor: one line of JSON. It carries no credential but the lease's own token."""

    lease: Lease
    worker: str
    home: str
    api_host: str
    web_host: str | None = None
    files_host: str | None = None


def without_ours(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without our settings and credentials, and without what belongs to our own interpreter."""
    return {
        name: value for name, value in environ.items() if not name.startswith(_FAMILIES) and name not in _INTERPRETER
    }


def script_environ(
    environ: Mapping[str, str],
    job: Job,
    *,
    journal: pathlib.Path,
    source: Source,
    environment: Environment,
    layer: Layer,
) -> dict[str, str]:
    """The whole environment of the script; the agent's own keys never get there."""
    lease = job.lease
    web, files = job.web_host or job.api_host, job.files_host or f"{job.api_host}/files"
    # first, since a sitecustomize in the task's folder must not hide ours; ours loads it in turn
    places = dict.fromkeys([layer.bootstrap, source.folder, source.root])
    return {
        **without_ours(environ),
        "PATH": os.pathsep.join([os.fspath(environment.python.parent), environ.get("PATH", os.defpath)]),
        "VIRTUAL_ENV": os.fspath(environment.path),
        "PYTHONPATH": os.pathsep.join(map(os.fspath, places)),
        # a pipe would keep what is printed until it fills
        "PYTHONUNBUFFERED": environ.get("PYTHONUNBUFFERED", "1"),
        "TRACKSIDE_HOME": job.home,
        "TRACKSIDE_TASK_ID": lease.task,
        "TRACKSIDE_ATTEMPT": str(lease.attempt),
        "TRACKSIDE_API_HOST": job.api_host,
        "TRACKSIDE_WEB_HOST": web,
        "TRACKSIDE_FILES_HOST": files,
        "TRACKSIDE_AUTH_TOKEN": lease.token,
        "TRACKSIDE_JOURNAL": os.fspath(journal),
        "TRACKSIDE_WORKER": job.worker,
        "CLEARML_TASK_ID": lease.task,
        "TRAINS_TASK_ID": lease.task,
        "CLEARML_API_HOST": job.api_host,
        "CLEARML_WEB_HOST": web,
        "CLEARML_FILES_HOST": files,
        "CLEARML_AUTH_TOKEN": lease.token,
        "CLEARML_LOG_TASK_TO_BACKEND": "0",
        "CLEARML_WORKER_ID": job.worker,
        MARKER: lease.id,
    }
