import math
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from trackside.errors import Forbidden, InvalidId, InvalidRequest
from trackside.protocol.base import new_id, utc_now
from trackside.protocol.events import (
    AddEvents,
    AppendEvents,
    ConsoleLine,
    DeleteForTask,
    GetTaskLog,
    GetTaskMetrics,
    GetTaskPlots,
    GetTaskSingleValueMetrics,
    PlotEvent,
    ScalarColumn,
    ScalarHistogram,
)
from trackside.server.caller import Caller
from trackside.server.context import Server
from trackside.server.events import console, housekeeping, ingest, plots, scalars
from trackside.server.store import tables

ANN = Caller(user="ann", name="Ann", role="user", company="c", worker="host:1")
AT = 1_795_443_650_880


def make_task(server: Server, **columns: Any) -> str:
    now = utc_now()
    row = {
        "id": new_id(), "name": "a task", "type": "training", "status": "in_progress", "user": "ann", "company": "c",
        "created": now, "status_changed": now, "last_update": now, "last_change": now, "tags": [], "system_tags": [],
        "hyperparams": {}, "configuration": {}, "runtime": {}, "models": {}, "attempt": 1,
    } | columns  # fmt: skip
    server.main.write(lambda tx: tx.run(sa.insert(tables.task).values(**row)))
    for number in range(1, row["attempt"] + 1):
        values = {"task": row["id"], "number": number}
        server.main.write(lambda tx, values=values: tx.run(sa.insert(tables.attempt).values(**values)))
    return row["id"]


def loss(steps: list[int], values: list[float | None], metric: str = "loss") -> ScalarColumn:
    return ScalarColumn(
        metric=metric, variant="train", steps=steps, times=[AT + step % 1000 for step in steps], values=values
    )


def batch(task: str, sequence: int = 1, session: str = "s" * 32, **content: Any) -> AppendEvents:
    return AppendEvents(task=task, session=session, sequence=sequence, **content)


def said(*messages: str, at: int = AT) -> list[ConsoleLine]:
    return [ConsoleLine(at=at + n, msg=message) for n, message in enumerate(messages)]


def log_of(server: Server, task: str, **how: Any) -> list[str]:
    reply = console.get_task_log(server, ANN, GetTaskLog(task=task, **how))
    assert reply.returned == len(reply.events)
    return [event["msg"] for event in reply.events]


def curve(server: Server, task: str, **how: Any) -> dict[str, Any]:
    document = scalars.scalar_metrics_iter_histogram(server, ANN, ScalarHistogram(task=task, **how)).document
    return document.get("loss", {}).get("train", {})


def metric_row(server: Server, task: str) -> dict[str, Any]:
    query = sa.select(tables.task_metric).where(tables.task_metric.c.task == task)
    row = server.main.read(lambda tx: tx.row(query))
    assert row is not None
    return dict(row)


def task_row(server: Server, task: str) -> dict[str, Any]:
    row = server.main.read(lambda tx: tx.row(sa.select(tables.task).where(tables.task.c.id == task)))
    assert row is not None
    return dict(row)


def test_a_batch_is_stored_once_however_often_it_is_delivered(server: Server) -> None:
    task = make_task(server)
    first = batch(task, 1, console=said("one", "two"), scalars=[loss([0, 1], [1.0, 0.5])])
    second = batch(task, 2, console=said("three"))

    replies = [ingest.append(server, ANN, b).sequence for b in (first, first, second, first, second)]

    assert replies == [1, 1, 2, 2, 2]
    assert log_of(server, task, from_index=0) == ["one", "two", "three"]
    assert metric_row(server, task)["count"] == 2


def test_a_gap_is_accepted_and_two_journals_of_one_task_do_not_disturb_each_other(server: Server) -> None:
    task = make_task(server)

    ingest.append(server, ANN, batch(task, 5, console=said("late start")))
    ingest.append(server, ANN, batch(task, 1, session="t" * 32, console=said("other")))

    assert log_of(server, task, from_index=0) == ["late start", "other"]
    with pytest.raises(InvalidRequest, match="another task"):
        ingest.append(server, ANN, batch(make_task(server), 6))


def test_only_its_own_events_are_written_with_a_tasks_token(server: Server) -> None:
    mine, other = make_task(server), make_task(server)
    token = msgspec.structs.replace(ANN, task=mine, attempt=1)

    with pytest.raises(Forbidden):
        ingest.append(server, token, batch(other, console=said("no")))
    with pytest.raises(InvalidId) as refused:
        ingest.append(server, ANN, batch("f" * 32))
    assert refused.value.subcode == 101


def test_columns_that_do_not_fit_store_nothing(server: Server) -> None:
    task = make_task(server)

    with pytest.raises(InvalidRequest, match="one length"):
        ingest.append(server, ANN, batch(task, console=said("x"), scalars=[loss([1, 2], [1.0, 2.0, 3.0])]))

    assert log_of(server, task) == []


def test_the_task_knows_its_last_iteration_and_last_metrics_and_watchers_wake(server: Server) -> None:
    task = make_task(server)
    heard: list[str] = []
    monitor = ScalarColumn(metric=":monitor:machine", variant="cpu", steps=[9000], times=[AT], values=[1.0])

    with server.bus.listening([f"task:{task}"], heard.append):
        ingest.append(server, ANN, batch(task, 1, scalars=[loss([3, 4, 5], [2.0, 8.0, None]), monitor]))
        ingest.append(server, ANN, batch(task, 2, scalars=[loss([6], [4.0])]))

    assert heard == [f"task:{task}"] * 2
    assert task_row(server, task)["last_iteration"] == 6
    query = sa.select(tables.task_metric).where(tables.task_metric.c.metric == "loss")
    row = dict(server.main.read(lambda tx: tx.row(query)) or {})
    assert (row["value"], row["iteration"]) == (4.0, 6)
    assert (row["min_value"], row["min_value_iteration"]) == (2.0, 3)
    assert (row["max_value"], row["max_value_iteration"]) == (8.0, 4)
    assert (row["first_value"], row["total"], row["count"]) == (2.0, 14.0, 3)


def test_a_replaced_attempt_delivers_its_rest_but_does_not_win(server: Server) -> None:
    task = make_task(server, attempt=2)
    old, new = (msgspec.structs.replace(ANN, task=task, attempt=number) for number in (1, 2))

    ingest.append(server, old, batch(task, 1, session="1" * 32, scalars=[loss([0, 1, 2], [9.0, 9.0, 9.0])]))
    ingest.append(server, new, batch(task, 1, session="2" * 32, scalars=[loss([1], [1.0])]))
    ingest.append(server, old, batch(task, 2, session="1" * 32, scalars=[loss([3], [9.0])], console=said("rest")))

    assert curve(server, task) == {"name": "train", "x": [0, 1], "y": [9.0, 1.0]}
    assert metric_row(server, task)["value"] == 1.0
    assert log_of(server, task) == ["rest"]


def test_a_plot_of_the_same_iteration_is_replaced_and_the_newest_iterations_are_shown(server: Server) -> None:
    task = make_task(server)
    drawn = [PlotEvent(at=AT, step=step, metric="m", variant="v", plot_str=text) for step, text in enumerate("abc")]

    ingest.append(server, ANN, batch(task, 1, plots=drawn))
    ingest.append(server, ANN, batch(task, 2, plots=[PlotEvent(at=AT, step=2, metric="m", variant="v", plot_str="d")]))

    def shown(iters: int | None) -> list[str]:
        return [p["plot_str"] for p in plots.get_task_plots(server, ANN, GetTaskPlots(task=task, iters=iters)).plots]

    assert shown(None) == ["d"]
    assert shown(2) == ["b", "d"]


def test_the_last_accepted_value_of_a_step_counts_and_nan_is_kept(server: Server) -> None:
    task = make_task(server)

    ingest.append(server, ANN, batch(task, 1, scalars=[loss([5, 1, 2], [5.0, 1.0, None])]))
    ingest.append(server, ANN, batch(task, 2, scalars=[loss([1], [7.0])]))

    found = curve(server, task)
    assert found["x"] == [1, 2, 5]
    assert found["y"][::2] == [7.0, 5.0]
    assert math.isnan(found["y"][1])


def test_a_long_curve_is_sampled_and_has_a_time_axis_on_request(server: Server) -> None:
    task = make_task(server)
    ingest.append(server, ANN, batch(task, scalars=[loss(list(range(100)), [float(n) for n in range(100)])]))

    assert curve(server, task, samples=10)["x"] == list(range(0, 100, 10))
    assert curve(server, task, key="timestamp")["x"][:2] == [AT, AT + 1]
    assert curve(server, task, key="iso_time")["x"][0] == "2026-11-23T14:20:50.880+00:00"
    with pytest.raises(InvalidRequest, match="6000"):
        curve(server, task, samples=0)


def clearml(task: str, kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "task": task,
        "timestamp": AT,
        "allow_locked": False,
        "model_event": False,
        "method": "get",
    } | (fields)


def test_clearml_events_of_all_five_types_are_stored(server: Server) -> None:
    task = make_task(server)
    named = {"metric": "loss", "variant": "train"}
    lines = [
        clearml(task, "training_stats_scalar", iter=3, value=0.5, **named),
        clearml(task, "training_stats_scalar", iter=-(2**31), value=7, metric="Summary", variant="score"),
        clearml(task, "training stats vector", iter=1, values=[1, 2], metric="h", variant="v"),
        clearml(task, "training_debug_image", iter=1, key="k", url="http://x/y.png", metric="i", variant="v"),
        clearml(task, "plot", iter="1", plot_str="{}", metric="p", variant="v\0"),
        clearml(task, "log", level="INFO", msg="hello\nyou", worker="w"),
    ]

    reply = ingest.add_batch(server, ANN, AddEvents(lines=lines))

    assert (reply.added, reply.errors) == (6, 0)
    assert curve(server, task) == {"name": "train", "x": [3], "y": [0.5]}
    single = scalars.get_task_single_value_metrics(server, ANN, GetTaskSingleValueMetrics(tasks=[task])).tasks
    assert [(v.metric, v.variant, v.value) for v in single[0].values] == [("Summary", "score", 7.0)]
    assert len(plots.get_task_plots(server, ANN, GetTaskPlots(task=task)).plots) == 2
    assert log_of(server, task) == ["hello\nyou"]
    assert task_row(server, task)["last_iteration"] == 3
    names = scalars.get_task_metrics(server, ANN, GetTaskMetrics(tasks=[task])).metrics[0].metrics
    assert [m.metric for m in names] == ["Summary", "h", "i", "loss", "p"]


def test_what_cannot_be_stored_is_counted_and_nothing_at_all_is_an_error(server: Server) -> None:
    task, locked = make_task(server), make_task(server, status="published")
    bad = [
        clearml("f" * 32, "log", msg="x"),
        clearml(locked, "log", msg="x"),
        clearml(task, "poem", msg="x"),
        clearml(task, "training_stats_scalar", iter=2**63, value=1),
        clearml(task, "training_stats_scalar", iter=1),
        {},
    ]

    reply = ingest.add_batch(server, ANN, AddEvents(lines=[*bad, clearml(task, "log", msg="kept")]))

    assert (reply.added, reply.errors, len(reply.errors_info or {})) == (1, 6, 6)
    with pytest.raises(InvalidRequest) as refused:
        ingest.add_batch(server, ANN, AddEvents(lines=bad))
    assert refused.value.subcode == 131
    with pytest.raises(InvalidRequest) as empty:
        ingest.add_batch(server, ANN, AddEvents(lines=[]))
    assert empty.value.subcode == 17


def test_deleted_events_are_gone_and_an_old_delivery_does_not_bring_them_back(server: Server) -> None:
    task = make_task(server)
    delivered = batch(task, console=said("one"), scalars=[loss([0], [1.0])])
    ingest.append(server, ANN, delivered)

    housekeeping.delete_task_events(server, ANN, DeleteForTask(task=task))
    ingest.append(server, ANN, delivered)

    assert log_of(server, task) == []
    assert curve(server, task) == {}
