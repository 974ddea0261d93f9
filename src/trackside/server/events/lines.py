"""Console lines as packed bytes. Format 1: deflated msgpack, a list of `[milliseconds, level, message]`."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

FORMAT = 1
_LEVEL = 1


class Line(NamedTuple):
    """One line, or one message of several.

    Attributes:
        at: milliseconds since the epoch.
    """

    at: int
    level: str
    msg: str


def pack(lines: Sequence[Line]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(lines), _LEVEL)


def unpack(packed: bytes, number: int = FORMAT) -> list[Line]:
    """The lines that `pack` was given.

    Raises:
        ValueError: they are of a later format.
    """
    if number != FORMAT:
        raise ValueError(f"packed lines of format {number}; this version reads {FORMAT}")
    return msgspec.msgpack.decode(zlib.decompress(packed), type=list[Line])
