"""ClearML's JSON events (protocol.md §2.1) as batches. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec

from .batch import Batch, clean, name
from .lines import Line

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class LegacyEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a batch; what a type does not use is ignored."""

    type: str
    task: str | None = None
    model_event: bool | None = None
    allow_locked: bool | None = None
    timestamp: float | None = None
    ts: float | None = None
    worker: str | None = None
    iter: Int64 | None = None
    metric: str | None = None
    variant: str | None = None
    value: float | None = None
    values: list[float] | None = None
    key: str | None = None
    url: str | None = None
    plot_str: str | None = None
    level: str | None = None
    msg: str | None = None


class KnownTask(msgspec.Struct, frozen=True):
    """What must be known of a task to write to it."""

    attempt: int
    locked: bool  #: published


class Converted(msgspec.Struct, frozen=True):
    batches: list[Batch]
    added: int
    errors: dict[str, int]


class Refused(ValueError):
    """One event cannot be stored; the others can."""


def convert(events: Iterable[Mapping[str, Any]], tasks: Mapping[str, KnownTask], worker: str, now: int) -> Converted:
    """Sort events into batches; what cannot be stored is counted by its reason.

    Args:
        events: lines as they came; nothing is known of them.
        tasks: those the caller may write to.
        worker: whom to name where the event does not.
        now: milliseconds since the epoch, for events that carry no time.
    """
    batches: dict[str, Batch] = {}
    errors: Counter[str] = Counter()
    added = 0
    for given in events:
        try:
            event = _parsed(given)
            task = _writable(event, tasks)
            batch = batches.get(task) or Batch(task, tasks[task].attempt)
            _ADDERS[event.type.replace(" ", "_")](batch, event, int(event.timestamp or event.ts or now), worker)
        except Refused as refusal:
            errors[str(refusal)] += 1
            continue
        batches[task] = batch
        added += 1
    return Converted(list(batches.values()), added, dict(errors))


def _parsed(given: Mapping[str, Any]) -> LegacyEvent:
    try:
        event = msgspec.convert(given, LegacyEvent, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(str(error)) from error
    if event.type.replace(" ", "_") not in _ADDERS:
        raise Refused(f"unknown event type; use one of {', '.join(_ADDERS)}")
    return event


def _writable(event: LegacyEvent, tasks: Mapping[str, KnownTask]) -> str:
    if event.model_event:
        raise Refused("events of models are not stored")
    if not event.task:
        raise Refused("an event needs a task")
    known = tasks.get(event.task)
    if known is None:
        raise Refused("no such task, or not yours to write to")
    if known.locked and not event.allow_locked:
        raise Refused("the task is published; send allow_locked to write to it all the same")
    return event.task


def _add_scalar(batch: Batch, event: LegacyEvent, at: int, _worker: str) -> None:
    if event.value is None:
        raise Refused("a scalar needs a value")
    points = batch.points(event.metric or "", event.variant or "")
    points.steps.append(event.iter or 0)
    points.times.append(at)
    points.values.append(event.value)


def _add_vector(batch: Batch, event: LegacyEvent, at: int, worker: str) -> None:
    # there is no store of vectors: the one thing people do with a reported vector is to look at its bars
    bars = {"data": [{"type": "bar", "y": event.values or []}], "layout": {"title": {"text": event.metric or ""}}}
    _put_plot(batch, event, at, worker, msgspec.json.encode(bars).decode())


def _add_plot(batch: Batch, event: LegacyEvent, at: int, worker: str) -> None:
    if event.plot_str is None:
        raise Refused("a plot needs plot_str")
    _put_plot(batch, event, at, worker, event.plot_str)


def _put_plot(batch: Batch, event: LegacyEvent, at: int, worker: str, plot_str: str) -> None:
    columns = {"timestamp": at, "worker": name(event.worker or worker), "plot_str": clean(plot_str)}
    batch.plot(event.metric or "", event.variant or "", event.iter or 0, **columns)


def _add_image(batch: Batch, event: LegacyEvent, at: int, worker: str) -> None:
    where = {"url": event.url and clean(event.url), "key": event.key and clean(event.key)}
    columns = {"timestamp": at, "worker": name(event.worker or worker)} | where
    batch.image(event.metric or "", event.variant or "", event.iter or 0, **columns)


def _add_line(batch: Batch, event: LegacyEvent, at: int, worker: str) -> None:
    batch.line(event.worker or worker, Line(at, event.level or "info", event.msg or ""))


_ADDERS = {
    "training_stats_scalar": _add_scalar,
    "training_stats_vector": _add_vector,
    "training_debug_image": _add_image,
    "plot": _add_plot,
    "log": _add_line,
}
