"""Choosing what to show of a long series. Pure."""

import itertools
import math
from bisect import bisect_left
from collections.abc import Sequence


def sample(xs: Sequence[int], ys: Sequence[float], samples: int) -> tuple[list[int], list[float]]:
    """At most about `samples` points, by ClearML's rule (protocol.md §2.2).

    Fewer points than `samples`: each distinct x. Else buckets whose width is a whole number and whose starts are
    multiples of it; x is the bucket's start. Values that share an x or a bucket become their mean; NaN counts only
    where there is nothing else.

    Args:
        xs: rising, not strictly.
        ys: as many.
        samples: 1 or more.
    """
    if not xs:
        return [], []
    if len(xs) < samples:
        return _distinct(xs, ys)
    width = max(1, math.ceil((xs[-1] - xs[0] + 1) / samples))
    starts, means = [], []
    place = 0
    while place < len(xs):
        start = xs[place] // width * width
        end = bisect_left(xs, start + width, place)
        starts.append(start)
        means.append(_mean(ys[place:end]))
        place = end
    return starts, means


def _distinct(xs: Sequence[int], ys: Sequence[float]) -> tuple[list[int], list[float]]:
    if all(before < after for before, after in itertools.pairwise(xs)):
        return list(xs), list(ys)
    groups = [(x, [y for _, y in group]) for x, group in itertools.groupby(zip(xs, ys, strict=True), lambda p: p[0])]
    return [x for x, _ in groups], [_mean(group) for _, group in groups]


def _mean(values: Sequence[float]) -> float:
    if len(values) == 1:
        return values[0]
    mean = sum(values) / len(values)
    if math.isnan(mean):
        numbers = [value for value in values if not math.isnan(value)]
        return sum(numbers) / len(numbers) if numbers else mean
    return mean
