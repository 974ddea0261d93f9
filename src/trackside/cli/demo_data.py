"""The iris data as a pickle over HTTP: the demo's own file server has it, so nothing is downloaded."""

import pathlib
import subprocess

from trackside.client import transfers
from trackside.client.api import Api
from trackside.errors import ExecutionError

NAME = "examples/iris_dataset.pkl"

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


def publish(api: Api, file: pathlib.Path) -> str:
    """Put the file on our own file server, where it stays; its URL."""
    return transfers.upload(api, f"{api.files}/{NAME}", file)
