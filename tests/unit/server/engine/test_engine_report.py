import datetime as dt
import json
from typing import Any

from trackside.protocol.pipelines import Run, StepState
from trackside.server.engine import report

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def step(name: str, *parents: str, **more: Any) -> StepState:
    values: dict[str, Any] = {"status": "completed", "base_task_id": "b", "parameters": {}} | more
    return StepState(name=name, parents=list(parents), **values)


def drawn(*steps: StepState) -> dict[str, Any]:
    run = Run(id="r", status="completed", created=NOON, sequence=1, steps=list(steps))
    plots = report.plots(run)
    assert [(plot["metric"], plot["variant"], plot["iter"]) for plot in plots] == [
        ("Pipeline", "Execution Flow", 0),
        ("Pipeline Details", "Execution Details", 0),
    ]
    return {plot["metric"]: json.loads(plot["plot_str"])["data"] for plot in plots}


def test_the_flow_links_parents_to_children_and_hovering_shows_name_and_overridden_parameters() -> None:
    overridden = {"General/test_size": 0.25, "General/url": "http://s/<d>"}
    flow = drawn(step("a"), step("b", "a", resolved=overridden), step("c", "a", "b"))["Pipeline"]

    (sankey,) = flow
    links = sankey["link"]
    assert sankey["node"]["label"] == ["a", "b", "c"]
    assert list(zip(links["source"], links["target"], strict=True)) == [(0, 1), (0, 2), (1, 2)]
    hover = "<b>b</b> (completed)<br />General/test_size: 0.25<br />General/url: http://s/&lt;d&gt;"
    assert sankey["node"]["customdata"][1] == hover


def test_steps_without_parents_and_children_are_dots() -> None:
    sankey, dots = drawn(step("a"), step("b", "a"), step("alone", status="failed", reason="exit code 1"))["Pipeline"]

    assert sankey["node"]["label"] == ["a", "b"]
    assert dots["customdata"] == ["<b>alone</b> (failed)<br />exit code 1"]


def test_the_table_has_a_row_a_step() -> None:
    (table,) = drawn(step("a", task="t1"), step("b", "a", status="skipped", parameters={"General/x": "${a.id}"}))[
        "Pipeline Details"
    ]

    assert table["cells"]["values"] == [["a", "b"], ["t1", ""], ["completed", "skipped"], ["", "General/x: ${a.id}"]]
