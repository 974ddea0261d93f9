"""Links to our own files are kept without a host, and shown with the host by which the reader came (DESIGN 16).

A URL that a caller sends, of a file on this server, is `<origin>/files/…` with the origin that caller used. Another
caller may reach us by another name, so inside it is `trackside://files/…`, wherever in a document it stands: an
artifact's uri, a parameter that a pipeline filled in, a line of console.
"""

from typing import Final

INSIDE: Final = b"trackside://files/"


def inward(body: bytes, origin: str) -> bytes:
    return body.replace(f"{origin}/files/".encode(), INSIDE) if origin else body


def outward(body: bytes, origin: str) -> bytes:
    return body.replace(INSIDE, f"{origin}/files/".encode()) if origin else body
