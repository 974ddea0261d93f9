"""Calling the server: `connect(settings)` gives an `Api` whose `call(request)` answers the request's reply."""

from typing import TYPE_CHECKING

from trackside.errors import UsageError
from trackside.settings import Settings

if TYPE_CHECKING:
    from .api import Api


def connect(settings: Settings, *, patience: float | None = None) -> "Api":
    """An `Api` for the settings' server; nothing is sent yet.

    `patience` is how many seconds to go on trying while nobody answers; 60 when not given.

    Raises:
        UsageError: the settings name no server.
    """
    # what makes `import trackside` expensive (http.client, ssl) is loaded by who calls a server, not by who may
    from .api import PATIENCE, Api, Credentials
    from .transport import CONNECT_TIMEOUT, HttpTransport

    if settings.api_host is None:
        raise UsageError(
            "no server is known: start one with `trackside up`, or set TRACKSIDE_API_HOST, TRACKSIDE_API_ACCESS_KEY "
            "and TRACKSIDE_API_SECRET_KEY"
        )
    patience = PATIENCE if patience is None else patience
    credentials = None
    if settings.access_key and settings.secret_key:
        credentials = Credentials(settings.access_key, settings.secret_key)
    return Api(
        HttpTransport(settings.api_host, connect_timeout=min(CONNECT_TIMEOUT, max(patience, 1.0))),
        credentials,
        token=settings.auth_token,
        files=settings.files,
        worker=settings.worker,
        patience=patience,
    )
