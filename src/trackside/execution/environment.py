"""The store of Python environments: named by what is in them, built once, used in place (DESIGN 14).

    <home>/envs/<key>/            an environment; `.ready` is the last thing written
    <home>/envs/locks/<request>   what a set of requirements was resolved to, so that asking again starts no process

The key is made of the Python, the platform and the resolved lock; two tasks whose requirements resolve alike share one.
"""

import hashlib
import os
import pathlib
import shutil
from collections.abc import Iterable

import msgspec

from trackside.errors import ExecutionError

from . import interpreters
from .commands import CommandFailed, Commands, Say, quiet
from .interpreters import Interpreter
from .lock import locked

_FORMAT = b"1"


class Environment(msgspec.Struct, frozen=True):
    key: str
    path: pathlib.Path
    interpreter: Interpreter

    @property
    def python(self) -> pathlib.Path:
        return self.path / "bin" / "python"


def find_uv() -> str:
    """Path of the `uv` binary.

    Raises:
        ExecutionError: the `agent` extra is not installed.
    """
    try:
        import uv
    except ModuleNotFoundError as error:
        raise ExecutionError("the agent needs uv: pip install 'trackside[agent]'") from error
    return os.fspath(uv.find_uv_bin())


class EnvironmentStore:
    """All environments below one home. Any number of processes may use the same home at once."""

    def __init__(self, home: pathlib.Path, *, commands: Commands | None = None) -> None:
        self._home = home
        self._root = home / "envs"
        self._commands = commands or Commands()

    def ensure(self, requirements: str, *, binary: str | None = None, say: Say = quiet) -> Environment:
        """Give a ready environment with `requirements`, building it when nobody has yet.

        A second caller waits for the first. When it is ready already, no process is started.

        Args:
            requirements: text as in a requirements file, hostile until read.
            binary: the interpreter's name the task was recorded with, like `python3.11`.
            say: told what is being done, line by line.

        Raises:
            ExecutionError: the requirements are refused, cannot be resolved, or cannot be installed (`env`).
        """
        uv = find_uv()
        interpreter = interpreters.find(binary, home=self._home, commands=self._commands, uv=uv, say=say)
        request = _digest([requirements.encode(), *_identity(interpreter)])
        remembered = self._root / "locks" / request
        lock = _read(remembered)
        if lock is None:
            with locked(self._root / "locks" / f"{request}.lock"):
                lock = _read(remembered)
                if lock is None:
                    lock = self._resolve(uv, requirements, interpreter, say)
                    _write(remembered, lock)
        environment = self._named(interpreter, lock)
        if not _is_ready(environment):
            with locked(self._root / f"{environment.key}.lock"):
                if not _is_ready(environment):
                    self._build(uv, environment, lock, say)
        return environment

    def _named(self, interpreter: Interpreter, lock: bytes) -> Environment:
        key = _digest([*_identity(interpreter), lock])
        return Environment(key, self._root / key, interpreter)

    def _resolve(self, uv: str, text: str, interpreter: Interpreter, say: Say) -> bytes:
        # imported here: it is needed only when nobody has asked for this set before
        from .requirements import normalized

        lines = normalized(text)
        if not lines:
            return b""
        say(f"resolving {len(lines)} requirements for Python {interpreter.version}")
        argv = [
            *[uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--generate-hashes"],
            *["--no-python-downloads", "--python", interpreter.executable, "-"],
        ]
        try:
            return self._commands.run(argv, stdin="\n".join(lines).encode(), folder=self._neutral())
        except CommandFailed as error:
            raise ExecutionError(
                f"the requirements cannot be resolved:\n{error}\nasked for: {', '.join(lines)}"
            ) from error

    def _build(self, uv: str, environment: Environment, lock: bytes, say: Say) -> None:
        building = self._root / f".building-{environment.key}"
        # left by a builder that was killed; we hold the lock, so nobody works in it
        shutil.rmtree(building, ignore_errors=True)
        shutil.rmtree(environment.path, ignore_errors=True)
        say(f"building environment {environment.key[:12]}")
        try:
            self._create(uv, building, environment.interpreter, lock, say)
        except CommandFailed as error:
            shutil.rmtree(building, ignore_errors=True)
            raise ExecutionError(f"the environment cannot be built:\n{error}\nasked for:\n{_names(lock)}") from error
        (building / ".ready").touch()
        building.rename(environment.path)

    def _create(self, uv: str, folder: pathlib.Path, interpreter: Interpreter, lock: bytes, say: Say) -> None:
        # relocatable: it is renamed once it is whole
        argv = [uv, "venv", "--quiet", "--relocatable", "--no-project", "--no-python-downloads"]
        self._commands.run([*argv, "--python", interpreter.executable, folder], folder=self._neutral())
        if not lock.strip():
            return
        locked_text = folder / "lock.txt"
        locked_text.write_bytes(lock)
        argv = [uv, "pip", "sync", "--no-python-downloads", "--python", os.fspath(folder / "bin" / "python")]
        self._commands.run([*argv, locked_text], folder=self._neutral(), say=say)

    def _neutral(self) -> pathlib.Path:
        """A folder where uv finds no project of anybody's."""
        folder = self._root / "locks"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder


def _identity(interpreter: Interpreter) -> list[bytes]:
    return [interpreter.implementation.encode(), interpreter.version.encode(), interpreter.platform.encode()]


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.blake2b(_FORMAT, digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _is_ready(environment: Environment) -> bool:
    # the interpreter is a link into somebody else's installation, which may have been removed
    return (environment.path / ".ready").exists() and environment.python.exists()


def _names(lock: bytes) -> str:
    return "\n".join(line.rstrip(" \\") for line in lock.decode().splitlines() if not line.startswith((" ", "#")))


def _read(path: pathlib.Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(path: pathlib.Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
