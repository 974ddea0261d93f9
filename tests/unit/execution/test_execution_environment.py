"""The environment store and the SDK layer. Those marked `registry` install a small package."""

import subprocess
import threading

import pytest

from trackside.errors import ExecutionError
from trackside.execution.commands import Commands
from trackside.execution.environment import EnvironmentStore
from trackside.execution.layer import LayerStore
from trackside.execution.requirements import normalized

SIX = "six==1.17.0"


@pytest.fixture
def store(tmp_path):
    return EnvironmentStore(tmp_path)


class NoCommands(Commands):
    def run(self, argv, **_options):
        raise AssertionError(f"a process was started: {argv}")


def run(python, code, **options):
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True, **options).stdout.strip()


def test_nothing_asked_is_an_environment_too(store):
    environment = store.ensure("# only a comment\n\n")

    assert run(environment.python, "import sys; print(sys.prefix)") == str(environment.path)


def test_one_set_of_requirements_builds_one_environment(store, tmp_path):  # registry
    said = []

    first = store.ensure(f"{SIX}\n", say=said.append)
    second = store.ensure(f"# another comment\n{SIX}", say=said.append)

    assert first == second
    assert len([line for line in said if line.startswith("building")]) == 1
    assert run(first.python, "import six; print(six.__version__)") == "1.17.0"
    assert len(list((tmp_path / "envs").glob("*/.ready"))) == 1


def test_a_ready_environment_starts_no_process(store, tmp_path):
    ready = store.ensure("")

    assert EnvironmentStore(tmp_path, commands=NoCommands()).ensure("") == ready


def test_callers_at_once_build_once(tmp_path):
    said = []
    threads = [
        threading.Thread(target=EnvironmentStore(tmp_path).ensure, args=("",), kwargs={"say": said.append})
        for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([line for line in said if line.startswith("building")]) == 1


def test_requirements_that_contradict_each_other_are_told(store):  # registry
    with pytest.raises(ExecutionError) as caught:
        store.ensure("six==1.16.0\nsix==1.17.0")

    assert caught.value.exit_class == "env"
    assert "six==1.16.0" in caught.value.message
    assert "cannot be resolved" in caught.value.message


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.com",
        "-r other.txt",
        "-e .",
        "pkg @ file:///etc",
        "./folder",
        "file:///x",
        "six==1 --hash=x",
        "six \\",
        "git+ssh://host/x",
        "https://host/$HOME",
        "pkg @ https://host/${HOME}",
    ],
)
def test_a_line_that_is_more_than_a_package_is_refused(line):
    with pytest.raises(ExecutionError) as caught:
        normalized(f"six\n{line}")

    assert repr(line) in caught.value.message


def test_requirements_are_written_again_by_us():
    text = "# Python 3.11\nNumPy == 2.3.1  # why\ntrackside==9\ngit+https://example.com/a.git@main\nnumpy==2.3.1\n"

    assert normalized(text) == ["git+https://example.com/a.git@main", "numpy==2.3.1"]


def test_another_python_is_warned_about_where_it_is_missing(store):
    said = []

    environment = store.ensure("", binary="python3.99", say=said.append)

    assert environment == store.ensure("")
    assert any("3.99" in line for line in said)


def test_what_is_no_python_is_refused(store):
    with pytest.raises(ExecutionError) as caught:
        store.ensure("", binary="bash -c")

    assert caught.value.exit_class == "source"


def environ(layer, folder):
    return {"PYTHONPATH": f"{layer.bootstrap}:{folder}", "PATH": "/usr/bin:/bin"}


def test_the_sdk_lies_behind_the_environment(store, tmp_path):
    environment = store.ensure("")
    layer = LayerStore(tmp_path).ensure(environment)

    code = "import sys, trackside, msgspec, psutil; print(sys.path[-1], trackside.__file__)"
    last, ours = run(environment.python, code, env=environ(layer, tmp_path)).split()

    assert last == str(layer.library)
    assert ours.startswith(str(layer.library))


def test_a_version_that_the_task_pins_wins(store, tmp_path):  # registry
    environment = store.ensure("msgspec==0.20.0")
    layer = LayerStore(tmp_path).ensure(environment)

    code = "import trackside, msgspec; print(msgspec.__version__, msgspec.__file__)"
    version, place = run(environment.python, code, env=environ(layer, tmp_path)).split()

    assert version == "0.20.0"
    assert place.startswith(str(environment.path))


def test_a_sitecustomize_of_the_task_is_still_run(store, tmp_path):
    environment = store.ensure("")
    layer = LayerStore(tmp_path).ensure(environment)
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "sitecustomize.py").write_text("print('mine too')")

    assert run(environment.python, "import trackside", env=environ(layer, tmp_path / "code")) == "mine too"
