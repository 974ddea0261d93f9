"""Each in a process of its own: hooks change modules for good."""

import json
import os
import subprocess
import sys

PRELUDE = """
import json, os, sys
from trackside.sdk import capture

class Task:
    remote = False
    overrides = {}
    connected, models, figures, lines = [], [], [], []
    def get_logger(self): return self
    def running_remotely(self): return self.remote
    def connect(self, values, name=None):
        self.connected.append((name, dict(values)))
        return values | self.overrides if self.remote else values
    def record_saved_model(self, path, framework): self.models.append((os.path.basename(path), framework))
    def report_matplotlib_figure(self, title, series, figure, iteration=None, report_image=False):
        from trackside.sdk.capture.figures import figure_to_plotly
        self.figures.append((title, json.loads(figure_to_plotly(figure))["layout"]["images"][0]["sizex"]))
    def console(self, text, level="info"): self.lines.append((level, text))

task = Task()
def install(streams=False, frameworks=True, arguments=True):
    capture.install(task, task, streams=streams, frameworks=frameworks, arguments=arguments)
def show(value): print(json.dumps(value), file=sys.__stdout__)
"""


def run(tmp_path, program, *arguments, **environ):
    path = tmp_path / "program.py"
    path.write_text(PRELUDE + program)
    done = subprocess.run(
        [sys.executable, path, *arguments],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "Agg"} | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done


def test_shown_and_saved_figures_are_reported_once_a_look(tmp_path):
    program = """
install()
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.title("Iris Types"); plt.show(); plt.show()
plt.savefig("a.png")
plt.plot([2, 1]); plt.savefig("b.png")
plt.figure(); plt.plot([1]); plt.show()
show(task.figures)
"""
    found, done = run(tmp_path, program)

    assert [title for title, _ in found] == ["Iris Types", "Iris Types", "untitled 00"]
    assert all(width == 640 for _, width in found)
    assert done.stderr == ""
    assert (tmp_path / "b.png").is_file()


def test_a_dumped_model_is_recorded_after_it_was_written(tmp_path):
    program = """
install()
import io, joblib, pathlib
from sklearn.linear_model import LogisticRegression
joblib.dump(LogisticRegression(), "model.pkl", compress=True)
joblib.dump({"a": 1}, pathlib.Path("other.pkl"))
joblib.dump({"a": 1}, io.BytesIO())
show(task.models)
"""
    found, _ = run(tmp_path, program)

    assert found == [["model.pkl", "scikit-learn"], ["other.pkl", "joblib"]]


def test_a_framework_is_off_by_name(tmp_path):
    program = """
install(frameworks={"joblib": False})
import joblib, matplotlib.pyplot as plt
joblib.dump(1, "model.pkl"); plt.plot([1]); plt.show()
show([len(task.models), len(task.figures)])
"""
    assert run(tmp_path, program)[0] == [0, 1]


def test_a_failing_hook_warns_once_and_the_program_goes_on(tmp_path):
    program = """
def fail(*_, **__): raise RuntimeError("boom")
task.record_saved_model = fail
install()
import joblib
joblib.dump(1, "a.pkl"); joblib.dump(2, "b.pkl")
show(joblib.load("b.pkl"))
"""
    found, done = run(tmp_path, program)

    assert found == 2
    assert done.stderr.count("trackside stops capturing joblib models: RuntimeError: boom") == 1


def test_nothing_is_imported_for_a_hook(tmp_path):
    program = "install()\nshow([name for name in ('argparse', 'joblib', 'matplotlib') if name in sys.modules])"

    assert run(tmp_path, program)[0] == []


def test_arguments_are_connected_whether_parsed_before_or_after(tmp_path):
    parse = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1); parser.add_argument("--name")
parser.set_defaults(call=print)
args = parser.parse_args()
argparse.ArgumentParser().parse_args([])
"""
    expected = [["Args", {"lr": 0.5, "name": None}]]

    assert run(tmp_path, "install()" + parse + "show(task.connected)", "--lr", "0.5")[0] == expected
    before = "capture.watch_arguments()" + parse + "install()\nshow(task.connected)"
    assert run(tmp_path, before, "--lr", "0.5")[0] == expected


def test_under_an_agent_recorded_arguments_win_by_type(tmp_path):
    program = """
task.remote, task.overrides = True, {"lr": "0.25", "name": 12, "fast": "True"}
install()
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1); parser.add_argument("--name", type=str)
parser.add_argument("--fast", action="store_true")
show(vars(parser.parse_args()))
"""
    assert run(tmp_path, program)[0] == {"lr": 0.25, "name": "12", "fast": True}


def test_printed_lines_are_recorded_and_still_printed(tmp_path):
    program = """
install(streams=True)
print("one"); print("two", "half", end=""); sys.stderr.write("bad\\n"); print(" rest")
for step in range(100): sys.stdout.write(f"\\r{step}%")
sys.stdout.write("\\n"); print("open", end="")
assert sys.stdout.fileno() == 1 and not sys.stdout.isatty() and sys.stdout.encoding
capture.remove()
assert sys.stdout is sys.__stdout__
print()
show(task.lines)
"""
    found, done = run(tmp_path, program)

    lines = [text for level, text in found if level == "info"]
    assert lines[:2] == ["one", "two half rest"]
    assert lines[-2:] == ["99%", "open"]
    assert len(lines) <= 6
    assert [text for level, text in found if level == "error"] == ["bad"]
    assert "one\ntwo half rest\n" in done.stdout


def test_under_an_agent_streams_are_left_alone(tmp_path):
    program = "install(streams=True)\nprint('x')\nshow(task.lines)"

    assert run(tmp_path, program, TRACKSIDE_JOURNAL=str(tmp_path))[0] == []
