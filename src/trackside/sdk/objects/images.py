"""PIL images, as PNG."""

import pathlib
import sys
from typing import Any

from . import Stored
from .plain import file_name


def store(name: str, value: Any, folder: pathlib.Path) -> Stored | None:
    image: Any = sys.modules.get("PIL.Image")
    if image is None or not isinstance(value, image.Image):
        return None
    path = folder / f"{file_name(name)}.png"
    value.save(path)
    return Stored(path, "image", f"{value.width} × {value.height}, {value.mode}", "image/png")


def load(path: pathlib.Path) -> Any:
    from PIL import Image

    return Image.open(path)
