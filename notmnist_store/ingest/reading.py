"""One source read into a store: its data files are written and checked, and nothing is committed.

It may be done anywhere, and more than once: each time is a run of its own, so that two of them
never meet in a file; that run counts whose answer is taken.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from notmnist_store.blocks.amend import amend_blocks
from notmnist_store.blocks.kernels.rows import RowRules
from notmnist_store.blocks.kernels.tally import Tally
from notmnist_store.blocks.writer import Block
from notmnist_store.engines.local import write_blocks
from notmnist_store.errors import StoreError
from notmnist_store.ingest.known_pixels import known_pixels
from notmnist_store.ingest.label_order import ToldOrder
from notmnist_store.ingest.options import IngestOptions
from notmnist_store.ingest.source_checks import (
    Ledger,
    check_conservation,
    check_counts,
    check_labels,
    check_shape,
    check_unlabelled,
    ledger_rows,
    name_taken,
)
from notmnist_store.location.kept import keeping
from notmnist_store.location.location import Location
from notmnist_store.progress import Progress
from notmnist_store.sources.base import AskedColumns, Source
from notmnist_store.sources.exported import ExportedAttributes
from notmnist_store.sources.kernels.placement import place_folders
from notmnist_store.sources.kernels.provenance import BY_HASH, BY_PUBLISHED, Place
from notmnist_store.sources.metadata import with_metadata
from notmnist_store.sources.published import known_archive
from notmnist_store.sources.source import open_source
from notmnist_store.storage.datafile import DataFile
from notmnist_store.storage.pause import reached
from notmnist_store.storage.tables import Tables, new_run_id, withdrawn_runs

_ONE_PROCESS_BYTES = 24 << 20


@dataclass(frozen=True)
class Reading:
    """A source to be read into the store at `root`, by so many processes where it is large."""

    root: Location
    path: Location
    options: IngestOptions
    processes: int


@dataclass(frozen=True)
class Written:
    """What a source gave: data files of a run that is not committed, or an earlier run.

    sha256, size  of the source
    is_earlier    the run `run_id` holds this very source already, and nothing was written
    once          so many runs had this source before, and one more: those were undone
    arguments     the run's, as JSON
    order         the order that it gives its classes, if it does
    """

    run_id: str
    source: str
    sha256: str
    size: int
    is_earlier: bool = False
    once: int = 0
    arguments: str = "{}"
    files: tuple[DataFile, ...] = ()
    tally: Tally | None = None
    order: ToldOrder | None = None

    @property
    def ledger(self) -> Ledger:
        """What became of its members."""
        return ledger_rows(self.tally or Tally())


def open_asked(path: Location, options: IngestOptions) -> Source:
    """The source at a path, opened as the options say.

    Raises:
        UsageError: an option that this source has no use for.
        SourceError: there is none that can be read.
    """
    return open_source(
        path,
        limits=options.limits,
        name=options.name,
        labels=options.labels,
        transpose=options.transpose,
        columns=_columns(options),
        shape=options.shape,
    )


def _columns(options: IngestOptions) -> AskedColumns | None:
    if options.no_metadata:
        return None
    return AskedColumns(options.file_column, options.label_column)


@keeping()
def read_source(job: Reading, progress: Progress) -> Written:
    """Read a source to its end, and write its data files; or find the run that holds it.

    Raises:
        SourceError: see `ingest`.
        StoreError: the data files cannot be written.
    """
    source = open_asked(job.path, job.options)
    tables = Tables.open(job.root)
    progress.note(f"reading {source.path}")
    sha256, size = source.identity()
    run_id = _earlier_run(tables, source, sha256, progress)
    if run_id is not None:
        return Written(run_id, source.name, sha256, size, is_earlier=True)
    written = None
    for attempt in with_metadata(source, progress.note, _columns(job.options)):
        with attempt as readable:
            written = _Read(tables, readable, sha256, size, job, progress).execute()
    assert written is not None
    return written


def id_base(sha256: str) -> int:
    """What is added to the positions of a source's members to give their image ids."""
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
        if id_base(run["source_sha256"]) == id_base(sha256):
            raise StoreError(
                f"the image ids of {source.name} and of {run['source']} would collide: the first "
                "31 bits of their sha256 are equal",
                f"notmnist-store ingest --store store_2 {shlex.quote(str(source.path))}",
            )
    return None


class _Read:
    """One source on its way to the data files of a run."""

    def __init__(
        self,
        tables: Tables,
        source: Source,
        sha256: str,
        size: int,
        job: Reading,
        progress: Progress,
    ) -> None:
        self._tables = tables
        self._source = source
        self._sha256 = sha256
        self._size = size
        self._options = job.options
        self._processes = job.processes
        self._progress = progress
        self._run_id = new_run_id()
        self._once = tables.runs()["source_sha256"].to_pylist().count(sha256) + 1
        known = known_archive(name=source.name, sha256=sha256)
        self._fractions = known.fractions if known else tables.marker.fractions
        self._published = known if known and known.sha256 == sha256 else None
        if known and not self._published:
            progress.note(
                f"{source.name} bears the name of a published archive, but its sha256 is another: "
                "its counts are not checked"
            )
        self._rules = RowRules(
            source=source.name,
            run_id=self._run_id,
            id_base=id_base(sha256),
            shape=tables.marker.shape,
            fractions=self._fractions,
            share_rule=BY_PUBLISHED if known else BY_HASH,
            named_split=source.named_split,
            keep_unlabelled=self._options.unlabelled == "keep",
            split=self._options.split,
            to_grey=self._options.to_grey,
            fit=self._options.fit,
            group_regex=self._options.group_regex,
            labels_given=source.gives_labels,
            max_labels=self._options.max_labels,
        )

    def execute(self) -> Written:
        try:
            blocks = self._write()
            tally = _together(blocks)
            self._check(blocks, tally, ledger_rows(tally))
        except BaseException:
            self._tables.discard(self._run_id)
            raise
        return Written(
            self._run_id,
            self._source.name,
            self._sha256,
            self._size,
            once=self._once,
            arguments=json.dumps(self._arguments(), sort_keys=True),
            files=tuple(file for block in blocks for file in block.files),
            tally=tally,
            order=ToldOrder.of(self._source),
        )

    def _write(self) -> list[Block]:
        workers = self._options.workers
        if workers is None:
            workers = self._processes if self._size > _ONE_PROCESS_BYTES else 1
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
        files = (file for block in blocks for file in block.files)
        images = sum(file.rows for file in files if file.table == "image")
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

    def _arguments(self) -> dict[str, Any]:
        options = self._options
        given = {
            "shape": str(self._tables.marker.shape),
            "split": options.split,
            "fractions": dict(self._fractions),
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
