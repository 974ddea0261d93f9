"""Trackside's public names, each loaded on first use: `import trackside` costs nothing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trackside.automation.controller import PipelineController
    from trackside.sdk.logger import Logger
    from trackside.sdk.models import InputModel, OutputModel
    from trackside.sdk.task import Task
    from trackside.storage.manager import StorageManager

    __version__: str

__all__ = ["InputModel", "Logger", "OutputModel", "PipelineController", "StorageManager", "Task", "__version__"]

_HOMES = {
    "InputModel": "trackside.sdk.models",
    "Logger": "trackside.sdk.logger",
    "OutputModel": "trackside.sdk.models",
    "PipelineController": "trackside.automation.controller",
    "StorageManager": "trackside.storage.manager",
    "Task": "trackside.sdk.task",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        import importlib.metadata

        value: Any = importlib.metadata.version("trackside")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'trackside' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
