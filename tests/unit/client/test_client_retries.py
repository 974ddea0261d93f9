from hypothesis import given
from hypothesis import strategies as st

from trackside.client import retries
from trackside.protocol import queues, tasks


@given(st.integers(1, 200), st.floats(0, 1))
def test_a_delay_is_positive_and_bounded(failures, jitter):
    assert 0 < retries.delay(failures, jitter) <= 5.0


def test_delays_grow():
    assert [retries.delay(failures, 1) for failures in (1, 2, 3)] == [0.05, 0.1, 0.2]


def test_creating_may_be_repeated_when_the_client_made_the_id():
    assert retries.may_repeat(tasks.CreateTask(name="abc", type="training", id="1"))
    assert not retries.may_repeat(tasks.CreateTask(name="abc", type="training"))
    assert not retries.may_repeat(queues.GetNextTask(queue="q"))
    assert retries.may_repeat(tasks.GetTask(task="1"))
