import datetime as dt

import msgspec

from trackside.errors import InvalidId
from trackside.protocol.base import Wire
from trackside.protocol.events import FreeReply
from trackside.server import envelope


class Dated(Wire):
    at: dt.datetime
    rows: list[dict[str, object]] = []
    missing: str | None = None


def decode(body: bytes) -> dict:
    return msgspec.json.decode(body)


def test_datetimes_carry_an_offset_and_what_is_none_is_left_out() -> None:
    at = dt.datetime(2026, 11, 23, 14, 20, 50, 484000, dt.UTC)

    reply = decode(envelope.success(Dated(at=at, rows=[{"at": at}]), "tasks.get_by_id", "t", "2.23"))

    written = "2026-11-23T14:20:50.484000+00:00"
    assert reply["data"] == {"at": written, "rows": [{"at": written}]}
    assert reply["meta"]["trx"] == "t"
    assert reply["meta"]["endpoint"] == {
        "name": "tasks.get_by_id",
        "requested_version": "2.23",
        "actual_version": "2.23",
    }


def test_a_free_reply_is_data_itself_and_nan_is_null() -> None:
    reply = decode(envelope.success(FreeReply(document={"loss": {"y": [1.0, float("nan")]}}), "events.x"))

    assert reply["data"] == {"loss": {"y": [1.0, None]}}


def test_a_refusal_carries_its_code_and_details_and_a_stranger_gives_nothing_away() -> None:
    status, body = envelope.failure(InvalidId("no such task", subcode=101, task="x"), "tasks.get_by_id")
    meta = decode(body)["meta"]
    stranger_status, stranger = envelope.failure(KeyError("secret"), "tasks.get_by_id")

    assert (status, meta["result_code"], meta["result_subcode"]) == (400, 400, 101)
    assert (meta["result_msg"], meta["error_data"]) == ("no such task", {"task": "x"})
    assert stranger_status == 500
    assert b"secret" not in stranger
