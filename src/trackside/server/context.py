"""What a running server is made of; put together in `app.build`."""

import pathlib

import msgspec

from trackside.server.live import Bus
from trackside.server.store.database import Database, open_database
from trackside.server.store.migrate import upgrade_url


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """The collaborators of the service functions.

    Attributes:
        data: folder that holds everything of this server (databases when SQLite, blobs, secrets).
        signing_key: HMAC key of the tokens.
        company: id and name of the one workspace.
    """

    data: pathlib.Path
    main: Database
    events: Database
    bus: Bus
    signing_key: bytes
    company: str
    public_url: str | None = None


def open_databases(data: pathlib.Path, bus: Bus, url: str | None = None) -> tuple[Database, Database]:
    """The main and the events database, migrated; SQLite files in `data` unless `url` names a PostgreSQL."""
    opened = []
    for branch in ("main", "events"):
        where = url or f"sqlite:///{data / f'{branch}.sqlite'}"
        schema = f"trackside_{branch}" if url else None
        upgrade_url(where, branch, schema)
        opened.append(open_database(where, bus.publish, schema=schema))
    return opened[0], opened[1]
