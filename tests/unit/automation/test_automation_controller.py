"""The façade in real scripts, against a real server; no agent, so that steps wait."""

import json

import pytest

from processes import Place, place, task_id
from trackside.protocol.pipelines import GetRun
from trackside.protocol.queues import ClaimTasks
from trackside.protocol.tasks import CreateTask

__all__ = ["place"]

HEAD = """
from trackside import Task
from trackside.automation import PipelineController
task = Task.init(project_name="tests", task_name="controller", task_type="controller", reuse_last_task_id=False,
                 auto_resource_monitoring=False)
pipe = PipelineController(default_execution_queue="default", add_pipeline_tags=True)
"""
STEPS = """
pipe.add_step(name="a", base_task_id={base!r})
pipe.add_step(name="b", base_task_id={base!r}, parameter_override={{"General/x": "${{a.id}}"}})
"""


def base(place: Place) -> str:
    return place.api.call(CreateTask(name="base", type="training")).id


def test_a_started_pipeline_can_be_looked_at_and_stopped_and_stopping_again_is_harmless(place: Place) -> None:
    body = """
assert pipe.elapsed() == -1.0 and not pipe.is_running() and pipe.wait()
seen = []
assert pipe.start(step_task_created_callback=lambda node, parameters: seen.append((node.name, parameters)))
assert pipe.start() and pipe.is_running() and not pipe.wait(timeout=0.0001)
assert list(pipe.get_running_nodes()) == ["a"] and pipe.get_processed_nodes() == {}
node = pipe.get_pipeline_dag()["a"]
assert seen == [("a", {})] and node.job.task_id() and node.executed is None
pipe.stop()
assert pipe.wait() and not pipe.is_running() and pipe.get_running_nodes() == {} and 0 <= pipe.elapsed() < 1
pipe.stop()
print("after stop")
"""
    output = place.run(str(place.script("c.py", HEAD + STEPS.format(base=base(place)) + body)))

    run = place.api.call(GetRun(run=task_id(output))).run
    assert "after stop" in output
    assert [run.status, *(step.status for step in run.steps)] == ["aborted", "aborted", "skipped"]
    controller = place.task(run.id)
    assert (controller.status, controller.tags) == ("stopped", ["pipeline"])
    assert place.task(run.steps[0].task or "").tags == [f"pipe: {run.id}"]


def test_a_script_that_ends_leaves_the_pipeline_running_and_the_queue_without_workers_is_told(place: Place) -> None:
    output = place.run(str(place.script("c.py", HEAD + STEPS.format(base=base(place)) + "pipe.start()")))

    run = place.api.call(GetRun(run=task_id(output))).run
    assert run.status == "running"
    assert place.task(run.id).status == "in_progress"
    assert "warning: no worker listens to queue 'default'" in output


def test_a_failing_callback_does_not_lose_sight_of_the_pipeline(place: Place) -> None:
    body = (
        "pipe.start(step_task_created_callback=lambda pipeline, node, parameters: 1 / 0)\npipe.stop()\nprint(pipe._run)"
    )

    output = place.run(str(place.script("c.py", HEAD + STEPS.format(base=base(place)) + body)))

    assert "status='aborted'" in output


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("pipe.add_step('a', base_task_project='tests', base_task_name='x')", "no base task 'x' in project 'tests'"),
        ("pipe.add_step(name='a')", "needs base_task_id, or base_task_project and base_task_name"),
        ("pipe.add_step(name='a', base_task_id='x'); pipe.add_step(name='a', base_task_id='x')", "a step 'a' already"),
        ("pipe.add_step(name='a', base_task_id='nothing'); pipe.start()", "there is no base task 'nothing'"),
        ("PipelineController(name='p', project='q')", "use Trains' six arguments"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_a_value_error_that_says_why(place: Place, line: str, error: str) -> None:
    body = f"try:\n    {line}\nexcept ValueError as error:\n    print('refused:', error)"

    output = place.run(str(place.script("c.py", HEAD + body)))

    assert "refused:" in output
    assert error in output


def test_a_pipeline_handed_to_an_agent_keeps_its_graph_for_edits_and_ends_the_script(place: Place) -> None:
    body = "pipe.start(run_remotely=True)\nprint('not reached')"
    output = place.run(str(place.script("c.py", HEAD + STEPS.format(base=base(place)) + body)))

    controller = place.task(task_id(output))
    assert "not reached" not in output
    assert controller.status == "queued"
    assert controller.configuration is not None
    assert controller.hyperparams is not None
    assert list(json.loads(controller.configuration["Pipeline"].value or "")) == ["a", "b"]
    assert controller.hyperparams["Pipeline"]["default_queue"].value == "default"
    claimed = place.api.call(ClaimTasks(worker="w", queues=["services"], request_id="r", slots=1, light_slots=1))
    assert [lease.task for lease in claimed.leases] == [controller.id]
