import json

import pytest

from trackside.automation.graph import Graph, Node, Options, from_stored, to_stored
from trackside.errors import InvalidRequest
from trackside.protocol.pipelines import StepSpec, StepState


def state(status: str, **more: object) -> StepState:
    return StepState(**{"name": "a", "status": status, "base_task_id": "b", "parents": [], "parameters": {}} | more)  # type: ignore[arg-type]


def test_a_second_step_of_the_same_name_is_a_value_error() -> None:
    graph = Graph()
    graph.add(StepSpec(name="a", base_task_id="b"))

    with pytest.raises(ValueError, match="a step 'a' already"):
        graph.add(StepSpec(name="a", base_task_id="c"))


def test_a_malformed_reference_is_a_value_error_when_the_step_is_added() -> None:
    with pytest.raises(ValueError, match="not a reference"):
        Graph().add(StepSpec(name="a", base_task_id="b", parameters={"General/x": "${b}"}))


def test_a_graph_is_stored_and_read_back_with_a_persons_edits() -> None:
    text = to_stored([StepSpec(name="a", base_task_id="b", parameters={"General/x": 1}, queue="q", time_limit=5)])
    document = json.loads(text)
    document["a"]["parameters"]["General/x"] = 2

    (step,) = from_stored(json.dumps(document))

    assert step == StepSpec(name="a", base_task_id="b", parameters={"General/x": 2}, queue="q", time_limit=5)


@pytest.mark.parametrize("text", ["", "[1]", '{"a": {}}', '{"a": {"base_task_id": 3}}'])
def test_an_edit_that_is_not_a_pipeline_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a pipeline"):
        from_stored(text)


def test_edited_options_count_and_the_others_stay() -> None:
    written = Options(default_queue="default", tag_steps=True)

    edited = written.edited({"default_queue": "gpu", "continue_pipeline": "True"})

    assert edited == Options(default_queue="gpu", tag_steps=True, continue_pipeline=True)
    assert written.edited({"default_queue": ""}) == written


def test_a_node_is_executed_with_its_task_once_it_completed_and_false_once_it_failed() -> None:
    node = Node(StepSpec(name="a", base_task_id="b"))
    seen = []
    for status in ("blocked", "running", "completed", "failed"):
        node.follow(state(status, task=None if status == "blocked" else "t", worker="host:0"))
        seen.append(node.executed)

    assert seen == [None, None, "t", False]
    assert node.job is not None
    assert (node.job.task_id(), node.job.status()) == ("t", "failed")
