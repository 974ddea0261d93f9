from trackside.agent.slots import Ask, Room, next_ask


def ask(free, asks=(), now=0.0):
    return next_ask(free, list(asks), now=now, longest=55.0, soon=0.5)


def test_an_idle_agent_asks_once_for_all():
    first = ask(Room(1, 16))

    assert first == Ask(Room(1, 16), 55.0)
    assert ask(Room(1, 16), [first]) is None


def test_a_slot_that_becomes_free_is_asked_for_beside_the_waiting_claim():
    waiting = Ask(Room(0, 16), 55.0)

    assert ask(Room(1, 16), [waiting], now=20.0) == Ask(Room(1, 0), 55.0)


def test_two_claims_become_one_when_they_end():
    light, compute = Ask(Room(0, 16), 55.0), Ask(Room(1, 0), 55.0)

    assert ask(Room(1, 16), [compute], now=54.9) is None
    assert ask(Room(1, 16), [light], now=54.9) is None
    assert ask(Room(1, 16), [], now=55.0) == Ask(Room(1, 16), 110.0)


def test_without_room_nothing_is_asked():
    assert ask(Room(0, 0)) is None
