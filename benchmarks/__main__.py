"""`python -m benchmarks`: our figures as ratios to `python -c pass`, measured in the same run; medians of five."""

import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import psutil  # noqa: E402

from processes import Place  # noqa: E402
from trackside.execution.environment import EnvironmentStore  # noqa: E402
from trackside.execution.layer import LayerStore  # noqa: E402
from trackside.protocol.pipelines import CreateRun, StepSpec  # noqa: E402
from trackside.protocol.tasks import CreateTask, Script, StartTask  # noqa: E402

REPEATS = 5
Row = tuple[str, float, str, str]  # what, seconds, budget as a ratio, note


def median(work: Callable[[], float]) -> float:
    return statistics.median(work() for _ in range(REPEATS))


def timed(*command: str, **options: object) -> Callable[[], float]:
    def once() -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
        return time.perf_counter() - start

    return once


def new_place() -> Place:
    return Place(pathlib.Path(tempfile.mkdtemp(prefix="trackside-bench-")) / "home")


def server_start() -> float:
    place = new_place()
    start = time.perf_counter()
    place.start_server()
    took = time.perf_counter() - start
    place.close()
    return took


def idle(seconds: float) -> tuple[float, float]:
    """Resident megabytes and share of one core of a server with one idle agent."""
    place = new_place()
    place.start_server()
    place.start_agent()
    process = psutil.Process(place.server.pid)
    process.cpu_percent()
    time.sleep(seconds)
    figures = process.memory_info().rss / 1e6, process.cpu_percent()
    place.close()
    return figures


def init(place: Place) -> Callable[[], float]:
    code = (
        "import time, sys; from trackside import Task; Task.init('bench', 'init');"
        "open(sys.argv[1], 'w').write(str(time.time()))"
    )
    mark = place.work / "mark"

    def once() -> float:
        start = time.time()
        subprocess.run([sys.executable, "-c", code, mark], env=place.environment, check=True, stdout=subprocess.DEVNULL)
        return float(mark.read_text()) - start

    return once


STEP = """import time; begun = time.time_ns()
import os
with open({log!r}, "a") as file: print(begun, time.time_ns(), file=file, flush=True)
os._exit(0)
"""


def chained_step() -> float:
    """The exit of one step's process → the first statement of the next one's, in a chain with one idle agent."""
    place = new_place()
    place.start_server()
    place.start_agent()
    log = place.work / "log"
    script = Script(diff=STEP.format(log=str(log)), entry_point="step.py")
    base = place.api.call(CreateTask(name="a step", type="training", script=script)).id

    def chain(length: int) -> None:
        controller = place.api.call(CreateTask(name="a chain", type="controller")).id
        place.api.call(StartTask(task=controller))
        steps = [
            StepSpec(name=f"s{at}", base_task_id=base, parents=[f"s{at - 1}"] if at else []) for at in range(length)
        ]
        place.api.call(CreateRun(task=controller, steps=steps, default_queue="default"))
        assert place.ended(controller).status == "completed"

    chain(2)  # the environment and the layer are made
    log.unlink()
    chain(REPEATS + 2)
    place.close()
    marks = [tuple(map(int, line.split())) for line in log.read_text().splitlines()]
    gaps = [(marks[at + 1][0] - marks[at][1]) / 1e9 for at in range(1, len(marks) - 1)]
    return statistics.median(gaps)


def environment_ready() -> float:
    home = pathlib.Path(tempfile.mkdtemp(prefix="trackside-bench-"))
    environments, layers = EnvironmentStore(home), LayerStore(home)
    environment = environments.ensure("")
    layers.ensure(environment)

    def once() -> float:
        start = time.perf_counter()
        found = environments.ensure("")
        layer = layers.ensure(found)
        subprocess.run([found.python, "-c", "pass"], env={"PYTHONPATH": str(layer.bootstrap)}, check=True)
        return time.perf_counter() - start

    return median(once)


def rows() -> list[Row]:
    floor = median(timed(sys.executable, "-c", "pass"))
    found: list[Row] = [("python -c pass", floor, "", "the floor")]
    found.append(
        ("from trackside import Task", median(timed(sys.executable, "-c", "from trackside import Task")), "4", "")
    )
    place = new_place()
    place.start_server()
    found.append(("process start → Task.init returned", median(init(place)), "12", "server up"))
    place.close()
    found.append(("empty server start → first answer", median(server_start), "60", ""))
    memory, share = idle(10.0)
    found.append(("environment ready → python started", environment_ready(), "1", "in place, with our layer"))
    found.append(("exit of step N → first statement of N+1", chained_step(), "5", "agent idle, environment ready"))
    demo = ROOT / ".demo"
    if demo.exists():
        command = (sys.executable, "-m", "trackside", "demo", "--home", str(demo))
        found.append(("the demo's second run", timed(*command, stderr=subprocess.DEVNULL)(), "", "once"))
    found.append((f"idle server: {memory:.0f} MB, {share:.1f} % CPU", 0.0, "", "budget 150 MB, 0.5 %"))
    return found


def main() -> None:
    table = rows()
    floor = table[0][1]
    print("| what | seconds | × floor | budget × | note |")
    print("|---|---|---|---|---|")
    for what, seconds, budget, note in table:
        figures = f"{seconds:.3f} | {seconds / floor:.1f}" if seconds else " | "
        print(f"| {what} | {figures} | {budget} | {note} |")


main()
