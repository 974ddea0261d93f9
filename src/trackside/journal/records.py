"""The journal's file format, number 1.

A folder holds segments `seg-<pid>-<n>.journal`, one process writing each. A segment is a 16-byte header and records:

    header   b"TRKJ", u16 format, u16 reserved, i64 milliseconds since the epoch when the segment was begun
    record   u32 length of the payload, u32 crc32 of the payload, payload: a MessagePack array
             [1, at, metric, variant, step, value]     a scalar
             [2, at, level, text]                      console
             [3, at, metric, variant, step, plot]      a plot, plotly JSON

All numbers are little-endian; `at` is milliseconds since the epoch. A length of zero, or a payload that does not match
its checksum, is the end: the rest of a preallocated segment is zeros, and a killed writer may leave one torn record.
"""

import struct
import zlib
from pathlib import Path

import msgspec

FORMAT = 1
MAGIC = b"TRKJ"
HEADER = struct.Struct("<4sHHq")
FRAME = struct.Struct("<II")
SUFFIX = ".journal"
WAKE = "wake"


class Scalar(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    at: int
    metric: str
    variant: str
    step: int
    value: float


class Console(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    at: int
    level: str
    text: str


class Plot(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False):
    at: int
    metric: str
    variant: str
    step: int
    plot_str: str


Record = Scalar | Console | Plot

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Record).decode


def frame(payload: bytes) -> bytes:
    return FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def segments(folder: Path) -> list[Path]:
    """The segments in a folder, each process's in the order they were begun."""
    return sorted(folder.glob(f"seg-*{SUFFIX}"), key=_order)


def _order(path: Path) -> tuple[int, int, str]:
    parts = path.stem.split("-")
    numbers = [int(part) if part.isdigit() else 0 for part in parts[1:3]]
    return (numbers[-1] if numbers else 0, numbers[0] if numbers else 0, path.name)
