"""The iris data as a pickle over HTTP: the demo serves it itself, so nothing is downloaded."""

import functools
import http.server
import pathlib
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trackside.errors import ExecutionError

_MAKE = """
import pickle, sys
from sklearn.datasets import load_iris
iris = load_iris()
with open(sys.argv[1], "wb") as file:
    pickle.dump({"data": iris.data, "target": iris.target}, file)
"""


def make(python: pathlib.Path, target: pathlib.Path) -> pathlib.Path:
    """Write the pickle once, by the interpreter that has scikit-learn."""
    if not target.exists():
        done = subprocess.run([python, "-c", _MAKE, target], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ExecutionError(f"the example's data could not be written:\n{done.stderr}")
    return target


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def served(file: pathlib.Path) -> Iterator[str]:
    """The URL of `file`, served on loopback while in the block."""
    handler = functools.partial(_Quiet, directory=str(file.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/{file.name}"
        finally:
            server.shutdown()
            thread.join()
