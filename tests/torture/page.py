"""docs/guarantees.md: what is promised, the tests that hold it, and what the last runs found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from notmnist_store import __version__
from tests.torture.trial import Asked, Tally

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guarantees.md"

IN_README = {
    "Every file of the archive is accounted for": (
        "tests/ingest/test_ingest.py::test_every_member_is_stored_rejected_or_ignored",
    ),
    "A killed ingest leaves nothing behind": (
        "tests/ingest/test_crash.py::test_kill_at_each_stage_of_a_first_ingest",
    ),
    "the same source again is a no-op that says so": (
        "tests/ingest/test_ingest.py::test_the_same_source_again_is_a_no_op",
    ),
    "Such a store is marked as demo, and takes no real data": (
        "tests/ingest/test_ingest.py::test_real_data_does_not_go_into_a_demo_store",
    ),
    "The connection reads this store and nothing else": (
        "tests/catalog/test_connection.py::test_the_connection_cannot_write_or_reach_out",
    ),
    "the same everywhere for the same images and arguments": (
        "tests/splits/test_make.py::"
        "test_same_images_and_arguments_give_the_same_rows_in_another_store",
    ),
    "with exit code 1 if an audit that must pass does not": (
        "tests/cli/test_main.py::test_every_error_has_its_exit_code_and_a_hint_that_works",
    ),
    "finds every pair of pictures within a radius, and misses none": (
        "tests/near/test_search.py::test_the_pairs_are_those_of_brute_force",
        "tests/near/kernels/test_join.py::test_any_images_at_any_radius",
    ),
    "all their near copies are found in 5.2 s, exactly": (
        "tests/near/kernels/test_join.py::test_the_pairs_are_those_of_brute_force",
    ),
    "copies moved by a pixel": (
        "tests/near/kernels/test_moved.py::test_pairs_are_those_of_brute_force",
    ),
    "An independent method checks it": (
        "tests/near/test_certify.py::test_a_pair_that_was_removed_is_found",
        "tests/near/test_certify.py::test_a_pair_that_is_wrong_is_found",
    ),
    "no image stands within the radius of one in another split": (
        "tests/splits/test_sanitize.py::test_rows_and_drops_are_those_of_brute_force",
        "tests/splits/test_sanitize.py::test_afterwards_the_leak_audits_pass",
    ),
    "It shows what would go; `--yes` makes it": (
        "tests/splits/test_sanitize.py::test_the_counts_are_those_of_what_is_made_at_each_radius",
    ),
    "one HTML file that opens with the verdict": (
        "tests/report/test_page.py::test_a_page_opens_with_what_stands_against_training",
    ),
    "In Python each command is a method with the same options": (
        "tests/cli/test_main.py::test_every_option_is_read_and_given_to_the_method",
    ),
    "the same rows": (
        "tests/engines/spark/test_same_result.py::test_a_file_gives_the_same",
        "tests/location/test_stores_in_buckets.py::test_both_come_to_hold_the_same",
        "tests/location/test_stores_in_buckets.py::test_both_say_the_same",
    ),
    "zlib and Pillow do the same work": (
        "tests/blocks/kernels/test_decode.py::test_fast_and_slow_agree_to_the_last_detail",
    ),
}
"""What README.md promises, in its words, and the tests that hold it."""

_HEAD = """\
# Guarantees

What the README and SECURITY.md promise stands here with the tests that hold it; a test holds the
table to both. Below it stands what `make torture` found when it was last run: it disturbs the
program in every way we know and looks at what comes of it, by a seed, so that each trial can be
made again.

## What is promised

| promise | said in | held by |
| --- | --- | --- |
"""
_RESULTS = """
## What the torture found

<!-- not run: the short form takes minutes, all of it up to three hours -->
```sh
make torture
make torture-short
make torture ARGS="--part kill --only 'ingest at' --verbose"
```

A run replaces the rows of its parts below. Each trial has a name: with a piece of it, as in the
last line, and the same seed it is made again. *Inputs* are the
disturbances: a kill, a damaged file, a hostile file read, a statement. A row says `all` where the
part was run whole, else how much of it.

| part | form | inputs | failed | what they came to | seed | version | seconds |
| --- | --- | ---: | ---: | --- | ---: | --- | ---: |
"""
_ABOUT = """
| part | what is done, and what must hold after it |
| --- | --- |
| kill | `kill -9` at every stage of every command that writes, and at 200 moments drawn: every reader shows the old state or the whole new one, `verify --full` passes, a plain DuckDB shows the same by `views.sql`, and the command again ends as an undisturbed one. Between a run's commit and the rewriting of `views.sql` that file is one run behind; `verify` says so, and the next command mends it |
| kill-s3 | the same stages with the store in a bucket |
| limits | at every stage the disk is full, or has no room for another file's name, or is read-only, or files may not grow, or no further file may be opened: a finished run, or an error with a hint and exit code 2 or 3; never a traceback; what has landed is said to have landed |
| corruption | each file of a store, in each of its regions, is flipped, cut, emptied, deleted, swapped, made old, foreign or longer: the same rows or an error, never other rows; `verify --full` names the file, and what to ingest anew |
| concurrency | four writers, four readers, `undo` and `gc` at once: what a reader saw is what the runs up to the last one that he saw have made |
| fuzz | readers of foreign files, from a kept corpus: members, rejects, or an error with the reason; PNG as Pillow reads it |
| sql | a list of statements that try to get out, and bombs: nothing is written or read, and time and memory are bounded |
"""  # noqa: E501


def promises() -> list[tuple[str, str, tuple[str, ...]]]:
    """Each promise, where it is said, and the tests that hold it."""
    security = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in security.splitlines() if "`tests/" in line]
    said = [
        (row[1].strip(), "SECURITY.md", tuple(re.findall(r"`(tests/[^`]+)`", row[-1])))
        for row in rows
    ]
    return [*((text, "README.md", tests) for text, tests in IN_README.items()), *said]


def results() -> dict[str, str]:
    """The rows of the page by their part."""
    if not PAGE.exists():
        return {}
    found = PAGE.read_text(encoding="utf-8").partition("| what they came to |")[2]
    lines = found.partition("\n\n")[0].splitlines()[2:]
    return {line.split(" | ")[0].strip("| "): line for line in lines}


def row(tally: Tally, asked: Asked) -> str:
    """A part's row of results."""
    came_to = "; ".join(f"{times:,} {what}" for what, times in tally.outcomes.most_common())
    form = "short" if asked.short else "all" if asked.every == 1 else f"one in {asked.every}"
    cells = (
        *(tally.part, form, f"{tally.inputs:,}", len(tally.failures), came_to),
        *(asked.seed, __version__, f"{tally.seconds:.0f}"),
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def write(rows: dict[str, str], order: Sequence[str]) -> None:
    """Write the page with these rows of results, the others as they are."""
    PAGE.write_text(text(results() | rows, order), encoding="utf-8")


def text(rows: dict[str, str], order: Sequence[str]) -> str:
    """The page."""
    table = "".join(
        f"| {promise} | [{said}](../{said}) | {', '.join(f'`{test}`' for test in tests)} |\n"
        for promise, said, tests in promises()
    )
    found = "".join(f"{rows[part]}\n" for part in order if part in rows)
    return _HEAD + table + _RESULTS + found + _ABOUT
