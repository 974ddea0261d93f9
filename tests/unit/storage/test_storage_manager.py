import http.server
import pathlib
import threading
import zipfile
from collections.abc import Iterator

import pytest

from trackside import StorageManager
from trackside.errors import FileMissing, ServerUnavailable, UsageError


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Authorization")))
        if "missing" in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"content" if "cut" not in self.path else b"con")


@pytest.fixture
def foreign(tmp_path, monkeypatch) -> Iterator[http.server.ThreadingHTTPServer]:
    monkeypatch.setenv("TRACKSIDE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRACKSIDE_API_HOST", "http://127.0.0.1:9")
    monkeypatch.setenv("TRACKSIDE_AUTH_TOKEN", "secret")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_foreign_file_is_fetched_once_and_without_our_token(foreign):
    first = StorageManager.get_local_copy(f"{foreign.url}/iris.pkl")
    second = StorageManager.get_local_copy(f"{foreign.url}/iris.pkl")

    assert first == second
    assert pathlib.Path(first).name == "iris.pkl"
    assert pathlib.Path(first).read_bytes() == b"content"
    assert foreign.seen == [("/iris.pkl", None)]


def test_force_download_fetches_again(foreign):
    for _ in range(2):
        StorageManager.get_local_copy(f"{foreign.url}/a", force_download=True)

    assert len(foreign.seen) == 2


def test_files_of_one_name_from_two_urls_do_not_meet(foreign):
    copies = {StorageManager.get_local_copy(f"{foreign.url}/{folder}/a.txt") for folder in ("x", "y")}

    assert len(copies) == 2


def test_a_hostile_name_stays_in_the_cache(foreign, tmp_path):
    copy = StorageManager.get_local_copy(f"{foreign.url}/..%2F..%2F..%2Fescaped")

    assert pathlib.Path(copy).is_relative_to(tmp_path / "home" / "cache")


def test_what_cannot_be_fetched_leaves_no_copy(foreign, tmp_path):
    with pytest.raises(FileMissing, match="404"):
        StorageManager.get_local_copy(f"{foreign.url}/missing")
    with pytest.raises(ServerUnavailable, match=r"fetched|cut off"):
        StorageManager.get_local_copy(f"{foreign.url}/cut")

    assert [path for path in (tmp_path / "home").rglob("*") if path.is_file()] == []


def test_a_local_path_is_its_own_copy(tmp_path):
    file = tmp_path / "a b.txt"
    file.touch()

    assert StorageManager.get_local_copy(str(file)) == str(file)
    assert StorageManager.get_local_copy(file.as_uri()) == str(file)
    with pytest.raises(FileMissing):
        StorageManager.get_local_copy(str(tmp_path / "none"))


@pytest.mark.usefixtures("foreign")
def test_an_archive_is_unpacked_when_asked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inner/x.txt", "x")

    folder = StorageManager.get_local_copy(str(tmp_path / "a.zip"), extract_archive=True)

    assert (pathlib.Path(folder) / "inner" / "x.txt").read_text() == "x"


def test_uploading_to_a_path_copies_and_elsewhere_is_refused(foreign, tmp_path):
    source = tmp_path / "source"
    source.write_text("x")

    StorageManager.upload_file(str(source), str(tmp_path / "deep" / "target"))
    with pytest.raises(UsageError, match="cannot be written"):
        StorageManager.upload_file(str(source), f"{foreign.url}/x")

    assert (tmp_path / "deep" / "target").read_text() == "x"
