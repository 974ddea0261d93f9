"""How much this agent may take, and how much of that it has already asked the server for: pure."""

import msgspec


class Room(msgspec.Struct, frozen=True):
    """Numbers of slots: `compute` for tasks that work, `light` for those that mostly wait for others."""

    compute: int = 0
    light: int = 0

    def __add__(self, other: "Room") -> "Room":
        return Room(self.compute + other.compute, self.light + other.light)

    def __sub__(self, other: "Room") -> "Room":
        return Room(self.compute - other.compute, self.light - other.light)

    def __bool__(self) -> bool:
        return self.compute > 0 or self.light > 0


class Ask(msgspec.Struct, frozen=True):
    """A claim that waits on the server."""

    room: Room
    until: float  #: when the server answers it at the latest


def next_ask(free: Room, asks: list[Ask], *, now: float, longest: float, soon: float) -> Ask | None:
    """What to claim now, given the claims that already wait; None when nothing, or when it is better to wait for one.

    A slot that becomes free while a claim waits is asked for by a second one, which ends when the first ends; then both
    are one again. So an idle agent makes one call in `longest` seconds.

    Args:
        free: what no task holds.
        asks: claims that wait now.
        now: on the same clock as `Ask.until`.
        longest: seconds a claim may wait.
        soon: claims that end within so many seconds are waited for instead of asking beside them.
    """
    room = free
    for ask in asks:
        room = room - ask.room
    room = Room(max(0, room.compute), max(0, room.light))
    if not room:
        return None
    if not asks:
        return Ask(room, now + longest)
    until = min(ask.until for ask in asks)
    if until - now <= soon:
        return None
    return Ask(room, until)
