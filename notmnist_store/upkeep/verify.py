"""The verb verify: is what the logs promise there, whole and consistent?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from notmnist_store.blocks.kernels.fingerprint import pixel_hashes
from notmnist_store.catalog.views_file import views_text
from notmnist_store.errors import LimitError, StoreError
from notmnist_store.location.location import Location
from notmnist_store.progress import Progress
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.datafile import DataFile, open_checked, reading, run_of
from notmnist_store.storage.losses import VIEWS_FILE, row_number, waiting_rows
from notmnist_store.storage.tables import Tables, withdrawn_runs

DAMAGED = "damaged"
_OK, _NOTE = "ok", "note"
_SCHEMA = pa.schema(
    [
        pa.field("table", pa.string()),
        pa.field("check", pa.string()),
        pa.field("status", pa.string()),
        pa.field("detail", pa.string()),
    ]
)


def verify(tables: Tables, progress: Progress, *, full: bool = False) -> pa.Table:
    """Check every table: logs and files readable, page checksums, row counts against the runs.

    `full` hashes all pixels again. Returns one row a check: table, check, status (ok, damaged, or
    note for what is odd but harmless), detail. What is damaged says what to ingest or to do anew.
    """
    findings: list[dict[str, str | None]] = []

    def found(table: str, check: str, status: str, detail: str) -> None:
        findings.append({"table": table, "check": check, "status": status, "detail": detail})

    try:
        runs = tables.runs()
    except LimitError:
        raise
    except StoreError as error:
        found("run", "readable", DAMAGED, f"{error.message}; {_anew(None)}")
        return pa.Table.from_pylist(findings, schema=_SCHEMA)
    counted: dict[str, Counter[str]] = {}
    for table in TABLES:
        try:
            files = tables.files(table, runs)
        except LimitError:
            raise
        except StoreError as error:
            found(table, "log", DAMAGED, f"{error.message}; {_anew(runs)}")
            continue
        counted[table] = Counter()
        problems = list(_check_files(tables, table, files, counted[table], progress, full))
        for file, detail in problems:
            if file is not None and file.state != "live":
                found(table, "files", _NOTE, f"{detail}; in no view")
            else:
                found(table, "files", DAMAGED, f"{detail}; {_again(runs, file)}")
        if not problems:
            what = "pages and pixel hashes" if full and table == "image" else "pages"
            found(table, "files", _OK, f"{len(files)} files, {what} right")
        _note_strays(tables, table, files, runs.num_rows, found)
    for detail in _check_counts(runs, counted):
        found("run", "row counts", DAMAGED, detail)
    if not any(row["check"] == "row counts" for row in findings):
        found("run", "row counts", _OK, f"{runs.num_rows} runs agree with their rows")
    _check_views(tables, found)
    return pa.Table.from_pylist(findings, schema=_SCHEMA)


def _check_files(
    tables: Tables,
    table: str,
    files: list[DataFile],
    counted: Counter[str],
    progress: Progress,
    full: bool,
) -> Iterator[tuple[DataFile | None, str]]:
    """What is wrong with files, each with the file where it is one."""
    ids: list[Any] = []
    progress.stage(f"verifying {table}", len(files), "files")
    for number, file in enumerate(files):
        path = tables.path(table, file.name)
        try:
            with reading(path):
                size = path.stat().st_size
            if size != file.bytes:
                yield file, f"{file.name} has {size} bytes, not {file.bytes}"
            rows = _read_rows(path, table, full, tables, ids if file.state == "live" else [])
            if isinstance(rows, str):
                yield file, f"{file.name}: {rows}"
                continue
            if rows != file.rows:
                yield file, f"{file.name} has {rows} rows, not {file.rows}"
            counted[run_of(file.name)] += rows
        except LimitError:
            raise
        except StoreError as error:
            yield file, error.message
        progress.advance(number + 1)
    progress.end()
    if ids:
        every = np.concatenate(ids)
        if len(np.unique(every)) != len(every):
            yield None, f"{len(every) - len(np.unique(every))} image ids are not unique"


def _again(runs: pa.Table, file: DataFile | None) -> str:
    """What brings the rows of a damaged file back."""
    named = None if file is None else run_of(file.name)
    for run in runs.to_pylist():
        if run["run_id"] == named:
            what = f"ingest {run['source']}" if run["verb"] == "ingest" else f"run {run['verb']}"
            return f"take it out by notmnist-store undo {named}, and {what} anew"
    return _anew(runs)


def _anew(runs: pa.Table | None) -> str:
    """What helps where an entry of a log is lost: none can be undone then."""
    sources = [] if runs is None else [name for name in runs["source"].to_pylist() if name]
    named = ", ".join(dict.fromkeys(sources)) or "its sources"
    return f"make a new store: ingest {named} anew"


def _read_rows(path: Location, table: str, full: bool, tables: Tables, ids: list[Any]) -> int | str:
    """Rows of a file, every page of it read and checked; or what is wrong with its pixels."""
    shape = tables.marker.shape
    rows = 0
    with open_checked(path) as parquet:
        for batch in parquet.iter_batches(batch_size=shape.group_members):
            rows += batch.num_rows
            if table != "image":
                continue
            ids.append(batch.column("image_id").to_numpy())
            if full:
                joined = b"".join(batch.column("pixels").to_pylist())
                if len(joined) != batch.num_rows * shape.size:
                    return f"pixels are not {shape}"
                pixels = np.frombuffer(joined, np.uint8).reshape(-1, shape.size)
                wrong = sum(
                    a != b
                    for a, b in zip(
                        pixel_hashes(pixels, shape),
                        batch.column("pixel_hash").to_pylist(),
                        strict=True,
                    )
                )
                if wrong:
                    return f"{wrong} images do not match their pixel_hash"
    return rows


def _note_strays(tables: Tables, table: str, files: list[DataFile], runs: int, found: Any) -> None:
    logged = {file.name for file in files}
    there = {path.name for path in tables.path(table).glob("*.parquet")}
    stray = sorted(there - logged)
    if table == "run":  # rows that stand in a later file, too
        stray = [name for name in stray if not 0 < row_number(name) <= runs]
    if table == "run" and (waiting := waiting_rows(tables.root, runs)):
        found(
            table,
            "uncommitted run",
            _NOTE,
            f"{run_of(waiting[-1].name)} wrote its row and no log names it: its writer is at work, "
            "or was killed, or the last entry was deleted before views.sql named it",
        )
    if stray:
        found(table, "unlogged files", _NOTE, f"{len(stray)}, in no view; the first: {stray[0]}")
    dead = [file for file in files if file.state != "live"]
    if dead:
        rows = sum(file.rows for file in dead)
        found(table, "unfinished runs", _NOTE, f"{len(dead)} files with {rows} rows, in no view")


def _check_counts(runs: pa.Table, counted: dict[str, Counter[str]]) -> Iterator[str]:
    columns = {"image": "members_stored", "reject": "members_rejected"}
    gone = withdrawn_runs(runs)
    for run in (run for run in runs.to_pylist() if run["run_id"] not in gone):
        for table, column in columns.items():
            if table in counted and counted[table][run["run_id"]] != run[column]:
                yield (
                    f"run {run['run_id']} says {run[column]} rows in {table}, "
                    f"there are {counted[table][run['run_id']]}"
                )


def _check_views(tables: Tables, found: Any) -> None:
    """A views.sql that shows other runs than there are misleads a plain DuckDB: a failure."""
    mended = "the next command that writes, or finds nothing to do, mends it"
    try:
        current = (tables.root / VIEWS_FILE).read_text(encoding="utf-8")
        fresh = views_text(tables)
    except LimitError:
        raise
    except StoreError as error:
        found(VIEWS_FILE, "up to date", DAMAGED, error.message)
    except (OSError, UnicodeDecodeError) as error:
        found(VIEWS_FILE, "up to date", DAMAGED, f"cannot be read ({error}); {mended}")
    else:
        if current == fresh:
            found(VIEWS_FILE, "up to date", _OK, "shows the finished runs")
        elif _finished(current) == _finished(fresh):
            found(VIEWS_FILE, "up to date", _NOTE, "does not list files of unfinished runs")
        else:
            found(VIEWS_FILE, "up to date", DAMAGED, f"does not show the finished runs; {mended}")


def _finished(text: str) -> list[str]:
    """The lines of a views.sql that are not about files of unfinished runs."""
    lines = (line.rstrip(",") for line in text.splitlines())
    return [line for line in lines if "'unfinished'" not in line]
