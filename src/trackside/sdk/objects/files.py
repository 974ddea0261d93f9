"""Files and folders the user names by path."""

import pathlib
import zipfile
from typing import Any

from trackside.errors import InvalidRequest

from . import Stored

_LONGEST_PATH = 4096


def store(name: str, value: Any, folder: pathlib.Path) -> Stored | None:
    path = _path(value)
    if path is None:
        return None
    if path.is_dir():
        return _zipped(name, path, folder)
    if not path.is_file():
        raise InvalidRequest(f"there is no file {path} to upload as {name!r}")
    return Stored(path, "custom", f"{path.name}, {path.stat().st_size} bytes", "application/octet-stream", False)


def _path(value: Any) -> pathlib.Path | None:
    if isinstance(value, pathlib.Path):
        return value
    if isinstance(value, str) and 0 < len(value) < _LONGEST_PATH and "\n" not in value and "\x00" not in value:
        # a text is a path when such a file is there
        try:
            return pathlib.Path(value) if pathlib.Path(value).exists() else None
        except OSError:
            return None
    return None


def _zipped(name: str, source: pathlib.Path, folder: pathlib.Path) -> Stored:
    target = folder / "content.zip"
    members = sorted(path for path in source.rglob("*") if path.is_file())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for path in members:
            archive.write(path, path.relative_to(source))
    preview = "\n".join(str(path.relative_to(source)) for path in members[:50])
    named = target.rename(folder / f"{(source.name or name).replace('/', '_')}.zip")
    return Stored(named, "local folder", preview, "application/zip")
