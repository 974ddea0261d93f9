import threading
from typing import Any

import pytest

from trackside.errors import Conflict
from trackside.protocol.queues import EndLease, Lease, RenewLease, StartLease
from trackside.protocol.tasks import ResetTask, StopTask, TaskStopped
from trackside.server import leases, transitions


def run(desk: Any, lease: Lease) -> None:
    desk.call(leases.start, StartLease(lease=lease.id))


def end(desk: Any, lease: Lease, exit_class: str = "ok", reason: str | None = None) -> None:
    desk.call(leases.end, EndLease(lease=lease.id, exit_class=exit_class, exit_code=0, reason=reason))


def queued(desk: Any, **fields: Any) -> str:
    task = desk.task(**fields)
    desk.enqueue(task)
    return task


def test_a_queue_gives_its_entries_in_the_order_they_came(desk: Any) -> None:
    names = [queued(desk) for _ in range(3)]

    assert [lease.task for lease in desk.claim(slots=3)] == names
    assert desk.waiting() == []


def test_the_queues_are_taken_in_the_order_the_agent_names_them(desk: Any) -> None:
    low, high = desk.task(), desk.task()
    desk.enqueue(low, "services")
    desk.enqueue(high, "default")

    assert [lease.task for lease in desk.claim("default", "services")] == [high]


def test_a_controller_takes_no_compute_slot(desk: Any) -> None:
    controller, training = queued(desk, type="controller"), queued(desk)

    assert [lease.task for lease in desk.claim(slots=0, light_slots=1)] == [controller]
    assert [lease.task for lease in desk.claim(slots=1)] == [training]


def test_the_same_request_is_answered_with_the_same_leases(desk: Any) -> None:
    queued(desk)
    first = desk.claim(request_id="r1")

    again = desk.claim(request_id="r1")

    assert [lease.id for lease in again] == [lease.id for lease in first]


def test_a_leased_task_runs_and_completes(desk: Any) -> None:
    task = queued(desk)
    (lease,) = desk.claim()
    run(desk, lease)
    assert desk.get(task).status == "in_progress"

    end(desk, lease)
    end(desk, lease)

    done = desk.get(task)
    assert (done.status, done.attempt, done.last_worker) == ("completed", 1, "host:0")


def test_a_failed_attempt_fails_its_task_with_the_reason(desk: Any) -> None:
    task = queued(desk)
    (lease,) = desk.claim()
    run(desk, lease)

    end(desk, lease, "user", "ValueError: no data")

    assert (desk.get(task).status, desk.get(task).status_reason) == ("failed", "ValueError: no data")


def test_an_entry_whose_claimer_died_before_it_started_returns_to_the_head(desk: Any) -> None:
    first, second = queued(desk), queued(desk)
    (lease,) = desk.claim()

    desk.let_expire(lease)

    assert desk.waiting() == [first, second]
    (again,) = desk.claim()
    assert (again.task, again.attempt) == (first, 2)


def test_a_running_task_whose_lease_ran_out_is_lost(desk: Any) -> None:
    task = queued(desk)
    (lease,) = desk.claim()
    run(desk, lease)

    desk.let_expire(lease)

    lost = desk.get(task)
    assert lost.status == "failed"
    assert lost.status_reason is not None
    assert lost.status_reason.startswith("lost: worker host:0")


def test_an_attempt_that_was_lost_but_not_replaced_goes_on(desk: Any) -> None:
    task = queued(desk)
    (lease,) = desk.claim()
    run(desk, lease)
    desk.let_expire(lease)

    state = desk.call(leases.renew, RenewLease(lease=lease.id, wait_sec=0))

    assert state.held
    assert desk.get(task).status == "in_progress"
    end(desk, lease)
    assert desk.get(task).status == "completed"


def test_an_attempt_that_was_replaced_is_refused(desk: Any) -> None:
    queued(desk)
    (lease,) = desk.claim()
    run(desk, lease)
    desk.let_expire(lease)
    desk.enqueue(lease.task)
    (newer,) = desk.claim()

    with pytest.raises(Conflict):
        end(desk, lease)
    assert not desk.call(leases.renew, RenewLease(lease=lease.id, wait_sec=0)).held
    assert desk.call(leases.renew, RenewLease(lease=newer.id, wait_sec=0)).held


def test_a_stop_reaches_the_holder_through_its_lease(desk: Any) -> None:
    task = queued(desk)
    (lease,) = desk.claim()
    run(desk, lease)

    desk.call(transitions.stop, StopTask(task=task))

    assert desk.get(task).status == "in_progress"
    assert desk.call(leases.renew, RenewLease(lease=lease.id, wait_sec=0)).stop
    end(desk, lease, "aborted")
    assert desk.get(task).status == "stopped"


def test_stopping_a_queued_task_takes_it_out_of_its_queue(desk: Any) -> None:
    task = queued(desk)

    desk.call(transitions.stop, StopTask(task=task))

    assert desk.get(task).status == "stopped"
    assert desk.waiting() == []


def test_a_reset_ends_the_lease(desk: Any) -> None:
    task = queued(desk)
    (lease,) = desk.claim()
    run(desk, lease)

    desk.call(transitions.reset, ResetTask(task=task, force=True))

    assert desk.get(task).status == "created"
    assert not desk.call(leases.renew, RenewLease(lease=lease.id, wait_sec=0)).held


def test_a_stopped_task_can_be_queued_without_a_reset(desk: Any) -> None:
    task = queued(desk)
    (lease,) = desk.claim()
    run(desk, lease)
    desk.call(transitions.stopped, TaskStopped(task=task))

    desk.enqueue(task)

    assert desk.waiting() == [task]


def test_many_claimers_take_each_entry_once(desk: Any) -> None:
    names = {queued(desk) for _ in range(20)}
    taken: list[str] = []

    def take() -> None:
        for lease in desk.claim(slots=3):
            taken.append(lease.task)

    threads = [threading.Thread(target=take) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken += [lease.task for lease in desk.claim(slots=20)]

    assert sorted(taken) == sorted(names)


def test_enqueueing_says_whether_anybody_listens(desk: Any) -> None:
    assert desk.enqueue(desk.task()).queue_watched is False

    desk.claim("default", slots=0)

    assert desk.enqueue(desk.task()).queue_watched is True
