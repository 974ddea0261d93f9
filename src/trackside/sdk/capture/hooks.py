"""Post-import hooks: do something to a module once it has been imported, and never import it for that.

A hook that fails warns once and is gone; the program does not notice.
"""

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

log = logging.getLogger(__name__)

Callback = Callable[[ModuleType], None]

_waiting: dict[str, list[Callback]] = {}
_lock = threading.RLock()


def after_import(name: str, callback: Callback) -> None:
    """Call `callback(module)` when the module `name` has been imported; at once when it already is."""
    with _lock:
        module = sys.modules.get(name)
        if module is None or getattr(getattr(module, "__spec__", None), "_initializing", False):
            _waiting.setdefault(name, []).append(callback)
            if _finder not in sys.meta_path:
                sys.meta_path.insert(0, _finder)
            return
    _run(name, module, [callback])


def wrap(owner: Any, name: str, after: Callable[..., None], label: str) -> None:
    """Let `owner.name` do what it does, then call `after(result, *arguments)`; the first failure of `after` ends that.

    Wrapping what is wrapped already replaces the earlier `after`: a second task takes over.
    """
    original = getattr(owner, name)
    original = getattr(original, "_trackside_original", original)
    working = True

    @functools.wraps(original)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        nonlocal working
        result = original(*arguments, **options)
        if working:
            try:
                after(result, *arguments, **options)
            except Exception as error:  # noqa: BLE001 - the program's call succeeded; recording it must not change that
                working = False
                warn(label, error)
        return result

    wrapped._trackside_original = original  # type: ignore[attr-defined]  # noqa: SLF001 - ours
    setattr(owner, name, wrapped)


def warn(label: str, error: BaseException) -> None:
    log.warning("trackside stops capturing %s: %s: %s", label, type(error).__name__, error)


def _run(name: str, module: ModuleType, callbacks: list[Callback]) -> None:
    for callback in callbacks:
        try:
            callback(module)
        except Exception as error:  # noqa: BLE001 - the user's import must succeed
            warn(name, error)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds nothing itself: asks the other finders, and wraps the loader of a module that somebody waits for."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        with _lock:
            callbacks = _waiting.get(fullname)
            if not callbacks:
                return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, fullname)
                return spec
        return None


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: Any, name: str) -> None:
        self._loader = loader
        self._name = name

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        # from here on the module looks as if nobody had been between
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        with _lock:
            callbacks = _waiting.pop(self._name, [])
            if not _waiting and _finder in sys.meta_path:
                sys.meta_path.remove(_finder)
        _run(self._name, module, callbacks)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


_finder = _Finder()
