import pytest

from trackside import errors
from trackside.client import transfers
from trackside.client.api import Api
from trackside.client.transport import HttpTransport


@pytest.fixture
def api(small_server) -> Api:
    return Api(HttpTransport(small_server.url), token="t", patience=0.2)


def test_a_file_goes_up_and_comes_down_the_same(api, small_server, tmp_path):
    source, target = tmp_path / "source", tmp_path / "deep" / "target"
    source.write_bytes(b"x" * 3_000_000)

    url = transfers.upload(api, "proj/a b%41/x.bin", source)
    found = transfers.download(api, url, target)

    assert url == f"{small_server.url}/files/proj/a%20b%2541/x.bin"
    assert target.read_bytes() == source.read_bytes()
    assert found == transfers.digest(source) == transfers.stored_digest(api, url)


def test_an_empty_file_is_a_file(api, tmp_path):
    source = tmp_path / "empty"
    source.touch()

    transfers.download(api, transfers.upload(api, "empty", source), tmp_path / "target")

    assert (tmp_path / "target").read_bytes() == b""


def test_a_missing_file_leaves_nothing_behind(api, tmp_path):
    with pytest.raises(errors.FileMissing):
        transfers.download(api, f"{api.files}/nothing", tmp_path / "target")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", ["corrupts", "cut"])
def test_what_arrives_wrong_is_not_kept(api, small_server, tmp_path, fault):
    small_server.files["/files/a"] = b"0123456789"
    setattr(small_server, fault, {"corrupts": True, "cut": 4}[fault])
    (tmp_path / "target").write_text("the old one")

    with pytest.raises(errors.ServerUnavailable):
        transfers.download(api, f"{api.files}/a", tmp_path / "target")

    assert (tmp_path / "target").read_text() == "the old one"
    assert len(list(tmp_path.iterdir())) == 1


def test_only_urls_below_our_file_server_are_ours(api):
    assert transfers.is_ours(api, f"{api.files}/a")
    assert not transfers.is_ours(api, f"{api.files}-elsewhere/a")
    assert not transfers.is_ours(api, "http://elsewhere/files/a")
