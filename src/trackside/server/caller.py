"""Who a request comes from, as the edge found out."""

import msgspec

ROLES_THAT_WRITE = frozenset({"system", "root", "admin", "superuser", "user"})
ROLES_THAT_ADMINISTER = frozenset({"system", "root", "admin"})


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated user, or a task's attempt acting for its owner.

    Attributes:
        task, attempt: set for a task's own token; writes with an attempt that was replaced are refused.
        worker: the `X-ClearML-Worker` header or the like.
        origin: base URL by which the caller reached us, without a slash at the end.
    """

    user: str
    name: str
    role: str
    company: str
    session: str = ""
    task: str | None = None
    attempt: int | None = None
    worker: str = ""
    origin: str = ""

    @property
    def may_write(self) -> bool:
        return self.role in ROLES_THAT_WRITE

    @property
    def may_administer(self) -> bool:
        return self.role in ROLES_THAT_ADMINISTER and self.task is None
