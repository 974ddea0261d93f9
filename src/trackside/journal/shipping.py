"""What the sender has shipped and is shipping, on disk, so that a restart repeats a batch instead of changing it."""

import contextlib
import os
from pathlib import Path

import msgspec

from trackside.protocol.base import new_id

from .batches import Piece

FILE = "state.json"
_FORMAT = 1


class State(msgspec.Struct, kw_only=True):
    """`pending` are the pieces sent as `sequence`, not yet acknowledged; `offsets` is what was, by segment."""

    format: int = _FORMAT
    session: str = msgspec.field(default_factory=new_id)
    sequence: int = 0
    offsets: dict[str, int] = {}
    pending: list[Piece] | None = None


def load(folder: Path) -> State:
    """Read it, or begin one.

    Raises:
        ValueError: the file is of another version, or damaged; shipping on could store records twice.
    """
    path = folder / FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return State()
    try:
        state = msgspec.json.decode(content, type=State)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} is damaged ({error})") from error
    if state.format != _FORMAT:
        raise ValueError(f"{path} has format {state.format}; this version reads format {_FORMAT}")
    return state


def save(folder: Path, state: State) -> None:
    """Replace it atomically.

    Raises:
        OSError: the disk refused; the old one is still there.
    """
    temporary = folder / f"{FILE}.{os.getpid()}"
    try:
        temporary.write_bytes(msgspec.json.encode(state))
        temporary.replace(folder / FILE)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
