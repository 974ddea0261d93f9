"""Our SDK, laid behind a task's environment (DESIGN 14): always importable, never in the way.

    <home>/layers/<key>/lib/         trackside and what it needs
    <home>/layers/<key>/bootstrap/   `sitecustomize.py` alone, which puts `lib` at the END of sys.path

A task's interpreter gets only `bootstrap` on PYTHONPATH. So whatever the task pins, it gets: a msgspec of its own wins.
"""

import hashlib
import importlib.metadata
import os
import pathlib
import shutil

import msgspec

import trackside
from trackside.errors import ExecutionError

from . import interpreters
from .commands import CommandFailed, Commands
from .environment import Environment, find_uv
from .lock import locked

_NEEDED = ("msgspec", "psutil")
#: Parts of the package that no script uses: they would only make the layer large.
_LEFT_OUT = ("__pycache__", "static", "examples")

_BOOTSTRAP = '''\
"""Put Trackside behind everything this interpreter already has, then do what another sitecustomize would have done."""

import importlib.machinery
import importlib.util
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or ".") != _here]
_layer = os.path.join(os.path.dirname(_here), "lib")
if _layer not in sys.path:
    sys.path.append(_layer)

_next = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
if _next is not None and _next.loader is not None:
    _module = importlib.util.module_from_spec(_next)
    sys.modules["sitecustomize"] = _module
    _next.loader.exec_module(_module)
'''


class Layer(msgspec.Struct, frozen=True):
    path: pathlib.Path

    @property
    def library(self) -> pathlib.Path:
        return self.path / "lib"

    @property
    def bootstrap(self) -> pathlib.Path:
        """What goes on PYTHONPATH."""
        return self.path / "bootstrap"


class LayerStore:
    """The layers below one home; there is one for each kind of Python and each version of our own code."""

    def __init__(self, home: pathlib.Path, *, commands: Commands | None = None) -> None:
        self._root = home / "layers"
        self._commands = commands or Commands()
        self._files = _package_files()
        self._versions = {name: importlib.metadata.version(name) for name in _NEEDED}
        self._content = _hash(self._files, self._versions)

    def ensure(self, environment: Environment) -> Layer:
        """Give the layer for this environment's Python, building it when it is the first.

        For the Python we run on, it is a copy of what we run; for another, its dependencies are installed.

        Raises:
            ExecutionError: they cannot be installed for that Python (`env`).
        """
        return self.ensure_for(environment.interpreter, environment.python)

    def warm(self) -> Layer:
        """Build the layer of the Python we run on, before any task needs it."""
        mine = interpreters.own()
        return self.ensure_for(mine, pathlib.Path(mine.executable))

    def ensure_for(self, interpreter: interpreters.Interpreter, python: pathlib.Path) -> Layer:
        version = importlib.metadata.version("trackside")
        layer = Layer(self._root / f"{version}-{interpreter.tag}-{self._content}")
        if layer.path.exists():
            return layer
        with locked(self._root / f"{layer.path.name}.lock"):
            if not layer.path.exists():
                self._build(layer, python, native=interpreter.tag == interpreters.own().tag)
        return layer

    def _build(self, layer: Layer, python: pathlib.Path, *, native: bool) -> None:
        building = Layer(layer.path.with_name(f".building-{layer.path.name}"))
        shutil.rmtree(building.path, ignore_errors=True)
        building.library.mkdir(parents=True)
        building.bootstrap.mkdir()
        for name, path in self._files.items():
            _copy(path, building.library / name)
        if native:
            for package in _NEEDED:
                _copy_distribution(package, building.library)
        else:
            self._install(building.library, python)
        (building.bootstrap / "sitecustomize.py").write_text(_BOOTSTRAP)
        building.path.rename(layer.path)

    def _install(self, target: pathlib.Path, python: pathlib.Path) -> None:
        asked = [f"{name}=={version}" for name, version in self._versions.items()]
        argv = [find_uv(), "pip", "install", "--quiet", "--no-config", "--python", os.fspath(python)]
        try:
            self._commands.run([*argv, "--target", os.fspath(target), *asked])
        except CommandFailed as error:
            raise ExecutionError(
                f"cannot install {', '.join(asked)} beside the task's environment:\n{error}"
            ) from error


def _package_files() -> dict[str, pathlib.Path]:
    """Our own files by their place in the layer."""
    root = pathlib.Path(trackside.__file__).parent
    found = {}
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(set(folders).difference(_LEFT_OUT))
        for name in sorted(files):
            path = pathlib.Path(folder, name)
            found[f"trackside/{path.relative_to(root).as_posix()}"] = path
    return found


def _hash(files: dict[str, pathlib.Path], versions: dict[str, str]) -> str:
    digest = hashlib.blake2b(_BOOTSTRAP.encode(), digest_size=8)
    for name, version in sorted(versions.items()):
        digest.update(f"{name}=={version}\n".encode())
    for name, path in sorted(files.items()):
        digest.update(name.encode() + b"\0" + hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()


def _copy_distribution(name: str, target: pathlib.Path) -> None:
    for file in importlib.metadata.files(name) or []:
        # scripts lie outside the package folder, as ../../../bin/…; a compiled file is made again
        if ".." not in file.parts and "__pycache__" not in file.parts:
            _copy(pathlib.Path(os.fspath(file.locate())), target / file)


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
