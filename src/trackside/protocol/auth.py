"""Who is calling: tokens, credentials, and the challenge that proves a secret without sending it (DESIGN 19)."""

import datetime as dt
from typing import Any

from .base import Empty, Request, Wire


class Token(Wire):
    token: str


class Login(Request[Token]):
    """Basic (access key, secret key) or Bearer in the header → a fresh JWT, also set as a cookie."""

    endpoint = "auth.login"
    permission = "public"
    reply = Token

    expiration_sec: int | None = None


class Challenge(Wire):
    nonce: str  #: the client's nonce followed by the server's


class GetChallenge(Request[Challenge]):
    """First half of SCRAM-SHA-256 (RFC 5802) over an access key; see `trackside.safe.scram`."""

    endpoint = "auth.challenge"
    permission = "public"
    reply = Challenge

    access_key: str
    nonce: str


class Proven(Wire):
    token: str
    server_signature: str  #: base64; only who knows the credential's server key can make it


class ProveSecret(Request[Proven]):
    endpoint = "auth.prove"
    permission = "public"
    reply = Proven

    access_key: str
    nonce: str
    proof: str  #: base64


class Logout(Request[Empty]):
    endpoint = "auth.logout"
    permission = "read"
    reply = Empty


class Validity(Wire):
    valid: bool
    user: str | None = None
    company: str | None = None


class ValidateToken(Request[Validity]):
    endpoint = "auth.validate_token"
    permission = "read"
    reply = Validity

    token: str


class Credential(Wire):
    access_key: str
    secret_key: str | None = None  #: shown once, when made
    label: str | None = None
    last_used: dt.datetime | None = None
    last_used_from: str | None = None


class CredentialReply(Wire):
    credentials: Credential


class CreateCredentials(Request[CredentialReply]):
    endpoint = "auth.create_credentials"
    permission = "write"
    reply = CredentialReply

    label: str | None = None


class CredentialsReply(Wire):
    credentials: list[Credential]


class GetCredentials(Request[CredentialsReply]):
    endpoint = "auth.get_credentials"
    permission = "read"
    reply = CredentialsReply


class Revoked(Wire):
    revoked: int


class RevokeCredentials(Request[Revoked]):
    endpoint = "auth.revoke_credentials"
    permission = "write"
    reply = Revoked

    access_key: str


class Ticket(Wire):
    url_path: str  #: `/login#ticket=…`; works once, for five minutes


class CreateLoginTicket(Request[Ticket]):
    """A one-time link that logs a browser in as the caller."""

    endpoint = "auth.create_login_ticket"
    permission = "read"
    reply = Ticket


class RedeemLoginTicket(Request[Token]):
    endpoint = "auth.redeem_login_ticket"
    permission = "public"
    reply = Token

    ticket: str


class User(Wire):
    id: str
    name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    role: str | None = None
    company: dict[str, Any] | str | None = None
    created: dt.datetime | None = None


class CurrentUser(Wire):
    user: User
    getting_started: dict[str, Any] | None = None
    settings: dict[str, Any] | None = None


class GetCurrentUser(Request[CurrentUser]):
    endpoint = "users.get_current_user"
    permission = "read"
    reply = CurrentUser


class UsersReply(Wire):
    users: list[User]


class GetUsers(Request[UsersReply]):
    endpoint = "users.get_all"
    permission = "read"
    reply = UsersReply

    id: list[str] | str | None = None
    name: str | None = None
    only_fields: list[str] | str | None = None


class SupportedModes(Wire):
    authenticated: bool
    basic: dict[str, Any]
    sso: dict[str, Any]
    sso_providers: list[dict[str, Any]]
    server_errors: dict[str, Any]


class GetSupportedModes(Request[SupportedModes]):
    endpoint = "login.supported_modes"
    permission = "public"
    reply = SupportedModes


class Ping(Wire):
    msg: str


class DebugPing(Request[Ping]):
    endpoint = "debug.ping"
    permission = "public"
    reply = Ping


class ServerInfo(Wire):
    version: str
    build: str
    uid: str
    api_version: str


class GetServerInfo(Request[ServerInfo]):
    endpoint = "server.info"
    permission = "read"
    reply = ServerInfo
