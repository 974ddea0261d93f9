"""The forms shared by every message.

ClearML's clients send `null` for what they do not set, and fields that no schema knows; so `None` means "not given"
everywhere, and unknown fields are ignored (protocol.md §1.2). A reply leaves out what is `None`.
"""

import datetime as dt
import uuid
from typing import Any, ClassVar, Generic, Literal, TypeVar, dataclass_transform

import msgspec

API_VERSION = "2.34"

Permission = Literal["public", "read", "write", "admin"]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class WireMeta(msgspec.StructMeta):
    """Frozen and keyword-only without saying so on each of two hundred classes; type checkers are told too."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        options = {"frozen": True, "kw_only": True, "omit_defaults": True} | options
        return super().__new__(mcs, name, bases, namespace, **options)


class Wire(msgspec.Struct, metaclass=WireMeta):
    """Anything that is sent. Fields that are `None` are left out."""


Reply_co = TypeVar("Reply_co", bound=Wire, covariant=True)


class Request(Wire, Generic[Reply_co]):
    """A call: the class names its endpoint, its reply and what the caller must be allowed to do.

    Permissions: `public` needs no token; `read` any token; `write` all but read-only users; `admin` administrators.
    """

    endpoint: ClassVar[str]
    permission: ClassVar[Permission]
    reply: ClassVar[type[Wire]]


class Empty(Wire):
    pass


class Updated(Wire):
    """Reply of the calls that change one object: how many changed, and what was set."""

    updated: int
    fields: dict[str, Any] = {}


def new_id() -> str:
    """32 hex characters; made by whoever creates, so that creating twice is creating once."""
    return uuid.uuid4().hex


def utc_now() -> dt.datetime:
    """Now, with the microseconds cut to milliseconds as the protocol carries them."""
    now = dt.datetime.now(dt.UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Mfp(Wire):
    """`_all_` / `_any_`: a pattern or a date condition over several dotted fields."""

    fields: list[str]
    pattern: str | None = None
    datetime: str | list[str] | None = None


StrList = list[str | None] | str


class ListQuery(Wire):
    """What every `get_all` takes (protocol.md §4)."""

    id: list[str] | str | None = None
    name: str | None = None
    tags: StrList | None = None
    system_tags: StrList | None = None
    only_fields: list[str] | str | None = None
    order_by: list[str] | str | None = None
    page: int | None = None
    page_size: int | None = None
    search_text: str | None = None
    search_hidden: bool | None = None
    all_: Mfp | None = msgspec.field(default=None, name="_all_")
    any_: Mfp | None = msgspec.field(default=None, name="_any_")
