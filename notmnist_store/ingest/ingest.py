"""The verb ingest: one source becomes one run, or nothing.

Reading and decoding stream through; what can be checked only at the source's end is checked
before anything is committed.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import pyarrow as pa

from notmnist_store.blocks.amend import amend_blocks
from notmnist_store.blocks.kernels.rows import RowRules
from notmnist_store.blocks.kernels.tally import OUTCOMES, Tally
from notmnist_store.blocks.writer import BLOCK_TABLES, Block
from notmnist_store.catalog.run import Run, show_runs
from notmnist_store.engines.local import write_blocks
from notmnist_store.errors import SourceError, StoreError
from notmnist_store.ingest.known_pixels import known_pixels
from notmnist_store.ingest.label_order import keep_order
from notmnist_store.ingest.options import IngestOptions
from notmnist_store.ingest.source_checks import (
    Ledger,
    check_conservation,
    check_counts,
    check_labels,
    check_shape,
    check_unlabelled,
    images_of,
    ledger_rows,
    name_taken,
)
from notmnist_store.location.location import Location
from notmnist_store.machine import available_cores, package_versions
from notmnist_store.progress import Progress
from notmnist_store.schema.shape import DEFAULT_SHAPE
from notmnist_store.sources.base import AskedColumns, Source
from notmnist_store.sources.exported import ExportedAttributes
from notmnist_store.sources.kernels.placement import place_folders
from notmnist_store.sources.kernels.provenance import BY_HASH, BY_PUBLISHED, Place
from notmnist_store.sources.metadata import with_metadata
from notmnist_store.sources.published import KNOWN_ARCHIVES, known_archive
from notmnist_store.sources.source import open_source
from notmnist_store.storage.datafile import DataFile
from notmnist_store.storage.marker import Marker
from notmnist_store.storage.pause import reached
from notmnist_store.storage.tables import (
    AlreadyDoneError,
    Once,
    Tables,
    withdrawn_runs,
)

DEFAULT_FRACTIONS = (("train", "0.8"), ("valid", "0.1"), ("test", "0.1"))
_ONE_PROCESS_BYTES = 24 << 20
_VERSIONED = (
    "notmnist-store",
    "pillow",
    "isal",
    "numba",
    "numpy",
    "pyarrow",
    "xxhash",
    "deltalake",
)


def ingest(root: Location, path: Location, options: IngestOptions, progress: Progress) -> str:
    """Read one source into the store at `root`, which is made where there is none.

    Returns the id of the run that holds the source: a new one, or the earlier one where this very
    source is in the store already.

    Raises:
        UsageError: an option that this source has no use for.
        SourceError: the source cannot be read whole, holds no class folder, or bears the name of
            another one in the store.
        BudgetError: it passed one of its limits.
        ChecksError: it fails the counts that were asked for, or most images have another shape.
        StoreError: the store cannot be written, or is of another kind.
    """
    try:
        return _ingest(root, path, options, progress)
    except SourceError as error:
        if not error.hint:
            error.hint = _way_out(path, error.option)
        raise


def _way_out(path: Location, option: str) -> str:
    """A command for the errors of a source, which does not know how it was named."""
    quoted = shlex.quote(str(path))
    if option:
        return f"notmnist-store ingest {option} {quoted}"
    known = next((archive for archive in KNOWN_ARCHIVES if archive.file == path.name), None)
    if known is not None:
        folder = shlex.quote(str(path.parent))
        return f"notmnist-store download --force --to {folder} {known.name}"
    return f"ls -l {quoted}"


def _ingest(root: Location, path: Location, options: IngestOptions, progress: Progress) -> str:
    asked = AskedColumns(options.file_column, options.label_column)
    columns = None if options.no_metadata else asked
    source = open_source(
        path,
        limits=options.limits,
        name=options.name,
        labels=options.labels,
        transpose=options.transpose,
        columns=columns,
        shape=options.shape,
    )
    tables = _open_tables(root, path, options)
    try:
        with tables.in_use():
            progress.note(f"reading {source.path}")
            sha256, size = source.identity()
            run_id = _earlier_run(tables, source, sha256, progress)
            if run_id is not None:
                stays = "; licence and citation stay" if any(options.rights.values()) else ""
                progress.note(f"{source.name} is in the store already (run {run_id}){stays}")
                show_runs(tables, progress)
            else:
                for attempt in with_metadata(source, progress.note, columns):
                    with attempt as readable:
                        run = _Ingest(tables, readable, sha256, size, options, progress)
                        run_id = run.execute()
                assert run_id is not None
    except BaseException:
        tables.remove_if_unused()
        raise
    return run_id


def _open_tables(root: Location, path: Location, options: IngestOptions) -> Tables:
    wanted = Marker(
        shape=options.shape or DEFAULT_SHAPE,
        fractions=options.fractions or DEFAULT_FRACTIONS,
        demo=options.demo,
    )
    tables = Tables.create(root, wanted)
    fixed = tables.marker
    if options.shape is not None and options.shape != fixed.shape:
        raise StoreError(
            f"the store at {root} holds images of {fixed.shape}, not {options.shape}",
            f"notmnist-store ingest --store store_{options.shape} --shape {options.shape} "
            f"{shlex.quote(str(path))}",
        )
    if options.fractions is not None and _shares(options.fractions) != _shares(fixed.fractions):
        given = ",".join(share for _, share in fixed.fractions)
        raise StoreError(
            f"the store at {root} was made with --fractions {given}",
            f"notmnist-store ingest --store {shlex.quote(str(root))} {shlex.quote(str(path))}",
        )
    check_demo(tables, path, demo=options.demo)
    return tables


def check_demo(tables: Tables, path: Location | None, *, demo: bool) -> None:
    """A store holds real data or the demo set, never both; StoreError where they would mix."""
    if tables.marker.demo and not demo:
        raise StoreError(
            f"the store at {tables.root} holds the offline demo set; real data goes into another "
            "store",
            f"notmnist-store ingest --store real_store {shlex.quote(str(path))}",
        )
    if demo and not tables.marker.demo:
        raise StoreError(
            f"the store at {tables.root} holds real data; the offline demo set goes into another "
            "store",
            "notmnist-store ingest --store demo_store",
        )


def _shares(fractions: tuple[tuple[str, str], ...]) -> dict[str, Fraction]:
    return {split: Fraction(share) for split, share in fractions if Fraction(share)}


def _id_base(sha256: str) -> int:
    return (int(sha256[:8], 16) >> 1) << 32


def _earlier_run(tables: Tables, source: Source, sha256: str, progress: Progress) -> str | None:
    runs = tables.runs()
    gone = withdrawn_runs(runs)
    for run in runs.to_pylist():
        if run["source_sha256"] is None or run["run_id"] in gone:
            continue
        if run["source_sha256"] == sha256:
            return str(run["run_id"])
        if run["source"] == source.name:
            progress.note(f"{source.name} is in the store with other bytes; comparing")
            raise name_taken(tables, source, str(run["run_id"]))
        if _id_base(run["source_sha256"]) == _id_base(sha256):
            raise StoreError(
                f"the image ids of {source.name} and of {run['source']} would collide: the first "
                "31 bits of their sha256 are equal",
                f"notmnist-store ingest --store store_2 {shlex.quote(str(source.path))}",
            )
    return None


class _Ingest:
    """One ingest on its way from a source to a committed run."""

    def __init__(
        self,
        tables: Tables,
        source: Source,
        sha256: str,
        size: int,
        options: IngestOptions,
        progress: Progress,
    ) -> None:
        self._tables = tables
        self._source = source
        self._sha256 = sha256
        self._size = size
        self._options = options
        self._progress = progress
        shas = tables.runs()["source_sha256"].to_pylist()
        once = Once(
            f"source/{sha256}",
            shas.count(sha256) + 1,  # earlier runs of it were undone
            f"another process has ingested {source.name} meanwhile",
            "notmnist-store info",
        )
        columns = {"source": source.name}
        known = known_archive(name=source.name, sha256=sha256)
        fractions = known.fractions if known else tables.marker.fractions
        self._run = Run(
            tables,
            "ingest",
            self._arguments(fractions),
            once=once,
            columns=columns,
            progress=progress,
        )
        self._published = known if known and known.sha256 == sha256 else None
        if known and not self._published:
            progress.note(
                f"{source.name} bears the name of a published archive, but its sha256 is another: "
                "its counts are not checked"
            )
        self._rules = RowRules(
            source=source.name,
            run_id=self._run.id,
            id_base=_id_base(sha256),
            shape=tables.marker.shape,
            fractions=fractions,
            share_rule=BY_PUBLISHED if known else BY_HASH,
            named_split=source.named_split,
            keep_unlabelled=options.unlabelled == "keep",
            split=options.split,
            to_grey=options.to_grey,
            fit=options.fit,
            group_regex=options.group_regex,
            labels_given=source.gives_labels,
            max_labels=options.max_labels,
        )

    def execute(self) -> str:
        try:
            with self._run:
                blocks = self._write()
                tally = _together(blocks)
                ledger = ledger_rows(tally)
                self._check(blocks, tally, ledger)
                self._describe(blocks, ledger)
        except AlreadyDoneError as error:
            self._progress.note(error.message)
            return self._landed()
        return self._run.id

    def _landed(self) -> str:
        runs = self._tables.runs().to_pylist()
        return next(str(r["run_id"]) for r in reversed(runs) if r["source_sha256"] == self._sha256)

    def _write(self) -> list[Block]:
        workers = self._options.workers
        if workers is None:
            workers = available_cores() if self._size > _ONE_PROCESS_BYTES else 1
        self._progress.stage(f"ingesting {self._source.name}", self._size, "B")
        try:
            blocks = write_blocks(self._tables.root, self._rules, self._batches(), workers)
            for note in self._source.notes:
                self._progress.note(note)
            changed = self._place(_together(blocks))
            known = known_pixels(self._tables, blocks) if self._options.skip_known else None
            return amend_blocks(self._tables.root, self._rules, blocks, changed, known)
        finally:
            self._progress.end()

    def _place(self, tally: Tally) -> Mapping[str, Place]:
        """The folders whose place is another one than their paths alone tell."""
        placement = place_folders(_folders(tally))
        for note in placement.notes:
            self._progress.note(f"{self._source.name}: {note}")
        if self._options.unlabelled is None:
            unlabelled = {
                folder: where.split
                for folder, where in placement.changed.items()
                if where.label is None and where.split is not None
            }
            check_unlabelled(self._source, tally, unlabelled, ledger_rows(tally))
        return placement.changed

    def _batches(self) -> Iterator[pa.RecordBatch]:
        exported = ExportedAttributes(self._source)
        for batch in self._source.members():
            yield exported.added(batch)
            self._progress.advance(self._source.bytes_read)
        reached("source read")

    def _check(self, blocks: Sequence[Block], tally: Tally, ledger: Ledger) -> None:
        images = sum(file.rows for file in _files(blocks, "image"))
        check_conservation(ledger, images)
        check_shape(self._source, tally, self._rules.shape)
        check_labels(self._source, tally, ledger, self._options.max_labels, self._rules.shape)
        check_counts(
            self._source,
            ledger,
            expect_classes=self._options.expect_classes,
            min_per_class=self._options.min_per_class,
            published=self._published,
        )

    def _describe(self, blocks: Sequence[Block], ledger: Ledger) -> None:
        """Give the run its rows, and its row the totals."""
        for table in BLOCK_TABLES:
            self._run.add(_files(blocks, table))
        self._run.write(
            "ledger",
            [
                {"label": label, "split_rule": rule, **counts}
                for (label, rule), counts in ledger.items()
            ],
        )
        stored = {label for (label, _), row in ledger.items() if images_of(row)}
        keep_order(self._tables, self._run, self._source, stored, self._progress)
        totals = {name: sum(row[name] for row in ledger.values()) for name in ("seen", *OUTCOMES)}
        self._run.row |= {
            "source": self._source.name,
            "source_sha256": self._sha256,
            "source_bytes": self._size,
            "members_seen": totals["seen"],
            "members_stored": totals["stored"],
            "members_rejected": totals["rejected"],
            "members_ignored": sum(totals[o] for o in OUTCOMES if o.startswith("ignored")),
            "versions": json.dumps(package_versions(_VERSIONED), sort_keys=True),
        }

    def _arguments(self, fractions: tuple[tuple[str, str], ...]) -> dict[str, Any]:
        options = self._options
        given = {
            "shape": str(self._tables.marker.shape),
            "split": options.split,
            "fractions": dict(fractions),
            "as": options.name,
            "to_grey": options.to_grey,
            **(options.fit.options if options.fit else {}),
            "group_regex": options.group_regex,
            "labels": options.labels,
            "transpose": options.transpose or None,
            "unlabelled": options.unlabelled,
            "file_column": options.file_column,
            "label_column": options.label_column,
            "no_metadata": options.no_metadata or None,
            "skip_known": options.skip_known or None,
            "expect_classes": options.expect_classes,
            "min_per_class": options.min_per_class,
            **options.rights,
        }
        return {name: value for name, value in given.items() if value is not None}


def _together(blocks: Sequence[Block]) -> Tally:
    tally = Tally()
    for block in blocks:
        tally.add(block.tally)
    return tally


def _folders(tally: Tally) -> dict[str, bool]:
    """Folders that hold files with a label, and whether one of them is an image."""
    folders: dict[str, bool] = {}
    for folder, label, _, outcome in tally.outcomes:
        if folder is not None and label is not None and outcome in ("stored", "rejected"):
            folders[folder] = folders.get(folder, False) or outcome == "stored"
    return folders


def _files(blocks: Sequence[Block], table: str) -> list[DataFile]:
    return [file for block in blocks for file in block.files if file.table == table]
