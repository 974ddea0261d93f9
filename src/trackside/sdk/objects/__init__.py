"""How a library's objects are kept in files and read back (DESIGN 17): safe formats, pickle when nothing else fits.

A library is touched only when the user's object is one of its own, so it is loaded already.
"""

import pathlib
from typing import Any, NamedTuple


class Stored(NamedTuple):
    """A file that holds an object."""

    path: pathlib.Path
    type: str  #: ClearML's word for it
    preview: str
    content_type: str
    temporary: bool = True  #: made by us; removed once it is uploaded


def store(name: str, value: Any, folder: pathlib.Path) -> Stored:
    """Write `value` into a new file in `folder`, or point at the file that it names already.

    Raises:
        InvalidRequest: it cannot be kept in any form.
    """
    from . import arrays, files, frames, images, plain

    for keeper in (files, arrays, frames, images, plain):
        stored: Stored | None = keeper.store(name, value, folder)
        if stored is not None:
            return stored
    from . import pickles

    return pickles.store(name, value, folder)


def load(path: pathlib.Path, kind: str, key: str, *, trusted: bool) -> Any:
    """Read an object back; what is no object but a file is its path.

    Raises:
        Forbidden: it is a pickle of somebody who is not `trusted`, and holds more than plain data.
        InvalidRequest: the file is not what `kind` says.
    """
    from . import arrays, frames, images, pickles, plain

    if kind == "numpy":
        return arrays.load(path, key)
    if kind == "pandas":
        return frames.load(path, trusted=trusted)
    if kind == "image":
        return images.load(path)
    if kind in ("dict", "json", "string", "JSON"):
        return plain.load(path, kind)
    if kind == "pickle":
        return pickles.load(path, trusted=trusted)
    return path
