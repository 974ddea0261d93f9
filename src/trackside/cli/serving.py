"""Running the ASGI application: the socket, the client file for this user, the word that it is ready."""

import pathlib
import socket
from collections.abc import Callable

import anyio.to_thread
import msgspec
import uvicorn

from trackside import settings
from trackside.errors import UsageError
from trackside.server import auth
from trackside.server.app import build, open_server
from trackside.server.context import Server


def serve(
    data: pathlib.Path,
    *,
    host: str,
    port: int,
    home: pathlib.Path,
    announce: Callable[[str, str], None],
    leaving: Callable[[], None] = lambda: None,
    database_url: str | None = None,
    public_url: str | None = None,
) -> None:
    """Serve until a signal.

    `announce(url, login_path)` is called when requests are answered, `leaving()` while they still are, before the end.
    """
    listener = _listen(host, port)
    bound = listener.getsockname()[1]
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '::', '') else host}:{bound}"
    server = open_server(data, database_url=database_url, public_url=public_url)
    user = leave_client_file(server, home, url)

    class Announced(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                announce(url, server.main.write(lambda tx: auth.login_path(tx, user)))

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await anyio.to_thread.run_sync(leaving)
            server.bus.close()
            await super().shutdown(sockets)

    config = uvicorn.Config(
        build(server),
        log_level="warning",
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    try:
        Announced(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass  # uvicorn raises the signal again once it has shut down; leaving is what it asks for
    finally:
        server.main.close()
        server.events.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with the protocol said, asyncio turns Nagle's algorithm off; without it each reply waits 40 ms for an ACK
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {host}:{port} ({error.strerror}); is another server running? choose another --port"
        ) from error
    return listener


def leave_client_file(server: Server, home: pathlib.Path, url: str) -> str:
    """Let this machine's user in without configuration: `<home>/client.json`. Answers the user's id."""
    old = settings.read_client_file(home)
    user = server.main.write(lambda tx: auth.user_named(tx, None, None))
    if old is None or not _is_ours(server, old):
        made = server.main.write(lambda tx: auth.new_credentials(tx, user.user, "this machine"))
        assert made.secret_key is not None
        old = settings.ClientFile(api_host=url, access_key=made.access_key, secret_key=made.secret_key)
    settings.write_client_file(home, msgspec.structs.replace(old, api_host=url))
    return user.user


def _is_ours(server: Server, client: settings.ClientFile) -> bool:
    return server.main.read(lambda tx: auth.is_current(tx, client.access_key, client.secret_key))
