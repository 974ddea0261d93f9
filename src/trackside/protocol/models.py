"""Models: a file with a name, made by a task (protocol.md §3.2)."""

import datetime as dt
from typing import Any

from .base import ListQuery, Request, StrList, Updated, Wire
from .tasks import Created


class Model(Wire):
    id: str
    name: str | None = None
    parent: str | None = None
    user: str | None = None
    company: str | None = None
    project: str | None = None
    task: str | None = None
    comment: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    uri: str | None = None
    framework: str | None = None
    design: dict[str, Any] | None = None
    labels: dict[str, int] | None = None
    ready: bool | None = None
    created: dt.datetime | None = None
    last_update: dt.datetime | None = None
    metadata: dict[str, Any] | None = None


class ModelReply(Wire):
    model: Model


class ModelsReply(Wire):
    models: list[Model]
    scroll_id: str | None = None


class CreateModel(Request[Created]):
    """`id` is ours: creating twice with one id is creating once."""

    endpoint = "models.create"
    permission = "write"
    reply = Created

    uri: str
    name: str
    id: str | None = None
    comment: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    framework: str | None = None
    design: dict[str, Any] | None = None
    labels: dict[str, int] | None = None
    ready: bool | None = None
    project: str | None = None
    parent: str | None = None
    task: str | None = None


class GetModel(Request[ModelReply]):
    endpoint = "models.get_by_id"
    permission = "read"
    reply = ModelReply

    model: str


class GetModels(Request[ModelsReply], ListQuery):
    endpoint = "models.get_all"
    permission = "read"
    reply = ModelsReply

    project: StrList | None = None
    task: StrList | None = None
    framework: StrList | None = None
    uri: StrList | None = None
    ready: bool | None = None


class EditModel(Request[Updated]):
    endpoint = "models.edit"
    permission = "write"
    reply = Updated

    model: str
    uri: str | None = None
    name: str | None = None
    comment: str | None = None
    tags: list[str] | None = None
    system_tags: list[str] | None = None
    framework: str | None = None
    design: dict[str, Any] | None = None
    labels: dict[str, int] | None = None
    ready: bool | None = None
    project: str | None = None
    task: str | None = None
    iteration: int | None = None
