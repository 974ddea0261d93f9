"""The envelope of every JSON reply: `{"meta": …, "data": …}`; the HTTP status is its result_code (protocol.md §1.2)."""

import datetime as dt
from typing import Any

import msgspec

from trackside.errors import InternalError, TracksideError
from trackside.protocol.base import API_VERSION, Wire, new_id
from trackside.protocol.events import FreeReply


def success(data: Wire | dict[str, Any], endpoint: str, trx: str | None = None, version: str = API_VERSION) -> bytes:
    """The body of a 200. A `FreeReply`'s document becomes `data` itself."""
    return _envelope(data.document if isinstance(data, FreeReply) else data, _meta(endpoint, trx, version))


def failure(
    error: BaseException, endpoint: str, trx: str | None = None, version: str = API_VERSION
) -> tuple[int, bytes]:
    """The HTTP status and the body of a refusal.

    Anything but a `TracksideError` is our own failure: it becomes a 500 that gives nothing away; the caller logs it.
    """
    if not isinstance(error, TracksideError):
        error = InternalError("the server failed; its log says why")
    meta = _meta(endpoint, trx, version) | {
        "result_code": error.status,
        "result_subcode": error.subcode,
        "result_msg": error.message,
        "error_data": error.details,
    }
    return error.status, _envelope({}, meta)


def envelope_error(error: BaseException) -> dict[str, Any]:
    """The smallest form, for what is no action (files, streams)."""
    if not isinstance(error, TracksideError):
        error = InternalError("the server failed; its log says why")
    meta = {"result_code": error.status, "result_subcode": error.subcode, "result_msg": error.message}
    return {"meta": meta, "data": {}}


def _meta(endpoint: str, trx: str | None, version: str) -> dict[str, Any]:
    call = new_id()
    return {
        "id": call,
        "trx": trx or call,
        "endpoint": {"name": endpoint, "requested_version": version, "actual_version": version},
        "result_code": 200,
        "result_subcode": 0,
        "result_msg": "OK",
        "error_stack": None,
        "error_data": {},
    }


def _envelope(data: Any, meta: dict[str, Any]) -> bytes:
    # datetimes stay datetimes in the first step, because msgspec writes UTC as `Z` and real clients expect `+00:00`
    plain = msgspec.to_builtins(data, builtin_types=(dt.datetime,))
    return msgspec.json.encode({"meta": meta, "data": _with_offsets(plain)}, enc_hook=str)


def _with_offsets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_offsets(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item if type(item) in _PLAIN else _with_offsets(item) for item in value]
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return aware.isoformat()
    return value


_PLAIN = (int, float, str, bool, type(None))
