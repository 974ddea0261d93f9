"""Series of numbers: packed columns and down-sampling. Pure; both ends use the same code."""

from .columns import FORMAT, Columns, columns, pack, unpack
from .sampling import sample

__all__ = ["FORMAT", "Columns", "columns", "pack", "sample", "unpack"]
