"""`StorageManager`: local copies of remote files, and uploads, by URL."""

import functools
import logging
import os
import pathlib
import shutil
import threading
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

from trackside import client, settings
from trackside.errors import FileMissing, ServerUnavailable, UsageError
from trackside.safe import archives

from . import cache

if TYPE_CHECKING:
    from trackside.client.api import Api

log = logging.getLogger(__name__)

_STALL_TIMEOUT = 60.0  #: seconds without a byte from a foreign host


@functools.lru_cache(maxsize=4)
def _api(known: settings.Settings) -> "Api":
    return client.connect(known)


class StorageManager:
    """Files by URL: `http(s)://…`, `file://…` or a path of this machine.

    Our login goes to our own file server only. Copies are kept in `<home>/cache/storage`.
    """

    @classmethod
    def get_local_copy(
        cls,
        remote_url: str,
        cache_context: str | None = None,
        extract_archive: bool = False,
        name: str | None = None,
        force_download: bool = False,
    ) -> str:
        """A path on this machine with the content of `remote_url`; of a local file, its own path.

        A copy of one of our files is fetched again when the server holds another content by now; a copy from elsewhere
        only with `force_download`. With `extract_archive` an archive's folder is returned. `name` is accepted as in
        Trains and not used.

        Raises:
            FileMissing: there is no such file.
            ServerUnavailable: its host does not answer; there is no copy, or half a copy.
        """
        del name
        local = _local_path(remote_url)
        copy = _existing(local) if local else _remote_copy(remote_url, cache_context, force_download)
        if extract_archive and archives.is_archive(copy.name):
            copy = _extracted(copy, remote_url, cache_context)
        return str(copy)

    @classmethod
    def upload_file(cls, local_file: str | os.PathLike[str], remote_url: str, wait_for_upload: bool = True) -> str:
        """Store a file under a URL of our file server, or a path; returns `remote_url`.

        Without `wait_for_upload` it happens behind; the process does not end before it is done.

        Raises:
            FileMissing: there is no `local_file`.
            UsageError: we cannot write to `remote_url`.
        """
        source = _existing(pathlib.Path(local_file))
        target = _local_path(remote_url)
        api = None if target else _api(settings.load())
        if api is not None:
            from trackside.client import transfers

            if not transfers.is_ours(api, remote_url):
                raise UsageError(f"{remote_url} cannot be written; give a path or a URL below {api.files}/")
        if wait_for_upload:
            _store(source, remote_url, target, api)
        else:
            threading.Thread(target=_store, args=(source, remote_url, target, api), name="trackside-upload").start()
        return remote_url


def local_copy_of_ours(api: "Api", home: pathlib.Path, url: str, expected: str | None = None) -> pathlib.Path:
    """A copy of one of our files that is known to be what the server holds.

    `expected` is the SHA-256 it must have; the server is asked when it is not given.
    """
    return _fresh(api, cache.place(home, url), url, expected)


def _fresh(api: "Api", copy: pathlib.Path, url: str, expected: str | None) -> pathlib.Path:
    from trackside.client import transfers

    known = cache.known_digest(copy)
    if known is not None:
        try:
            wanted = expected or transfers.stored_digest(api, url)
        except ServerUnavailable as error:
            log.warning("the file server is away, an earlier copy is used", extra={"url": url, "reason": str(error)})
            return copy
        if wanted in (None, known):
            return copy
    found = transfers.download(api, url, copy)
    cache.note(copy).write_text(found)
    return copy


def _remote_copy(url: str, context: str | None, force: bool) -> pathlib.Path:
    known = settings.load()
    copy = cache.place(known.home, url, context)
    if force:
        cache.note(copy).unlink(missing_ok=True)
    if known.files and url.startswith(f"{known.files}/"):
        return _fresh(_api(known), copy, url, None)
    if cache.known_digest(copy) is None:
        _fetch_foreign(url, copy)
    return copy


def _fetch_foreign(url: str, copy: pathlib.Path) -> None:
    """Without any of our credentials; redirects are followed."""
    from trackside.client import transfers

    request = urllib.request.Request(url, headers={"User-Agent": "trackside"})  # noqa: S310 - http(s) only, see _local_path
    with transfers.temporary_beside(copy) as part:
        try:
            with urllib.request.urlopen(request, timeout=_STALL_TIMEOUT) as answer, part.open("wb") as file:  # noqa: S310
                shutil.copyfileobj(answer, file, 1 << 20)
                expected = answer.headers.get("Content-Length")
        except urllib.error.HTTPError as error:
            raise FileMissing(f"{url} cannot be fetched: the host answers {error.code} {error.reason}") from error
        except OSError as error:
            raise ServerUnavailable(f"{url} cannot be fetched: {error}") from error
        if expected is not None and int(expected) != part.stat().st_size:
            raise ServerUnavailable(f"{url} was cut off after {part.stat().st_size} of {expected} bytes")
        found = transfers.digest(part)
        part.replace(copy)
    cache.note(copy).write_text(found)


def _local_path(url: str) -> pathlib.Path | None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme == "file":
        return pathlib.Path(urllib.parse.unquote(parts.path))
    if "://" in url:
        raise UsageError(f"{url}: {parts.scheme} is not supported; use http, https, file or a path")
    return pathlib.Path(url)


def _existing(path: pathlib.Path) -> pathlib.Path:
    if not path.exists():
        raise FileMissing(f"there is no file {path}")
    return path


def _extracted(archive: pathlib.Path, url: str, context: str | None) -> pathlib.Path:
    from trackside.client import transfers

    content = cache.known_digest(archive) or transfers.digest(archive)
    folder = cache.place(settings.load().home, f"{url}#{content}", context).parent / "content"
    if not folder.is_dir():
        part = folder.with_name(f".{os.getpid()}-{threading.get_ident()}")
        part.mkdir(parents=True)
        try:
            archives.extract(archive, part)
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def _store(source: pathlib.Path, url: str, target: pathlib.Path | None, api: "Api | None") -> None:
    from trackside.client import transfers

    if target is None:
        assert api is not None
        transfers.upload(api, url, source)
        return
    with transfers.temporary_beside(target) as part:
        shutil.copyfile(source, part)
        part.replace(target)
