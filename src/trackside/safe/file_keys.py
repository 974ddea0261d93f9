"""Names of files on the server: strings that name a row, never a path of the server's disk."""

import re

from trackside.errors import InvalidRequest

_LONGEST = 1024
_OWNER = re.compile(r"\.([0-9a-f]{32})\Z")


def checked(key: str) -> str:
    """The key, if it can be one.

    What is refused here cannot harm the server, which keeps content by hash; it would harm whoever turns a key back
    into a path of their own.

    Raises:
        InvalidRequest: it is empty, too long, holds NUL, or a segment is empty, `.` or `..`.
    """
    if not key or "\0" in key:
        raise InvalidRequest("a file name must not be empty or hold NUL")
    if len(key.encode("utf-8", "surrogatepass")) > _LONGEST:
        raise InvalidRequest(f"a file name has at most {_LONGEST} bytes", limit=_LONGEST)
    if any("\ud800" <= character <= "\udfff" for character in key):
        raise InvalidRequest("a file name must be valid UTF-8")
    if not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise InvalidRequest("a file name must have no empty, '.' or '..' part", name=key)
    return key


def owner(key: str) -> str | None:
    """Id of the task whose folder (`<name>.<id>/`) the file lies in."""
    for segment in key.split("/")[:-1]:
        found = _OWNER.search(segment)
        if found:
            return found[1]
    return None
