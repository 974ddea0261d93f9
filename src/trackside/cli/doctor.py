"""`trackside doctor`: what works here, what does not, and what to do about it."""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator

from trackside import __version__
from trackside import settings as settings_module
from trackside.errors import TracksideError

from .output import data, table

Finding = dict[str, str]


def configure(_name: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    findings = list(_findings())
    if options.json:
        data(findings)
    else:
        table(findings, ("check", "state", "detail"))
    return 1 if any(item["state"] == "bad" for item in findings) else 0


def _findings() -> Iterator[Finding]:
    yield _finding("trackside", "ok", f"{__version__} on Python {sys.version.split()[0]}")
    settings = settings_module.load()
    yield _finding("home", "ok", str(settings.home))
    if settings.api_host is None:
        yield _finding("server", "bad", "none is known: start one with 'trackside up', or set TRACKSIDE_API_HOST")
    else:
        yield _server(settings)
    yield _finding("git", *_present(shutil.which("git"), "tasks with a repository cannot run here: install git"))
    yield _finding("uv", *_present(_uv(), "the agent cannot build environments: pip install 'trackside[all]'"))


def _finding(check: str, state: str, detail: str) -> Finding:
    return {"check": check, "state": state, "detail": detail}


def _present(path: str | None, otherwise: str) -> tuple[str, str]:
    return ("ok", path) if path else ("missing", otherwise)


def _uv() -> str | None:
    try:
        import uv
    except ModuleNotFoundError:
        return shutil.which("uv")
    find: Callable[[], str] = uv.find_uv_bin
    return find()


def _server(settings: settings_module.Settings) -> Finding:
    from trackside.client import connect
    from trackside.protocol.auth import GetCurrentUser

    try:
        user = connect(settings).call(GetCurrentUser()).user
    except TracksideError as error:
        return _finding("server", "bad", f"{settings.api_host}: {error}")
    return _finding("server", "ok", f"{settings.api_host}, logged in as {user.name} ({user.role})")
