"""Lost log entries: what finished runs say they wrote, held against what the logs name.

Whoever reads a log compares. Logs only ever grow, and what says how much they name is read before
them; so a commit under way, which names more, is never taken for a loss.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa
import xxhash

from notmnist_store.errors import DamageError
from notmnist_store.location.location import Location, files_in, first_bytes
from notmnist_store.storage.datafile import DataFile, run_of

VIEWS_FILE = "views.sql"
_SHOWN = re.compile(r"(-- Shows (?P<runs>\d+) runs, the newest (?P<newest>\S+)), check (\w{16})\n")
_HEAD_BYTES = 200
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{10}")
_ROW_PARTS = 4  # the run id, which holds a hyphen, the sequence and the seal


class Shown(NamedTuple):
    """How many runs views.sql shows, and the newest of them: what holds the end of their log."""

    runs: int
    newest: str


def summary(files: Iterable[DataFile]) -> dict[str, int | str]:
    """What a log must name of a run: how many files and rows, and the hash of the names."""
    names = sorted((file.name, file.rows) for file in files)
    joined = "\n".join(name for name, _ in names).encode()
    return {
        "files": len(names),
        "rows": sum(rows for _, rows in names),
        "names": xxhash.xxh3_64_hexdigest(joined),
    }


def shown_line(runs: pa.Table) -> str:
    """The first line of a views.sql that shows these runs."""
    newest = runs["run_id"][-1].as_py() if runs.num_rows else "none"
    text = f"-- Shows {runs.num_rows} runs, the newest {newest}"
    return f"{text}, check {xxhash.xxh3_64_hexdigest(text.encode())}"


def shown(root: Location) -> Shown | None:
    """What the first line of views.sql says; None where there is none, or it is damaged."""
    try:
        head = first_bytes(root / VIEWS_FILE, _HEAD_BYTES).decode(errors="replace")
    except OSError:
        return None
    line = _SHOWN.match(head)
    if line is None or xxhash.xxh3_64_hexdigest(line[1].encode()) != line[4]:
        return None
    return Shown(int(line["runs"]), line["newest"])


def runs_named(root: Location) -> set[str]:
    """Ids of the runs that views.sql names, damaged or not."""
    try:
        return set(_RUN_ID.findall((root / VIEWS_FILE).read_text(errors="replace")))
    except OSError:
        return set()


def waiting_rows(root: Location, runs: int) -> list[Location]:
    """Rows of runs, in no log, that would have been the next after so many.

    A writer was killed or is at work between writing the row and committing it; or it was
    committed, and its entry was deleted before views.sql could name it.
    """
    return [path for path in files_in(root / "run", "*.parquet") if row_number(path.name) > runs]


def row_number(name: str) -> int:
    """The sequence of the run whose row was the last in a file of table run; 0 for other names."""
    parts = name.removesuffix(".parquet").split("-")
    return int(parts[2]) if len(parts) == _ROW_PARTS and parts[2].isdigit() else 0


def check_runs(root: Location, runs: pa.Table, before: Shown | None) -> None:
    """Hold the runs that their log names against their numbers and views.sql.

    `before` is what views.sql said before the log was read.

    Raises:
        DamageError: an entry of the log is lost.
    """
    ids = runs["run_id"].to_pylist()
    said = max(runs["sequence"].to_pylist(), default=0)
    if len(ids) != said:
        raise _damage(root, f"there were {said:,} runs, the log of table run names {len(ids):,}")
    if before and before.runs and ids[before.runs - 1 : before.runs] != [before.newest]:
        raise _damage(
            root,
            f"{VIEWS_FILE} shows run {before.newest} as the last of {before.runs:,}, "
            f"the log of table run names {len(ids):,}",
        )


def check_table(root: Location, table: str, files: Sequence[DataFile], runs: pa.Table) -> None:
    """Hold the files that a table's log names against what these runs wrote to it.

    Raises:
        DamageError: they are not the same.
    """
    logged: dict[str, list[DataFile]] = {}
    for file in files:
        logged.setdefault(run_of(file.name), []).append(file)
    wrote = _wrote(tuple(runs["wrote"].to_pylist()))
    for run_id, tables in zip(runs["run_id"].to_pylist(), wrote, strict=True):
        said = tables.get(table)
        named = logged.get(run_id, ())
        if said != (summary(named) if named else None):
            count = 0 if said is None else said["files"]
            found = "others" if count == len(named) else len(named)
            raise _damage(
                root,
                f"run {run_id} wrote {count} file{'s' * (count != 1)} to {table}, "
                f"the log names {found}",
            )


@lru_cache(maxsize=4)
def _wrote(column: tuple[str, ...]) -> list[dict[str, dict[str, int | str]]]:
    """Column `wrote` of table run, read."""
    return [json.loads(text) for text in column]


def _damage(root: Location, what: str) -> DamageError:
    return DamageError(f"the store {root} is damaged: {what}", "notmnist-store verify")
