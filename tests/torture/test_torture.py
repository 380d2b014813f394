"""The torture's tables are whole: each command that writes, each promise, each of its tests."""

from __future__ import annotations

import random
import re
from pathlib import Path

from notmnist_store.cli.commands import COMMANDS
from tests.torture import page
from tests.torture.corruption import HOW, Damage, regions
from tests.torture.parts import PARTS
from tests.torture.writers import WRITERS

ONLY_READS = {
    *("info", "audit", "audit-against", "split-sets", "split-show", "split-diff"),
    *("near-against", "near-components", "verify"),
}
ELSEWHERE = {
    "download",  # tests/sources/test_download.py cuts and resumes it
    "review",  # a server: tests/review/test_desk.py kills who is at it
}


def test_every_command_that_writes_is_disturbed() -> None:
    named = {command.name for command in COMMANDS}
    assert named - ONLY_READS - ELSEWHERE == {writer.command for writer in WRITERS}


def test_the_page_of_guarantees_is_up_to_date_and_names_tests_that_exist() -> None:
    assert page.PAGE.read_text(encoding="utf-8") == page.text(page.results(), list(PARTS))
    for promise, said, tests in page.promises():
        assert tests, promise
        for test in tests:
            path, _, name = test.partition("::")
            assert f"\ndef {name}(" in (page.ROOT / path).read_text(encoding="utf-8"), test
        assert promise in " ".join((page.ROOT / said).read_text(encoding="utf-8").split())


ABSOLUTE = r"\b(never|nothing|every|each|exactly|misses|no-op|the same|cannot|always|no image)\b"


def test_every_promise_of_the_readme_has_a_row() -> None:
    """A sentence with a word that bears no exception is one."""
    text = (page.ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"```.*?```|<!--.*?-->|^[#|!].*?$", "", text, flags=re.DOTALL | re.MULTILINE)
    for sentence in re.split(r"(?<=[.;:])\s+", " ".join(text.split())):
        if re.search(ABSOLUTE, sentence):
            assert any(promise in sentence for promise in page.IN_README), sentence


def test_every_way_to_damage_a_file_changes_what_stands_there(tmp_path: Path) -> None:
    for how in set(HOW):
        root = tmp_path / how.__name__ / "store"
        root.mkdir(parents=True)
        for name in ("a", "b"):
            (root / f"{name}.json").write_text(f"what stands in {name}")
        before = {path: path.read_bytes() for path in root.iterdir()}
        how(Damage(root / "b.json", regions(root / "b.json")[0], random.Random(3)))
        assert {path: path.read_bytes() for path in root.iterdir()} != before, how.__name__
