import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackside.errors import InvalidRequest
from trackside.protocol.pipelines import STEP_ENDED, StepSpec
from trackside.server.engine import plan
from trackside.server.engine.plan import Child, Tally, Verdict


def step(name: str, *parents: str, **parameters: str) -> StepSpec:
    return StepSpec(name=name, base_task_id="t", parents=list(parents), parameters=dict(parameters))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "at least one step"),
        ([step("a"), step("a")], "two steps are named 'a'"),
        ([step("pipeline")], "cannot be named 'pipeline'"),
        ([step("")], "needs a name"),
        ([step("a", "b")], "has the parent 'b', which is not a step; the steps are a"),
        ([step("a", "b"), step("b", "a")], "circle: "),
        ([step("a", x="${a.id}")], "circle: a → a"),
        ([step("a", x="${b.id}")], r"'\$\{b.id\}' names 'b', which is not a step"),
        ([step("a", x="${a}")], "not a reference"),
        ([step("a"), step("b", x="${a.colour}")], "has no 'colour'"),
    ],
)
def test_a_graph_that_cannot_run_is_refused_with_what_is_wrong(steps: list[StepSpec], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        plan.check(steps)


def test_a_reference_makes_its_step_a_parent() -> None:
    parents = plan.check([step("a"), step("b"), step("c", "b", x="at ${a.artifacts.data.url}", y="${pipeline.size}")])

    assert parents == {"a": (), "b": (), "c": ("b", "a")}


def test_a_failed_step_runs_again_as_often_as_its_retries_say() -> None:
    once = plan.judge("failed", Tally(retries=1, lost_retries=3))
    twice = plan.judge("failed", once.tally)

    assert (once.status, twice.status) == ("queued", "failed")


def test_a_lost_worker_does_not_use_up_the_retries_of_the_script() -> None:
    verdict = plan.judge("lost", Tally(retries=0, lost_retries=1))

    assert verdict == Verdict("queued", Tally(retries=0, lost_retries=1, failures=0, losses=1))
    assert plan.judge("lost", verdict.tally).status == "failed"


def test_an_aborted_step_is_not_run_again() -> None:
    assert plan.judge("aborted", Tally(retries=5, lost_retries=5)).status == "aborted"


def test_a_step_whose_failure_is_tolerated_does_not_fail_the_run() -> None:
    tolerated = plan.Ended("a", "failed", continue_on_fail=True)

    assert plan.conclude([tolerated, plan.Ended("b", "skipped")]) == ("completed", None)
    assert plan.conclude([tolerated, plan.Ended("b", "running")]) is None
    assert plan.conclude([plan.Ended("a", "failed", reason="exit code 1")]) == (
        "failed",
        "Pipeline step failed: a: exit code 1",
    )


class Simulated:
    """A run in dictionaries: what the engine does to rows."""

    def __init__(self, parents: dict[str, tuple[str, ...]]) -> None:
        self.parents = parents
        self.status = dict.fromkeys(parents, "blocked")
        self.missing = {name: len(above) for name, above in parents.items()}
        for name, count in self.missing.items():
            if not count:
                self.start(name)

    def start(self, name: str) -> None:
        assert self.status[name] == "blocked"
        assert all(self.status[parent] == "completed" for parent in self.parents[name])
        self.status[name] = "running"

    def children(self, names: object) -> list[Child]:
        wanted = set(names)  # type: ignore[call-overload]
        return [
            Child(name, self.missing[name], self.status[name])
            for name, above in self.parents.items()
            if wanted.intersection(above)
        ]

    def end(self, name: str, status: str) -> plan.Advance:
        self.status[name] = status
        advance = plan.after(name, status, self.children)
        for child in advance.closer:
            self.missing[child] -= 1
        for child in advance.skipped:
            assert self.status[child] == "blocked"
            self.status[child] = "skipped"
        for child in advance.ready:
            self.start(child)
        return advance

    @property
    def running(self) -> list[str]:
        return [name for name, status in self.status.items() if status == "running"]

    @property
    def over(self) -> bool:
        return all(status in STEP_ENDED for status in self.status.values())


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    names = [f"s{number}" for number in range(draw(st.integers(1, 12)))]
    return {
        name: tuple(draw(st.lists(st.sampled_from(names[:place]), unique=True, max_size=4))) if place else ()
        for place, name in enumerate(names)
    }


def descendants(parents: dict[str, tuple[str, ...]], of: set[str]) -> set[str]:
    found: set[str] = set()
    for name, above in parents.items():  # submitted in topological order
        if (of | found).intersection(above):
            found.add(name)
    return found


@given(graphs(), st.data())
def test_every_step_ends_none_starts_before_its_parents_and_exactly_the_descendants_of_failures_are_skipped(
    parents: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    run = Simulated(parents)
    while run.running:
        name = data.draw(st.sampled_from(run.running))
        advance = run.end(name, data.draw(st.sampled_from(["completed", "completed", "failed", "aborted"])))
        assert advance.may_be_last or not run.over

    bad = {name for name, status in run.status.items() if status in ("failed", "aborted")}
    skipped = {name for name, status in run.status.items() if status == "skipped"}
    assert run.over
    assert skipped == descendants(parents, bad)
    ends = [plan.Ended(name, status) for name, status in run.status.items()]
    conclusion = plan.conclude(ends)
    assert conclusion is not None
    assert (conclusion[0] == "completed") == (not bad)
