"""A real server in a process of its own, and scripts run against it."""

import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def live_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """The home of a user on whose machine a server runs; its client file is all that names the server."""
    folder = tmp_path_factory.mktemp("live")
    home = folder / "home"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    server = subprocess.Popen(
        [sys.executable, "-m", "trackside", "server", "--port", port, "--data", str(folder / "data")],
        env=_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert server.stdout is not None
    line = server.stdout.readline()
    assert "Trackside is at" in line, line + server.stdout.read()
    yield home
    server.terminate()
    server.communicate()


def _environment(home: pathlib.Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TRACKSIDE_", "CLEARML_", "TRAINS_"))
    }
    return kept | {"TRACKSIDE_HOME": str(home), "MPLBACKEND": "Agg"}


@pytest.fixture
def run_script(live_home: pathlib.Path, tmp_path: pathlib.Path) -> Run:
    """Run a text as a script of its own process; `environ` adds to its environment."""

    def run(text: str, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        script = tmp_path / "script.py"
        script.write_text(text)
        return subprocess.run(
            [sys.executable, str(script), *arguments],
            env=_environment(live_home) | environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    return run
