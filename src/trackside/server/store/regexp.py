"""SQLite's REGEXP on RE2: linear in the text, so a pattern cannot hang the server (DESIGN 12)."""

import re2


def sqlite_regexp(pattern: str, text: str | None) -> bool:
    """SQLite's REGEXP function."""
    return text is not None and re2.search(pattern, str(text)) is not None
