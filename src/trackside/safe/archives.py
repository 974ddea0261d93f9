"""Unpacking archives that others made: nothing leaves the target folder, no links, no devices, bounded size."""

import pathlib
import shutil
import tarfile
import zipfile

from trackside.errors import InvalidRequest

from .paths import below

MOST_BYTES = 64 << 30
MOST_MEMBERS = 1_000_000
_TAR_ENDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


def is_archive(name: str) -> bool:
    return name.endswith((".zip", *_TAR_ENDS))


def extract(archive: pathlib.Path, target: pathlib.Path) -> None:
    """Unpack a zip or tar file into the existing folder `target`.

    Raises:
        InvalidRequest: it is no archive, or a member would leave `target`; what was unpacked so far stays.
    """
    try:
        if archive.name.endswith(".zip"):
            _extract_zip(archive, target)
        else:
            _extract_tar(archive, target)
    except (zipfile.BadZipFile, tarfile.TarError) as error:
        raise InvalidRequest(f"{archive.name} cannot be unpacked: {error}") from error


def _extract_zip(archive: pathlib.Path, target: pathlib.Path) -> None:
    with zipfile.ZipFile(archive) as source:
        members = source.infolist()
        _check_size(archive, len(members), sum(member.file_size for member in members))
        for member in members:
            if member.is_dir():
                below(target, member.filename).mkdir(parents=True, exist_ok=True)
                continue
            path = below(target, member.filename)
            path.parent.mkdir(parents=True, exist_ok=True)
            with source.open(member) as content, path.open("wb") as file:
                shutil.copyfileobj(content, file)


def _extract_tar(archive: pathlib.Path, target: pathlib.Path) -> None:
    with tarfile.open(archive) as source:
        members = [member for member in source if member.isfile() or member.isdir()]
        _check_size(archive, len(members), sum(member.size for member in members))
        source.extractall(target, members=members, filter="data")


def _check_size(archive: pathlib.Path, members: int, size: int) -> None:
    if members > MOST_MEMBERS or size > MOST_BYTES:
        raise InvalidRequest(f"{archive.name} is too large: {members} members, {size} bytes")
