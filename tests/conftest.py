"""Real collaborators, started by the test that needs them."""

import os
import pathlib
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from trackside.server.context import Server, open_databases
from trackside.server.live import Bus


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _postgres_binary(name: str) -> str:
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if found:
        return str(found[-1])
    on_path = shutil.which(name)
    if on_path is None:
        pytest.fail(f"{name} is missing: install PostgreSQL ('make test' does it when run as root)")
    return on_path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL of this test session's own, on loopback, with one database."""
    folder = pathlib.Path("/tmp") / f"trackside-pg-{uuid.uuid4().hex[:8]}"  # short: it holds the socket
    folder.mkdir(mode=0o777)
    port = free_port()
    as_user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    cluster = str(folder / "data")

    def run(*arguments: str) -> None:
        done = subprocess.run([*as_user, *arguments], cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    run(_postgres_binary("initdb"), "-D", cluster, "-A", "trust", "-U", "postgres", "--no-sync")
    run(
        _postgres_binary("pg_ctl"), "-D", cluster, "-w", "-l", str(folder / "log"),
        "-o", f"-p {port} -k {folder} -c fsync=off -c max_connections=200", "start",
    )  # fmt: skip
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        run(_postgres_binary("pg_ctl"), "-D", cluster, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """None for SQLite in the server's folder; else the URL of a fresh PostgreSQL database."""
    if request.param == "sqlite":
        yield None
        return
    import psycopg

    admin = request.getfixturevalue("postgres_url")
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(admin.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield admin.rsplit("/", 1)[0] + f"/{name}"


@pytest.fixture
def server(tmp_path: pathlib.Path, database_url: str | None) -> Iterator[Server]:
    """The collaborators of service functions, on SQLite and on PostgreSQL; no network."""
    bus = Bus()
    main, events = open_databases(tmp_path, bus, database_url)
    yield Server(data=tmp_path, main=main, events=events, bus=bus, signing_key=b"k" * 32, company="c" * 32)
    main.close()
    events.close()
