"""Wake-ups: who waits for a topic is told once the change is committed.

Topics are `queue:<id>`, `lease:<id>`, `run:<id>`, `task:<id>`, `timers`. A waiter subscribes before it looks, so
that nothing falls between looking and waiting. Safe to publish from any thread.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

CLOSING = "closing"  #: the topic that every long-poll hears beside its own


class Bus:
    def __init__(self) -> None:
        self.closed = False
        self._lock = threading.Lock()
        self._listeners: dict[str, set[Callable[[str], None]]] = defaultdict(set)
        self._everything: set[Callable[[str], None]] = set()

    def publish(self, topics: Iterable[str]) -> None:
        for topic in dict.fromkeys(topics):
            with self._lock:
                listeners = [*self._listeners.get(topic, ()), *self._everything]
            for listener in listeners:
                listener(topic)

    def close(self) -> None:
        """The server is about to end: whoever waits is woken, to answer what it has."""
        self.closed = True
        self.publish([CLOSING])

    @contextmanager
    def listening(self, topics: Iterable[str] | None, listener: Callable[[str], None]) -> Iterator[None]:
        """Call `listener(topic)` for each publication of `topics` (None: of every topic) while in the block.

        It is called on the publishing thread and must return at once.
        """
        names = None if topics is None else list(topics)
        with self._lock:
            for group in self._groups(names):
                group.add(listener)
        try:
            yield
        finally:
            with self._lock:
                for group in self._groups(names):
                    group.discard(listener)
                for name in names or ():
                    if not self._listeners[name]:
                        del self._listeners[name]

    def _groups(self, names: list[str] | None) -> list[set[Callable[[str], None]]]:
        return [self._everything] if names is None else [self._listeners[name] for name in names]

    @contextmanager
    def event(self, topics: Iterable[str]) -> Iterator[asyncio.Event]:
        """An event of the running loop that is set by any publication of `topics`."""
        loop = asyncio.get_running_loop()
        event = asyncio.Event()

        def wake(_topic: str) -> None:
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:
                return  # the loop is closing; so is who waited

        with self.listening([*topics, CLOSING], wake):
            yield event
