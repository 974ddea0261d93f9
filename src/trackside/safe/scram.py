"""Proving a secret without sending it: SCRAM-SHA-256 (RFC 5802, RFC 7677) over an access key.

The server keeps only `Verifier`; who steals it can check proofs but cannot make one. The iteration count is 1: the
secrets are 256 random bits, so there is nothing to slow down. Both sides prove themselves: the client by `proof`, the
server by `server_signature`.
"""

import base64
import hashlib
import hmac
import secrets
from typing import NamedTuple


class Verifier(NamedTuple):
    """What the server stores for a secret."""

    stored_key: bytes
    server_key: bytes


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _client_key(access_key: str, secret: str) -> bytes:
    return _mac(_salted(access_key, secret), b"Client Key")


def _salted(access_key: str, secret: str) -> bytes:
    return _mac(secret.encode(), access_key.encode() + b"\x00\x00\x00\x01")


def verifier(access_key: str, secret: str) -> Verifier:
    stored = hashlib.sha256(_client_key(access_key, secret)).digest()
    return Verifier(stored, _mac(_salted(access_key, secret), b"Server Key"))


def new_nonce() -> str:
    return secrets.token_urlsafe(24)


def client_proof(access_key: str, secret: str, nonce: str) -> str:
    """The client's answer to the challenge `nonce`, base64."""
    client_key = _client_key(access_key, secret)
    signature = _mac(hashlib.sha256(client_key).digest(), _message(access_key, nonce))
    return base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True))).decode()


def accepts(known: Verifier, access_key: str, nonce: str, proof: str) -> bool:
    """Whether `proof` was made by who knows the secret behind `known`."""
    try:
        sent = base64.b64decode(proof, validate=True)
    except ValueError:
        return False
    signature = _mac(known.stored_key, _message(access_key, nonce))
    if len(sent) != len(signature):
        return False
    client_key = bytes(a ^ b for a, b in zip(sent, signature, strict=True))
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), known.stored_key)


def server_signature(known: Verifier, access_key: str, nonce: str) -> str:
    return base64.b64encode(_mac(known.server_key, _message(access_key, nonce))).decode()


def server_is_known(access_key: str, secret: str, nonce: str, signature: str) -> bool:
    """Whether the server that sent `signature` holds this secret's verifier."""
    expected = server_signature(verifier(access_key, secret), access_key, nonce)
    return hmac.compare_digest(expected.encode(), signature.encode())


def _message(access_key: str, nonce: str) -> bytes:
    return b"trackside-scram-1\x00" + access_key.encode() + b"\x00" + nonce.encode()
