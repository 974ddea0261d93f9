"""A reply that may wait: the long-poll's half of a service function."""

from typing import Any

import msgspec


class Pending(msgspec.Struct, frozen=True):
    """Nothing to tell yet: answer `reply` after `wait_sec` seconds; when one of `topics` fires, ask again."""

    reply: Any
    topics: list[str]
    wait_sec: float
