"""What an extra brings is asked for where it is needed, in one error, and nothing else needs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import notmnist_store
from notmnist_store.store import Store
from tools.install_sizes import install_sizes

PACKAGE = str(Path(notmnist_store.__file__).parents[1])

# Each extra, how modules that it brings begin, and commands that cannot do without it.
NEEDED = {
    "baseline": ("sklearn", ["baseline", "suspects", "distinguish"]),
    "glyphs": ("fontpkg_", ["glyphs drawn.tar.gz --images 10"]),
    "review": ("starlette", ["review --no-browser --port 0"]),
    "spark": ("pyspark", ["audit --engine spark --spark-url sc://localhost:1"]),
}
_BLOCKED = """
import importlib.machinery, sys
found = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = staticmethod(
    lambda name, *where: None if name.startswith(BLOCKED) else found(name, *where)
)
from notmnist_store.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def without(modules: tuple[str, ...], *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command where these modules are not installed."""
    return subprocess.run(
        [sys.executable, "-c", _BLOCKED.replace("BLOCKED", repr(modules)), *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": PACKAGE},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_every_extra_is_tried(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(NEEDED) == set(project["project"]["optional-dependencies"])


@pytest.mark.parametrize(
    ("extra", "command"), [(extra, line) for extra in NEEDED for line in NEEDED[extra][1]]
)
def test_a_command_without_its_extra_says_how_to_get_it(
    shared_store: Store, tmp_path: Path, extra: str, command: str
) -> None:
    words = [*command.split(), "--store", str(shared_store.path)]
    done = without((NEEDED[extra][0],), *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    errors = re.findall(r"^error: .*\n  try: (.*)$", done.stderr, re.MULTILINE)
    assert errors == [f"python -m pip install 'notmnist-store[{extra}]'"]
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_readme_says_how_much_each_part_takes(repository: Path) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    told = {extra: int(size) for extra, size in re.findall(r"`(\w+)`(?: adds)? (\d+) MB", text)}
    base = re.search(r"The dependencies take (\d+) MB", text)
    assert base
    assert set(told) == set(NEEDED)
    for part, size in install_sizes().items():
        if size is not None:  # it is not in every environment
            said = {"base": int(base[1]), **told}[part] * 1e6
            assert 0.7 * said < size < 1.4 * said, (part, size)


@pytest.mark.slow
def test_no_other_command_needs_an_extra(small_archive: Path, tmp_path: Path) -> None:
    missing = tuple(module for module, _ in NEEDED.values())
    for line in (
        f"ingest {small_archive}",
        "audit duplicate_exact --fail-on never",
        "export ingest out --as npz",
        "report -o page.html",
    ):
        done = without(missing, *line.split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
