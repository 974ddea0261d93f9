"""Requirements: the installed distributions that the script and its own modules import, with their versions."""

import ast
import importlib.machinery
import importlib.metadata
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_OWN = "trackside"

#: Enough for any project's own modules; beyond that a vendored tree is being read.
_MOST_FILES = 500


def requirements(text: str, folders: list[Path]) -> dict[str, str]:
    r"""`{"pip": "numpy == 2.3.1\n…"}` of a script's text; modules found in `folders` are read too, not listed."""
    names = _imported(text, folders)
    lines = {_line(found) for name in names for found in _distributions(name)}
    return {"pip": "".join(f"{line}\n" for line in sorted(lines, key=str.lower) if line)}


def _imported(text: str, folders: list[Path]) -> set[str]:
    """Top-level names of everything imported, here or in a module of the project."""
    external: set[str] = set()
    seen: set[Path] = set()
    waiting = [text]
    while waiting and len(seen) < _MOST_FILES:
        for name in _names(waiting.pop()):
            top = name.partition(".")[0]
            if top in sys.stdlib_module_names or top == _OWN:
                continue
            files = _local_files(top, folders)
            if not files:
                external.add(top)
            for file in files:
                if file not in seen:
                    seen.add(file)
                    waiting.append(_read(file))
    return external


def _names(text: str) -> Iterator[str]:
    """The dotted names of the modules that a text imports."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # a relative import stays inside a package, and packages of the project are read whole
            yield node.module


def _local_files(name: str, folders: list[Path]) -> list[Path]:
    """The file of a module of the project, or all files of a package; none when it is not the project's."""
    for folder in folders:
        base = folder / name
        if base.with_suffix(".py").is_file():
            return [base.with_suffix(".py")]
        if base.is_dir() and _is_package(base, name):
            return sorted(base.rglob("*.py"))[:_MOST_FILES]
    return []


def _is_package(folder: Path, name: str) -> bool:
    """A folder beside the script hides an installed package only when it has an `__init__.py`."""
    if (folder / "__init__.py").is_file():
        return True
    return next(folder.glob("*.py"), None) is not None and not _is_installed(name)


def _is_installed(name: str) -> bool:
    spec = importlib.machinery.PathFinder.find_spec(name)
    return spec is not None and spec.origin is not None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _distributions(name: str) -> list[importlib.metadata.Distribution]:
    """Those that install the module `name`; asked first by the same name, because reading all of them is slow."""
    try:
        found = importlib.metadata.distribution(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        found = None
    if found is not None and _installs(found, name):
        return [found]
    return [importlib.metadata.distribution(owner) for owner in sorted(set(_all_owners().get(name, [])))]


def _installs(distribution: importlib.metadata.Distribution, name: str) -> bool:
    top_level = distribution.read_text("top_level.txt")
    if top_level:
        return name in top_level.split()
    record = distribution.read_text("RECORD") or ""
    return re.search(rf"^{re.escape(name)}(/|\.py\b|\.[\w.-]*so\b)", record, re.MULTILINE) is not None


_owners: dict[str, list[str]] = {}


def _all_owners() -> dict[str, list[str]]:
    if not _owners:
        _owners.update(importlib.metadata.packages_distributions())
    return _owners


def _line(distribution: importlib.metadata.Distribution) -> str:
    name = distribution.metadata["Name"]
    if not name or name.lower() == _OWN:
        return ""
    source = _source(distribution)
    return f"{name} @ {source}" if source else f"{name} == {distribution.version}"


def _source(distribution: importlib.metadata.Distribution) -> str | None:
    """Where a version control install came from: such a version is found nowhere else."""
    try:
        document = json.loads(distribution.read_text("direct_url.json") or "{}")
    except ValueError:
        return None
    vcs = document.get("vcs_info")
    return f"{vcs['vcs']}+{document['url']}@{vcs['commit_id']}" if vcs else None
