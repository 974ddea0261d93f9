"""Reading many tasks: filters, order, projections across references (protocol.md §4, the part this stage needs)."""

from typing import Any, Final

import sqlalchemy as sa

from trackside.errors import InvalidRequest
from trackside.protocol.base import Mfp
from trackside.protocol.tasks import GetTaskEx, GetTasks, GetTasksEx, Task, TaskDocuments, TasksReply

from . import task_rows
from .caller import Caller
from .query.listing import conditions, ordering, paged
from .query.patterns import matches
from .query.projection import names, plain, project_document, project_map
from .store import tables
from .store.database import Tx

_t = tables.task.c
_LISTS: Final = ("user", "project", "type", "status", "parent")
_PATTERNS: Final = ("name", "comment")
_SEARCHED: Final = (_t.name, _t.id, _t.comment)


def get_all(tx: Tx, caller: Caller, request: GetTasks) -> TasksReply:
    rows = tx.rows(paged(_ordered(_statement(caller, request), request), request))
    return TasksReply(
        tasks=[project_document(item, request.only_fields, Task) for item in task_rows.from_rows(tx, rows)]
    )


def get_all_ex(tx: Tx, caller: Caller, request: GetTasksEx) -> TaskDocuments:
    statement = _statement(caller, request)
    rows = tx.rows(paged(_ordered(statement, request), request))
    total = tx.value(sa.select(sa.func.count()).select_from(statement.with_only_columns(_t.id).subquery()))
    return TaskDocuments(tasks=_documents(tx, rows, names(request.only_fields)), total=total)


def get_by_id_ex(tx: Tx, caller: Caller, request: GetTaskEx) -> TaskDocuments:
    ids = [request.id] if isinstance(request.id, str) else request.id
    rows = tx.rows(sa.select(tables.task).where(_t.id.in_(ids), _t.company == caller.company))
    return TaskDocuments(tasks=_documents(tx, rows, names(request.only_fields)))


def _statement(caller: Caller, request: GetTasks | GetTasksEx) -> sa.Select[Any]:
    found = conditions(tables.task, request, patterns=_PATTERNS, lists=_LISTS)
    found.append(_t.company == caller.company)
    for system, values in ((False, request.tags), (True, request.system_tags)):
        if values is not None:
            found += _tag_conditions([values] if isinstance(values, str) else values, system=system)
    if request.search_text:
        found.append(sa.or_(*(column.contains(request.search_text, autoescape=True) for column in _SEARCHED)))
    for multiple, join in ((request.all_, sa.and_), (request.any_, sa.or_)):
        if multiple is not None:
            found.append(join(*_fields_match(multiple)))
    if request.id is None and not request.search_hidden:
        found.append(_t.id.not_in(_tagged("hidden", system=True)))
    return sa.select(tables.task).where(*found)


def _tagged(tag: str, *, system: bool) -> sa.Select[Any]:
    table = tables.task_tag
    return sa.select(table.c.task).where(table.c.tag == tag, table.c.system == system)


def _tag_conditions(values: list[str | None], *, system: bool) -> list[sa.ColumnElement[bool]]:
    wanted = [value for value in values if value is not None and not value.startswith("-")]
    found: list[sa.ColumnElement[bool]] = [
        _t.id.not_in(_tagged(value[1:], system=system)) for value in values if value and value.startswith("-")
    ]
    if wanted:
        found.append(sa.or_(*(_t.id.in_(_tagged(value, system=system)) for value in wanted)))
    return found


def _fields_match(multiple: Mfp) -> list[sa.ColumnElement[bool]]:
    if multiple.pattern is None:
        raise InvalidRequest("_all_ and _any_ need a pattern here; dates come in a later version", subcode=12)
    return [_field_matches(name, multiple.pattern) for name in multiple.fields]


def _field_matches(name: str, pattern: str) -> sa.ColumnElement[bool]:
    if name.startswith("runtime."):
        table = tables.task_runtime
        inside = matches(table.c.value, pattern, ignore_case=True)
        return _t.id.in_(sa.select(table.c.task).where(table.c.key == name.removeprefix("runtime."), inside))
    if name not in tables.task.c:
        raise InvalidRequest(f"cannot search in {name!r}", subcode=14, field=name)
    return matches(tables.task.c[name], pattern, ignore_case=True)


def _ordered(statement: sa.Select[Any], request: GetTasks | GetTasksEx) -> sa.Select[Any]:
    return statement.order_by(*ordering(tables.task, request, {"execution.queue": _t.queue}))


_REFERENCES: Final = {"project": tables.project, "user": tables.user, "parent": tables.task}


def _documents(tx: Tx, rows: list[sa.RowMapping], wanted: list[str]) -> list[dict[str, Any]]:
    """Tasks as maps, their references expanded to `{id, name}`."""
    documents = [plain(item) for item in task_rows.from_rows(tx, rows)]
    for field, table in _REFERENCES.items():
        ids = {document[field] for document in documents if document.get(field)}
        found = tx.rows(sa.select(table.c.id, table.c.name).where(table.c.id.in_(ids))) if ids else []
        by_id = {row["id"]: dict(row) for row in found}
        for document in documents:
            if document.get(field):
                document[field] = by_id.get(document[field], {"id": document[field]})
    return [project_map(document, wanted) if wanted else document for document in documents]
