"""Large bytes between files and the file server: streamed both ways, checked by hash, whole or not at all."""

import contextlib
import hashlib
import os
import pathlib
import random
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator

from trackside import errors
from trackside.protocol.files import DIGEST_HEADER

from . import retries
from .api import Api, raised
from .transport import Answer, HttpTransport, Transport

STALL_TIMEOUT = 60.0  #: seconds without a byte moving
_BLOCK = 1 << 20


def is_ours(api: Api, url: str) -> bool:
    """Whether the URL names a file of our own file server, the only place our token may go."""
    return url.startswith(f"{api.files}/")


def digest(path: pathlib.Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def upload(api: Api, url_or_key: str, path: pathlib.Path) -> str:
    """Store a file and return its URL; storing the same again is harmless.

    `url_or_key` is a URL of our file server, or the name below it, not quoted.

    Raises:
        Conflict: somebody else's task owns that name.
        OSError: the file cannot be read.
    """
    url = url_or_key if is_ours(api, url_or_key) else f"{api.files}/{urllib.parse.quote(url_or_key.lstrip('/'))}"
    headers = {DIGEST_HEADER: digest(path), "Content-Type": "application/octet-stream"}

    def put(transport: Transport, bearer: dict[str, str]) -> Answer:
        with path.open("rb") as file:
            length = {"Content-Length": str(os.fstat(file.fileno()).st_size)}
            return transport.send("PUT", _path(api, url), headers | length | bearer, file, STALL_TIMEOUT)

    _persistently(api, put)
    return url


def download(api: Api, url: str, target: pathlib.Path) -> str:
    """Fetch one of our files into `target`, which appears whole or not at all; returns its SHA-256, hex.

    Raises:
        FileMissing: the server has no such file.
        ServerUnavailable: the server did not answer, or what arrived is not what it holds.
    """
    with temporary_beside(target) as part:

        def get(transport: Transport, bearer: dict[str, str]) -> Answer:
            with part.open("wb") as file:
                answer = transport.send("GET", _path(api, url), bearer, None, STALL_TIMEOUT, file)
            if answer.status == 200:
                _check(answer, part, url)
            return answer

        _persistently(api, get)
        found = digest(part)
        part.replace(target)
    return found


def stored_digest(api: Api, url: str) -> str | None:
    """What the server says the file's SHA-256 is; None when it does not say.

    Raises:
        FileMissing: the server has no such file.
    """

    def head(transport: Transport, bearer: dict[str, str]) -> Answer:
        return transport.send("HEAD", _path(api, url), bearer, None, STALL_TIMEOUT)

    return _persistently(api, head).headers.get(DIGEST_HEADER.lower())


@contextlib.contextmanager
def temporary_beside(target: pathlib.Path) -> Iterator[pathlib.Path]:
    """A path in `target`'s folder to write first and rename then; what is left of it is removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{os.getpid()}-{threading.get_ident()}.part")
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _check(answer: Answer, part: pathlib.Path, url: str) -> None:
    expected = answer.headers.get(DIGEST_HEADER.lower())
    if expected and expected != digest(part):
        raise errors.ServerUnavailable(f"what arrived of {url} is not what the server holds", sent=False)


def _path(api: Api, url: str) -> str:
    return url.removeprefix(api.files)


def _persistently(api: Api, send: Callable[[Transport, dict[str, str]], Answer]) -> Answer:
    """Send with our token, again with a new one when it is refused, and again while nobody answers."""
    transport, give_up, failures = _files_transport(api), time.monotonic() + api.patience, 0
    while True:
        try:
            return _send(api, transport, send)
        except errors.ServerUnavailable:
            failures += 1
            wait = retries.delay(failures, random.random())  # noqa: S311 - spreads clients, guards nothing
            if time.monotonic() + wait > give_up:
                raise
        threading.Event().wait(wait)


def _send(api: Api, transport: Transport, send: Callable[[Transport, dict[str, str]], Answer]) -> Answer:
    token = api.token()
    answer = send(transport, {"Authorization": f"Bearer {token}"})
    if answer.status == errors.Unauthorized.status and api.can_log_in:
        answer = send(transport, {"Authorization": f"Bearer {api.token(instead_of=token)}"})
    if answer.status >= 400:
        raise raised(answer)
    return answer


def _files_transport(api: Api) -> Transport:
    if api.files_transport is None:
        api.files_transport = HttpTransport(api.files)
    return api.files_transport
