"""How an attempt ended, told from its exit code and its last words: pure, except for asking the kernel about memory."""

import pathlib
import signal
from collections.abc import Sequence

import msgspec

from trackside.protocol.queues import ExitClass

_LONGEST_REASON = 500


class Ending(msgspec.Struct, frozen=True):
    exit_class: ExitClass
    exit_code: int | None = None
    reason: str | None = None


def judge(code: int, *, errors: Sequence[str], stopped: str | None, out_of_memory: bool) -> Ending:
    """Say whose doing the end was.

    Args:
        code: exit code, negative for a signal.
        errors: the last lines of stderr.
        stopped: why we asked the process to stop; None when we did not.
        out_of_memory: the kernel killed something of ours for memory meanwhile.
    """
    if stopped is not None:
        return Ending("aborted", code, stopped)
    if code == 0:
        return Ending("ok", code)
    if code > 0:
        return Ending("user", code, _shortened(last_words(errors) or f"exit code {code}"))
    if code == -signal.SIGKILL and out_of_memory:
        return Ending("oom", code, "killed by the kernel: out of memory")
    return Ending("signal", code, f"killed by {_signal_name(-code)}")


def last_words(errors: Sequence[str]) -> str | None:
    """The line that names the error: of the last traceback if there is one, else the last that is not empty."""
    spoken = [line for line in errors if line.strip()]
    for place in range(len(spoken) - 1, -1, -1):
        if spoken[place].startswith("Traceback (most recent call last)"):
            return next((line for line in spoken[place + 1 :] if not line.startswith((" ", "\t"))), None)
    return spoken[-1].strip() if spoken else None


def kernel_kills() -> int:
    """How many processes of our control group the kernel has killed for memory; 0 where it does not say."""
    try:
        group = pathlib.Path("/proc/self/cgroup").read_text(encoding="ascii").strip().rpartition("::")[2]
        events = pathlib.Path("/sys/fs/cgroup", group.lstrip("/"), "memory.events").read_text(encoding="ascii")
        counts = dict(line.split() for line in events.splitlines())
        return int(counts.get("oom_kill", 0))
    except (OSError, ValueError):
        return 0


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"
