"""numpy arrays, as .npz without pickles; the array lies under the artifact's name, as ClearML's clients read it."""

import pathlib
import sys
from typing import Any

from trackside.errors import InvalidRequest

from . import Stored
from .plain import file_name

_POSITIONAL = "file"  #: numpy's own name for the file it writes; an array cannot be called that


def store(name: str, value: Any, folder: pathlib.Path) -> Stored | None:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or type(value) is not numpy.ndarray or value.dtype.hasobject:
        return None
    path = folder / f"{file_name(name)}.npz"
    numpy.savez_compressed(path, **{"array" if name == _POSITIONAL else name: value})
    with numpy.printoptions(threshold=50, edgeitems=3):
        preview = f"shape {value.shape}, {value.dtype}\n{value}"
    return Stored(path, "numpy", preview, "application/numpy")


def load(path: pathlib.Path, key: str) -> Any:
    import numpy as np

    try:
        content = np.load(path, allow_pickle=False)
    except (ValueError, OSError) as error:
        raise InvalidRequest(f"{path.name} holds no plain numpy array: {error}") from error
    if not hasattr(content, "files"):
        return content
    with content:
        return content[key if key in content.files else content.files[0]]
