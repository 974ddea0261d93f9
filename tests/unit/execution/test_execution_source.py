import pathlib
import subprocess

import pytest

from trackside.errors import ExecutionError
from trackside.execution.source import SourceStore
from trackside.protocol.tasks import Script


def git(folder, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "train.py").write_text("print('first')\n")
    (folder / "requirements.txt").write_text("six\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


@pytest.fixture
def store(tmp_path):
    return SourceStore(tmp_path / "home")


def refusal(store, tmp_path, **fields):
    with pytest.raises(ExecutionError) as caught:
        store.prepare(Script(**fields), tmp_path / "code")
    assert caught.value.exit_class == "source"
    return caught.value.message


def test_a_commit_is_checked_out_and_its_changes_are_applied(store, repository, tmp_path):
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "sub" / "train.py").write_text("print('changed')\n")
    diff = git(repository, "diff")

    source = store.prepare(
        Script(
            repository=f"file://{repository}",
            version_num=commit,
            working_dir="sub",
            entry_point="train.py",
            diff=diff,
        ),
        tmp_path / "code",
    )

    assert source.folder == tmp_path / "code" / "sub"
    assert pathlib.Path(source.arguments[0]).read_text() == "print('changed')\n"
    assert source.requirements == "six\n"


def test_a_commit_made_after_the_mirror_is_fetched(store, repository, tmp_path):
    address = f"file://{repository}"
    store.prepare(Script(repository=address, entry_point="sub/train.py"), tmp_path / "one")
    (repository / "sub" / "train.py").write_text("print('second')\n")
    git(repository, "commit", "-qam", "second")
    commit = git(repository, "rev-parse", "HEAD")

    source = store.prepare(Script(repository=address, version_num=commit, entry_point="sub/train.py"), tmp_path / "two")

    assert pathlib.Path(source.arguments[0]).read_text() == "print('second')\n"


def test_a_known_commit_needs_no_remote(store, repository, tmp_path):
    commit = git(repository, "rev-parse", "HEAD")
    script = Script(repository=f"file://{repository}", version_num=commit, entry_point="sub/train.py")
    store.prepare(script, tmp_path / "one")
    store.release(script, tmp_path / "one")
    repository.rename(tmp_path / "gone")

    source = store.prepare(script, tmp_path / "one")

    assert pathlib.Path(source.arguments[0]).exists()


def test_a_branch_without_a_commit_is_its_newest_commit(store, repository, tmp_path):
    script = Script(repository=f"file://{repository}", branch="origin/main", entry_point="sub/train.py")

    assert store.prepare(script, tmp_path / "code").arguments


def test_a_script_without_a_repository_is_written(store, tmp_path):
    source = store.prepare(Script(diff="print('é')", entry_point="run.py", working_dir="/home/me"), tmp_path / "code")

    assert source.folder == tmp_path / "code"
    assert (tmp_path / "code" / "run.py").read_text(encoding="utf-8") == "print('é')"


def test_a_module_may_be_the_entry_point(store, repository, tmp_path):
    script = Script(repository=f"file://{repository}", entry_point="-m sub.train --rate 'a b'")

    assert store.prepare(script, tmp_path / "code").arguments == ["-m", "sub.train", "--rate", "a b"]


def test_changes_that_do_not_apply_are_told(store, repository, tmp_path):
    diff = "--- a/sub/train.py\n+++ b/sub/train.py\n@@ -1 +1 @@\n-something else\n+new\n"

    message = refusal(store, tmp_path, repository=f"file://{repository}", entry_point="sub/train.py", diff=diff)

    assert "do not apply" in message


def test_a_change_outside_of_the_code_is_refused(store, repository, tmp_path):
    diff = "--- /dev/null\n+++ b/../../evil\n@@ -0,0 +1 @@\n+new\n"

    refusal(store, tmp_path, repository=f"file://{repository}", entry_point="sub/train.py", diff=diff)

    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch canary",
        "-c core.sshCommand=x",
        "ext::sh -c x",
        "ssh://-oProxyCommand=x/y",
        "git@-oProxyCommand=x:y",
        "user@host:-x",
        "http://example.com/x",
        "https://host/x\n--upload-pack=y",
        "$(touch canary)",
        "file://host/../x y",
        "https://" + "x" * 8000,
        "a\0b",
    ],
)
def test_a_hostile_repository_is_refused_before_git_is_asked(store, tmp_path, url, monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert "refused" in refusal(store, tmp_path, repository=url, entry_point="x.py")


@pytest.mark.parametrize(
    "fields",
    [
        {"version_num": "--orphan=x"},
        {"version_num": "HEAD~1"},
        {"branch": "--orphan=x"},
        {"branch": "a..b"},
        {"tag": "@{-1}"},
        {"branch": "a\nb"},
        {"entry_point": "../../../etc/passwd"},
        {"entry_point": "/etc/passwd"},
        {"entry_point": "-c 'import os'"},
        {"entry_point": "-m --help"},
        {"entry_point": "--"},
        {"entry_point": "missing.py"},
        {"working_dir": ".."},
        {"working_dir": "/etc"},
        {"working_dir": "nowhere"},
    ],
)
def test_hostile_names_are_refused(store, repository, tmp_path, fields):
    refusal(store, tmp_path, **{"repository": f"file://{repository}", "entry_point": "sub/train.py"} | fields)


def test_a_link_out_of_the_code_is_not_followed(store, repository, tmp_path):
    (repository / "out").symlink_to("/etc")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "link")

    message = refusal(store, tmp_path, repository=f"file://{repository}", entry_point="out/passwd")

    assert "refused" in message


@pytest.mark.parametrize("name", ["../x.py", "/tmp/x.py", "a/../../x.py"])
def test_a_script_is_never_written_outside_of_its_folder(store, tmp_path, name):
    refusal(store, tmp_path, diff="print(1)", entry_point=name)


def test_a_task_without_any_code_is_refused(store, tmp_path):
    assert "nothing can be run" in refusal(store, tmp_path)
