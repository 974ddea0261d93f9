"""Where the running code came from: git, or the text itself when git cannot give it back."""

import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

import msgspec

import __main__
from trackside.protocol.tasks import Script

from . import notebook

_TIMEOUT = 30.0


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What Python was asked to run.

    `module` is set for `python -m`; `text` where there is no file to read it from.
    """

    name: str
    path: Path | None = None
    module: str | None = None
    text: str | None = None


def find_entry(main_file: str | None = None) -> Entry:
    shell = notebook.shell()
    if shell is not None:
        return Entry(name=notebook.file_name(shell), text=notebook.code(shell))
    file = main_file or getattr(__main__, "__file__", None)
    spec = getattr(__main__, "__spec__", None)
    if file:
        path = Path(file).absolute()
        module = spec.name.removesuffix(".__main__") if spec is not None else None
        return Entry(name=path.name, path=path, module=module)
    command = command_text(sys.orig_argv)
    return Entry(name="interactive.py" if command is None else "command.py", text=command or "")


def command_text(argv: list[str]) -> str | None:
    """The program after `-c`, which Python lets end a group of flags (`-uc`)."""
    arguments = iter(argv[1:])
    for argument in arguments:
        if not argument.startswith("-") or argument in ("-", "--"):
            return None
        if argument in ("-X", "-W", "--check-hash-based-pycs"):
            next(arguments, None)
        elif not argument.startswith(("--", "-X", "-W")) and argument.endswith("c"):
            return next(arguments, None)
    return None


def locate(entry: Entry) -> Script:
    """Commit and diff when git tracks the entry; else the whole text and no repository."""
    if entry.path is not None:
        script = _from_git(entry, entry.path)
        if script is not None:
            return script
    text = entry.text if entry.path is None else _read(entry.path)
    return Script(entry_point=entry.name, working_dir=".", diff=text or "")


def _from_git(entry: Entry, path: Path) -> Script | None:
    # the real path: what git prints has no links in it
    path = path.resolve()
    top = _git(path.parent, "rev-parse", "--show-toplevel")
    if not top or _git(path.parent, "ls-files", "--error-unmatch", "--", path.name) is None:
        return None
    root = Path(top.rstrip("\n"))
    head = _git(root, "rev-parse", "HEAD")
    if head is None:
        return None
    branch = (_git(root, "rev-parse", "--abbrev-ref", "HEAD") or "").strip()
    diff = _git(root, "diff", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD")
    working_dir, entry_point = _places(root, path, Path.cwd().resolve())
    return Script(
        repository=_remote(root) or str(root),
        branch=None if branch == "HEAD" else branch,
        version_num=head.strip(),
        working_dir=working_dir,
        entry_point=f"-m {entry.module}" if entry.module else entry_point,
        diff=diff or "",
    )


def _places(root: Path, path: Path, folder: Path) -> tuple[str, str]:
    """Working folder below the root, and the script seen from it.

    Run from outside, or from a folder that git does not have and a checkout would lack: the script's own folder.
    """
    if not folder.is_relative_to(root) or not _git(folder, "ls-files", "--", "."):
        folder = path.parent
    return folder.relative_to(root).as_posix(), Path(os.path.relpath(path, folder)).as_posix()


def _remote(root: Path) -> str | None:
    name = "origin"
    names = (_git(root, "remote") or "").split()
    if names and name not in names:
        name = names[0]
    url = (_git(root, "config", "--get", f"remote.{name}.url") or "").strip()
    return without_credentials(url) or None


def without_credentials(url: str) -> str:
    """`https://user:token@host/x` → `https://host/x`; the user of an ssh address is a part of the address."""
    parts = urllib.parse.urlsplit(url)
    if not parts.scheme or "@" not in parts.netloc:
        return url
    login, _, host = parts.netloc.rpartition("@")
    if parts.scheme in ("ssh", "git+ssh"):
        host = f"{login.partition(':')[0]}@{host}"
    return parts._replace(netloc=host).geturl()


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None when it fails, or is not there."""
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=True,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    # a diff may carry bytes of any encoding; what is not UTF-8 cannot cross the wire as it is
    return done.stdout.decode("utf-8", "replace")


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return None
