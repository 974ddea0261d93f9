"""`joblib.dump(model, path)` records an output model of the task."""

import os
from pathlib import Path
from types import ModuleType
from typing import Any

from trackside.sdk.capture import hooks
from trackside.sdk.capture.port import Task


def install(task: Task) -> None:
    def hook(joblib: ModuleType) -> None:
        def after(_result: Any, value: Any, filename: Any, *_: Any, **__: Any) -> None:
            # into an open file there is nothing to upload afterwards
            if isinstance(filename, (str, os.PathLike)):
                task.record_saved_model(str(Path(os.fspath(filename)).absolute()), framework=_framework(value))

        hooks.wrap(joblib, "dump", after, "joblib models")

    hooks.after_import("joblib", hook)


def _framework(value: Any) -> str:
    module = type(value).__module__ or ""
    return "scikit-learn" if module.partition(".")[0] == "sklearn" else "joblib"
