"""The page on the course's notebook: its commands on overlap and learning give rows as written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from notmnist_store.cli.main import main
from tests.support.documents import read
from tests.support.letters import letter_store

CELLS = ("Problem 5", "… near duplicates", "… sanitized sets", "Problem 6", "… all the data")


def commands() -> list[list[str]]:
    rows = [line.split("|") for line in read("docs/assignment.md").splitlines() if "|" in line]
    done = {row[1].strip(): row[3] for row in rows}
    spans = (span for cell in CELLS for span in re.findall(r"`([^`]+)`", done[cell]))
    return [shlex.split(span.removeprefix("notmnist-store ")) for span in spans]


@pytest.mark.slow
def test_the_commands_of_problems_5_and_6_give_rows(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = letter_store(tmp_path / "store", tmp_path / "letters.tar.gz")
    store.split("course", train=120, valid=30, test=45)
    assert len(commands()) > 8
    for command in commands():
        code = main([*command, "--store", str(store.path), "--format", "csv"])
        shown = capfd.readouterr()
        assert code == 0 or command[0] == "audit", shown.err
        assert len(shown.out.splitlines()) > 1 or command[0] == "audit", command
        assert "no rows" not in shown.err
