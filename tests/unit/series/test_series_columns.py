import math
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackside.series import Columns, columns, pack, unpack

GOLDEN = pathlib.Path(__file__).with_name("columns-1.bin")
INT64 = st.integers(-(2**63), 2**63 - 1)


def example() -> Columns:
    values = [0.5, None, math.inf, -math.inf, *(1.0 / n for n in range(1, 61))]
    return columns([-(2**31), *range(63)], range(1_795_443_650_880, 1_795_443_650_880 + 64), values)


def same(left: Columns, right: Columns) -> bool:
    return [column.tobytes() for column in left] == [column.tobytes() for column in right]


@given(st.lists(st.tuples(INT64, INT64, st.floats(allow_nan=False)), max_size=50))
def test_what_was_packed_is_unpacked(points: list[tuple[int, int, float]]) -> None:
    given_columns = columns(*([p[n] for p in points] for n in range(3)))

    assert same(unpack(pack(given_columns)), given_columns)


def test_format_1_is_read_for_ever() -> None:
    assert same(unpack(GOLDEN.read_bytes()), example())


def test_a_regular_series_takes_less_than_two_bits_a_point() -> None:
    points = columns(range(10_000), range(0, 10_000_000, 1000), [0.25] * 10_000)

    assert len(pack(points)) < 2 * 10_000 / 8


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\x02\x00\x00\x00\x00\x00", b"\x01\x00\x09\x00\x00\x00", b"\x01\x02\x01\x00\x00\x00nonsense"],
)
def test_other_bytes_are_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="packed columns"):
        unpack(damaged)


def test_columns_of_different_lengths_or_too_large_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        columns([1, 2], [1], [1.0])
    with pytest.raises(ValueError, match="64-bit"):
        columns([2**63], [1], [1.0])


def test_importing_it_imports_neither_numpy_nor_the_server() -> None:
    script = "import sys, trackside.series; print({'numpy', 'starlette', 'sqlalchemy'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
