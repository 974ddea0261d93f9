"""Named fault points: no-ops unless a test sets them (reliability.md §3.5).

`TRACKSIDE_FAULTS="server.committed=kill:2,agent.claimed=raise"` kills the process the second time it passes
`server.committed`, and raises at `agent.claimed`. Nothing else reads the variable.
"""

import os
import signal

_VARIABLE = "TRACKSIDE_FAULTS"


class InjectedFault(RuntimeError):
    """What a point raises when a test asked for it."""


def _parse(text: str) -> dict[str, tuple[str, int]]:
    points = {}
    for item in filter(None, text.split(",")):
        name, _, action = item.partition("=")
        verb, _, count = action.partition(":")
        points[name] = (verb, int(count or 1))
    return points


_points = _parse(os.environ.get(_VARIABLE, ""))


def point(name: str) -> None:
    """Pass the point `name`; costs one dictionary look-up when no test is interested."""
    if name not in _points:
        return
    verb, left = _points[name]
    if left > 1:
        _points[name] = (verb, left - 1)
        return
    if verb == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise InjectedFault(name)
