"""The house of docs ARCHITECTURE.md, checked on the syntax trees: it sees imports inside functions too."""

import ast
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

ROOT = pathlib.Path(__file__).parent.parent
SOURCE = ROOT / "src" / "trackside"

LAYERS = [
    {"cli", "testing"},
    {"automation", "agent", "server"},
    {"execution"},
    {"sdk"},
    {"storage", "journal"},
    {"client"},
    {"protocol", "settings", "series"},
    {"safe", "faults"},
    {"errors"},
]
HEIGHT = {room: len(LAYERS) - at for at, rooms in enumerate(LAYERS) for room in rooms} | {"__main__": 99}
MAX_MODULE = 400
#: A façade has many small methods, and a noun's messages are data; neither is code to be understood at once.
LONGER = {"trackside.sdk.task": 545, "trackside.protocol.tasks": 500}
MAX_FUNCTION = 60


def modules() -> Iterator[tuple[str, ast.Module, str]]:
    for path in sorted(SOURCE.rglob("*.py")):
        if "migrations" in path.parts:
            continue
        text = path.read_text()
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield name, ast.parse(text), text


MODULES = list(modules())
PACKAGES = {name for name, _, _ in MODULES if (SOURCE.parent / name.replace(".", "/") / "__init__.py").exists()}
NAMES = {name for name, _, _ in MODULES}


def imported(name: str, node: ast.AST) -> list[str]:
    """Our modules that an import statement loads."""
    if isinstance(node, ast.Import):
        found = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = name if name in PACKAGES else name.rpartition(".")[0]
            for _ in range(node.level - 1):
                package = package.rpartition(".")[0]
            base = f"{package}.{base}" if base else package
        found = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in NAMES else base for alias in node.names]
    else:
        return []
    return [item for item in found if item == "trackside" or item.startswith("trackside.")]


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker sees."""
    for child in ast.iter_child_nodes(tree):
        if not is_type_checking(child):
            yield child
            yield from walk(child)


def test_a_room_imports_only_the_rooms_below_it() -> None:
    wrong = [
        f"{name}:{getattr(node, 'lineno', 0)} imports {target}"
        for name, tree, _ in MODULES
        if room(name)
        for node in walk(tree)
        for target in imported(name, node)
        if room(target) and room(target) != room(name) and HEIGHT[room(target)] >= HEIGHT[room(name)]
    ]
    assert wrong == []


def test_every_room_has_its_place_in_the_house() -> None:
    assert {room(name) for name in NAMES if room(name)} <= set(HEIGHT)


def test_modules_import_each_other_in_no_circle() -> None:
    edges = {
        name: {target for node in walk(tree) for target in imported(name, node)} - {name} for name, tree, _ in MODULES
    }
    edges = {name: {t for t in targets if t in NAMES and t not in PACKAGES} for name, targets in edges.items()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " → ".join([*path[path.index(name) :], name])
        if name not in done:
            for target in edges.get(name, ()):
                visit(target, (*path, name))
            done.add(name)

    for name in edges:
        visit(name, ())


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for name, tree, _ in MODULES:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}:{node.lineno} {node.name}", node


def test_modules_and_functions_stay_small() -> None:
    sizes = {name: text.count("\n") for name, _, text in MODULES}
    long_modules = [f"{name}: {size}" for name, size in sizes.items() if size > LONGER.get(name, MAX_MODULE)]
    long_functions = []
    for where, node in functions():
        docstring = ast.get_docstring(node) or ""
        lines = (node.end_lineno or 0) - node.lineno + 1 - docstring.count("\n")
        if lines > MAX_FUNCTION:
            long_functions.append(f"{where}: {lines}")
    assert long_modules + long_functions == []


def test_nothing_sleeps_and_no_loop_waits_for_a_constant_time() -> None:
    """DESIGN 7: processes are waited for, the server is long-polled, the next due moment is computed."""
    found = []
    for name, tree, _ in MODULES:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called(node) == "sleep":
                found.append(f"{name}:{node.lineno} sleeps")
            if isinstance(node, ast.While | ast.For):
                found += [f"{name}:{call.lineno} waits in a loop" for call in constant_waits(node)]
    assert found == []


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def constant_waits(loop: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(loop):
        if not isinstance(node, ast.Call) or called(node) not in ("wait", "join", "get", "select", "poll", "wait_for"):
            continue
        timeouts = [item.value for item in node.keywords if item.arg == "timeout"]
        if called(node) in ("wait", "join", "select", "poll"):
            timeouts += node.args[-1:]
        if any(
            isinstance(item, ast.Constant) and isinstance(item.value, int | float) and item.value for item in timeouts
        ):
            yield node


def test_the_server_names_no_client() -> None:
    forbidden = {"client", "journal", "storage", "sdk", "execution"}
    wrong = [
        f"{name} imports {target}"
        for name, tree, _ in MODULES
        if room(name) == "server"
        for node in walk(tree)
        for target in imported(name, node)
        if room(target) in forbidden
    ]
    assert wrong == []


@pytest.mark.parametrize("module", ["trackside", "trackside.sdk.task"])
def test_importing_the_sdk_loads_nothing_heavy(module: str) -> None:
    heavy = {
        "numpy",
        "pandas",
        "torch",
        "matplotlib",
        "sqlalchemy",
        "starlette",
        "uvicorn",
        "psycopg",
        "rich",
        "asyncio",
    }
    code = f"import sys, {module}; print(sorted(set(sys.modules) & {heavy!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_architecture_page_draws_the_layers_that_are_checked() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    drawn = re.search(r"```layers\n(.*?)```", page, re.DOTALL)
    assert drawn is not None
    lines = [set(re.findall(r"\w+", line)) for line in drawn[1].strip().splitlines()]
    assert lines == LAYERS
