"""Every error Trackside raises on purpose, and how each one crosses the wire.

    TracksideError
    ├── InvalidRequest        400   the caller sent something that cannot be meant (also a ValueError)
    │   ├── InvalidStatus     400   the thing exists but is in the wrong state
    │   └── InvalidId         400   the named thing does not exist, or is not yours (also a LookupError)
    ├── Unauthorized          401   nobody, or nobody any more
    ├── Forbidden             403   somebody, but not allowed
    ├── UnknownEndpoint       404   there is no such action
    ├── FileMissing           404   there is no such file
    ├── Conflict              409   a later attempt, or another writer, owns it
    ├── InternalError         500   the server failed; its log says why
    ├── ServerUnavailable     503   nobody answered; trying again may help (also a ConnectionError)
    ├── ExecutionError        –     a task could not be set up or run (never crosses the wire)
    └── UsageError            –     a command or call was used wrongly on this machine

`status` and `subcode` are ClearML's result_code and result_subcode, so that its clients understand ours.
"""

from typing import Any, ClassVar


class TracksideError(Exception):
    """Base of all; catch this to catch any of them.

    Attributes:
        details: names and values that a program may look at; they cross the wire as `meta.error_data`.
    """

    status: ClassVar[int] = 500
    subcode: int = 0

    def __init__(self, message: str, *, subcode: int | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        if subcode is not None:
            self.subcode = subcode


class InvalidRequest(TracksideError, ValueError):
    status = 400
    subcode = 12


class InvalidStatus(InvalidRequest):
    subcode = 110


class InvalidId(InvalidRequest, LookupError):
    subcode = 10


class Unauthorized(TracksideError):
    status = 401
    subcode = 20


class Forbidden(TracksideError):
    status = 403
    subcode = 20


class UnknownEndpoint(TracksideError):
    status = 404


class FileMissing(TracksideError, LookupError):
    status = 404
    subcode = 4


class Conflict(TracksideError):
    status = 409


class InternalError(TracksideError):
    status = 500
    subcode = 100


class ServerUnavailable(TracksideError, ConnectionError):
    status = 503


class ExecutionError(TracksideError):
    """A task could not be set up or run.

    `exit_class` says whose fault it was: `env`, `source`, `user`, `signal`, `timeout`, `lost`.
    """

    def __init__(self, message: str, *, exit_class: str = "env", **details: Any) -> None:
        super().__init__(message, **details)
        self.exit_class = exit_class


class UsageError(TracksideError, ValueError):
    status = 400


_STATUS_ERRORS = (InvalidStatus.subcode, 111, 112, 113, 114, 121)
_ID_ERRORS = (InvalidId.subcode, 101, 201, 302, 401, 701, 1001)


def from_wire(status: int, subcode: int, message: str, details: dict[str, Any]) -> TracksideError:
    """Rebuild the error the server raised; an unknown pair becomes the nearest class with the same status."""
    kind: type[TracksideError] = {
        400: InvalidRequest,
        401: Unauthorized,
        403: Forbidden,
        404: FileMissing if subcode == FileMissing.subcode else UnknownEndpoint,
        409: Conflict,
        503: ServerUnavailable,
    }.get(status, InternalError)
    if status == 400 and subcode in _STATUS_ERRORS:
        kind = InvalidStatus
    elif status == 400 and subcode in _ID_ERRORS:
        kind = InvalidId
    error = kind(message, subcode=subcode)
    error.details = details
    return error
