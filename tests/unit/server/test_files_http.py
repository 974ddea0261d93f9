import contextlib
import datetime as dt
import hashlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request

from trackside.errors import Unauthorized
from trackside.protocol.base import new_id, utc_now
from trackside.server import file_rows, files
from trackside.server.caller import Caller
from trackside.server.context import Server
from trackside.server.store import tables

CALLERS = {
    name: Caller(user=name, name=name, role=role, company="c")
    for name, role in (("ann", "user"), ("bob", "user"), ("root", "admin"), ("guest", "guest"))
}


class Http:
    """Talks to a file server that believes the name in the Authorization header."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(self, method: str, path: str, body: Any = None, user: str = "ann", **headers: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Authorization": user} | names)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply.status, content, {name.lower(): value for name, value in reply.getheaders()}

    def form(self, path: str, parts: dict[str, bytes], user: str = "ann") -> tuple[int, Any]:
        body = b"".join(
            b'--BB\r\nContent-Disposition: form-data; name="%s"; filename="tmp"\r\n\r\n%s\r\n'
            % (name.encode(), content)
            for name, content in parts.items()
        )
        status, content, _ = self(
            "POST", path, body + b"--BB--\r\n", user, Content_Type="multipart/form-data; boundary=BB"
        )
        return status, json.loads(content)


@pytest.fixture
def ask(server: Server) -> Iterator[Http]:
    async def authenticate(request: Request) -> Caller:
        name = request.headers.get("authorization", "")
        who, _, task = name.partition(":")
        if who not in CALLERS:
            raise Unauthorized("who are you?")
        return msgspec.structs.replace(CALLERS[who], task=task or None)

    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=files.routes(server, authenticate))
    web = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=web.run, args=([listener],))
    thread.start()
    yield Http(listener.getsockname()[1])
    web.should_exit = True
    thread.join()
    listener.close()


def make_task(server: Server, user: str) -> str:
    now = utc_now()
    row: dict[str, Any] = {
        "id": new_id(), "name": "a task", "type": "training", "status": "in_progress", "user": user, "company": "c",
        "created": now, "status_changed": now, "last_update": now, "last_change": now, "tags": [], "system_tags": [],
        "hyperparams": {}, "configuration": {}, "runtime": {}, "models": {},
    }  # fmt: skip
    server.main.write(lambda tx: tx.run(sa.insert(tables.task).values(**row)))
    return str(row["id"])


def blob_files(server: Server) -> list[str]:
    return sorted(path.name for path in (server.data / "blobs").rglob("*") if path.is_file())


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_what_was_put_is_read_back_whole_and_in_ranges(server: Server, ask: Http) -> None:
    content = bytes(range(256)) * 20_000  # more than one piece

    status, reply, _ = ask("PUT", "/files/a%20b/x.bin", content, X_Trackside_Sha256=digest(content))
    whole = ask("GET", "/files/a%20b/x.bin")
    part = ask("GET", "/files/a%20b/x.bin", Range="bytes=10-12")
    head = ask("HEAD", "/files/a%20b/x.bin")

    assert (status, json.loads(reply)["hash"]) == (201, digest(content))
    assert whole[:2] == (200, content)
    assert whole[2]["x-trackside-sha256"] == digest(content)
    assert part[:2] == (206, content[10:13])
    assert (head[0], head[1], head[2]["content-length"]) == (200, b"", str(len(content)))
    assert ask("GET", "/files/a%20b/x.bin", If_None_Match=whole[2]["etag"])[:2] == (304, b"")
    assert blob_files(server) == [digest(content)]


def test_a_wrong_hash_keeps_nothing(server: Server, ask: Http) -> None:
    status, reply, _ = ask("PUT", "/files/x", b"abc", X_Trackside_Sha256="0" * 64)

    assert status == 400
    assert json.loads(reply)["meta"]["result_code"] == 400
    assert ask("GET", "/files/x")[0] == 404
    assert blob_files(server) == []


def test_an_upload_that_breaks_off_leaves_nothing(server: Server, ask: Http) -> None:
    with contextlib.closing(socket.create_connection(("127.0.0.1", ask.port))) as connection:
        connection.sendall(b"PUT /files/x HTTP/1.1\r\nHost: h\r\nAuthorization: ann\r\nContent-Length: 9\r\n\r\nabc")

    assert ask("GET", "/files/x")[0] == 404
    assert ask("PUT", "/files/y", b"later")[0] == 201
    assert server.main.read(lambda tx: tx.value(sa.select(sa.func.count()).select_from(tables.blob))) == 1


def test_forms_store_under_the_field_name_verbatim(ask: Http) -> None:
    assert ask.form("/files", {"/p%2Fq/ä b.txt": b"one", "p/two": b"2"}) == (200, ["p%2Fq/ä b.txt", "p/two"])
    assert ask.form("/", {"files/p/three": b"3"}) == (200, ["p/three"])

    assert ask("GET", "/files/p%252Fq/%C3%A4%20b.txt")[1] == b"one"
    assert ask("GET", "/files/p/three")[1] == b"3"
    assert ask("GET", "/files/p/q/%C3%A4%20b.txt")[0] == 404


def test_a_form_without_files_or_cut_short_is_refused(server: Server, ask: Http) -> None:
    cut = b'--BB\r\nContent-Disposition: form-data; name="n"; filename="f"\r\n\r\nabc'

    assert ask("POST", "/files", b"--BB--\r\n", Content_Type="multipart/form-data; boundary=BB")[0] == 400
    assert ask("POST", "/files", cut, Content_Type="multipart/form-data; boundary=BB")[0] == 400
    assert ask("POST", "/files", b"x", Content_Type="text/plain")[0] == 400
    assert blob_files(server) == []


@pytest.mark.parametrize(
    "path", ["../x", "a/%2e%2e/x", "a//b", ".", "a/./b", "a%00b", "%ff", "/etc/passwd", "", "x" * 1025, "a/"]
)
def test_names_that_could_be_something_else_are_refused(server: Server, ask: Http, path: str) -> None:
    assert ask("PUT", f"/files/{path}", b"x")[0] in (400, 404, 405)
    assert blob_files(server) == []


def test_names_that_look_alike_are_different_files(ask: Http) -> None:
    names = ["a%20b", "a%2520b", "a+b", "%C3%A9", "e%CC%81", "..%5Cx", "%252e%252e%252fx"]
    for name in names:
        assert ask("PUT", f"/files/{name}", name.encode())[0] == 201

    assert [ask("GET", f"/files/{name}")[1] for name in names] == [name.encode() for name in names]


def test_only_who_may_write_the_owner_task_overwrites(server: Server, ask: Http) -> None:
    task, other = make_task(server, "ann"), make_task(server, "ann")
    path = f"/files/proj/t.{task}/artifacts/x"

    tries = [
        ("bob", b"first"), ("bob", b"second"), ("bob", b"first"), (f"ann:{other}", b"other's"),
        ("ann", b"third"), (f"ann:{task}", b"fourth"), ("root", b"fifth"), ("guest", b"no"), ("", b"no"),
    ]  # fmt: skip
    answers = [ask("PUT", path, content, user)[0] for user, content in tries]

    assert answers == [201, 409, 201, 409, 201, 201, 201, 403, 401]
    assert ask("GET", path)[1] == b"fifth"


def test_deleting_removes_one_name_and_the_content_goes_later(server: Server, ask: Http) -> None:
    ask("PUT", "/files/one", b"same")
    ask("PUT", "/files/two", b"same")

    assert ask("DELETE", "/files/one", user="bob")[0] == 403
    assert ask("DELETE", "/files/one")[:2] == (200, b'"one"')
    assert (ask("DELETE", "/files/one")[0], ask("GET", "/files/two")[1]) == (404, b"same")

    ask("DELETE", "/files/two")
    blobs = files.open_blobs(server)
    assert file_rows.sweep(server.main, blobs) == 0
    assert file_rows.sweep(server.main, blobs, -dt.timedelta(seconds=1)) == 1
    assert blob_files(server) == []


def test_folders_are_deleted_only_below_a_task(server: Server, ask: Http) -> None:
    task = make_task(server, "ann")
    for path in (f"p/t.{task}/a/1", f"p/t.{task}/a/2", f"p/t.{task}/ab", "p/free"):
        ask("PUT", f"/files/{path}", b"x")

    asked = [f"p/t.{task}/a/", "p", "p/fre%65"]
    reply = json.loads(ask("POST", "/files/delete_many", json.dumps({"files": asked}))[1])

    assert reply == {"deleted": {asked[0]: f"p/t.{task}/a", "p/fre%65": "p/free"}, "errors": {"no such file": ["p"]}}
    assert ask("GET", f"/files/p/t.{task}/ab")[0] == 200


@pytest.mark.parametrize(
    ("name", "media_type", "disposition"),
    [
        ("x.html", "text/plain; charset=utf-8", "inline"),
        ("x.svg", "text/plain; charset=utf-8", "inline"),
        ("x.js", "text/plain; charset=utf-8", "inline"),
        ("x.png", "image/png", "inline"),
        ("x.pdf", "application/pdf", "attachment"),
        ("x.pkl", "application/octet-stream", "attachment"),
    ],
)
def test_a_browser_never_runs_a_file(ask: Http, name: str, media_type: str, disposition: str) -> None:
    ask("PUT", f"/files/{name}", b"<script>")

    headers = ask("GET", f"/files/{name}")[2]

    assert headers["content-type"] == media_type
    assert headers["content-disposition"].split(";")[0] == disposition
    assert headers["content-security-policy"].startswith("sandbox;")
    assert headers["x-content-type-options"] == "nosniff"
    assert ask("GET", f"/files/{name}?download")[2]["content-disposition"].startswith("attachment")
    assert ask("GET", f"/files/{name}", Sec_Fetch_Dest="script")[0] == 403
