"""Groups records into one `events.append`: the same pieces of the same files always give the same batch."""

from pathlib import Path

import msgspec

from trackside.protocol import events

from . import reader
from .records import Console, Plot, Record, Scalar, segments

MAX_BYTES = 1 << 20
MAX_RECORDS = 5_000


class Piece(msgspec.Struct, frozen=True):
    """A part of one segment, in bytes from the beginning of the file; 0 as `start` is the first record."""

    segment: str
    start: int
    end: int


class Batch(msgspec.Struct, frozen=True):
    pieces: list[Piece]
    records: list[Record]


def gather(folder: Path, offsets: dict[str, int]) -> tuple[Batch, list[str]]:
    """The next records behind `offsets`, and what is wrong with segments that cannot be read.

    At most `MAX_RECORDS` and about `MAX_BYTES`, but always one record if there is one, however large.
    """
    pieces: list[Piece] = []
    records: list[Record] = []
    troubles: list[str] = []
    budget = MAX_BYTES
    for path in segments(folder):
        start = end = offsets.get(path.name, 0)
        try:
            for record, behind in reader.read(path, start):
                if records and (behind - end > budget or len(records) >= MAX_RECORDS):
                    break
                budget -= behind - end
                end = behind
                records.append(record)
        except (OSError, ValueError, msgspec.DecodeError) as error:
            troubles.append(f"{path.name}: {error}")
        if end > start:
            pieces.append(Piece(path.name, start, end))
        if budget <= 0 or len(records) >= MAX_RECORDS:
            break
    return Batch(pieces, records), troubles


def regather(folder: Path, pieces: list[Piece]) -> Batch:
    """The batch made of exactly these pieces.

    Raises:
        OSError: a segment is gone.
    """
    records: list[Record] = []
    for piece in pieces:
        for record, behind in reader.read(folder / piece.segment, piece.start):
            if behind > piece.end:
                break
            records.append(record)
    return Batch(pieces, records)


def to_request(
    records: list[Record], *, task: str, session: str, sequence: int, attempt: int | None, worker: str | None
) -> events.AppendEvents:
    """Scalars become columns, one a series, in the order they were reported; lines of several processes go by time."""
    columns: dict[tuple[str, str], events.ScalarColumn] = {}
    console: list[events.ConsoleLine] = []
    plots: list[events.PlotEvent] = []
    for record in records:
        match record:
            case Scalar():
                _add_point(columns, record)
            case Console():
                console.append(events.ConsoleLine(at=record.at, msg=record.text, level=record.level))
            case Plot():
                plots.append(
                    events.PlotEvent(
                        at=record.at,
                        step=record.step,
                        metric=record.metric,
                        variant=record.variant,
                        plot_str=record.plot_str,
                    )
                )
    console.sort(key=lambda line: line.at)
    return events.AppendEvents(
        task=task,
        session=session,
        sequence=sequence,
        attempt=attempt,
        worker=worker,
        scalars=list(columns.values()) or None,
        console=console or None,
        plots=plots or None,
    )


def _add_point(columns: dict[tuple[str, str], events.ScalarColumn], point: Scalar) -> None:
    key = (point.metric, point.variant)
    column = columns.get(key)
    if column is None:
        column = columns[key] = events.ScalarColumn(
            metric=point.metric, variant=point.variant, steps=[], times=[], values=[]
        )
    column.steps.append(point.step)
    column.times.append(point.at)
    # None is this wire's NaN (protocol/events.py); JSON has no word for the infinities either
    column.values.append(point.value if abs(point.value) <= _LARGEST else None)


_LARGEST = 1.7976931348623157e308
