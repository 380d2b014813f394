"""The verb ingest: each source becomes one run, or nothing.

Reading and decoding stream through, on the engine; what can be checked only at a source's end is
checked before anything is committed. Runs of sources that were read together land together.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction

from notmnist_store.blocks.kernels.tally import OUTCOMES
from notmnist_store.catalog.run import Run, land, show_runs
from notmnist_store.engines.engine import Engine
from notmnist_store.errors import SourceError, StoreError
from notmnist_store.ingest.label_order import check_orders, keep_order
from notmnist_store.ingest.options import IngestOptions
from notmnist_store.ingest.reading import Reading, Written, id_base, open_asked, read_source
from notmnist_store.ingest.source_checks import images_of
from notmnist_store.location.kept import keeping
from notmnist_store.location.location import Location
from notmnist_store.machine import package_versions
from notmnist_store.progress import Progress
from notmnist_store.schema.shape import DEFAULT_SHAPE
from notmnist_store.sources.published import KNOWN_ARCHIVES
from notmnist_store.storage.marker import Marker
from notmnist_store.storage.once import Once
from notmnist_store.storage.tables import Tables

DEFAULT_FRACTIONS = (("train", "0.8"), ("valid", "0.1"), ("test", "0.1"))
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


def ingest(
    root: Location,
    paths: Sequence[Location],
    options: IngestOptions,
    engine: Engine,
    progress: Progress,
) -> list[str]:
    """Read sources into the store at `root`, which is made where there is none.

    Returns the id of the run that holds each source: a new one, or the earlier one where this very
    source is in the store already. An error of a source leaves those before it in the store, and
    none behind it.

    Raises:
        UsageError: an option that a source has no use for.
        SourceError: a source cannot be read whole, holds no class folder, or bears the name of
            another one in the store.
        BudgetError: it passed one of its limits.
        ChecksError: it fails the counts that were asked for, or most images have another shape.
        StoreError: the store cannot be written, or is of another kind.
    """
    # Which pixels are known depends on the sources before.
    together = 1 if options.skip_known else engine.together
    runs: list[str] = []
    for start in range(0, len(paths), together):
        runs += _ingest(root, paths[start : start + together], options, engine, progress)
    return runs


@keeping()
def _ingest(
    root: Location,
    paths: Sequence[Location],
    options: IngestOptions,
    engine: Engine,
    progress: Progress,
) -> list[str]:
    """Read some sources together."""
    ready: list[Location] = []
    refused: StoreError | None = None
    for path in paths:
        try:
            open_asked(path, options)
        except StoreError as error:
            refused = _with_way_out(error, path)
            break
        ready.append(path)
    runs: list[str] = []
    if ready:
        tables = _open_tables(root, ready[0], options)
        try:
            with tables.in_use():
                runs = _Landing(tables, options, engine, progress).land(ready)
        except BaseException:
            tables.remove_if_unused()
            raise
    if refused is not None:
        raise refused
    return runs


def _with_way_out(error: StoreError, path: Location) -> StoreError:
    if isinstance(error, SourceError) and not error.hint:
        error.hint = _way_out(path, error.option)
    return error


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


class _Landing:
    """Sources on their way from what was written of them to committed runs."""

    def __init__(
        self, tables: Tables, options: IngestOptions, engine: Engine, progress: Progress
    ) -> None:
        self._tables = tables
        self._options = options
        self._engine = engine
        self._progress = progress
        self._started = datetime.now(UTC)
        self._waiting: list[Written] = []
        self._runs: list[str] = []

    def land(self, paths: Sequence[Location]) -> list[str]:
        """Read the sources, and commit them in their order; the run of each."""
        engine = self._engine
        root = engine.reached(self._tables.root)
        jobs = [
            Reading(root, engine.reached(path), self._options, engine.processes) for path in paths
        ]
        answers = self._read(jobs)
        try:
            for path, job, answer in zip(paths, jobs, answers, strict=True):
                if isinstance(answer, Written) and self._clashes(answer):
                    self._tables.discard(answer.run_id)
                    self._commit()
                    (answer,) = self._read([job])  # which finds what has landed now
                if isinstance(answer, StoreError):
                    self._commit()
                    raise _with_way_out(answer, path)
                self._take(answer)
            self._commit()
        except BaseException:
            for each in answers:
                if isinstance(each, Written) and not each.is_earlier:
                    self._tables.discard(each.run_id)  # what has landed stays
            raise
        return self._runs

    def _read(self, jobs: Sequence[Reading]) -> list[Written | StoreError]:
        return list(self._engine.run(read_source, jobs, Written, self._progress, "sources"))

    def _clashes(self, one: Written) -> bool:
        """Whether it is refused, or nothing to do, when what waits has landed."""
        return any(
            one.source == other.source or id_base(one.sha256) == id_base(other.sha256)
            for other in self._waiting
        )

    def _take(self, written: Written) -> None:
        self._runs.append(written.run_id)
        if written.is_earlier:
            stays = "; licence and citation stay" if any(self._options.rights.values()) else ""
            self._progress.note(
                f"{written.source} is in the store already (run {written.run_id}){stays}"
            )
            show_runs(self._tables, self._progress)
            return
        if written.order is not None:
            try:
                self._check_orders([*self._waiting, written])
            except SourceError:
                self._commit()
                self._check_orders([written])  # the error names the run
                raise
        self._waiting.append(written)

    def _check_orders(self, written: Sequence[Written]) -> None:
        check_orders(self._tables, [each.order for each in written if each.order is not None])

    def _commit(self) -> None:
        """Let the runs that wait land, in one commit a table."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        runs = [self._described(written) for written in waiting]
        landed = land(self._tables, runs, lambda: self._check_orders(waiting))
        for run, written in zip(runs, waiting, strict=True):
            if run not in landed:
                assert run.once is not None
                self._progress.note(run.once.message)
                self._tables.discard(run.id)
                self._runs[self._runs.index(run.id)] = self._landed(written.sha256)
        show_runs(self._tables, self._progress)

    def _landed(self, sha256: str) -> str:
        runs = self._tables.runs().to_pylist()
        return next(str(r["run_id"]) for r in reversed(runs) if r["source_sha256"] == sha256)

    def _described(self, written: Written) -> Run:
        """The run of a source, with its rows and the totals in its own."""
        once = Once(
            f"source/{written.sha256}",
            written.once,
            f"another process has ingested {written.source} meanwhile",
            "notmnist-store info",
        )
        run = Run(
            self._tables,
            "ingest",
            json.loads(written.arguments),
            once=once,
            columns={"source": written.source},
            started=self._started,
            progress=self._progress,
            run_id=written.run_id,
        )
        run.add(written.files)
        ledger = written.ledger
        run.write(
            "ledger",
            [
                {"label": label, "split_rule": rule, **counts}
                for (label, rule), counts in ledger.items()
            ],
        )
        if written.order is not None:
            stored = {label for (label, _), row in ledger.items() if images_of(row)}
            keep_order(run, written.order, stored, self._progress)
        totals = {name: sum(row[name] for row in ledger.values()) for name in ("seen", *OUTCOMES)}
        run.row |= {
            "source": written.source,
            "source_sha256": written.sha256,
            "source_bytes": written.size,
            "members_seen": totals["seen"],
            "members_stored": totals["stored"],
            "members_rejected": totals["rejected"],
            "members_ignored": sum(totals[o] for o in OUTCOMES if o.startswith("ignored")),
            "versions": json.dumps(package_versions(_VERSIONED), sort_keys=True),
        }
        return run
