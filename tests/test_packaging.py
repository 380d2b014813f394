"""What is shipped: the wheel and the source archive, the locks, and no machine's settings."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import notmnist_store
from notmnist_store.drawing.fonts import FAMILIES

# Python 3.11 has the filter from 3.11.4 on.
SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}

Lock = dict[str, list[tuple[Requirement, int]]]


def python(*arguments: str, cwd: Path) -> str:
    """Run this interpreter and return what it prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, Any]:
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def archives(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the source archive and the wheel, built without network."""
    folder = tmp_path_factory.mktemp("dist")
    python("-m", "hatchling", "build", "-d", str(folder), cwd=repository)
    return folder


@pytest.fixture(scope="module")
def wheel(archives: Path) -> Path:
    (path,) = archives.glob("*.whl")
    return path


def sources(repository: Path, folder: str, pattern: str) -> set[str]:
    root = repository / folder
    found = {path.relative_to(repository).as_posix() for path in root.rglob(pattern)}
    assert found
    return found


def test_the_wheel_holds_the_package_and_every_query(repository: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = sources(repository, "notmnist_store", "*.py")
    queries = {f"notmnist_store/{name}" for name in sources(repository, "sql", "*.sql")}
    page = {f"notmnist_store/report/page.{suffix}" for suffix in ("css", "html", "js")}
    page |= {"notmnist_store/report/issue.md"}
    page |= {f"notmnist_store/review/page.{suffix}" for suffix in ("css", "html", "js")}
    texts = {f"notmnist_store/export/{name}.md" for name in ("opening", "readme")}
    assert names == modules | queries | page | texts | {"notmnist_store/py.typed"}


def test_the_wheel_runs_by_itself(wheel: Path, tmp_path: Path) -> None:
    """Unpacked anywhere, it finds its queries beside its modules, not in this repository."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from notmnist_store.catalog.queries import sql_folder; print(sql_folder())"
    )
    folder = Path(python("-I", "-c", program, str(tmp_path), cwd=tmp_path).strip())
    assert folder == tmp_path / "notmnist_store" / "sql"
    assert list(folder.rglob("*.sql"))


def test_the_version_is_said_once(wheel: Path, project: dict[str, Any]) -> None:
    assert "version" not in project["project"]
    assert wheel.name.startswith(f"notmnist_store-{notmnist_store.__version__}-")


def test_the_source_archive_builds_the_same_wheel(
    archives: Path, wheel: Path, tmp_path: Path
) -> None:
    (source,) = archives.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, **SAFELY)
    (tree,) = tmp_path.iterdir()
    python("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), cwd=tree)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


COMES_WITH = {
    "PIL": "pillow",
    "pyspark": "pyspark-client",
    "sklearn": "scikit-learn",
    "threadpoolctl": "scikit-learn",
}

BROUGHT_BY_THE_USER = {"pandas", "polars", "torch"}


def test_what_the_package_imports_is_asked_for(repository: Path, project: dict[str, Any]) -> None:
    """A fresh install has every library that is imported, early or late."""
    known = set(sys.stdlib_module_names) | BROUGHT_BY_THE_USER | {"notmnist_store"}
    extras = project["project"]["optional-dependencies"].values()
    asked = [*project["project"]["dependencies"], *(line for lines in extras for line in lines)]
    installed = {canonicalize_name(Requirement(line).name) for line in asked}
    for path in (repository / "notmnist_store").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in {name.partition(".")[0] for name in names} - known:
                assert canonicalize_name(COMES_WITH.get(name, name)) in installed, (path, name)


def read_lock(path: Path) -> Lock:
    """Pins of a lock file by package, each with the number of its hashes."""
    lock: Lock = {}
    for entry in path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if entry.startswith("#"):
            continue
        pin, *hashes = entry.split("--hash=sha256:")
        assert all(re.fullmatch("[0-9a-f]{64} *", digest) for digest in hashes), entry
        requirement = Requirement(pin.strip())
        lock.setdefault(canonicalize_name(requirement.name), []).append((requirement, len(hashes)))
    return lock


@pytest.mark.parametrize("name", ["run", "dev", "oldest-duckdb"])
def test_a_lock_has_exact_versions_and_hashes_only(repository: Path, name: str) -> None:
    for pins in read_lock(repository / f"requirements/{name}.lock").values():
        for pin, hashes in pins:
            assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), pin
            assert pin.url is None
            assert hashes >= 1, pin


@pytest.mark.parametrize(
    ("name", "groups"),
    [("run", ["glyphs", "review", "build"]), ("dev", ["glyphs", "review", "build", "dev"])],
)
def test_a_lock_pins_what_the_project_asks_for(
    repository: Path, project: dict[str, Any], name: str, groups: list[str]
) -> None:
    lock = read_lock(repository / f"requirements/{name}.lock")
    tables = project["project"]["optional-dependencies"] | project["dependency-groups"]
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    wanted += [line for group in groups for line in tables[group] if isinstance(line, str)]
    for asked in map(Requirement, wanted):
        pins = lock[canonicalize_name(asked.name)]
        assert all(asked.specifier.contains(str(pin.specifier)[2:]) for pin, _ in pins), asked


def test_the_fonts_are_those_the_offline_set_is_drawn_from(project: dict[str, Any]) -> None:
    asked = project["project"]["optional-dependencies"]["glyphs"]
    named, versions = zip(*(line.split("==") for line in asked), strict=True)
    assert set(named) == {f"fontpkg-{family}" for family in FAMILIES}
    assert all(versions), "each is pinned: other glyphs are other bytes"


def test_the_locks_agree(repository: Path) -> None:
    """One version a package, whatever was installed first (conditions may be wider in dev)."""
    run, dev = (read_lock(repository / f"requirements/{name}.lock") for name in ("run", "dev"))
    for package, pins in run.items():
        assert {str(pin.specifier) for pin, _ in pins} == {
            str(pin.specifier) for pin, _ in dev[package]
        }


def test_the_oldest_duckdb_locked_is_the_lower_bound(
    repository: Path, project: dict[str, Any]
) -> None:
    ((pin, _),) = read_lock(repository / "requirements/oldest-duckdb.lock")["duckdb"]
    assert f"duckdb{pin.specifier}".replace("==", ">=") in project["project"]["dependencies"]


@pytest.mark.parametrize("name", ["run", "dev"])
def test_a_lock_says_how_much_it_installs(repository: Path, name: str) -> None:
    """The first line, which `make` prints, counts what the lock holds for where it was made."""
    path = repository / f"requirements/{name}.lock"
    head = re.match(
        r"# (\d+) packages, \d+ MB to download \((\w+) (\w+), Python (3\.\d+)\)",
        path.read_text(encoding="utf-8"),
    )
    assert head
    where = {
        "sys_platform": head[2].lower(),
        "platform_machine": head[3],
        "platform_python_implementation": "CPython",
        "python_full_version": f"{head[4]}.0",
    }
    pins = [pin for pins in read_lock(path).values() for pin, _ in pins]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(where)]
    assert int(head[1]) == len(here)


def test_no_file_names_a_package_index(repository: Path) -> None:
    """Which index serves the packages is the machine's business."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git work tree")
    hosts = re.compile(rb"pypi\.(org|python)|python" + rb"hosted\.org|--(extra-)?index-url[ =]")
    paths = [repository / name.decode() for name in listed.stdout.split(b"\0") if name]
    assert paths
    assert [path for path in paths if path.is_file() and hosts.search(path.read_bytes())] == []
