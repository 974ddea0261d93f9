"""`trackside server`, `trackside agent`, `trackside up`: the processes that stay."""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

from trackside import settings as settings_module
from trackside.settings import Settings

from .output import say

DEFAULT_PORT = 8008
QUEUES = ("default", "services")


def configure(name: str, parser: argparse.ArgumentParser) -> None:
    if name in ("server", "up"):
        parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one (default: %(default)s)")
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine)"
        )
        parser.add_argument("--data", type=pathlib.Path, help="folder of databases and files (default: <home>/server)")
        parser.add_argument("--database-url", help="postgresql+psycopg://… instead of SQLite files in the data folder")
        parser.add_argument("--public-url", help="how others reach this server, when it is behind a proxy")
    if name == "agent":
        parser.add_argument("--queue", nargs="+", action="extend", metavar="NAME", help="queues, in order of priority")
    if name in ("agent", "up"):
        parser.add_argument("--slots", type=int, default=1, help="compute tasks at a time (default: %(default)s)")
    parser.set_defaults(run={"server": run_server, "agent": run_agent, "up": run_up}[name])


def run_server(options: argparse.Namespace) -> int:
    _serve(options, settings_module.load())
    return 0


def _serve(
    options: argparse.Namespace,
    settings: Settings,
    on_ready: threading.Event | None = None,
    leaving: Callable[[], None] = lambda: None,
) -> None:
    from .serving import serve

    # uvicorn hands the signal back once it has shut down; leaving by an exception lets `finally` run
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(
        options.data or settings.home / "server",
        host=options.host,
        port=options.port,
        home=settings.home,
        database_url=options.database_url,
        public_url=options.public_url,
        announce=lambda url, link: _announce(url, link, on_ready),
        leaving=leaving,
    )


def _announce(url: str, link: str, on_ready: threading.Event | None) -> None:
    say(f"Trackside is at {url}")
    say(f"open the UI, logged in (once, within 5 minutes): {url}{link}")
    if on_ready is not None:
        on_ready.set()


def run_agent(options: argparse.Namespace) -> int:
    from trackside.agent.daemon import Agent
    from trackside.client import connect

    settings = settings_module.load()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    agent = Agent(connect(settings), settings, options.queue or list(QUEUES), slots=options.slots)
    agent.run(stop)
    return 0


def run_up(options: argparse.Namespace) -> int:
    """The server in this process, the agent beside it; both end with Ctrl-C."""
    settings = settings_module.load()
    ready = threading.Event()
    agents: list[subprocess.Popen[bytes]] = []
    closing = threading.Event()

    def start_agent() -> None:
        ready.wait()
        if not closing.is_set():
            command = [sys.executable, "-m", "trackside", "agent", "--queue", *QUEUES, "--slots", str(options.slots)]
            environment = os.environ | {"TRACKSIDE_HOME": str(settings.home)}
            agents.append(subprocess.Popen(command, env=environment, start_new_session=True))

    starter = threading.Thread(target=start_agent, name="start-agent", daemon=True)
    starter.start()

    def stop_agent() -> None:
        closing.set()
        ready.set()
        starter.join()
        for agent in agents:
            agent.terminate()
            agent.wait()

    try:
        _serve(options, settings, ready, stop_agent)
    finally:
        stop_agent()
    return 0
