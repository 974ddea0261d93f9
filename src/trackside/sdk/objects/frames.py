"""pandas frames: parquet where pyarrow is there, else compressed CSV when that reads back the same."""

import importlib.util
import pathlib
import sys
from typing import Any

from trackside.errors import InvalidRequest

from . import Stored
from .plain import file_name


def store(name: str, value: Any, folder: pathlib.Path) -> Stored | None:
    pandas: Any = sys.modules.get("pandas")
    if pandas is None or type(value) is not pandas.DataFrame:
        return None
    path = folder / f"{file_name(name)}.parquet"
    if importlib.util.find_spec("pyarrow") is not None:
        try:
            value.to_parquet(path)
        except (ValueError, TypeError, NotImplementedError):
            path.unlink(missing_ok=True)  # mixed columns: parquet cannot say them
            return None
        return Stored(path, "pandas", _preview(value), "application/parquet")
    path = folder / f"{file_name(name)}.csv.gz"
    value.to_csv(path)
    if not load(path, trusted=False).equals(value):
        path.unlink()
        return None
    return Stored(path, "pandas", _preview(value), "text/csv")


def load(path: pathlib.Path, *, trusted: bool) -> Any:
    import pandas as pd

    from . import pickles

    if path.name.endswith(".parquet"):
        return pd.read_parquet(path)
    if path.name.endswith((".csv.gz", ".csv")):
        return pd.read_csv(path, index_col=0)
    if path.name.endswith((".feather", ".json")):
        return pd.read_feather(path) if path.suffix == ".feather" else pd.read_json(path)
    if path.name.endswith((".pkl", ".pickle")):
        return pickles.load(path, trusted=trusted)
    raise InvalidRequest(f"{path.name} is in no format of pandas that is read here")


def _preview(frame: Any) -> str:
    return f"{len(frame)} rows, {len(frame.columns)} columns\n{frame.head(20).to_string(max_cols=20)}"
