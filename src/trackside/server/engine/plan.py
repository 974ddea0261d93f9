"""What a pipeline does next: pure decisions over names, counters and statuses.

A run is advanced from the step that ended: its children's counters of missing parents go down, those at zero are ready,
and behind a step that did not end well everything is skipped. Nothing here looks at the whole graph after `check`.
"""

import graphlib
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec

from trackside.errors import InvalidRequest
from trackside.protocol import references
from trackside.protocol.pipelines import STEP_ENDED, STEP_GOOD, RunStatus, StepSpec, StepStatus

RESERVED = "pipeline"  # `${pipeline.x}` means the pipeline's own parameter

Outcome = Literal["completed", "failed", "lost", "aborted"]


def check(steps: Sequence[StepSpec]) -> dict[str, tuple[str, ...]]:
    """The parents of each step, those included that only a reference in its parameters names.

    Raises:
        InvalidRequest: no steps, a name that is empty, reserved or used twice, an unknown parent or reference, a
            malformed reference, a circle.
    """
    if not steps:
        raise InvalidRequest("a pipeline needs at least one step")
    names = [step.name for step in steps]
    _check_names(names)
    known = frozenset(names)
    parents = {step.name: _parents(step, known) for step in steps}
    try:
        graphlib.TopologicalSorter(parents).prepare()
    except graphlib.CycleError as error:
        circle = " → ".join(error.args[1])
        raise InvalidRequest(f"the steps wait for each other in a circle: {circle}") from error
    return parents


def _check_names(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if not name:
            raise InvalidRequest("a step needs a name")
        if name == RESERVED:
            raise InvalidRequest(f"a step cannot be named {RESERVED!r}: ${{{RESERVED}.…}} means the pipeline itself")
        if name in seen:
            raise InvalidRequest(f"two steps are named {name!r}; give each its own name")
        seen.add(name)


def _parents(step: StepSpec, known: frozenset[str]) -> tuple[str, ...]:
    for parent in step.parents:
        if parent not in known:
            raise InvalidRequest(f"step {step.name!r} has the parent {parent!r}, which is not a step; {_among(known)}")
    found = dict.fromkeys(step.parents)
    for reference in references.find(step.parameters):
        if reference.step == RESERVED:
            continue
        if reference.step not in known:
            raise InvalidRequest(
                f"step {step.name!r}: {reference.text!r} names {reference.step!r}, which is not a step; {_among(known)}"
            )
        found[reference.step] = None
    return tuple(found)


def _among(known: Iterable[str]) -> str:
    return "the steps are " + ", ".join(sorted(known))


class Tally(msgspec.Struct, frozen=True):
    """How often a step may be run again, and how often it was."""

    retries: int
    lost_retries: int
    failures: int = 0
    losses: int = 0


class Verdict(msgspec.Struct, frozen=True):
    """What the end of an attempt means for its step; `status` is `queued` when it is to run again."""

    status: StepStatus
    tally: Tally


def judge(outcome: Outcome, tally: Tally) -> Verdict:
    """A lost worker does not use up the retries of a failing script, nor the other way round."""
    if outcome == "failed":
        tally = msgspec.structs.replace(tally, failures=tally.failures + 1)
        return Verdict("queued" if tally.failures <= tally.retries else "failed", tally)
    if outcome == "lost":
        tally = msgspec.structs.replace(tally, losses=tally.losses + 1)
        return Verdict("queued" if tally.losses <= tally.lost_retries else "failed", tally)
    return Verdict(outcome, tally)


class Child(msgspec.Struct, frozen=True):
    name: str
    missing: int  #: parents that have not ended well yet
    status: str


Children = Callable[[Sequence[str]], Iterable[Child]]


class Advance(msgspec.Struct, frozen=True):
    """What follows from one step's end.

    Attributes:
        closer: children with one parent less to wait for, the ready ones among them.
        may_be_last: no child is left waiting, so the whole run may have ended.
    """

    closer: list[str]
    ready: list[str]
    skipped: list[str]
    may_be_last: bool


def after(name: str, status: str, children: Children) -> Advance:
    """The consequences of step `name` having ended as `status`.

    Args:
        children: the direct children of all the named steps, each once; a child's counter is the one before this end.
    """
    if status not in STEP_GOOD:
        return Advance(closer=[], ready=[], skipped=_descendants(name, children), may_be_last=True)
    blocked = [child for child in children([name]) if child.status == "blocked"]
    return Advance(
        closer=[child.name for child in blocked],
        ready=[child.name for child in blocked if child.missing == 1],
        skipped=[],
        may_be_last=not blocked,
    )


def _descendants(name: str, children: Children) -> list[str]:
    found: dict[str, None] = {}
    level = [name]
    while level:
        level = [child.name for child in children(level) if child.status == "blocked" and child.name not in found]
        found |= dict.fromkeys(level)
    return list(found)


class Ended(msgspec.Struct, frozen=True):
    name: str
    status: str
    continue_on_fail: bool = False
    reason: str | None = None


def conclude(steps: Iterable[Ended]) -> tuple[RunStatus, str | None] | None:
    """How the run ended, and why not well; None while a step has not ended."""
    bad: Ended | None = None
    for step in steps:
        if step.status not in STEP_ENDED:
            return None
        if bad is None and step.status in ("failed", "aborted") and not step.continue_on_fail:
            bad = step
    if bad is None:
        return "completed", None
    because = f": {bad.reason}" if bad.reason else ""
    return "failed", f"Pipeline step {bad.status}: {bad.name}{because}"
