"""How a handler says "nothing new yet": the edge waits for a topic and asks it again."""

from typing import Any

import msgspec


class Pending(msgspec.Struct):
    """Answer `reply` after `wait_sec`, unless one of `topics` is published before: then ask the handler again."""

    reply: Any
    topics: list[str]
    wait_sec: float
