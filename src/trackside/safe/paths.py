"""Names that others chose, made harmless: paths below a root, and file names out of URLs (reliability.md §1.B)."""

import pathlib
import urllib.parse

from trackside.errors import InvalidRequest

_LONGEST_NAME = 200  #: bytes; file systems allow 255, and a temporary suffix must fit too


def below(root: pathlib.Path, name: str) -> pathlib.Path:
    """The path `name` names below `root`, links followed.

    Raises:
        InvalidRequest: `name` is absolute, climbs out of `root` (also through a link), or is `root` itself.
    """
    if "\x00" in name or "\\" in name:
        raise InvalidRequest(f"{name!r} is not a file name: it holds a NUL or a backslash")
    top = root.resolve()
    path = (top / name).resolve()
    if path == top or not path.is_relative_to(top):
        raise InvalidRequest(f"{name!r} leads outside its folder; use a relative path without '..'")
    return path


def file_name(url: str) -> str:
    """The last part of a URL's path as a name that is safe in any folder: one part, visible, of bounded length."""
    last = urllib.parse.urlsplit(url).path.rpartition("/")[2]
    decoded = urllib.parse.unquote(last).replace("\\", "/").rpartition("/")[2]
    visible = "".join(letter for letter in decoded if letter.isprintable()).strip().lstrip(".")
    stem, dot, extension = visible.rpartition(".")
    if len(visible.encode()) > _LONGEST_NAME:
        kept = _cut(f"{dot}{extension}", 32)
        visible = _cut(stem or visible, _LONGEST_NAME - len(kept.encode())) + kept
    return visible or "file"


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
