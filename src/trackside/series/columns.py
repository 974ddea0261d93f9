"""Points of one series as packed bytes. Pure, and without numpy: a training process uses it too.

Format 1: `format (u8), flags (u8), count (u32)`, little-endian, then `steps, times (i64), values (f64)`, one column
after the other. Flag 1: steps and times are differences to the one before. Flag 2: what follows the header is deflated.
"""

import itertools
import operator
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable
from typing import NamedTuple

FORMAT = 1
_HEADER = struct.Struct("<BBI")
_DIFFERENCES, _DEFLATED = 1, 2
_POINT = 24  # bytes of one point, unpacked
_LEVEL = 1  # the higher ones save a tenth and cost three times as much


class Columns(NamedTuple):
    """Points in the order they were reported; all three have the same length.

    Attributes:
        steps: iterations.
        times: milliseconds since the epoch.
        values: the numbers, NaN and infinities among them.
    """

    steps: "array[int]"
    times: "array[int]"
    values: "array[float]"


def columns(steps: Iterable[int], times: Iterable[int], values: Iterable[float | None]) -> Columns:
    """Check and hold three columns; a value of None becomes NaN.

    Raises:
        ValueError: the lengths differ, or a number does not fit 64 bits.
    """
    try:
        made = Columns(
            array("q", steps), array("q", times), array("d", (float("nan") if v is None else v for v in values))
        )
    except (OverflowError, TypeError) as error:
        raise ValueError(f"a step, time or value is no 64-bit number ({error})") from error
    if not len(made.steps) == len(made.times) == len(made.values):
        lengths = f"{len(made.steps)}, {len(made.times)}, {len(made.values)}"
        raise ValueError(f"steps, times and values must have one length, not {lengths}")
    return made


def pack(points: Columns) -> bytes:
    flags, steps, times = _DIFFERENCES, points.steps, points.times
    try:
        steps, times = _differences(steps), _differences(times)
    except OverflowError:  # neighbours at both ends of what 64 bits hold
        flags, steps, times = 0, points.steps, points.times
    body = _little_endian(steps) + _little_endian(times) + _little_endian(points.values)
    deflated = zlib.compress(body, _LEVEL)
    if len(deflated) < len(body):
        flags, body = flags | _DEFLATED, deflated
    return _HEADER.pack(FORMAT, flags, len(points.steps)) + body


def unpack(packed: bytes) -> Columns:
    """The columns that `pack` was given.

    Raises:
        ValueError: these bytes are no packed columns, or of a later format.
    """
    if len(packed) < _HEADER.size:
        raise ValueError("too short for packed columns")
    number, flags, count = _HEADER.unpack_from(packed)
    if number != FORMAT:
        raise ValueError(f"packed columns of format {number}; this version reads {FORMAT}")
    body = packed[_HEADER.size :]
    if flags & _DEFLATED:
        body = _inflated(body, count * _POINT)
    if len(body) != count * _POINT:
        raise ValueError(f"packed columns name {count} points and hold {len(body)} bytes")
    steps, times, values = array("q"), array("q"), array("d")
    for column, place in ((steps, 0), (times, 1), (values, 2)):
        column.frombytes(body[place * count * 8 : (place + 1) * count * 8])
        if sys.byteorder == "big":
            column.byteswap()
    if flags & _DIFFERENCES:
        steps, times = array("q", itertools.accumulate(steps)), array("q", itertools.accumulate(times))
    return Columns(steps, times, values)


def _differences(column: "array[int]") -> "array[int]":
    return column[:1] + array("q", map(operator.sub, column[1:], column))


def _little_endian(column: "array[int] | array[float]") -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def _inflated(body: bytes, size: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        return inflater.decompress(body, size or 1) + inflater.flush()
    except zlib.error as error:
        raise ValueError(f"packed columns are damaged ({error})") from error
