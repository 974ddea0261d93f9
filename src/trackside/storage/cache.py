"""Where local copies lie: one folder a URL, holding the file under its own name and its hash beside it."""

import hashlib
import pathlib

from trackside.safe.paths import below, file_name


def place(home: pathlib.Path, url: str, context: str | None = None) -> pathlib.Path:
    """The path a copy of `url` has; nothing is made. Two URLs never share one."""
    root = home / "cache" / "storage"
    if context:
        root = below(root, context)
    return root / hashlib.sha256(url.encode()).hexdigest()[:32] / file_name(url)


def note(copy: pathlib.Path) -> pathlib.Path:
    """Where the hash of a copy is written down."""
    return copy.parent / ".sha256"


def known_digest(copy: pathlib.Path) -> str | None:
    """What the copy hashed to when it arrived; None when there is no whole copy."""
    try:
        return note(copy).read_text().strip() if copy.is_file() else None
    except OSError:
        return None
