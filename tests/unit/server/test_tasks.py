from typing import Any

import pytest

from trackside.errors import InvalidId, InvalidRequest, InvalidStatus
from trackside.protocol.base import Mfp
from trackside.protocol.states import TASK_STATUSES, may_follow
from trackside.protocol.tasks import (
    AddOrUpdateArtifacts,
    Artifact,
    CloneTask,
    CompleteTask,
    CreateTask,
    EditHyperParams,
    EditTask,
    GetTask,
    GetTasks,
    GetTasksEx,
    Parameter,
    Script,
    StartTask,
)
from trackside.server import projects, task_queries, tasks, transitions


def test_creating_twice_with_one_id_is_creating_once(desk: Any) -> None:
    request = CreateTask(name="a task", type="training", id="a" * 32)
    desk.call(tasks.create, request)
    desk.call(tasks.create, request)

    assert desk.get("a" * 32).status == "created"


def test_a_missing_task_is_error_101(desk: Any) -> None:
    with pytest.raises(InvalidId) as caught:
        desk.get("nobody")

    assert caught.value.subcode == 101


def test_a_clone_has_the_definition_and_none_of_the_results(desk: Any) -> None:
    source = desk.task(
        script=Script(diff="print(1)", entry_point="a.py"),
        hyperparams={"General": {"x": Parameter(value="1", type="int")}},
        system_tags=["development"],
        tags=["mine"],
    )
    desk.call(transitions.started, StartTask(task=source))
    desk.call(tasks.add_or_update_artifacts, AddOrUpdateArtifacts(task=source, artifacts=[Artifact(key="data")]))

    made = desk.get(desk.call(tasks.clone, CloneTask(task=source)).id)

    assert (made.status, made.name, made.parent, made.attempt) == ("created", "Clone Of a task", source, None)
    assert made.script == desk.get(source).script
    assert made.hyperparams["General"]["x"].value == "1"
    assert (made.tags, made.system_tags, made.execution.artifacts or []) == (["mine"], [], [])


def test_only_a_draft_is_edited_without_force(desk: Any) -> None:
    task = desk.task()
    desk.call(transitions.started, StartTask(task=task))

    with pytest.raises(InvalidStatus):
        desk.call(tasks.edit, EditTask(task=task, name="other name"))

    desk.call(tasks.edit, EditTask(task=task, name="other name", force=True))
    assert desk.get(task).name == "other name"


def test_user_properties_are_edited_in_any_status(desk: Any) -> None:
    task = desk.task()
    desk.call(transitions.started, StartTask(task=task))

    item = Parameter(section="properties", name="note", value="good")
    desk.call(tasks.edit_hyper_params, EditHyperParams(task=task, hyperparams=[item]))

    assert desk.get(task).hyperparams["properties"]["note"].value == "good"


def test_a_start_from_a_resting_state_begins_an_attempt(desk: Any) -> None:
    task = desk.task()
    for number in (1, 2):
        desk.call(transitions.started, StartTask(task=task))
        desk.call(transitions.started, StartTask(task=task))
        assert desk.get(task).attempt == number
        desk.call(transitions.completed, CompleteTask(task=task))


@pytest.mark.parametrize("old", TASK_STATUSES)
def test_a_status_may_always_stay_and_published_is_final(old: str) -> None:
    assert may_follow(old, old)
    assert not any(may_follow("published", new) for new in TASK_STATUSES if new != "published")


def test_an_anchored_name_is_matched_exactly(desk: Any) -> None:
    wanted = desk.task("step (1) a.b")
    desk.task("step (1) aXb")

    found = desk.call(task_queries.get_all, GetTasks(name=r"^step\ \(1\)\ a\.b$", only_fields=["id", "name"])).tasks

    assert [task.id for task in found] == [wanted]
    assert found[0].status is None


def test_a_pattern_is_searched_in_names(desk: Any) -> None:
    wanted = desk.task("train model 7")
    desk.task("evaluate")

    found = desk.call(task_queries.get_all, GetTasks(name=r"mo.el \d"))

    assert [task.id for task in found.tasks] == [wanted]


def test_a_malformed_pattern_is_error_21(desk: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        desk.call(task_queries.get_all, GetTasks(name="(", order_by=["-last_update"]))

    assert caught.value.subcode == 21


def test_tags_filter_and_minus_excludes(desk: Any) -> None:
    both = desk.task(tags=["a", "b"])
    one = desk.task(tags=["a"])

    def ids(tags: list[str]) -> set[str]:
        return {task.id for task in desk.call(task_queries.get_all, GetTasks(tags=tags)).tasks}

    assert ids(["a"]) == {both, one}
    assert ids(["a", "-b"]) == {one}


def test_runtime_is_searched_by_key(desk: Any) -> None:
    task = desk.task()
    desk.call(tasks.edit, EditTask(task=task, runtime={"pipeline_job_hash": "abc"}))
    desk.task()

    query = GetTasks(all_=Mfp(fields=["runtime.pipeline_job_hash"], pattern="^abc$"))

    assert [item.id for item in desk.call(task_queries.get_all, query).tasks] == [task]


def test_documents_name_their_project_and_count_all(desk: Any) -> None:
    project = desk.server.main.write(lambda tx: projects.find_or_create(tx, desk.caller, "team/vision"))
    for _ in range(3):
        desk.task(project=project)

    reply = desk.call(task_queries.get_all_ex, GetTasksEx(project=[project], page_size=2, order_by=["-last_update"]))

    assert reply.total == 3
    assert [item["project"]["name"] for item in reply.tasks] == ["team/vision"] * 2


def test_a_projection_keeps_the_id_and_an_empty_runtime(desk: Any) -> None:
    task = desk.task()

    found = desk.call(tasks.get, GetTask(task=task, only_fields=["runtime.version"])).task

    assert (found.id, found.runtime, found.name) == (task, {}, None)
