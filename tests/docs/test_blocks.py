"""Every ``sh`` and ``python`` block of the documents runs, and prints what the document shows.

They run in a scratch folder with a small store. Blocks of notmnist-store commands alone run in this
process; the others in a shell, where the command is this checkout.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from notmnist_store.cli.main import main
from tests.support.documents import REPOSITORY, SHELL, Example, check_output, read, run_python

PROGRAM = "notmnist-store"


def commands(example: Example) -> list[list[str]] | None:
    """The arguments of each command of a block of nothing but commands of ours; else None."""
    lines = example.code.replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    if all(line[:1] == [PROGRAM] and not {">", "|", "<", "&&"} & set(line) for line in words):
        return [line[1:] for line in words]
    return None


OURS = [example for example in SHELL if not example.not_run and commands(example) is not None]
OTHERS = [example for example in SHELL if example not in OURS]


def name(example: Example) -> str:
    return f"{example.document}-{example.line}"


@pytest.mark.parametrize("example", OURS, ids=name)
def test_a_block_of_commands_does_what_the_document_shows(
    example: Example,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(scratch)
    monkeypatch.setenv("COLUMNS", "100")
    for arguments in commands(example) or ():
        assert main(arguments) == 0, capfd.readouterr().err
    check_output(example, capfd.readouterr().out)


@pytest.fixture(scope="module")
def path_with_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which notmnist-store is this checkout, and the environment's programs are found."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / PROGRAM
    package = shlex.quote(str(REPOSITORY))
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={package} exec {shlex.quote(sys.executable)} "
        '-m notmnist_store "$@"\n'
    )
    program.chmod(0o755)
    return os.pathsep.join((str(folder), str(Path(sys.executable).parent), os.environ["PATH"]))


@pytest.mark.parametrize("example", OTHERS, ids=name)
def test_a_shell_block_does_what_the_document_shows(
    example: Example, scratch: Path, path_with_program: str
) -> None:
    if example.not_run:
        pytest.skip(example.mark)
    if example.mark:
        program = example.mark.removeprefix("needs: ")
        assert program != example.mark, f"unknown mark: {example.mark}"
        if shutil.which(program, path=path_with_program) is None:
            pytest.skip(f"{program} is not installed")
    environment = {**os.environ, "PATH": path_with_program, "COLUMNS": "100"}
    done = subprocess.run(
        ["sh", "-eu", "-c", example.code],
        cwd=scratch,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    check_output(example, done.stdout)


def test_both_ways_to_run_a_block_are_in_use() -> None:
    assert len(OURS) > 20
    assert [example for example in OTHERS if not example.not_run]


@pytest.mark.slow
@pytest.mark.parametrize("document", ["README.md", "docs/python.md"])
def test_the_python_of_a_page_runs(
    document: str, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if document == "docs/python.md":
        pytest.importorskip("pandas")
        pytest.importorskip("polars")
    monkeypatch.chdir(scratch)
    names = run_python(document)
    assert len(names["x"]) > 7_000


def test_what_is_not_run_says_why() -> None:
    for example in SHELL:
        if example.not_run:
            assert len(example.mark.split()) > 4, f"{example.document}:{example.line}"


def test_every_page_with_python_is_run() -> None:
    """docs/format.md is run by its own tests."""
    pages = {"README.md", "docs/python.md", "docs/format.md"}
    assert {e.document for e in SHELL} >= pages - {"docs/python.md", "docs/format.md"}
    assert all("```python\n" in read(page) for page in pages)


def test_wildcards_do_not_hide_a_difference() -> None:
    example = Example("x", 1, "sh", "", "", "a  …  b\n…\nlast\n")
    check_output(example, "a  1  b\nmore\nlast\n")
    for wrong in ("a  1  c\nlast\n", "a  1  b\nlast\nmore\n", "a  1  b\n"):
        with pytest.raises(AssertionError):
            check_output(example, wrong)
