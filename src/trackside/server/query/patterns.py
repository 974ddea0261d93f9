"""Name patterns: RE2 on both databases; what is an escaped, anchored literal becomes `=` or a prefix (DESIGN 12)."""

import re
from typing import Any

import re2
import sqlalchemy as sa

from trackside.errors import InvalidRequest

_ESCAPED_LITERAL = re.compile(r"(?:[^\\.^$*+?{}\[\]|()]|\\[^a-zA-Z0-9])*", re.DOTALL)


def matches(column: sa.ColumnElement[Any], pattern: str, *, ignore_case: bool = False) -> sa.ColumnElement[bool]:
    """A condition: `pattern` is found in `column`.

    Raises:
        InvalidRequest: RE2 cannot read the pattern (21).
    """
    literal = _anchored_literal(pattern)
    if literal is not None and not ignore_case:
        text, whole = literal
        return column == text if whole else column.startswith(text, autoescape=True)
    _check(pattern)
    return column.regexp_match(f"(?i){pattern}" if ignore_case else pattern)


def _anchored_literal(pattern: str) -> tuple[str, bool] | None:
    if not pattern.startswith("^"):
        return None
    body, whole = (pattern[1:-1], True) if _ends_with_anchor(pattern) else (pattern[1:], False)
    if not _ESCAPED_LITERAL.fullmatch(body):
        return None
    return re.sub(r"\\(.)", r"\1", body, flags=re.DOTALL), whole


def _ends_with_anchor(pattern: str) -> bool:
    backslashes = len(pattern[:-1]) - len(pattern[:-1].rstrip("\\"))
    return pattern.endswith("$") and backslashes % 2 == 0


def _check(pattern: str) -> None:
    try:
        re2.compile(pattern)
    except re2.error as error:
        raise InvalidRequest(f"malformed pattern {pattern!r}: {error}", subcode=21) from error
