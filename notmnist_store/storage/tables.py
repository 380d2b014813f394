"""A store's folder and its append-only Delta tables.

Several tables cannot be committed at once, so every write is one *run*: its data files are
committed to their tables first, and the one-row commit to table ``run`` comes last. That commit
is the moment the run exists. Data files carry the run id in their name; rows of a run that is
not in table ``run`` are invisible to everything that asks here for files.
"""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import deltalake
import pyarrow as pa
from deltalake.exceptions import DeltaError
from deltalake.transaction import Transaction

from notmnist_store.errors import StoreError, UsageError
from notmnist_store.location.answers import asked_again, was_cut
from notmnist_store.location.bucket import BucketPath
from notmnist_store.location.location import Location, files_in, look_at
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.datafile import DataFile, DataFileWriter, read_checked, run_of
from notmnist_store.storage.filesystem import (
    create_exclusive,
    disk_errors,
    locked,
    take_back,
)
from notmnist_store.storage.log import (
    LOG_FOLDER,
    commit,
    files_of,
    logged,
    open_log,
    open_or_create_log,
    unwritable,
)
from notmnist_store.storage.losses import check_runs, check_table, row_number, shown
from notmnist_store.storage.marker import MARKER_NAME, Marker
from notmnist_store.storage.once import Once
from notmnist_store.storage.pause import reached
from notmnist_store.text import printable

_RUN_TRANSACTION = "notmnist_store/run"
_COMMIT_ATTEMPTS = 200
_RUN_FILE_ROWS = 64
_OTHER_PATH = re.compile(r"%[0-9a-fA-F]{2}|[\\\x00-\x1f\x7f\ud800-\udfff]")
_GROUP_ROWS = 65_536  # a split set's rows lie by split: who reads one split skips the others
_NOTHING_READ = {
    "members_seen": 0,
    "members_stored": 0,
    "members_rejected": 0,
    "members_ignored": 0,
    "versions": "{}",
    "wrote": "{}",
}


def new_run_id() -> str:
    """A new run id: the UTC second and 40 random bits, so ids sort by start and never collide."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(5)}"


class Tables:
    """The tables of one store: which files count, and how a run comes into being."""

    def __init__(self, root: Location, marker: Marker) -> None:
        self.root = root
        self.marker = marker

    @classmethod
    def open(cls, root: Location) -> Tables:
        """Open the store at `root` (StoreError where there is none that this version reads)."""
        _check_path(root)
        return cls(root, Marker.read(root))

    @classmethod
    def create(cls, root: Location, marker: Marker) -> Tables:
        """Make the folder and the marker, or open what another process made meanwhile.

        Raises:
            StoreError: `root` is some other folder, or cannot be written.
        """
        _check_path(root)
        if (root / MARKER_NAME).exists():
            return cls.open(root)
        if root.exists():
            if not root.is_dir():
                raise StoreError(f"{root} is a file, not a folder", look_at(root))
            others = [e for e in root.iterdir() if not e.name.startswith(f".{MARKER_NAME}.")]
            if others and not (root / MARKER_NAME).exists():  # it may have come meanwhile
                raise StoreError(
                    f"{root} is a folder with other things in it, not a store",
                    look_at(root),
                )
        with disk_errors(root):
            root.mkdir(parents=True, exist_ok=True)
        create_exclusive(root / MARKER_NAME, marker.to_json())
        reached("store made")
        return cls.open(root)

    def path(self, table: str, name: str = "") -> Location:
        """The folder of a table, or one file in it."""
        return self.root / table / name if name else self.root / table

    def log(self, table: str) -> deltalake.DeltaTable | None:
        """The table's Delta log, or None where nothing was ever written to it."""
        return open_log(self.path(table))

    def logged(self, table: str) -> list[DataFile]:
        """Every file the table's log names, of finished runs and of others, in name order.

        It is not held against the runs: see `files`.
        """
        return list(logged(self.path(table)))

    def runs(self) -> pa.Table:
        """All finished runs in their order (column `sequence`), schema TABLES['run'].

        Raises:
            DamageError: the log of the runs has lost an entry.
            StoreError: the log or a data file cannot be read.
        """
        before = shown(self.root)
        paths = [self.path("run", file.name) for file in self.logged("run")]
        runs = read_checked(paths, TABLES["run"]).sort_by("sequence")
        check_runs(self.root, runs, before)
        return runs

    def check(self) -> None:
        """Hold every log against what the runs wrote.

        Raises:
            DamageError: an entry of a log is lost.
            StoreError: a log or a run's row cannot be read.
        """
        runs = self.runs()
        for table in TABLES:
            self.files(table, runs)

    def files(self, table: str, runs: pa.Table | None = None) -> list[DataFile]:
        """The table's files with their state, in the order of the runs and blocks.

        Those of unfinished runs come last. Rows of table run itself are never withdrawn.

        Raises:
            DamageError: the log does not name what the runs wrote.
            StoreError: it cannot be read.
        """
        runs = self.runs() if runs is None else runs
        order = {run_id: rank for rank, run_id in enumerate(runs["run_id"].to_pylist())}
        gone = withdrawn_runs(runs) if table != "run" else {}

        def state(run_id: str) -> str:
            if run_id in gone:
                return "withdrawn"
            return "live" if run_id in order else "unfinished"

        named = self.logged(table)
        if table != "run":
            check_table(self.root, table, named, runs)
        files = [replace(file, state=state(run_of(file.name))) for file in named]
        return sorted(files, key=lambda f: (order.get(run_of(f.name), len(order)), f.name))

    def live(self, table: str, run_id: str | None = None) -> list[Location]:
        """Paths of the files of finished runs, or of one of them, in order."""
        return [
            self.path(table, file.name)
            for file in self.files(table)
            if file.state == "live" and run_id in (None, run_of(file.name))
        ]

    def append(self, table: str, files: Sequence[DataFile]) -> None:
        """Add written files to the table's log. Their rows stay invisible until the run ends."""
        if files:
            names = {file.name for file in files}

            def append() -> None:
                try:
                    self._commit(table, self._log_or_new(table), files, [])
                except (DeltaError, OSError) as error:
                    # Where the line was cut it may have landed all the same.
                    landed = was_cut(error) and names <= {f.name for f in self.logged(table)}
                    if not landed:
                        raise

            try:
                asked_again(append)
            except (DeltaError, OSError) as error:
                raise unwritable(self.path(table), error) from error

    def write_rows(self, table: str, run_id: str, rows: pa.Table, part: int = 0) -> DataFile:
        """Write rows as one data file of the run, its `part`-th (to be appended by `append`)."""
        return self._write(table, f"{run_id}-{part:06d}", rows)

    def finish(
        self,
        row: dict[str, Any],
        *,
        once: Once | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> int:
        """Commit the run's row: from here on the run exists. Returns its sequence number.

        See `finish_together`.

        Raises:
            AlreadyDoneError: another run landed under the same `once`.
            StoreError: the log cannot be written.
        """
        (sequence,) = self.finish_together([(row, once)], check=check)
        if sequence is None:
            assert once is not None
            raise once.done()
        return sequence

    def finish_together(
        self,
        endings: Sequence[tuple[dict[str, Any], Once | None]],
        *,
        check: Callable[[], None] = lambda: None,
    ) -> list[int | None]:
        """Commit the rows of runs in one step, in this order: all exist from here on, or none.

        Returns their sequence numbers; None for one whose `once` another run has landed under. What
        a row leaves out is null, or for a run that reads no source, nothing read. `check` is called
        before each attempt, and raises where the runs that landed before forbid these: one that
        lands after it makes the attempt fail.

        Raises:
            StoreError: the log cannot be written.
        """
        schema = TABLES["run"]
        for _ in range(_COMMIT_ATTEMPTS):
            log = self._log_or_new("run")
            version = log.version()
            check()
            first = (log.transaction_version(_RUN_TRANSACTION) or 0) + 1
            left = [not (once and once.is_done(log)) for _, once in endings]
            numbers = [first + sum(left[:at]) if lands else None for at, lands in enumerate(left)]
            rows = [
                {**dict.fromkeys(schema.names), **_NOTHING_READ, **row, "sequence": number}
                for (row, _), number in zip(endings, numbers, strict=True)
                if number is not None
            ]
            if not rows:
                return numbers
            last, before = self._last_rows(log)
            whole = pa.concat_tables([*before, pa.Table.from_pylist(rows, schema=schema)])
            files = [
                self._write("run", _row_stem(part), part)
                for part in (
                    whole.slice(start, _RUN_FILE_ROWS)
                    for start in range(0, whole.num_rows, _RUN_FILE_ROWS)
                )
            ]
            marks = [Transaction(_RUN_TRANSACTION, rows[-1]["sequence"])]
            marks += [
                Transaction(once.key, once.time)
                for (_, once), lands in zip(endings, left, strict=True)
                if once and lands
            ]
            try:
                self._commit("run", log, files, marks, last)
                return numbers
            except (DeltaError, OSError) as error:
                if rows[0]["run_id"] in self.runs()["run_id"].to_pylist():
                    return numbers  # they landed; what failed came after it
                for file in files:
                    take_back(self.path("run", file.name))
                unchanged = self._log_or_new("run").version() == version
                if unchanged and not was_cut(error):  # nobody else was first
                    raise unwritable(self.path("run"), error) from error
                time.sleep(secrets.randbelow(20) / 1000)
        raise StoreError(
            f"{_COMMIT_ATTEMPTS} other runs came first; the store is too busy",
            f"notmnist-store info --store {shlex.quote(str(self.root))}",
        )

    def _last_rows(self, log: deltalake.DeltaTable) -> tuple[list[DataFile], list[pa.Table]]:
        """The newest file of table run and its rows, where the next run's row goes with them.

        So there are few files to read, however many runs there are.
        """
        files = files_of(self.path("run"), log)
        last = max(files, key=lambda file: row_number(file.name), default=None)
        if last is None or last.rows == _RUN_FILE_ROWS:
            return [], []
        return [last], [read_checked([self.path("run", last.name)], TABLES["run"])]

    def discard(self, run_id: str) -> None:
        """Delete the data files of a run that will not be finished.

        Those that a log names already stay, as rows in no view: what a log names must be there.
        In a bucket all stay, for `gc`.
        """
        if isinstance(self.root, BucketPath):
            return
        for table in TABLES:
            logged = {file.name for file in self.logged(table)}
            for path in files_in(self.path(table), f"{run_id}-*.parquet"):
                if path.name not in logged:
                    take_back(path)

    def is_done(self, once: Once) -> bool:
        """Whether a run has landed under this `once`."""
        log = self.log("run")
        return log is not None and once.is_done(log)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While this process works here, no other one removes the store as unused."""
        if isinstance(self.root, BucketPath):  # where that is never done
            yield
            return
        marker = self.root / MARKER_NAME
        while (file := locked(marker, alone=False)) is None:
            Tables.create(self.root, self.marker)
        with file:
            yield

    def remove_if_unused(self) -> None:
        """Remove a store without any data file, in which no process is at work.

        One in a bucket stays: there are no locks.
        """
        if isinstance(self.root, BucketPath):
            return
        marker = self.root / MARKER_NAME
        file = locked(marker, alone=True)
        if file is None:
            return
        with file:
            if self.runs().num_rows or any(self.root.glob("*/*.parquet")):
                return
            with suppress(OSError):
                marker.unlink()
                for folder in (self.root / table for table in TABLES):
                    shutil.rmtree(folder / LOG_FOLDER, ignore_errors=True)
                    if folder.is_dir():
                        folder.rmdir()
                self.root.rmdir()

    def _write(self, table: str, stem: str, rows: pa.Table) -> DataFile:
        writer = DataFileWriter(TABLES[table])
        writer.write(rows, _GROUP_ROWS)
        return writer.put(self.path(table), stem)

    def _log_or_new(self, table: str) -> deltalake.DeltaTable:
        return open_or_create_log(self.path(table), TABLES[table])

    def _commit(
        self,
        table: str,
        log: deltalake.DeltaTable,
        files: Sequence[DataFile],
        marks: list[Transaction],
        replaced: Sequence[DataFile] = (),
    ) -> None:
        commit(self.path(table), log, files, marks, replaced)
        reached(f"{table} committed")


def _row_stem(runs: pa.Table) -> str:
    """How the name of a file of these runs' rows begins: with the last of them."""
    return f"{runs['run_id'][-1].as_py()}-{runs['sequence'][-1].as_py():06d}"


def _check_path(root: Location) -> None:
    """Refuse paths that the Delta library reads as other ones: it decodes them once too often."""
    path = str(root.resolve())
    if _OTHER_PATH.search(path):
        raise UsageError(
            f"a store cannot be at {printable(path)!r}: %20 and the like, backslashes, line ends "
            "and letters that are no UTF-8 would be read as another path",
            "notmnist-store info --store store",
        )


def withdrawn_runs(runs: pa.Table) -> dict[str, str]:
    """Runs whose rows are in no view, each with the run that withdrew it; the last word counts."""
    gone: dict[str, str] = {}
    columns = (runs[name].to_pylist() for name in ("run_id", "withdraws", "restores"))
    for run_id, withdraws, restores in zip(*columns, strict=True):
        if withdraws is not None:
            gone[withdraws] = run_id
        if restores is not None:
            gone.pop(restores, None)
    return gone
