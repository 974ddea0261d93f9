import io
import pickle
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackside.errors import InvalidRequest
from trackside.safe import archives, pickles
from trackside.safe.paths import below, file_name


def test_a_name_below_the_root_is_its_path(tmp_path):
    assert below(tmp_path, "a/b.txt") == tmp_path.resolve() / "a" / "b.txt"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", ".", "", "a\x00b", "..\\x"])
def test_a_name_that_leads_outside_is_refused(tmp_path, name):
    with pytest.raises(InvalidRequest):
        below(tmp_path, name)


def test_a_link_that_leads_outside_is_refused(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "out").symlink_to(tmp_path)

    with pytest.raises(InvalidRequest):
        below(tmp_path / "root", "out/x")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://h/a/iris.pkl?x=1", "iris.pkl"),
        ("http://h/a%20b.txt", "a b.txt"),
        ("http://h/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("http://h/%2e%2e", "file"),
        ("http://h/.bashrc", "bashrc"),
        ("http://h/", "file"),
        ("http://h/a%00b%0a.txt", "ab.txt"),
    ],
)
def test_a_url_gives_a_harmless_file_name(url, name):
    assert file_name(url) == name


@given(st.text())
def test_no_url_gives_a_name_that_is_more_than_one_part(text):
    name = file_name(f"http://h/{text}".replace("[", "").replace("]", ""))

    assert name
    assert "/" not in name
    assert not name.startswith(".")
    assert len(name.encode()) <= 200


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("../escaped", "x")
    worse = tmp_path / "worse.tar"
    with tarfile.open(worse, "w") as archive:
        member = tarfile.TarInfo("../escaped")
        archive.addfile(member, io.BytesIO())
    target = tmp_path / "target"
    target.mkdir()

    for path in (bad, worse):
        with pytest.raises(InvalidRequest):
            archives.extract(path, target)

    assert not (tmp_path / "escaped").exists()


class Evil:
    def __reduce__(self):
        return (print, ("it ran",))


def test_a_plain_pickle_is_loaded_and_another_is_not_run(capsys):
    plain = {"a": (1, {2, 3}), "b": float("inf")}

    assert pickles.load_plain(pickle.dumps(plain)) == plain
    with pytest.raises(pickles.NotPlain):
        pickles.load_plain(pickle.dumps(Evil()))
    with pytest.raises(pickles.NotPlain):
        pickles.load_plain(b"no pickle at all")
    assert capsys.readouterr().out == ""
