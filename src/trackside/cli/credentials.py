"""`trackside credentials create`: a key pair, also beside a running server."""

import argparse
import pathlib

from trackside import settings as settings_module
from trackside.server import auth
from trackside.server.app import open_server

from .output import data, say


def configure(_name: str, parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    create = commands.add_parser("create", help="make an access key and its secret")
    create.add_argument("--data", type=pathlib.Path, help="the server's folder (default: <home>/server)")
    create.add_argument("--database-url", help="when the server uses PostgreSQL")
    create.add_argument("--user", help="name; made when there is no such user (default: the first administrator)")
    create.add_argument("--role", choices=("admin", "user", "guest"), help="of a new user (default: user)")
    create.add_argument("--label", help="what the key is for")
    create.add_argument("--api-host", help="how clients reach the server (default: as this machine's client file says)")
    create.add_argument("--json", action="store_true")
    create.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    found = settings_module.load(api_host=options.api_host)
    host = found.api_host or "http://127.0.0.1:8008"
    server = open_server(options.data or found.home / "server", database_url=options.database_url)
    try:
        made = server.main.write(
            lambda tx: auth.new_credentials(
                tx, auth.user_named(tx, options.user, options.role).user, options.label or "made on the command line"
            )
        )
    finally:
        server.main.close()
        server.events.close()
    shown = {
        "access_key": made.access_key,
        "secret_key": made.secret_key,
        "api_host": host,
        "web_host": found.web_host or host,
        "files_host": found.files_host or f"{host}/files",
    }
    if options.json:
        data(shown)
    else:
        say("the secret is shown this once:")
        print("\n".join(f"{key} = {value}" for key, value in shown.items()))
    return 0
