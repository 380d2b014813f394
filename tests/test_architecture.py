"""The shape of the package: imports run down one list of folders, and modules are small."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "notmnist_store"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

ORDER = (
    *("errors", "text", "progress", "machine", "location", "workers", "option", "schema"),
    *("storage", "result", "catalog"),
    *("sources", "blocks", "engines", "drawing", "ingest", "near", "decisions", "splits"),
    *("loading", "export", "audits", "learning", "peek", "report", "upkeep", "review"),
    *("testing", "store", "cli"),
)
"""The folders and modules of the package from the ground up: imports run down this list."""

MAX_LINES = 400
LONG = {"notmnist_store.store"}  # the face: one class in one file
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "tools"}
KERNELS_DO_WITHOUT = {
    "deltalake",
    "duckdb",
    "os",
    "pathlib.Path",
    "pyarrow.dataset",
    "pyarrow.fs",
    "pyarrow.parquet",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
}
HEAVY = {
    "PIL",
    "deltalake",
    "duckdb",
    "fontTools",
    "numba",
    "pandas",
    "polars",
    "pyarrow.dataset",
    "scipy",
    "sklearn",
    "starlette",
    "uvicorn",
}

every_module = pytest.mark.parametrize("module", MODULES)


def place(module: str) -> int:
    """Where a module stands in ORDER; the package itself and `__main__` stand above all."""
    part = module.split(".")[1] if "." in module else "__main__"
    return len(ORDER) if part == "__main__" else ORDER.index(part)


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of everything imported anywhere in a module, early or late."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(names: Iterable[str]) -> set[str]:
    """The modules of this package among imported names (`package.module.name` is the module).

    The version is everyone's, though the package itself is a face.
    """
    found = set()
    for name in set(names) - {"notmnist_store.__version__"}:
        if name in MODULES:
            found.add(name)
        elif name.rpartition(".")[0] in MODULES:
            found.add(name.rpartition(".")[0])
    return found


def parse(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def test_the_package_is_found() -> None:
    assert {"notmnist_store", "notmnist_store.near.kernels.join"} <= set(MODULES)


@every_module
def test_imports_run_down_the_order(module: str) -> None:
    assert not {name for name in own(imports(parse(module))) if place(name) > place(module)}


@every_module
def test_a_name_is_imported_from_the_module_that_defines_it(module: str) -> None:
    for name in imports(parse(module)):
        origin, _, wanted = name.rpartition(".")
        if name not in MODULES and origin in MODULES:
            assert wanted in set(defined(parse(origin).body)), f"{origin} only passes {wanted} on"
            assert not wanted.startswith("_") or wanted == "__version__", f"not for others: {name}"


def test_imports_have_no_cycle() -> None:
    graph = {module: own(imports(parse(module))) - {module} for module in MODULES}
    while True:
        free = {module for module, needs in graph.items() if not needs}
        if not free:
            break
        graph = {module: needs - free for module, needs in graph.items() if module not in free}
    assert not graph, "these modules import each other in a circle, or import one that does"


@pytest.mark.parametrize("module", [name for name in MODULES if ".kernels" in name])
def test_below_a_folder_kernels_there_is_no_input_or_output(module: str) -> None:
    tree = parse(module)
    prefixes = {
        ".".join(name.split(".")[:length]) for name in imports(tree) for length in range(1, 4)
    }
    assert not prefixes & KERNELS_DO_WITHOUT
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    assert not [call.lineno for call in calls if isinstance(call, ast.Name) and call.id == "open"]


@every_module
def test_a_module_has_a_telling_name_a_docstring_and_few_lines(module: str) -> None:
    assert not set(module.split(".")) & VAGUE_NAMES
    assert ast.get_docstring(parse(module))
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES or module in LONG


def defined(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Names that statements of a module bind for others, in its branches too; imports aside."""
    for node in body:
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name))
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from defined(node.body)
            yield from defined(getattr(node, "orelse", []))
            for handler in getattr(node, "handlers", []):
                yield from defined(handler.body)


def test_the_package_offers_what_it_declares() -> None:
    package = importlib.import_module("notmnist_store")
    assert package.__all__
    assert [name for name in package.__all__ if not hasattr(package, name)] == []


@pytest.mark.parametrize("module", ["notmnist_store", "notmnist_store.cli.main"])
def test_importing_the_package_is_cheap(module: str) -> None:
    """What a verb does not need it does not import: the heavy packages come late."""
    program = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert not set(json.loads(done.stdout)) & HEAVY
