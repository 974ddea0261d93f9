"""Real Python processes describe themselves, in real git repositories."""

import json
import os
import subprocess
import sys

import pytest

from trackside.sdk.capture import notebook, repository

DESCRIBE = """
import msgspec
from trackside.sdk import capture
print(msgspec.json.encode(capture.describe_script()).decode())
"""

GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
for role in ("AUTHOR", "COMMITTER"):
    GIT |= {f"GIT_{role}_NAME": "Ada", f"GIT_{role}_EMAIL": "ada@example.org"}


def git(folder, *arguments):
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=os.environ | GIT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def describe(folder, *arguments, **environ):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=os.environ | environ,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    (root / "jobs" / "inner").mkdir(parents=True)
    (root / "jobs" / "__init__.py").touch()
    (root / "jobs" / "inner" / "__init__.py").touch()
    (root / "jobs" / "train.py").write_text(DESCRIBE)
    (root / "jobs" / "inner" / "__main__.py").write_text(DESCRIBE)
    git(root, "init", "-b", "work")
    git(root, "add", ".")
    git(root, "commit", "-m", "First")
    git(root, "remote", "add", "origin", "https://ada:secret@example.org/ada/project.git")
    return root


def test_a_committed_script_is_its_commit(project):
    script = describe(project, "jobs/train.py")

    assert script["repository"] == "https://example.org/ada/project.git"
    assert (script["branch"], script["version_num"]) == ("work", git(project, "rev-parse", "HEAD"))
    assert (script["working_dir"], script["entry_point"]) == (".", "jobs/train.py")
    assert script.get("diff", "") == ""
    assert script["binary"] == f"python{sys.version_info.major}.{sys.version_info.minor}"


def test_the_working_folder_is_where_it_was_run(project, tmp_path):
    inside = describe(project / "jobs", "train.py")
    outside = describe(tmp_path, project / "jobs" / "train.py")

    assert (inside["working_dir"], inside["entry_point"]) == ("jobs", "train.py")
    assert (outside["working_dir"], outside["entry_point"]) == ("jobs", "train.py")


def test_staged_and_unstaged_changes_are_a_diff_that_applies(project, tmp_path):
    (project / "data.bin").write_bytes(bytes(range(256)))
    git(project, "add", "data.bin")
    (project / "jobs" / "train.py").write_text(DESCRIBE + "# changed: höre\n")

    script = describe(project, "jobs/train.py")

    git(tmp_path, "clone", project, "copy")
    (tmp_path / "change.diff").write_text(script["diff"])
    git(tmp_path / "copy", "apply", tmp_path / "change.diff")
    assert (tmp_path / "copy" / "data.bin").read_bytes() == bytes(range(256))
    assert (tmp_path / "copy" / "jobs" / "train.py").read_text().endswith("# changed: höre\n")


def test_an_untracked_script_is_its_text(project):
    (project / "new.py").write_text(DESCRIBE)

    script = describe(project, "new.py")

    assert (script.get("repository"), script["entry_point"], script["diff"]) == (None, "new.py", DESCRIBE)


def test_a_script_without_a_repository_is_its_text(tmp_path):
    (tmp_path / "alone.py").write_text(DESCRIBE)

    script = describe(tmp_path, "alone.py")

    assert (script.get("repository"), script["entry_point"], script["diff"]) == (None, "alone.py", DESCRIBE)


def test_a_module_run_with_m_is_named_so(project):
    assert describe(project, "-m", "jobs.train", "--lr", "1")["entry_point"] == "-m jobs.train"
    assert describe(project, "-m", "jobs.inner")["entry_point"] == "-m jobs.inner"


def test_a_command_is_its_text(tmp_path):
    script = describe(tmp_path, "-uc", DESCRIBE, "argument", "-c", "other")

    assert (script["entry_point"], script["diff"]) == ("command.py", DESCRIBE)


def test_only_rank_0_of_a_distributed_run_describes_it(project):
    """Simulated torchrun: its variables, no torch."""
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}

    assert describe(project, "jobs/train.py", RANK="1", LOCAL_RANK="1", **common) == {}
    assert describe(project, "jobs/train.py", RANK="0", LOCAL_RANK="0", **common)["entry_point"] == "jobs/train.py"


def test_requirements_are_what_the_script_and_its_modules_import(tmp_path):
    (tmp_path / "local.py").write_text("def later():\n    import sklearn.linear_model\n    from PIL import Image\n")
    (tmp_path / "alone.py").write_text(
        "import os, local\ntry:\n    import no_such_thing\nexcept ImportError: pass\n" + DESCRIBE
    )

    pip = describe(tmp_path, "alone.py")["requirements"]["pip"]

    assert [line.partition(" == ")[0] for line in pip.splitlines()] == ["msgspec", "pillow", "scikit-learn"]


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://ada:secret@example.org/p.git", "https://example.org/p.git"),
        ("https://token@example.org:8443/p.git", "https://example.org:8443/p.git"),
        ("ssh://git:pw@example.org/p.git", "ssh://git@example.org/p.git"),
        ("git@example.org:ada/p.git", "git@example.org:ada/p.git"),
        ("/srv/p.git", "/srv/p.git"),
    ],
)
def test_addresses_lose_their_secrets(url, clean):
    assert repository.without_credentials(url) == clean


class Session:
    """The parts of IPython's shell that are read, with their contents after three cells."""

    class history_manager:  # noqa: N801
        input_hist_raw = ["", "%matplotlib inline\nx = 1", "if x:\n    !ls\n", "%%bash\necho a"]

    user_ns = {"__vsc_ipynb_file__": "/home/ada/iris.ipynb"}


def test_a_notebook_is_its_executed_cells_with_magics_commented_out():
    text = notebook.code(Session)

    assert text == "# %matplotlib inline\nx = 1\n\nif x:\n    pass  # !ls\n\n# %%bash\n# echo a\n"
    compile(text, "notebook.py", "exec")
    assert notebook.file_name(Session) == "iris.py"
