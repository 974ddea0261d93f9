"""One frozen struct of everything that can be set, read only by composition roots.

Order, first found wins: explicit argument > `TRACKSIDE_*` > `CLEARML_*` > `TRAINS_*` > the local client file.

| field | variable | meaning |
|---|---|---|
| api_host | TRACKSIDE_API_HOST | base URL of the server |
| web_host | TRACKSIDE_WEB_HOST | base URL of the UI; the api host when not given |
| files_host | TRACKSIDE_FILES_HOST | base URL of the file server; `<api host>/files` when not given |
| access_key, secret_key | TRACKSIDE_API_ACCESS_KEY, TRACKSIDE_API_SECRET_KEY | credentials |
| auth_token | TRACKSIDE_AUTH_TOKEN | use this token instead of keys (set by the agent) |
| task_id | TRACKSIDE_TASK_ID | this process is a run of that task (set by the agent) |
| attempt | TRACKSIDE_ATTEMPT | number of the attempt (set by the agent) |
| journal | TRACKSIDE_JOURNAL | folder of the journal somebody else ships (set by the agent) |
| worker | TRACKSIDE_WORKER | name this process reports as |
| home | TRACKSIDE_HOME | folder of client file, cache, journals, environments; `~/.trackside` |
"""

import json
import os
import pathlib
import socket
from collections.abc import Mapping
from typing import Any

import msgspec

_PREFIXES = ("TRACKSIDE_", "CLEARML_", "TRAINS_")
CLIENT_FILE = "client.json"


class ClientFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a server on this machine leaves for its own user: `<home>/client.json`, mode 0600."""

    api_host: str
    access_key: str
    secret_key: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    home: pathlib.Path
    worker: str
    api_host: str | None = None
    web_host: str | None = None
    files_host: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    auth_token: str | None = None
    task_id: str | None = None
    attempt: int | None = None
    journal: pathlib.Path | None = None

    @property
    def web(self) -> str | None:
        """Base URL of the UI, without a slash at the end."""
        return self.web_host or self.api_host

    @property
    def files(self) -> str | None:
        """Base URL of the file server, without a slash at the end."""
        return self.files_host or (f"{self.api_host}/files" if self.api_host else None)


def load(environ: Mapping[str, str] | None = None, **explicit: Any) -> Settings:
    """Read the settings; `explicit` values that are not None win over everything.

    Raises:
        ValueError: the client file is not readable JSON; the message names the file.
    """
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in explicit.items() if value is not None}
    home = pathlib.Path(given.pop("home", None) or environ.get("TRACKSIDE_HOME") or pathlib.Path.home() / ".trackside")
    found = _from_environment(environ) | given
    if "api_host" not in found:
        client = read_client_file(home)
        if client is not None:
            found = msgspec.structs.asdict(client) | found
    for name in ("api_host", "web_host", "files_host"):
        if found.get(name):
            found[name] = found[name].rstrip("/")
    found.setdefault("worker", socket.gethostname())
    return Settings(home=home, **found)


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    names = {
        "api_host": "API_HOST",
        "web_host": "WEB_HOST",
        "files_host": "FILES_HOST",
        "access_key": "API_ACCESS_KEY",
        "secret_key": "API_SECRET_KEY",
        "auth_token": "AUTH_TOKEN",
        "task_id": "TASK_ID",
        "worker": "WORKER_ID",
    }
    found: dict[str, Any] = {}
    for field, name in names.items():
        for prefix in _PREFIXES:
            value = environ.get(prefix + name)
            if value:
                found[field] = value
                break
    if environ.get("TRACKSIDE_WORKER"):
        found["worker"] = environ["TRACKSIDE_WORKER"]
    if environ.get("TRACKSIDE_ATTEMPT"):
        found["attempt"] = int(environ["TRACKSIDE_ATTEMPT"])
    if environ.get("TRACKSIDE_JOURNAL"):
        found["journal"] = pathlib.Path(environ["TRACKSIDE_JOURNAL"])
    return found


def read_client_file(home: pathlib.Path) -> ClientFile | None:
    path = home / CLIENT_FILE
    try:
        content = path.read_bytes()
    except OSError:
        return None
    try:
        return msgspec.json.decode(content, type=ClientFile)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} is not a client file ({error}); start the server again to rewrite it") from error


def write_client_file(home: pathlib.Path, client: ClientFile) -> pathlib.Path:
    """Write it atomically, readable by its owner only."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / CLIENT_FILE
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(msgspec.structs.asdict(client), file)
    temporary.replace(path)
    return path
