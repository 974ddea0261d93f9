"""Reads segments from an offset on, while somebody may still be writing them."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from .records import FORMAT, FRAME, HEADER, MAGIC, Record, decode


def read(path: Path, offset: int = 0) -> Iterator[tuple[Record, int]]:
    """Each whole record from `offset` (0: the first) on, with the offset behind it.

    Stops at the first record that is not, or not yet, whole.

    Raises:
        ValueError: not a journal, or one of a format this version does not read.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if not offset:
            _check_header(path, file.read(HEADER.size))
            offset = HEADER.size
        file.seek(offset)
        while True:
            head = file.read(FRAME.size)
            if len(head) < FRAME.size:
                return
            length, checksum = FRAME.unpack(head)
            if not length:
                return
            payload = file.read(length)
            if len(payload) < length or zlib.crc32(payload) != checksum:
                return
            offset += FRAME.size + length
            yield decode(payload), offset


def _check_header(path: Path, header: bytes) -> None:
    try:
        magic, number, _, _ = HEADER.unpack(header)
    except struct.error:
        magic, number = b"", 0
    if magic != MAGIC:
        raise ValueError(f"{path.name} is not a journal segment")
    if number != FORMAT:
        raise ValueError(f"{path.name} has journal format {number}; this version reads format {FORMAT}")
