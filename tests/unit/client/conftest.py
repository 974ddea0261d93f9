"""A small server that speaks just enough of the protocol, over real sockets."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from trackside.safe import scram

ACCESS, SECRET = "ACCESSKEY", "a-secret"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "SmallServer"

    def log_message(self, *_arguments: object) -> None:
        pass

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def envelope(self, status: int, data: Any, message: str = "OK", subcode: int = 0, details: Any = None) -> None:
        meta = {"result_code": status, "result_subcode": subcode, "result_msg": message, "error_data": details or {}}
        self.reply(status, json.dumps({"meta": meta, "data": data}).encode())

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_POST(self) -> None:
        content = self.body()
        self.server.seen.append((self.path, self.headers.get("Authorization"), self.client_address[1]))
        if self.path.endswith("auth.challenge"):
            self.envelope(200, {"nonce": json.loads(content)["nonce"] + "+server"})
        elif self.path.endswith("auth.prove"):
            self.prove(json.loads(content))
        else:
            self.act(json.loads(content))

    def prove(self, asked: dict[str, str]) -> None:
        known = scram.verifier(ACCESS, self.server.secret)
        if self.server.checks_proofs and not scram.accepts(known, ACCESS, asked["nonce"], asked["proof"]):
            self.envelope(401, {}, "wrong key", 22)
            return
        self.server.tokens += 1
        signature = scram.server_signature(known, ACCESS, asked["nonce"])
        self.envelope(200, {"token": f"token-{self.server.tokens}", "server_signature": signature})

    def act(self, asked: dict[str, Any]) -> None:
        if self.headers.get("Authorization") in self.server.refused:
            self.envelope(401, {}, "expired", 30)
        elif self.server.drops:
            self.server.drops -= 1
            self.close_connection = True
            self.connection.close()
        elif asked.get("task") == "missing":
            self.envelope(400, {}, "no such task", 101, {"task": "missing"})
        else:
            self.envelope(200, {"task": {"id": asked.get("task", ""), "name": "found"}})

    def do_PUT(self) -> None:
        content = self.body()
        self.server.seen.append((self.path, self.headers.get("Authorization"), self.client_address[1]))
        if hashlib.sha256(content).hexdigest() != self.headers.get("X-Trackside-Sha256"):
            self.envelope(400, {}, "the body is not what the header says")
            return
        self.server.files[self.path] = content
        self.envelope(200, {})

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization"), self.client_address[1]))
        content = self.server.files.get(self.path)
        if content is None:
            self.envelope(404, {}, "no such file", 4)
            return
        digest = hashlib.sha256(content).hexdigest()
        body = b"" if self.command == "HEAD" else content + (b"?" if self.server.corrupts else b"")
        self.reply(200, body[: self.server.cut], {"X-Trackside-Sha256": digest, "Content-Length": str(len(body))})
        self.close_connection = self.server.cut is not None

    do_HEAD = do_GET  # noqa: N815 - http.server names it


class SmallServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.secret = SECRET
        self.checks_proofs = True
        self.tokens = 0
        self.drops = 0
        self.refused: set[str] = set()
        self.seen: list[tuple[str, str | None, int]] = []
        self.files: dict[str, bytes] = {}
        self.corrupts = False
        self.cut: int | None = None
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def small_server() -> Iterator[SmallServer]:
    server = SmallServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
