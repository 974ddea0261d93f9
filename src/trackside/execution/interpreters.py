"""Which Python a task runs on: the one it was recorded with where this machine has it, else our own."""

import pathlib
import platform
import re
import sys
import sysconfig

import msgspec

from trackside.errors import ExecutionError

from .commands import CommandFailed, Commands, Say

_PYTHON = re.compile(r"(?:.*/)?python(?:(\d)(?:\.(\d{1,2}))?(?:\.\d+)?)?")
_QUERY = (
    "import json,platform,sys,sysconfig;"
    "print(json.dumps({'executable':getattr(sys,'_base_executable',sys.executable),"
    "'implementation':sys.implementation.name,"
    "'version':platform.python_version(),'platform':sysconfig.get_platform()}))"
)


class Interpreter(msgspec.Struct, frozen=True):
    executable: str
    implementation: str
    version: str  #: like 3.11.7
    platform: str  #: like linux-x86_64

    @property
    def tag(self) -> str:
        """What compiled packages care about, like `cpython-3.11-linux-x86_64`."""
        minor = ".".join(self.version.split(".")[:2])
        return f"{self.implementation}-{minor}-{self.platform}"


def own() -> Interpreter:
    """The Python we run on, outside any virtual environment."""
    return Interpreter(
        getattr(sys, "_base_executable", sys.executable),
        sys.implementation.name,
        platform.python_version(),
        sysconfig.get_platform(),
    )


def find(binary: str | None, *, home: pathlib.Path, commands: Commands, uv: str, say: Say) -> Interpreter:
    """Find the Python that `binary`, as recorded in the task, asks for. Nothing is downloaded.

    What was found is kept in `home`, so that asking again starts no process.

    Raises:
        ExecutionError: `binary` is no Python at all (`source`).
    """
    wanted = _wanted(binary)
    mine = own()
    if wanted is None or mine.version.split(".")[:2] == wanted.split("."):
        return mine
    remembered = home / "envs" / "pythons" / f"{wanted}.json"
    found = _remembered(remembered) or _search(wanted, commands, uv)
    if found is None:
        say(f"warning: the task was made with Python {wanted}, which this machine lacks; using {mine.version}")
        return mine
    remembered.parent.mkdir(parents=True, exist_ok=True)
    remembered.write_bytes(msgspec.json.encode(found))
    return found


def _wanted(binary: str | None) -> str | None:
    """`major.minor` of a recorded interpreter name; None when it does not say."""
    if not binary:
        return None
    match = _PYTHON.fullmatch(binary.strip())
    if match is None:
        raise ExecutionError(
            f"the task wants to be run by {binary!r}; only Python is run, like 'python3.11'", exit_class="source"
        )
    major, minor = match.groups()
    return f"{major}.{minor}" if minor else None


def _remembered(path: pathlib.Path) -> Interpreter | None:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Interpreter)
    except (OSError, msgspec.DecodeError):
        return None
    return found if pathlib.Path(found.executable).exists() else None


def _search(wanted: str, commands: Commands, uv: str) -> Interpreter | None:
    try:
        path = commands.run([uv, "python", "find", "--system", "--no-python-downloads", "--no-project", wanted])
        answer = commands.run([path.decode().strip(), "-I", "-c", _QUERY])
    except CommandFailed:
        return None
    return msgspec.json.decode(answer, type=Interpreter)
