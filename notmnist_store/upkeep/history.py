"""The verbs undo and gc: take a run back, and find files that no log names.

Nothing is deleted by `undo`: a row in table ``run`` says that another run's rows are no longer
shown, and a later one can say that they are again.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.run import Run
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.ingest.label_order import order_of, orders
from notmnist_store.location.location import Location
from notmnist_store.progress import Progress
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.datafile import run_of
from notmnist_store.storage.losses import row_number, runs_named, waiting_rows
from notmnist_store.storage.once import Once
from notmnist_store.storage.pause import reached
from notmnist_store.storage.tables import Tables, withdrawn_runs

_GC_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("hours_old", pa.float64()),
        ("removed", pa.bool_()),
    ]
)


def undo(tables: Tables, run_id: str | None, progress: Progress) -> str:
    """Withdraw a run, by default the newest that is shown; undoing an undo restores its run.

    Returns the id of the run that says so.

    Raises:
        UsageError: no such run, or nothing to undo.
        StoreError: the run is withdrawn already, or restoring it would show a source twice.
    """
    started = datetime.now(UTC)
    runs = tables.runs()
    gone = withdrawn_runs(runs)
    rows = {row["run_id"]: row for row in runs.to_pylist()}
    if run_id is None:
        shown = [i for i, row in rows.items() if row["verb"] != "undo" and i not in gone]
        if not shown:
            raise UsageError("there is no run to undo", "notmnist-store ingest")
        run_id = shown[-1]
    if run_id not in rows:
        raise UsageError(
            f"there is no run {run_id}",
            'notmnist-store sql "select run_id, verb, source, state from run order by sequence"',
        )
    effect = _effect(rows[run_id], gone)
    if effect["restores"] is not None:
        _check_restorable(rows, gone, effect["restores"])
    done = sum(1 for other in rows.values() if other["withdraws"] or other["restores"])
    once = Once(
        "undo", done + 1, "another process has undone a run meanwhile", "notmnist-store info"
    )
    arguments = {"run": run_id}
    with Run(tables, "undo", arguments, once=once, started=started, progress=progress) as run:
        if restored := effect["restores"]:
            run.check = lambda: _check_order(tables, rows[restored])
        run.row |= {"source": rows[run_id]["source"], **effect}
    return run.id


def _effect(row: dict[str, Any], gone: dict[str, str]) -> dict[str, str | None]:
    """What undoing this run does: an undo's effect turned round, or its rows withdrawn."""
    if row["withdraws"] is not None:
        target, restored = row["withdraws"], True
    elif row["restores"] is not None:
        target, restored = row["restores"], False
    else:
        target, restored = row["run_id"], False
    if restored == (target not in gone):
        state = "is shown" if restored else "is withdrawn"
        raise StoreError(
            f"run {target} {state} already",
            f"notmnist-store undo {gone[target]}" if target in gone else "notmnist-store info",
        )
    return {"withdraws": None if restored else target, "restores": target if restored else None}


def _check_restorable(rows: dict[str, dict[str, Any]], gone: dict[str, str], restored: str) -> None:
    target = rows[restored]
    for run_id, row in rows.items():
        if run_id in gone or run_id == restored or row["verb"] != "ingest":
            continue
        if row["source_sha256"] == target["source_sha256"] or row["source"] == target["source"]:
            raise StoreError(
                f"run {run_id} has ingested a source named {row['source']} since",
                f"notmnist-store undo {run_id}",
            )


def _check_order(tables: Tables, restored: dict[str, Any]) -> None:
    """StoreError where a source that is shown contradicts the order of the run's classes."""
    order = order_of(tables, restored["run_id"], restored["source"])
    for run_id, other in orders(tables):
        if order is not None and (wrong := order.against(other)):
            raise StoreError(f"{wrong}; a store has one order", f"notmnist-store undo {run_id}")


def gc(tables: Tables, *, older_than: float = 24.0, yes: bool = False) -> pa.Table:
    """Files in the store that no log names and that are older than `older_than` hours.

    They are left by runs that were killed, or hold rows of runs that a later file has as well. With
    `yes` they are removed. Files of a run that a log
    or views.sql names are never among them, nor the row of a run that no other one has followed:
    it may be all that is left of a run whose log entry was lost. Returns one row a file: path,
    bytes, hours_old, removed.

    Raises:
        DamageError: a log has lost an entry.
        UsageError: a negative age.
    """
    if not older_than >= 0:
        raise UsageError("--older-than is a number of hours", "notmnist-store gc --older-than 24")
    rows = []
    for path in sorted(_unnamed(tables), key=str):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue  # another process finished with it meanwhile
        hours = max(0.0, (time.time() - found.st_mtime) / 3600)
        if hours < older_than:
            continue
        if yes:
            path.unlink(missing_ok=True)
            reached("file removed")
        rows.append(
            {
                "path": str(path).removeprefix(f"{tables.root}/"),
                "bytes": found.st_size,
                "hours_old": hours,
                "removed": yes,
            }
        )
    return pa.Table.from_pylist(rows, schema=_GC_SCHEMA)


def _unnamed(tables: Tables) -> set[Location]:
    """Data files that nothing names, and files written beside one to take its place."""
    # Logs are read after the folders: a file committed in between is in its log.
    patterns = (
        ".*.tmp",
        *(f"{table}/{file}" for table in TABLES for file in ("*.parquet", ".*.tmp")),
    )
    found = {path for pattern in patterns for path in tables.root.glob(pattern)}
    runs = tables.runs()
    logged = [file for table in TABLES for file in tables.files(table, runs)]
    named = {run_of(file.name) for file in logged} | runs_named(tables.root)
    kept = {tables.path(file.table, file.name) for file in logged}
    kept |= set(waiting_rows(tables.root, runs.num_rows))
    in_later = {
        path
        for path in found
        if path.parent.name == "run" and 0 < row_number(path.name) <= runs.num_rows
    }
    return {path for path in found - kept if run_of(path.name) not in named or path in in_later}
