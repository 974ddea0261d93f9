"""Reading pickles without running code: only names on a list may be called (reliability.md §2.3)."""

import io
import pickle
from typing import Any

_PLAIN = frozenset(
    {
        *(
            ("builtins", name)
            for name in (
                "set",
                "frozenset",
                "bytearray",
                "complex",
                "dict",
                "list",
                "tuple",
                "range",
                "slice",
                "object",
            )
        ),
        ("collections", "OrderedDict"),
        ("collections", "deque"),
        ("collections", "Counter"),
        ("datetime", "datetime"),
        ("datetime", "date"),
        ("datetime", "time"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
        ("decimal", "Decimal"),
        ("fractions", "Fraction"),
        ("uuid", "UUID"),
        ("pathlib", "PurePosixPath"),
        ("pathlib", "PosixPath"),
        ("_codecs", "encode"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        *(
            (f"numpy.{core}.{module}", name)
            for core in ("core", "_core")
            for module, name in (
                ("multiarray", "_reconstruct"),
                ("multiarray", "scalar"),
                ("numeric", "_frombuffer"),
            )
        ),
    }
)


class NotPlain(Exception):
    """The pickle names something that is not on the list; nothing of it was run."""


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        if (module_name, global_name) not in _PLAIN:
            raise NotPlain(f"it uses {module_name}.{global_name}")
        return super().find_class(module_name, global_name)

    def persistent_load(self, pid: Any) -> Any:
        raise NotPlain(f"it refers to {pid!r} outside itself")


def load_plain(content: bytes) -> Any:
    """Load a pickle of plain data.

    Raises:
        NotPlain: it needs more than plain data, or is no pickle.
    """
    try:
        return _PlainUnpickler(io.BytesIO(content)).load()
    except NotPlain:
        raise
    except Exception as error:
        raise NotPlain(f"it is no plain pickle ({type(error).__name__})") from error
