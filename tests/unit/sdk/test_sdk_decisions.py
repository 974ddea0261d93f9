"""The SDK's pure parts."""

import argparse
import math
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackside.errors import Forbidden, InvalidRequest
from trackside.protocol import parameters, tasks
from trackside.sdk import closing, connect, objects, plots, reuse, uploads
from trackside.sdk.background import Background
from trackside.sdk.logger import Logger


def recorded(section, **values):
    return {name: parameters.parameter(section, name, value) for name, value in values.items()}


def test_a_nested_dictionary_is_recorded_flat_and_overridden_in_place():
    args = {"lr": 0.1, "data": {"url": "", "size": 3}, "tags": [1]}
    inner = args["data"]

    values = connect.described(args)
    changed = connect.overridden(values, recorded("General", **{"lr": "0.5", "data/url": "http://h", "tags": "[1]"}))
    connect.write_back(args, changed)

    assert values == {"lr": 0.1, "data/url": "", "data/size": 3, "tags": [1]}
    assert args == {"lr": 0.5, "data": {"url": "http://h", "size": 3}, "tags": [1]}
    assert args["data"] is inner


def test_an_override_that_is_not_of_the_defaults_type_names_the_parameter():
    with pytest.raises(InvalidRequest, match="General/lr must be float"):
        connect.overridden({"lr": 0.1}, recorded("General", lr="fast"))


def test_objects_and_namespaces_are_connected_by_their_attributes():
    class Settings:
        lr = 0.1
        _hidden = 1

        def method(self):
            pass

    settings, namespace = Settings(), argparse.Namespace(epochs=3)

    connect.write_back(settings, {"lr": 0.2})
    connect.write_back(namespace, {"epochs": 4})

    assert connect.described(settings) == {"lr": 0.2}
    assert namespace.epochs == 4
    assert connect.section_of(namespace, None) == "Args"
    with pytest.raises(InvalidRequest, match="nothing to connect"):
        connect.described(object())


def test_a_files_key_is_quoted_once_and_its_url_twice():
    key = uploads.key_of("proj/sub", "a/b %", "1" * 32, "artifacts", "..", "x.txt")

    assert key == f"proj/sub/a%2Fb %25.{'1' * 32}/artifacts/%2E%2E/x.txt"
    assert uploads.url_of("http://h/files", "a b%25/x") == "http://h/files/a%20b%2525/x"


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_artifact_name_leads_out_of_its_tasks_folder(task_name, name):
    parts = uploads.key_of("p", task_name, "i", "artifacts", name, "f").split("/")

    assert len(parts) == 5
    assert not {".", "..", ""} & set(parts)


def test_a_task_is_used_again_only_when_nothing_is_lost():
    bare = tasks.Task(id="1", name="n", type="training", status="completed", system_tags=["development"])
    kept = tasks.Execution(artifacts=[tasks.Artifact(key="a")])

    def may(**changes) -> bool:
        fields = {name: getattr(bare, name) for name in ("id", "name", "type", "status", "system_tags")} | changes
        return reuse.may_reuse(tasks.Task(**fields), name="n", task_type="training")

    assert may()
    assert not may(execution=kept)
    assert not may(models=tasks.TaskModels(output=[tasks.TaskModel(name="m", model="1")]))
    assert not may(system_tags=[])
    assert not may(status="in_progress")
    assert not may(status="published")
    assert not may(name="other")


def test_the_last_task_of_a_name_is_remembered(tmp_path):
    reuse.remember(tmp_path, "http://h", "p", "n", "1")
    reuse.remember(tmp_path, "http://h", "p", "m", "2")

    assert reuse.last_id(tmp_path, "http://h", "p", "n") == "1"
    assert reuse.last_id(tmp_path, "http://other", "p", "n") is None
    (tmp_path / "last_tasks.json").write_text("{broken")
    assert reuse.last_id(tmp_path, "http://h", "p", "n") is None


def test_the_way_a_process_ends_tells_the_status():
    assert closing.outcome_of(KeyboardInterrupt()).status == "stopped"
    assert closing.outcome_of(ValueError("boom")) == closing.Outcome("failed", "ValueError: boom")


PLAIN = [{"a": [1, {"b": None}]}, [1, "x"], "text", "", 3, True, None, (1, 2), {1: "a"}, {"t": (1,)}, {1, 2}, b"x"]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_objects_come_back_as_they_were(tmp_path, value):
    stored = objects.store("name", value, tmp_path)
    back = objects.load(stored.path, stored.type, "name", trusted=False)

    assert back == value
    assert type(back) is type(value)


def test_not_a_number_comes_back(tmp_path):
    stored = objects.store("name", float("nan"), tmp_path)

    assert math.isnan(objects.load(stored.path, stored.type, "name", trusted=False))


def test_arrays_and_frames_come_back_without_pickle(tmp_path):
    import numpy as np
    import pandas as pd

    array, frame = np.arange(6.0).reshape(2, 3), pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    for name, value, kind in (("my/array", array, "numpy"), ("frame", frame, "pandas"), ("file", array, "numpy")):
        stored = objects.store(name, value, tmp_path)
        back = objects.load(stored.path, stored.type, name, trusted=False)
        assert stored.type == kind
        assert (back == value).all().all()


def test_a_frame_that_csv_would_change_is_kept_whole(tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"when": pd.to_datetime(["2026-01-01", "2026-01-02"])})

    stored = objects.store("frame", frame, tmp_path)

    assert objects.load(stored.path, stored.type, "frame", trusted=True).equals(frame)


def test_a_file_is_kept_as_it_is_and_a_folder_as_a_zip(tmp_path):
    source = tmp_path / "data"
    source.mkdir()
    (source / "x.csv").write_text("1")

    file = objects.store("a", str(source / "x.csv"), tmp_path)
    folder = objects.store("b", source, tmp_path)

    assert (file.path, file.type, file.temporary) == (source / "x.csv", "custom", False)
    assert (folder.path.name, folder.type) == ("data.zip", "local folder")
    with pytest.raises(InvalidRequest, match="there is no file"):
        objects.store("c", tmp_path / "none", tmp_path)


class Evil:
    def __reduce__(self):
        return (print, ("it ran",))


def test_a_strangers_pickle_is_refused_and_not_run(tmp_path, capsys):
    stored = objects.store("evil", Evil(), tmp_path)

    with pytest.raises(Forbidden, match="allow_pickle"):
        objects.load(stored.path, stored.type, "evil", trusted=False)

    assert capsys.readouterr().out == ""


def test_what_cannot_be_pickled_is_said_at_once(tmp_path):
    with pytest.raises(InvalidRequest, match="cannot be kept"):
        objects.store("lock", threading.Lock(), tmp_path)


def test_background_work_is_done_in_order_and_a_failure_is_told_once(capsys):
    background, done = Background(), []

    def fail() -> None:
        raise OSError("disk full")

    background.submit("do a", lambda: done.append("a"))
    background.submit("upload b", fail)
    background.submit("do c", lambda: done.append("c"))

    assert background.wait() is False
    assert background.wait() is True
    assert done == ["a", "c"]
    assert capsys.readouterr().err == "trackside: could not upload b: disk full\n"


class Kept:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.scalars = []
        self.lines = []
        self.plots = []

    def scalar(self, *record) -> None:
        self.scalars.append(record)

    def plot(self, *record) -> None:
        self.plots.append(record)

    def console(self, text, level="info") -> None:
        self.lines.append((text, level))


def test_a_value_that_is_no_number_is_told_once_and_stops_nothing(capsys):
    kept = Kept()
    logger = Logger(kept, streams_are_captured=True)

    for step in range(3):
        logger.report_scalar("loss", "train", "oops", step)
    logger.report_scalar("loss", "train", 1, 3)
    logger.report_single_value("accuracy", 0.9)

    assert kept.scalars == [("loss", "train", 1.0, 3), ("Summary", "accuracy", 0.9, -(1 << 31))]
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(("captured", "lines"), [(True, []), (False, [("hello", "info")])])
def test_a_printed_text_is_recorded_once(capsys, captured, lines):
    kept = Kept()

    Logger(kept, streams_are_captured=captured).report_text("hello")

    assert capsys.readouterr().out == "hello\n"
    assert kept.lines == lines


def test_plots_are_plotlys_json():
    import json

    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure()
    figure.gca().plot([1, 2])
    picture = json.loads(plots.picture(figure, "title"))
    plt.close(figure)
    table = json.loads(plots.table("t", [["a", "b"], [1, 2], [3, 4]]))

    assert picture["layout"]["images"][0]["source"].startswith("data:image/png;base64,")
    assert table["data"][0]["cells"]["values"] == [[1, 3], [2, 4]]


def test_importing_task_loads_neither_http_nor_numpy_nor_asyncio():
    code = (
        "import sys; from trackside import Task; "
        "print([name for name in ('http.client', 'asyncio', 'numpy', 'ssl', 'sqlalchemy', 'subprocess') "
        "if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
