import datetime as dt
import json
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from trackside.errors import InvalidId, InvalidRequest
from trackside.protocol.base import new_id
from trackside.protocol.events import GetTaskPlots
from trackside.protocol.pipelines import CreateRun, GetRun, Run, StepSpec, StepState, StopRun, WaitRun
from trackside.protocol.queues import ClaimTasks, EndLease, Lease, RenewLease, StartLease
from trackside.protocol.tasks import (
    AddOrUpdateArtifacts,
    Artifact,
    CompleteTask,
    CreateTask,
    Parameter,
    StartTask,
    StopTask,
    Task,
    TaskFailed,
    TaskStopped,
)
from trackside.server import leases, queues, task_rows, tasks, transitions
from trackside.server.caller import Caller
from trackside.server.context import Server
from trackside.server.engine import runs
from trackside.server.events.plots import get_task_plots
from trackside.server.store import tables
from trackside.server.waiting import Pending

CALLER = Caller(user="u" * 32, name="ada", role="admin", company="c" * 32)


class Bench:
    """A server with a queue, base tasks, and a worker that does what it is told."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.controller = new_id()
        self.do(self._furnish)

    def do(self, work: Any, *arguments: Any) -> Any:
        """As the dispatcher does: the handler, and what follows from it, in one transaction."""

        def whole(tx: Any) -> Any:
            result = work(tx, *arguments)
            runs.settle(tx)
            return result

        return self.server.main.write(whole)

    def _furnish(self, tx: Any) -> None:
        tx.run(
            sa.insert(tables.user).values(
                id=CALLER.user, name="ada", role="admin", company=CALLER.company, created=tx.now
            )
        )
        queues.make(tx, CALLER, "default")
        tasks.create(tx, CALLER, CreateTask(id=self.controller, name="pipeline demo", type="controller"))
        transitions.change(tx, CALLER, self.controller, "in_progress")

    def base(self, name: str = "base", **parameters: str) -> str:
        values = {key: Parameter(section="General", name=key, value=value) for key, value in parameters.items()}
        request = CreateTask(name=name, type="training", hyperparams={"General": values} if values else None)
        return str(self.do(tasks.create, CALLER, request).id)

    def start(self, *steps: StepSpec, **options: Any) -> Run:
        request = CreateRun(task=self.controller, steps=list(steps), default_queue="default", **options)
        return self.do(runs.create, CALLER, request).run

    def run(self) -> Run:
        return self.do(runs.get, CALLER, GetRun(run=self.controller)).run

    def step(self, name: str) -> StepState:
        return next(step for step in self.run().steps if step.name == name)

    def statuses(self) -> dict[str, str]:
        return {step.name: step.status for step in self.run().steps}

    def task(self, task_id: str | None = None) -> Task:
        return self.do(task_rows.load, task_id or self.controller)

    def claim(self) -> Lease:
        request = ClaimTasks(worker="host:0", queues=["default"], request_id=new_id(), slots=1, wait_sec=0)
        lease = self.do(leases.claim, CALLER, request).leases[0]
        self.do(leases.start, CALLER, StartLease(lease=lease.id))
        return lease

    def end(self, lease: Lease, exit_class: Any = "ok", reason: str | None = None) -> None:
        self.do(leases.end, CALLER, EndLease(lease=lease.id, exit_class=exit_class, exit_code=0, reason=reason))

    def lose(self, lease: Lease) -> None:
        past = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
        self.do(lambda tx: tx.run(sa.update(tables.lease).where(tables.lease.c.id == lease.id).values(expires=past)))
        self.do(leases.expire)

    def timers(self) -> list[Any]:
        return self.do(lambda tx: tx.rows(sa.select(tables.timer)))

    def fire(self, kind: str) -> None:
        timer = next(timer for timer in self.timers() if timer["kind"] == kind)
        self.do(runs.fire, kind, timer["subject"], timer["payload"])


@pytest.fixture
def bench(server: Server) -> Bench:
    return Bench(server)


def test_three_steps_run_one_after_the_other_and_pass_artifact_and_id(bench: Bench) -> None:
    data, process, train = bench.base("data"), bench.base("process", dataset_url="", test_size="0.2"), bench.base("fit")
    overrides = {"General/dataset_url": "${stage_data.artifacts.dataset.url}", "General/test_size": 0.25}
    bench.start(
        StepSpec(name="stage_data", base_task_id=data),
        StepSpec(name="stage_process", base_task_id=process, parameters=overrides),
        StepSpec(name="stage_train", base_task_id=train, parameters={"General/dataset_task_id": "${stage_process.id}"}),
    )
    assert bench.statuses() == {"stage_data": "queued", "stage_process": "blocked", "stage_train": "blocked"}

    first = bench.claim()
    assert (bench.step("stage_data").status, bench.step("stage_data").worker) == ("running", "host:0")
    artifact = Artifact(key="dataset", uri="http://server/files/dataset.pkl")
    bench.do(
        tasks.add_or_update_artifacts, CALLER, AddOrUpdateArtifacts(task=first.task, artifacts=[artifact], force=True)
    )
    bench.end(first)
    second = bench.claim()
    bench.end(second)
    third = bench.claim()
    bench.end(third)

    clone = bench.task(second.task)
    assert clone.hyperparams is not None
    general = clone.hyperparams["General"]
    assert (general["dataset_url"].value, general["test_size"].value) == (artifact.uri, "0.25")
    assert (clone.parent, clone.name) == (bench.controller, "Clone Of process")
    assert (bench.task(third.task).hyperparams or {})["General"]["dataset_task_id"].value == second.task
    assert bench.run().status == "completed"
    assert bench.task().status == "completed"
    assert [bench.task(base).status for base in (data, process, train)] == ["created"] * 3


def test_a_failing_step_fails_the_run_with_its_reason_and_skips_its_descendants(bench: Bench) -> None:
    base = bench.base()
    bench.start(
        StepSpec(name="a", base_task_id=base),
        StepSpec(name="b", base_task_id=base, parents=["a"]),
        StepSpec(name="c", base_task_id=base, parents=["b"]),
    )

    bench.end(bench.claim(), "user", "exit code 1")

    run = bench.run()
    assert bench.statuses() == {"a": "failed", "b": "skipped", "c": "skipped"}
    assert (run.status, run.reason) == ("failed", "Pipeline step failed: a: exit code 1")
    assert (bench.task().status, bench.task().status_reason) == ("failed", "Pipeline step failed: a: exit code 1")


def test_a_failed_step_with_retries_left_runs_again_as_the_same_task(bench: Bench) -> None:
    bench.start(StepSpec(name="a", base_task_id=bench.base(), retries=1))
    first = bench.claim()

    bench.end(first, "user", "exit code 1")
    assert bench.statuses() == {"a": "queued"}
    again = bench.claim()
    bench.end(again)

    assert (again.task, again.attempt) == (first.task, 2)
    assert bench.run().status == "completed"


def test_a_step_whose_worker_vanished_is_queued_again_until_its_losses_are_used_up(bench: Bench) -> None:
    bench.start(StepSpec(name="a", base_task_id=bench.base(), lost_retries=1))

    bench.lose(bench.claim())
    assert bench.statuses() == {"a": "queued"}
    bench.lose(bench.claim())

    assert bench.statuses() == {"a": "failed"}
    assert "did not renew its lease" in (bench.run().reason or "")


def test_a_worker_that_comes_back_before_it_was_replaced_goes_on(bench: Bench) -> None:
    bench.start(StepSpec(name="a", base_task_id=bench.base()))
    lease = bench.claim()
    bench.lose(lease)

    bench.do(leases.renew, CALLER, RenewLease(lease=lease.id, wait_sec=0))
    assert bench.statuses() == {"a": "running"}
    bench.end(lease)

    assert bench.run().status == "completed"


def test_a_missing_artifact_fails_the_step_and_says_what_there_is(bench: Bench) -> None:
    bench.start(
        StepSpec(name="a", base_task_id=bench.base()),
        StepSpec(name="b", base_task_id=bench.base(), parameters={"General/x": "${a.artifacts.model.url}"}),
    )
    lease = bench.claim()
    artifact = Artifact(key="dataset", uri="http://server/files/d")
    bench.do(
        tasks.add_or_update_artifacts, CALLER, AddOrUpdateArtifacts(task=lease.task, artifacts=[artifact], force=True)
    )

    bench.end(lease)

    assert bench.step("b").reason == "${a.artifacts.model.url}: step 'a' has no artifact 'model'; it has dataset"
    assert bench.run().status == "failed"


def test_stopping_the_run_ends_waiting_steps_at_once_and_asks_running_ones(bench: Bench) -> None:
    base = bench.base()
    bench.start(
        StepSpec(name="a", base_task_id=base),
        StepSpec(name="b", base_task_id=base),
        StepSpec(name="c", base_task_id=base, parents=["a"]),
    )
    lease = bench.claim()

    run = bench.do(runs.stop, CALLER, StopRun(run=bench.controller, reason="enough")).run

    assert (run.status, run.reason) == ("aborted", "enough")
    assert bench.statuses() == {"a": "running", "b": "aborted", "c": "skipped"}
    assert bench.do(leases.renew, CALLER, RenewLease(lease=lease.id)).stop
    assert bench.task().status == "stopped"
    bench.end(lease, "aborted")
    assert bench.statuses()["a"] == "aborted"


def test_stopping_after_the_end_is_harmless(bench: Bench) -> None:
    bench.start(StepSpec(name="a", base_task_id=bench.base()))
    bench.end(bench.claim())

    assert bench.do(runs.stop, CALLER, StopRun(run=bench.controller)).run.status == "completed"
    assert bench.task().status == "completed"


def test_a_person_who_stops_the_controller_task_aborts_the_run(bench: Bench) -> None:
    bench.start(StepSpec(name="a", base_task_id=bench.base()))

    bench.do(transitions.stop, CALLER, StopTask(task=bench.controller))

    assert bench.run().status == "aborted"
    assert bench.statuses() == {"a": "aborted"}


def test_a_step_stopped_by_a_person_fails_the_run(bench: Bench) -> None:
    bench.start(StepSpec(name="a", base_task_id=bench.base()))

    bench.do(transitions.stop, CALLER, StopTask(task=bench.step("a").task or ""))

    assert (bench.run().status, bench.run().reason) == ("failed", "Pipeline step aborted: a: Stopped by ada")


def test_an_attempt_over_its_time_limit_is_asked_to_stop_and_not_run_again(bench: Bench) -> None:
    bench.start(StepSpec(name="a", base_task_id=bench.base(), time_limit=5, retries=3))
    lease = bench.claim()

    bench.fire("step_limit")
    assert bench.do(leases.renew, CALLER, RenewLease(lease=lease.id)).stop
    bench.end(lease, "aborted")

    assert (bench.step("a").status, bench.step("a").reason) == ("aborted", "its time limit of 5 s is over")
    assert bench.run().status == "failed"
    assert bench.timers() == []


def test_a_run_over_its_time_limit_fails_and_stops_its_steps(bench: Bench) -> None:
    bench.start(StepSpec(name="a", base_task_id=bench.base()), time_limit=60)

    bench.fire("run_limit")

    assert (bench.run().status, bench.run().reason) == ("failed", "the pipeline's time limit of 60 s is over")
    assert bench.statuses() == {"a": "aborted"}


def test_a_queue_without_workers_is_told_until_a_step_was_taken_from_it(bench: Bench) -> None:
    run = bench.start(StepSpec(name="a", base_task_id=bench.base()))
    assert run.warnings == ["no worker listens to queue 'default'; start one with: trackside agent --queue default"]

    bench.claim()

    assert bench.run().warnings == []


@pytest.mark.parametrize("status", ["completed", "failed", "stopped"])
def test_the_end_of_the_controllers_process_does_not_end_it_while_its_run_goes_on(bench: Bench, status: str) -> None:
    request: Any = {"completed": CompleteTask, "failed": TaskFailed, "stopped": TaskStopped}[status]
    bench.start(StepSpec(name="a", base_task_id=bench.base()))

    bench.do(getattr(transitions, status), CALLER, request(task=bench.controller))

    assert (bench.task().status, bench.run().status) == ("in_progress", "running")


def test_creating_again_attaches_while_it_runs_and_begins_anew_afterwards(bench: Bench) -> None:
    graph = StepSpec(name="a", base_task_id=bench.base())
    bench.start(graph)
    first = bench.step("a").task

    assert bench.start(graph).steps[0].task == first
    bench.end(bench.claim())
    sequence = bench.run().sequence
    again = bench.start(graph)

    assert (again.status, again.steps[0].status) == ("running", "queued")
    assert again.steps[0].task != first
    assert again.sequence > sequence
    assert bench.task().status == "in_progress"


def test_completed_steps_are_kept_when_asked(bench: Bench) -> None:
    graph = [
        StepSpec(name="a", base_task_id=bench.base()),
        StepSpec(name="b", base_task_id=bench.base(), parameters={"General/x": "${a.id}"}),
    ]
    bench.start(*graph)
    bench.end(bench.claim())
    bench.end(bench.claim(), "user")
    kept = bench.step("a").task

    run = bench.start(*graph, keep_completed=True)

    assert [(step.status, step.task == kept) for step in run.steps] == [("completed", True), ("queued", False)]
    assert (run.steps[1].resolved or {})["General/x"] == kept


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"base_task_id": "nothing"}, "step 'a': there is no base task 'nothing'"),
        ({"queue": "nowhere"}, "there is no queue 'nowhere'"),
        ({"parents": ["b"]}, "'b', which is not a step"),
        ({"parameters": {"General/x": "${b}"}}, "is not a reference"),
    ],
)
def test_nothing_is_stored_of_a_graph_that_is_refused(bench: Bench, change: dict[str, Any], message: str) -> None:
    step = StepSpec(**({"name": "a", "base_task_id": bench.base()} | change))

    with pytest.raises(InvalidRequest, match=message):
        bench.start(step)

    with pytest.raises(InvalidId):
        bench.run()


def test_a_step_needs_a_queue_of_its_own_or_the_runs(bench: Bench) -> None:
    request = CreateRun(task=bench.controller, steps=[StepSpec(name="a", base_task_id=bench.base())])

    with pytest.raises(InvalidRequest, match="step 'a' has no queue"):
        bench.do(runs.create, CALLER, request)


def test_waiting_answers_when_something_is_new_and_else_says_what_to_wait_for(bench: Bench) -> None:
    run = bench.start(StepSpec(name="a", base_task_id=bench.base()))

    pending = bench.do(runs.wait, CALLER, WaitRun(run=run.id, after=run.sequence))
    assert isinstance(pending, Pending)
    heard: list[str] = []
    with bench.server.bus.listening(pending.topics, heard.append):
        bench.claim()

    assert heard == [f"run:{run.id}"]
    assert bench.do(runs.wait, CALLER, WaitRun(run=run.id, after=run.sequence)).run.steps[0].status == "running"


def test_the_controller_task_shows_the_graph_as_trains_keeps_it(bench: Bench) -> None:
    base = bench.base()
    bench.start(StepSpec(name="a", base_task_id=base, time_limit=9), tag_steps=True)
    lease = bench.claim()
    bench.end(lease)

    controller = bench.task()
    assert controller.configuration is not None
    assert controller.hyperparams is not None
    node = json.loads(controller.configuration["Pipeline"].value or "")["a"]
    assert (node["base_task_id"], node["queue"], node["timeout"]) == (base, None, 9)
    assert (node["executed"], node["job_id"], node["status"]) == (lease.task, lease.task, "completed")
    section = {name: item.value for name, item in controller.hyperparams["Pipeline"].items()}
    assert section == {"continue_pipeline": "False", "default_queue": "default", "add_pipeline_tags": "True"}
    assert bench.task(lease.task).tags == [f"pipe: {bench.controller}"]


def test_a_wide_graph_ends_once_all_its_leaves_have_ended(bench: Bench) -> None:
    base = bench.base()
    leaves = [StepSpec(name=f"leaf{number}", base_task_id=base, parents=["root"]) for number in range(5)]
    join = StepSpec(name="join", base_task_id=base, parents=[leaf.name for leaf in leaves])
    bench.start(StepSpec(name="root", base_task_id=base), *leaves, join)

    for _ in range(7):
        assert bench.run().status == "running"
        bench.end(bench.claim())

    assert bench.run().status == "completed"
    events = bench.do(lambda tx: tx.rows(sa.select(tables.run_event).order_by(tables.run_event.c.sequence)))
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))


def test_the_controllers_plots_are_computed_from_its_run(bench: Bench) -> None:
    bench.start(StepSpec(name="a", base_task_id=bench.base()))

    plots = get_task_plots(bench.server, CALLER, GetTaskPlots(task=bench.controller)).plots

    assert [(plot["metric"], plot["variant"]) for plot in plots] == [
        ("Pipeline", "Execution Flow"),
        ("Pipeline Details", "Execution Details"),
    ]
    assert get_task_plots(bench.server, CALLER, GetTaskPlots(task=bench.base())).plots == []


def test_steps_that_end_at_the_same_time_start_their_child_once(bench: Bench) -> None:
    base = bench.base()
    above = [StepSpec(name=f"s{number}", base_task_id=base) for number in range(8)]
    bench.start(*above, StepSpec(name="join", base_task_id=base, parents=[step.name for step in above]))
    held = [bench.claim() for _ in above]

    threads = [threading.Thread(target=bench.end, args=(lease,)) for lease in held]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert bench.statuses() == {**dict.fromkeys((step.name for step in above), "completed"), "join": "queued"}
    clones = bench.do(lambda tx: tx.rows(sa.select(tables.task.c.id).where(tables.task.c.parent == bench.controller)))
    assert len(clones) == 9


def test_a_step_that_a_person_stopped_is_not_run_again_when_its_worker_vanishes(bench: Bench) -> None:
    bench.start(StepSpec(name="a", base_task_id=bench.base()))
    lease = bench.claim()
    bench.do(transitions.stop, CALLER, StopTask(task=lease.task))

    bench.lose(lease)

    assert bench.statuses() == {"a": "aborted"}


def test_a_process_that_ends_well_after_its_run_was_aborted_leaves_the_task_stopped(bench: Bench) -> None:
    bench.start(StepSpec(name="a", base_task_id=bench.base()))
    bench.do(runs.stop, CALLER, StopRun(run=bench.controller, reason="enough"))

    bench.do(transitions.completed, CALLER, CompleteTask(task=bench.controller))

    assert (bench.task().status, bench.task().status_reason) == ("stopped", "enough")


def test_a_task_that_ran_again_without_a_pipeline_ends_as_its_process_does(bench: Bench) -> None:
    bench.start(StepSpec(name="a", base_task_id=bench.base()))
    bench.do(runs.stop, CALLER, StopRun(run=bench.controller))
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    bench.do(transitions.started, CALLER, StartTask(task=bench.controller))
    bench.do(lambda tx: task_rows.update(tx, bench.controller, {"started": later}))

    bench.do(transitions.completed, CALLER, CompleteTask(task=bench.controller))

    assert bench.task().status == "completed"
