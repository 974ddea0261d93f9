"""The UI in a real browser: the table, a run's page, the pipeline's hover card, clone → edit → enqueue."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from trackside.protocol.auth import CreateLoginTicket
from trackside.protocol.pipelines import CreateRun, StepSpec
from trackside.protocol.tasks import CreateTask, Parameter, Script, StartTask
from trackside.server.ui import STATIC

pytestmark = pytest.mark.slow

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--disable-component-update",
)  # fmt: skip


@pytest.fixture
def page(place) -> Iterator[Page]:
    """A page of a logged-in browser; whatever the page's console calls an error fails the test."""
    assert (STATIC / "index.html").exists(), "the UI is not built: make web"
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
        page = browser.new_page(base_url=f"http://127.0.0.1:{place.port}")
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(place.api.call(CreateLoginTicket()).url_path)
        expect(page.get_by_role("heading", name="Runs")).to_be_visible()
        yield page
        browser.close()
    assert errors == []


def base_task(place: Any) -> str:
    return place.api.call(
        CreateTask(
            name="a base task",
            type="training",
            script=Script(diff="print('hello')", entry_point="base.py"),
            hyperparams={"General": {"size": Parameter(value="1", type="int")}},
        )
    ).id


def pipeline(place: Any, queue: str = "default") -> str:
    base = base_task(place)
    controller = place.api.call(CreateTask(name="a pipeline", type="controller")).id
    place.api.call(StartTask(task=controller))
    steps = [
        StepSpec(name="first", base_task_id=base),
        StepSpec(name="second", base_task_id=base, parents=["first"], parameters={"General/of": "${first.id}"}),
    ]
    place.api.call(CreateRun(task=controller, steps=steps, default_queue=queue))
    return str(controller)


def test_a_new_run_appears_in_the_table_by_itself(place, page) -> None:
    base_task(place)

    expect(page.get_by_text("a base task")).to_be_visible()


def test_a_step_shows_its_name_and_overridden_parameters_on_hover_and_on_focus(place, page) -> None:
    place.start_agent()
    controller = pipeline(place)
    place.ended(controller)

    page.goto(f"/projects/*/tasks/{controller}/plots")
    step = page.get_by_test_id("step-second")
    expect(step).to_contain_text("Completed")
    step.hover()
    card = page.get_by_test_id("step-card")
    expect(card).to_contain_text("second")
    expect(card).to_contain_text("General/of")
    page.mouse.move(0, 0)
    expect(card).to_be_hidden()
    step.focus()
    expect(card).to_contain_text("General/of")


def test_the_reason_of_a_failure_is_at_the_top_of_its_page(place, page) -> None:
    task = place.api.call(
        CreateTask(
            name="it fails", type="training", script=Script(diff="raise ValueError('no data')", entry_point="f.py")
        )
    ).id
    place.start_agent()
    place.run("-m", "trackside", "task", "enqueue", task)
    page.goto(f"/projects/*/tasks/{task}/overview")

    expect(page.get_by_text(re.compile("ValueError: no data")).first).to_be_visible(timeout=30_000)


def test_clone_edit_enqueue_in_the_browser_runs_the_clone_with_the_new_value(place, page) -> None:
    place.start_agent()
    task = base_task(place)
    page.goto(f"/projects/*/tasks/{task}/overview")

    page.get_by_role("button", name="Clone").first.click()
    dialog = page.get_by_test_id("clone-dialog")
    dialog.get_by_label("size").fill("5")
    dialog.get_by_role("button", name=re.compile("enqueue|run", re.IGNORECASE)).click()

    expect(page.get_by_text("Completed").first).to_be_visible(timeout=30_000)
    (clone,) = place.tasks("Clone Of a base task") or place.tasks("Clone of a base task")
    assert clone.hyperparams["General"]["size"].value == "5"
