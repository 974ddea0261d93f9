"""A task's rows ↔ the task as the protocol shows it. The one place that knows how a task is spread over tables."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from trackside.errors import InvalidId
from trackside.protocol.tasks import Artifact, LastMetric, Parameter, Task

from .store import tables
from .store.database import Tx

_t = tables.task.c

#: Fields of `Task` that are columns of the same name.
COLUMNS: tuple[str, ...] = tuple(
    str(column.name) for column in tables.task.columns if column.name not in ("queue", "run")
)


def no_such_task(task_id: str) -> InvalidId:
    return InvalidId(f"Invalid task id: id={task_id}", subcode=101, id=task_id)


def lock(tx: Tx, task_id: str) -> sa.RowMapping:
    """The task's row, locked until the end of the transaction.

    Raises:
        InvalidId: there is no such task (101).
    """
    row = tx.row(sa.select(tables.task).where(_t.id == task_id).with_for_update())
    if row is None:
        raise no_such_task(task_id)
    return row


def load(tx: Tx, task_id: str) -> Task:
    """The whole task.

    Raises:
        InvalidId: there is no such task (101).
    """
    row = tx.row(sa.select(tables.task).where(_t.id == task_id))
    if row is None:
        raise no_such_task(task_id)
    return from_rows(tx, [row])[0]


def from_rows(tx: Tx, rows: Sequence[sa.RowMapping]) -> list[Task]:
    """Tasks of `rows` in their order, with artifacts and last metrics added in one query each."""
    ids = [row["id"] for row in rows]
    artifacts = _artifacts_of(tx, ids)
    metrics = _metrics_of(tx, ids)
    return [_task(row, artifacts.get(row["id"], []), metrics.get(row["id"], {})) for row in rows]


def load_artifacts(tx: Tx, task_id: str) -> list[Artifact]:
    """The newest record of each (key, mode), sorted by key."""
    return [msgspec.convert(item, Artifact) for item in _artifacts_of(tx, [task_id]).get(task_id, [])]


def _artifacts_of(tx: Tx, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    table = tables.artifact
    rows = tx.rows(sa.select(table).where(table.c.task.in_(ids)).order_by(table.c.attempt))
    newest: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for row in rows:
        newest.setdefault(row["task"], {})[row["key"], row["mode"]] = row["document"]
    return {task: [items[key] for key in sorted(items)] for task, items in newest.items()}


def name_hash(name: str) -> str:
    """Key of a metric or variant in `last_metrics` (protocol.md §3.1)."""
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


def _metrics_of(tx: Tx, ids: list[str]) -> dict[str, dict[str, dict[str, LastMetric]]]:
    table = tables.task_metric
    found: dict[str, dict[str, dict[str, LastMetric]]] = {}
    for row in tx.rows(sa.select(table).where(table.c.task.in_(ids))):
        values = {name: row[name] for name in LastMetric.__struct_fields__ if name in row}
        entry = LastMetric(**values, mean_value=round(row["total"] / row["count"], 2))
        variants = found.setdefault(row["task"], {}).setdefault(name_hash(row["metric"]), {})
        variants[name_hash(row["variant"])] = entry
    return found


def _task(row: sa.RowMapping, artifacts: list[dict[str, Any]], metrics: dict[str, dict[str, LastMetric]]) -> Task:
    document = {name: row[name] for name in COLUMNS}
    execution = dict(row["execution"] or {}) | {"queue": row["queue"], "artifacts": artifacts}
    document["execution"] = {name: value for name, value in execution.items() if value is not None}
    document["attempt"] = row["attempt"] or None
    document["last_metrics"] = metrics
    return msgspec.convert(document, Task)


def insert(tx: Tx, values: dict[str, Any]) -> None:
    """Insert a task row and its side tables; `values` are columns."""
    tx.run(sa.insert(tables.task).values(**values))
    write_tags(tx, values["id"], values["tags"], values["system_tags"])
    write_parameters(tx, values["id"], values["hyperparams"])
    write_runtime(tx, values["id"], values["runtime"])
    tx.notify(f"task:{values['id']}")


def update(tx: Tx, task_id: str, values: dict[str, Any], *, user: str | None = None) -> None:
    """Write columns and keep the side tables in step. Sets last_change."""
    stamp = {"last_change": tx.now, "last_update": tx.now} | ({"last_changed_by": user} if user else {})
    tx.run(sa.update(tables.task).where(_t.id == task_id).values(**stamp, **values))
    if "tags" in values or "system_tags" in values:
        row = tx.row(sa.select(_t.tags, _t.system_tags).where(_t.id == task_id))
        assert row is not None
        write_tags(tx, task_id, row["tags"], row["system_tags"])
    if "hyperparams" in values:
        write_parameters(tx, task_id, values["hyperparams"])
    if "runtime" in values:
        write_runtime(tx, task_id, values["runtime"])
    tx.notify(f"task:{task_id}")


def set_hyperparams(tx: Tx, task_id: str, hyperparams: Mapping[str, Mapping[str, Parameter]]) -> None:
    update(tx, task_id, {"hyperparams": msgspec.to_builtins(hyperparams)})


def write_tags(tx: Tx, task_id: str, tags: list[str], system_tags: list[str]) -> None:
    rows = [{"task": task_id, "system": False, "tag": tag} for tag in sorted(set(tags))]
    rows += [{"task": task_id, "system": True, "tag": tag} for tag in sorted(set(system_tags))]
    _replace(tx, tables.task_tag, task_id, rows)


def write_parameters(tx: Tx, task_id: str, hyperparams: Mapping[str, Mapping[str, Any]]) -> None:
    rows = [
        {"task": task_id, "section": section, "name": name, "value": item.get("value"), "number": _number(item)}
        for section, items in hyperparams.items()
        for name, item in items.items()
    ]
    _replace(tx, tables.task_parameter, task_id, rows)


def write_runtime(tx: Tx, task_id: str, runtime: Mapping[str, Any]) -> None:
    rows = [{"task": task_id, "key": key, "value": str(value)} for key, value in runtime.items()]
    _replace(tx, tables.task_runtime, task_id, rows)


def _replace(tx: Tx, table: sa.Table, task_id: str, rows: list[dict[str, Any]]) -> None:
    tx.run(sa.delete(table).where(table.c.task == task_id))
    if rows:
        tx.run(sa.insert(table), rows)


def _number(item: Mapping[str, Any]) -> float | None:
    try:
        number = float(item.get("value") or "")
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None
