"""How bytes reach a server: the one-method port, and its adapter over HTTP."""

import http.client
import os
import select
import ssl
import threading
import urllib.parse
from collections.abc import Mapping
from typing import BinaryIO, NamedTuple, Protocol

from trackside.errors import ServerUnavailable, UsageError

CONNECT_TIMEOUT = 10.0  #: seconds to reach a host; a reply may take as long as its request's own timeout
_BLOCK = 1 << 20


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]  #: names in lower case
    body: bytes  #: empty when it went into the caller's sink


class Transport(Protocol):
    """The port. An adapter is safe to use from several threads at once."""

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None,
        timeout: float,
        sink: BinaryIO | None = None,
    ) -> Answer:
        """Send one request and read its whole reply.

        `path` is quoted, with its query, and relative to the adapter's base. A file as `body` is streamed; `headers`
        must then carry its Content-Length. `timeout` is how many seconds one network operation may take. With a
        `sink`, the body of a 2xx reply is written there instead of being returned.

        Raises:
            ServerUnavailable: nobody answered, or the connection broke. `details["sent"]` says whether the server may
                have acted on the request.
        """
        ...


class HttpTransport:
    """HTTP/1.1 with kept connections, one request on each at a time; survives a fork."""

    def __init__(self, base_url: str, *, connect_timeout: float = CONNECT_TIMEOUT) -> None:
        parts = urllib.parse.urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{base_url!r} is not a server's address; write http://host:port")
        self.base_url = base_url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._connect_timeout = connect_timeout
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._process = os.getpid()

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | BinaryIO | None,
        timeout: float,
        sink: BinaryIO | None = None,
    ) -> Answer:
        connection = self._take()
        try:
            answer = self._exchange(connection, (method, self._prefix + path, headers, body), timeout, sink)
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        return answer

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        request: tuple[str, str, Mapping[str, str], bytes | BinaryIO | None],
        timeout: float,
        sink: BinaryIO | None,
    ) -> Answer:
        method, path, headers, body = request
        if connection.sock is None:
            self._connect(connection)
        connection.sock.settimeout(timeout)
        try:
            connection.request(method, path, body=body, headers=dict(headers))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            if sink is None or not 200 <= response.status < 300:
                return Answer(response.status, names, response.read())
            _pour(response, sink)
        except (OSError, http.client.HTTPException) as error:
            raise ServerUnavailable(f"the connection to {self.base_url} broke: {_why(error)}", sent=True) from error
        return Answer(response.status, names, b"")

    def _connect(self, connection: http.client.HTTPConnection) -> None:
        try:
            connection.connect()
        except OSError as error:
            raise ServerUnavailable(f"no server answers at {self.base_url}: {_why(error)}", sent=False) from error

    def _take(self) -> http.client.HTTPConnection:
        with self._lock:
            if self._process != os.getpid():
                # the parent goes on using its sockets; closing our copies of them does not disturb it
                self._process, self._idle = os.getpid(), []
            while self._idle:
                connection = self._idle.pop()
                if _is_open(connection):
                    return connection
                connection.close()
        if self._secure:
            return http.client.HTTPSConnection(
                self._host,
                self._port,
                timeout=self._connect_timeout,
                blocksize=_BLOCK,
                context=ssl.create_default_context(),
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=self._connect_timeout, blocksize=_BLOCK)

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        if connection.sock is None:
            return
        with self._lock:
            self._idle.append(connection)


def _is_open(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has not closed it meanwhile: an idle connection has nothing to read."""
    if connection.sock is None:
        return False
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)


def _pour(response: http.client.HTTPResponse, sink: BinaryIO) -> None:
    expected, received = response.length, 0
    while block := response.read(_BLOCK):
        sink.write(block)
        received += len(block)
    if expected is not None and received != expected:
        # http.client ends a body that was cut off as if it were whole
        raise http.client.IncompleteRead(b"", expected - received)


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
