import math

from hypothesis import given
from hypothesis import strategies as st

from trackside.series import sample


def test_a_short_series_is_returned_whole_and_equal_xs_become_their_mean() -> None:
    assert sample([1, 2, 2, 5], [1.0, 2.0, 4.0, 9.0], 10) == ([1, 2, 5], [1.0, 3.0, 9.0])


def test_a_long_series_becomes_means_of_buckets_that_start_at_multiples_of_their_width() -> None:
    xs = list(range(3, 23))

    starts, means = sample(xs, [float(x) for x in xs], 5)

    assert starts == [0, 4, 8, 12, 16, 20]
    assert means == [3.0, 5.5, 9.5, 13.5, 17.5, 21.0]


def test_nan_is_kept_where_there_is_nothing_else() -> None:
    nan = math.nan

    starts, means = sample([0, 1, 2, 3], [nan, nan, nan, 4.0], 2)

    assert starts == [0, 2]
    assert math.isnan(means[0])
    assert means[1] == 4.0


def test_an_empty_series_stays_empty() -> None:
    assert sample([], [], 5) == ([], [])


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=200), st.integers(1, 50))
def test_never_more_than_one_point_above_what_was_asked_for(xs: list[int], samples: int) -> None:
    xs.sort()

    starts, means = sample(xs, [1.0] * len(xs), samples)

    assert len(starts) == len(means) <= samples + 1
    assert starts == sorted(set(starts))
