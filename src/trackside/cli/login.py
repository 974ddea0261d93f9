"""`trackside login`: a link that opens the UI as you, once."""

import argparse

from trackside import settings as settings_module
from trackside.client import connect
from trackside.protocol.auth import CreateLoginTicket


def configure(_name: str, parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run)


def run(_options: argparse.Namespace) -> int:
    settings = settings_module.load()
    ticket = connect(settings).call(CreateLoginTicket())
    print(f"{settings.web}{ticket.url_path}")
    return 0
