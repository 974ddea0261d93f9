"""Models: files with a name, made by tasks (protocol.md §3.2)."""

from typing import Any

import sqlalchemy as sa

from trackside.errors import InvalidId
from trackside.protocol.base import Updated, new_id
from trackside.protocol.models import CreateModel, EditModel, GetModel, GetModels, Model, ModelReply, ModelsReply
from trackside.protocol.tasks import Created

from .caller import Caller
from .query.listing import listing
from .query.projection import project_document
from .store import tables
from .store.database import Tx
from .tasks import checked_name

_m = tables.model.c
_FIELDS = ("uri", "comment", "framework", "design", "labels", "ready", "project", "parent", "task")


def _row(tx: Tx, model_id: str) -> sa.RowMapping:
    row = tx.row(sa.select(tables.model).where(_m.id == model_id).with_for_update())
    if row is None:
        raise InvalidId(f"Invalid model id: id={model_id}", subcode=201, id=model_id)
    return row


def create(tx: Tx, caller: Caller, request: CreateModel) -> Created:
    model_id = request.id or new_id()
    if request.id and tx.value(sa.select(_m.id).where(_m.id == request.id, _m.user == caller.user)):
        return Created(id=request.id)
    values: dict[str, Any] = {key: getattr(request, key) for key in _FIELDS} | {"ready": bool(request.ready)}
    tx.run(
        sa.insert(tables.model).values(
            id=model_id,
            name=checked_name(request.name),
            user=caller.user,
            company=caller.company,
            tags=request.tags or [],
            system_tags=request.system_tags or [],
            created=tx.now,
            last_update=tx.now,
            metadata={},
            **values,
        )
    )
    return Created(id=model_id)


def get(tx: Tx, _caller: Caller, request: GetModel) -> ModelReply:
    return ModelReply(model=Model(**_row(tx, request.model)))


def get_all(tx: Tx, caller: Caller, request: GetModels) -> ModelsReply:
    statement = listing(tables.model, request, lists=("project", "task", "framework", "uri"))
    statement = statement.where(_m.company == caller.company)
    if request.ready is not None:
        statement = statement.where(_m.ready == request.ready)
    found = [Model(**row) for row in tx.rows(statement)]
    return ModelsReply(models=[project_document(item, request.only_fields, Model) for item in found])


def edit(tx: Tx, _caller: Caller, request: EditModel) -> Updated:
    _row(tx, request.model)
    fields = (*_FIELDS, "name", "tags", "system_tags")
    values = {key: getattr(request, key) for key in fields if getattr(request, key, None) is not None}
    tx.run(sa.update(tables.model).where(_m.id == request.model).values(last_update=tx.now, **values))
    return Updated(updated=1, fields=values)
