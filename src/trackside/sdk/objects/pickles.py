"""Whatever else: a pickle, and who may have it loaded (reliability.md §2.3)."""

import pathlib
import pickle
from typing import Any

from trackside.errors import Forbidden, InvalidRequest
from trackside.safe import pickles

from . import Stored
from .plain import file_name


def store(name: str, value: Any, folder: pathlib.Path) -> Stored:
    path = folder / f"{file_name(name)}.pkl"
    try:
        with path.open("wb") as file:
            pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
        path.unlink(missing_ok=True)
        raise InvalidRequest(f"artifact {name!r} cannot be kept: a {type(value).__name__} cannot be pickled") from error
    kind = type(value)
    return Stored(path, "pickle", f"{kind.__module__}.{kind.__qualname__}", "application/pickle")


def load(path: pathlib.Path, *, trusted: bool) -> Any:
    # read once: what is checked is what is loaded
    content = path.read_bytes()
    try:
        return pickles.load_plain(content)
    except pickles.NotPlain as refusal:
        if not trusted:
            raise Forbidden(
                f"{path.name} is a pickle that was made by somebody else, and loading it would run code ({refusal}); "
                "use .get(allow_pickle=True) if you trust them, or .get_local_copy() for the file"
            ) from refusal
    return pickle.loads(content)  # noqa: S301 - only of who could already run code as this user
