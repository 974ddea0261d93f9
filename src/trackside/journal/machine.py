"""Samples the machine a run is on: processor and memory, as Trains' monitor metrics."""

import time
from collections.abc import Callable

import psutil

from .writer import JournalWriter

METRIC = ":monitor:machine"
INTERVAL = 10.0

#: The first sample comes this early, so that a short run has one; processor load needs two moments to compare.
_FIRST = 1.0

_GB = 1e9


class MachineSampler:
    """Reports about process `pid` and everything it started; steps are seconds since the sampler was made."""

    def __init__(self, pid: int, writer: JournalWriter, *, now: Callable[[], float] = time.monotonic) -> None:
        self._pid = pid
        self._writer = writer
        self._now = now
        self._began = now()
        self._due = self._began + _FIRST
        self.sampled = False
        psutil.cpu_percent()

    def due_in(self) -> float:
        """Seconds until the next sample is due; 0 when it is."""
        return max(0.0, self._due - self._now())

    def sample(self) -> None:
        """Report once; the next one is due at the next whole interval, however late this one was."""
        self.sampled = True
        elapsed = self._now() - self._began
        self._due = self._began + (elapsed // INTERVAL + 1) * INTERVAL
        step = round(elapsed)
        self._writer.scalar(METRIC, "cpu_usage", float(psutil.cpu_percent()), step)
        self._writer.scalar(METRIC, "memory_used_gb", psutil.virtual_memory().used / _GB, step)
        self._writer.scalar(METRIC, "process_memory_gb", _tree_memory(self._pid) / _GB, step)


def _tree_memory(pid: int) -> int:
    """Bytes resident in a process and its descendants; those that end meanwhile count as nothing."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    total = 0
    for member in family:
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue
    return total
