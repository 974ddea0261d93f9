"""How long to wait before asking an absent server again: computed, with jitter, bounded."""

import random


class Backoff:
    """Waits that double from `first` to `cap` seconds, each drawn from the upper half of its range.

    The jitter keeps a thousand agents from coming back in one moment after a restart.
    """

    def __init__(self, first: float = 0.1, cap: float = 15.0, *, draw: random.Random | None = None) -> None:
        self._first = first
        self._cap = cap
        self._ceiling = first
        # not a secret: the draw only spreads clients over time
        self._draw = draw or random.Random()  # noqa: S311

    def next(self) -> float:
        """Give the next wait in seconds, at most `cap`."""
        ceiling = self._ceiling
        self._ceiling = min(self._cap, ceiling * 2)
        return self._draw.uniform(ceiling / 2, ceiling)

    def reset(self) -> None:
        """Start from the shortest wait again."""
        self._ceiling = self._first
