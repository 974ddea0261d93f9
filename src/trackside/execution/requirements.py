"""What a task asks to be installed, read with suspicion and written again by us (reliability.md H5).

The text comes from whoever may edit a task. Only names with versions, extras and markers, and packages at an `https` or
`git+https` address go on to the installer; an option could make it read files, or ask a stranger's index.
"""

import re
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from trackside.errors import ExecutionError

_ADDRESS = re.compile(r"(?:git\+https|https)://[A-Za-z0-9][^\s$\\;'\"]*")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
#: Never installed from a task's list: the agent brings its own SDK (DESIGN 14).
_OURS = "trackside"


def text_of(requirements: dict[str, Any] | None) -> str | None:
    """The `pip` part of a task's `script.requirements`, as text; None when the task recorded none.

    Raises:
        ExecutionError: it is neither text nor a list of texts.
    """
    value = (requirements or {}).get("pip")
    if value is None:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    raise ExecutionError(f"the task's requirements.pip is {type(value).__name__}; it must be text or a list of lines")


def normalized(text: str) -> list[str]:
    """Give the lines as we write them, sorted, so that one set gives one environment.

    Raises:
        ExecutionError: a line is an option, or nothing that can be installed; the message quotes it.
    """
    lines = (_COMMENT.sub("", line).strip() for line in text.splitlines())
    return sorted({clean for line in lines if line and (clean := _clean(line)) is not None})


def _clean(line: str) -> str | None:
    if line.startswith("-"):
        raise ExecutionError(
            f"the requirement {line!r} is an option; a task may name packages only, like 'numpy==2.3.1'. "
            "Indexes and constraints are set on the agent's machine, in uv's own configuration."
        )
    if _ADDRESS.fullmatch(line):
        return line
    try:
        requirement = Requirement(line)
    except InvalidRequirement as error:
        raise ExecutionError(
            f"cannot read the requirement {line!r} ({str(error).splitlines()[0]}); it should be like 'numpy==2.3.1'"
        ) from error
    if requirement.url is not None and not _ADDRESS.fullmatch(requirement.url):
        raise ExecutionError(f"the requirement {line!r} has an address that is neither https nor git+https")
    if canonicalize_name(requirement.name) == _OURS:
        return None
    requirement.name = canonicalize_name(requirement.name)
    return str(requirement)
