"""What one delivery holds for one task, whoever sent it, and how it becomes rows of the events database."""

from typing import Any

import msgspec
import sqlalchemy as sa

from trackside import series
from trackside.server.store.database import Tx
from trackside.server.store.event_tables import console_chunk, image, plot, scalar_chunk
from trackside.server.store.upserts import upsert

from . import lines
from .lines import Line

SINGLE_VALUE = -(2**31)  #: the iteration of values that have none
MONITOR = (
    ":monitor:machine",
    ":monitor:gpu",
)  #: their iterations are seconds; they do not move a task's last iteration
_NAME = 1000  # bytes; both names of a series must fit an index row of PostgreSQL


def name(text: str | None) -> str:
    """A metric, variant or worker as it is stored: without NUL, which PostgreSQL refuses, and cut at 1,000 bytes."""
    text = clean(text or "")
    return text if len(text) <= _NAME // 4 else text.encode()[:_NAME].decode(errors="ignore")


def clean(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


class Points(msgspec.Struct):
    steps: list[int] = []
    times: list[int] = []
    values: list[float | None] = []


class Batch:
    """Collects the events of one task.

    Attributes:
        scalars: (metric, variant) → points in the order they were reported.
        plots, images: (metric, variant, iteration) → columns of its row; a later one replaces an earlier.
    """

    def __init__(self, task: str, attempt: int) -> None:
        self.task = task
        self.attempt = attempt
        self.console: dict[str, list[Line]] = {}
        self.scalars: dict[tuple[str, str], Points] = {}
        self.plots: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.images: dict[tuple[str, str, int], dict[str, Any]] = {}

    def line(self, worker: str, line: Line) -> None:
        self.console.setdefault(name(worker), []).append(line)

    def points(self, metric: str, variant: str) -> Points:
        """The points of a series, to append to."""
        return self.scalars.setdefault((name(metric), name(variant)), Points())

    def plot(self, metric: str, variant: str, step: int, **columns: Any) -> None:
        self.plots[name(metric), name(variant), step] = columns

    def image(self, metric: str, variant: str, step: int, **columns: Any) -> None:
        self.images[name(metric), name(variant), step] = columns

    def last_step(self) -> int:
        """The greatest iteration that counts as the task's; `SINGLE_VALUE` when there is none."""
        steps = [max(p.steps) for (metric, _), p in self.scalars.items() if metric not in MONITOR and p.steps]
        steps += [step for metric, _, step in (*self.plots, *self.images) if metric not in MONITOR]
        return max(steps, default=SINGLE_VALUE)

    def first_step(self) -> int | None:
        """The smallest reported iteration of a series; None when there is none."""
        counted = (p.steps for (metric, _), p in self.scalars.items() if metric not in MONITOR)
        return min((step for steps in counted for step in steps if step > SINGLE_VALUE), default=None)


class Rows(msgspec.Struct, frozen=True):
    """A batch, packed; made outside the transaction, because packing is the work."""

    task: str
    console: list[dict[str, Any]]
    scalars: list[dict[str, Any]]
    plots: list[dict[str, Any]]
    images: list[dict[str, Any]]


def rows(batch: Batch) -> Rows:
    """Pack it.

    Raises:
        ValueError: columns of different lengths, or a number that does not fit 64 bits.
    """
    common = {"task": batch.task, "attempt": batch.attempt}
    console = [
        common
        | {"worker": worker, "count": len(group), "first_at": min(at for at, *_ in group)}
        | {"last_at": max(at for at, *_ in group), "format": lines.FORMAT, "payload": lines.pack(group)}
        for worker, group in batch.console.items()
    ]
    scalars = []
    for (metric, variant), points in batch.scalars.items():
        packed = series.columns(points.steps, points.times, points.values)
        if not packed.steps:
            continue
        scalars.append(
            common
            | {"metric": metric, "variant": variant, "count": len(packed.steps), "format": series.FORMAT}
            | {"min_step": min(packed.steps), "max_step": max(packed.steps), "payload": series.pack(packed)}
        )
    plots, images = (
        [
            common | {"metric": metric, "variant": variant, "iter": step} | columns
            for (metric, variant, step), columns in k
        ]
        for k in (batch.plots.items(), batch.images.items())
    )
    return Rows(batch.task, console, scalars, plots, images)


def lock(tx: Tx, task: str) -> None:
    """Let one transaction at a time append to a task: places in its log and sequences are read, then written."""
    if tx.dialect == "postgresql":  # SQLite has one writer anyway
        tx.run(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(task, 0))))


def store(tx: Tx, packed: Rows) -> None:
    """Write it; the caller holds the task's lock."""
    if packed.console:
        newest = sa.select(console_chunk.c.first_index, console_chunk.c.count).where(
            console_chunk.c.task == packed.task
        )
        last = tx.row(newest.order_by(console_chunk.c.first_index.desc()).limit(1))
        first = last["first_index"] + last["count"] if last else 0
        for row in packed.console:
            tx.run(sa.insert(console_chunk).values(first_index=first, **row))
            first += row["count"]
    if packed.scalars:
        tx.run(sa.insert(scalar_chunk), packed.scalars)
    upsert(tx, plot, packed.plots)
    upsert(tx, image, packed.images)
