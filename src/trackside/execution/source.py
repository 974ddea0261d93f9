"""A task's code, put into a fresh folder: a worktree of its commit with its changes, or the script it carries.

Everything in a `Script` is hostile until it is checked here (reliability.md H1–H6); git gets argument lists with `--`.
"""

import contextlib
import hashlib
import os
import pathlib
import re
import shlex
import shutil
from collections.abc import Sequence

import msgspec

from trackside.errors import ExecutionError, InvalidRequest
from trackside.protocol.tasks import Script
from trackside.safe import paths

from .commands import CommandFailed, Commands, Say, quiet
from .lock import locked

_SCHEME_URL = re.compile(r"(?:(?:https|ssh|git)://(?:[^\s/@]+@)?[A-Za-z0-9\[][^\s]*|file:///[^\s]*)")
_SCP_URL = re.compile(r"[A-Za-z0-9_][\w.-]*@[A-Za-z0-9][\w.-]*:[^-\s][^\s]*")
_SECRET = re.compile(r"(?<=://)[^\s/@]+@")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REFERENCE = re.compile(r"(?!-)(?!.*\.\.)(?!.*@\{)[0-9A-Za-z._/@+-]{1,200}")
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")

_GUARDS = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.ext.allow=never"),
    *("-c", "submodule.recurse=false", "-c", "advice.detachedHead=false"),
)
_GIT_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "https:ssh:git:file",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
}


class Source(msgspec.Struct, frozen=True):
    root: pathlib.Path
    folder: pathlib.Path  #: where the process starts
    arguments: list[str]  #: what follows the interpreter
    requirements: str | None  #: of the nearest requirements.txt in the repository


class SourceStore:
    """Mirrors of repositories below one home; each attempt takes its own worktree from them."""

    def __init__(self, home: pathlib.Path, *, commands: Commands | None = None) -> None:
        self._root = home / "repos"
        self._commands = commands or Commands()
        self._environ = {**os.environ, **_GIT_ENVIRONMENT}

    def prepare(self, script: Script, target: pathlib.Path, *, say: Say = quiet) -> Source:
        """Put the code into `target`, which must not exist.

        Raises:
            ExecutionError: something in `script` is refused, missing, or does not apply (`source`);
                `target` may be left.
        """
        if script.repository:
            self._check_out(script, target, say)
        else:
            _write_script(script, target)
        return _resolve(script, target)

    def release(self, script: Script, target: pathlib.Path) -> None:
        """Remove the folder that `prepare` made for `script`."""
        shutil.rmtree(target, ignore_errors=True)
        if not script.repository:
            return
        mirror = self._mirror(_checked_url(script.repository))
        with locked(mirror.with_suffix(".lock")), contextlib.suppress(CommandFailed):
            self._git("--git-dir", mirror, "worktree", "prune")

    def _mirror(self, url: str) -> pathlib.Path:
        return self._root / hashlib.blake2b(url.encode(), digest_size=16).hexdigest()

    def _check_out(self, script: Script, target: pathlib.Path, say: Say) -> None:
        url = _checked_url(script.repository or "")
        shown = _SECRET.sub("***@", url)
        mirror = self._mirror(url)
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(mirror.with_suffix(".lock")):
            if not mirror.exists():
                say(f"cloning {shown}")
                self._clone(url, shown, mirror)
            commit = self._find_commit(script, mirror, shown, say)
            try:
                self._git("--git-dir", mirror, "worktree", "add", "--quiet", "--detach", target, commit)
            except CommandFailed as error:
                raise ExecutionError(f"cannot check out {commit} of {shown}:\n{error}", exit_class="source") from error
        say(f"checked out {commit[:12]} of {shown}")
        if script.diff and script.diff.strip():
            self._apply(script.diff, target, commit)
            say("applied the uncommitted changes")

    def _clone(self, url: str, shown: str, mirror: pathlib.Path) -> None:
        cloning = mirror.with_suffix(".cloning")
        shutil.rmtree(cloning, ignore_errors=True)
        try:
            self._git("clone", "--quiet", "--mirror", "--", url, cloning)
        except CommandFailed as error:
            shutil.rmtree(cloning, ignore_errors=True)
            text = _SECRET.sub("***@", str(error))
            raise ExecutionError(f"cannot clone {shown}:\n{text}", exit_class="source") from error
        cloning.rename(mirror)

    def _find_commit(self, script: Script, mirror: pathlib.Path, shown: str, say: Say) -> str:
        wanted = _revisions(script)
        found = self._known(wanted, mirror) if script.version_num else None
        if found is None:
            say(f"fetching {shown}")
            try:
                self._git("--git-dir", mirror, "fetch", "--quiet", "--force", "origin")
            except CommandFailed as error:
                text = _SECRET.sub("***@", str(error))
                raise ExecutionError(f"cannot fetch {shown}:\n{text}", exit_class="source") from error
            found = self._known(wanted, mirror)
        if found is None:
            raise ExecutionError(f"{shown} has no {wanted[0]}; was it pushed?", exit_class="source")
        return found

    def _known(self, wanted: Sequence[str], mirror: pathlib.Path) -> str | None:
        for revision in wanted:
            try:
                answer = self._git(
                    *("--git-dir", mirror, "rev-parse", "--quiet", "--verify", "--end-of-options"),
                    f"{revision}^{{commit}}",
                )
            except CommandFailed:
                continue
            return answer.decode().strip()
        return None

    def _apply(self, diff: str, target: pathlib.Path, commit: str) -> None:
        # a patch must end with a line end, and editors of a task's diff drop it
        content = diff.encode() if diff.endswith("\n") else f"{diff}\n".encode()
        try:
            self._git("-C", target, "apply", "--unidiff-zero", "--whitespace=nowarn", "-", stdin=content)
        except CommandFailed as error:
            raise ExecutionError(
                f"the task's uncommitted changes do not apply to {commit}:\n{error}", exit_class="source"
            ) from error

    def _git(self, *arguments: str | os.PathLike[str], stdin: bytes = b"") -> bytes:
        return self._commands.run(["git", *_GUARDS, *arguments], stdin=stdin, environ=self._environ)


def _checked_url(url: str) -> str:
    # a repository recorded from a remote on the same machine is a plain path
    url = f"file://{url}" if url.startswith("/") else url
    if len(url) > 2000 or not url.isprintable() or not (_SCHEME_URL.fullmatch(url) or _SCP_URL.fullmatch(url)):
        raise ExecutionError(
            f"the repository {url[:200]!r} is refused; it should be like https://host/path, ssh://host/path, "
            "git://host/path, file:///path or user@host:path",
            exit_class="source",
        )
    return url


def _revisions(script: Script) -> list[str]:
    """What to look for, best first."""
    if script.version_num:
        if not _COMMIT.fullmatch(script.version_num):
            raise ExecutionError(
                f"the commit {script.version_num[:80]!r} is refused; it should be 40 hexadecimal characters",
                exit_class="source",
            )
        return [script.version_num]
    for name, places in ((script.tag, ["refs/tags/"]), (script.branch, ["refs/heads/"])):
        if name:
            plain = name.removeprefix("origin/")
            if not _REFERENCE.fullmatch(plain):
                raise ExecutionError(f"the name {name[:80]!r} is no branch or tag", exit_class="source")
            return [f"{place}{plain}" for place in places]
    return ["HEAD"]


def _write_script(script: Script, target: pathlib.Path) -> None:
    if not script.diff:
        raise ExecutionError("the task has neither a repository nor a script; nothing can be run", exit_class="source")
    target.mkdir(parents=True, mode=0o700)
    words = _module_words(script.entry_point or "")
    name = f"{words[0].replace('.', '/')}.py" if words else script.entry_point or "script.py"
    path = _below(target, name, "entry_point")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script.diff, encoding="utf-8")


def _resolve(script: Script, target: pathlib.Path) -> Source:
    root = target.resolve()
    # without a repository `working_dir` names a folder of the machine that recorded the task
    folder = _below(root, script.working_dir or ".", "working_dir") if script.repository else root
    if not folder.is_dir():
        raise ExecutionError(f"the code has no folder {script.working_dir!r} (working_dir)", exit_class="source")
    words = _module_words(script.entry_point or "")
    if words:
        return Source(root, folder, ["-m", *words], _requirements(folder, root))
    name = script.entry_point or ("" if script.repository else "script.py")
    path = _below(root, os.path.relpath(folder / name, root), "entry_point")
    if not path.is_file():
        raise ExecutionError(f"the code has no file {name!r} (entry_point)", exit_class="source")
    return Source(root, folder, [os.fspath(path)], _requirements(path.parent, root))


def _module_words(entry_point: str) -> list[str]:
    """The words after `-m`; empty when `entry_point` is a file name."""
    if not entry_point.startswith("-"):
        return []
    try:
        words = shlex.split(entry_point)
    except ValueError:
        words = []
    if len(words) < 2 or words[0] != "-m" or not _MODULE.fullmatch(words[1]):
        raise ExecutionError(
            f"the entry point {entry_point[:80]!r} is refused; it should be a file or '-m module arguments'",
            exit_class="source",
        )
    return words[1:]


def _requirements(folder: pathlib.Path, root: pathlib.Path) -> str | None:
    for place in [folder, *folder.parents]:
        if not place.is_relative_to(root):
            return None
        path = place / "requirements.txt"
        if path.is_file() and path.resolve().is_relative_to(root):
            return path.read_text(encoding="utf-8", errors="replace")
    return None


def _below(root: pathlib.Path, name: str, field: str) -> pathlib.Path:
    """`root/name` or `root` itself, refused when it is or leads outside, through symbolic links too."""
    if os.path.normpath(name) == ".":
        return root.resolve()
    try:
        return paths.below(root, name)
    except InvalidRequest as error:
        raise ExecutionError(f"the {field} is refused: {error.message}", exit_class="source") from error
