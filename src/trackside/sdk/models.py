"""Models: files with a name, made or used by a task."""

import os
import pathlib
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

from trackside.client import transfers
from trackside.errors import InvalidRequest, UsageError
from trackside.protocol import base, models, tasks

from . import current, uploads

if TYPE_CHECKING:
    from trackside.client.api import Api

    from .task import Task


class Model:
    """A model as it is read: one of a task's, or any by its id."""

    def __init__(self, model_id: str) -> None:
        self._api, self._known = current.connection()
        self._record = self._api.call(models.GetModel(model=model_id)).model

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def name(self) -> str | None:
        return self._record.name

    @property
    def url(self) -> str | None:
        return self._record.uri

    @property
    def framework(self) -> str | None:
        return self._record.framework

    @property
    def task(self) -> str | None:
        """Id of the task that made it."""
        return self._record.task

    @property
    def tags(self) -> list[str]:
        return list(self._record.tags or [])

    @property
    def published(self) -> bool:
        return bool(self._record.ready)

    def get_local_copy(self, extract_archive: bool = False, raise_on_error: bool = True) -> str | None:
        """A file with the model's weights."""
        from trackside.storage import manager

        url = self.url
        if not url:
            raise InvalidRequest(f"model {self.id} has no file yet")
        try:
            if transfers.is_ours(self._api, url) and not extract_archive:
                return str(manager.local_copy_of_ours(self._api, self._known.home, url))
            return manager.StorageManager.get_local_copy(url, extract_archive=extract_archive)
        except (OSError, LookupError):
            if raise_on_error:
                raise
            return None

    get_weights = get_local_copy

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, name={self.name!r}, url={self.url!r})"


class InputModel(Model):
    """A model that a task starts from."""


class OutputModel:
    """A model that the task makes. It exists on the server once its first weights are uploaded."""

    def __init__(
        self,
        task: "Task | None" = None,
        config_text: str | None = None,
        name: str | None = None,
        tags: list[str] | None = None,
        comment: str | None = None,
        framework: str | None = None,
        label_enumeration: dict[str, int] | None = None,
    ) -> None:
        owner = task or current.task()
        if owner is None:
            raise UsageError("an OutputModel needs a task; call Task.init first")
        self._task = owner
        self.id = base.new_id()
        self.name = name
        self.framework = framework
        self._fields: dict[str, Any] = {
            "tags": tags,
            "comment": comment,
            "labels": label_enumeration,
            "design": {"design": config_text} if config_text else None,
        }

    def update_weights(
        self, weights_filename: str | os.PathLike[str], upload_uri: str | None = None, iteration: int | None = None
    ) -> str:
        """Upload a weights file behind, as it is now; returns the URL it will have. `upload_uri` is not used."""
        del upload_uri
        return self._task._record_model(  # noqa: SLF001 - the two halves of one façade
            pathlib.Path(weights_filename),
            Wanted(self.id, self.name, self.framework, iteration, self._fields),
        )


class Wanted:
    """What is known of an output model before its file is uploaded."""

    def __init__(
        self,
        model_id: str,
        name: str | None,
        framework: str | None,
        iteration: int | None = None,
        fields: dict[str, Any] | None = None,
    ) -> None:
        self.id = model_id
        self.name = name
        self.framework = framework
        self.iteration = iteration
        self.fields = fields or {}


def copy_now(path: pathlib.Path) -> pathlib.Path:
    """A copy that the script will not overwrite while it is uploaded; in a folder of its own.

    Raises:
        InvalidRequest: there is no such file.
    """
    if not path.is_file():
        raise InvalidRequest(f"there is no model file {path}")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="trackside-"))
    return pathlib.Path(shutil.copyfile(path, folder / path.name))


def upload(api: "Api", task: tasks.Task, copy: pathlib.Path, key: str, wanted: Wanted) -> None:
    """Upload the weights, then register the model, then attach it to its task."""
    try:
        url = transfers.upload(api, uploads.url_of(api.files, key), copy)
    finally:
        shutil.rmtree(copy.parent, ignore_errors=True)
    stem = copy.stem
    name = wanted.name or f"{task.name} - {stem}"
    fields = {field: value for field, value in wanted.fields.items() if value is not None}
    api.call(
        models.CreateModel(
            id=wanted.id,
            name=name,
            uri=url,
            framework=wanted.framework,
            task=task.id,
            project=task.project,
            ready=False,
            **fields,
        )
    )
    # the model may have been there already, with its earlier weights
    api.call(models.EditModel(model=wanted.id, uri=url, iteration=wanted.iteration))
    api.call(
        tasks.AddOrUpdateModel(
            task=task.id, name=wanted.name or stem, model=wanted.id, type="output", iteration=wanted.iteration
        )
    )


def of_task(task: tasks.Task) -> dict[str, list[Model]]:
    """The models of a task, each list in the order they were attached."""
    lists = task.models or tasks.TaskModels()
    return {
        "input": [Model(item.model) for item in lists.input or []],
        "output": [Model(item.model) for item in lists.output or []],
    }
