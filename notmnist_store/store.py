"""The Python face: one object, a method for each command."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from notmnist_store.progress import Progress
from notmnist_store.result import Result
from notmnist_store.storage.queries import bind, find_query, load_queries
from notmnist_store.storage.tables import Tables

if TYPE_CHECKING:
    from notmnist_store.audit import AuditResult
    from notmnist_store.loading import Split
    from notmnist_store.storage.catalog import Catalog
    from notmnist_store.storage.members import Limits

__all__ = ["Store"]

_REPORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


class Store:
    """A store at a path. Every method reads the store as it is at that moment."""

    def __init__(self, path: str | Path = "store", *, progress: Progress | None = None) -> None:
        self.path = Path(path)
        self._progress = progress or Progress()

    def __repr__(self) -> str:
        return f"notmnist_store.open({str(self.path)!r})"

    def ingest(
        self,
        *sources: str | Path,
        shape: str | None = None,
        fractions: str | None = None,
        split: str | None = None,
        name: str | None = None,
        to_grey: bool = False,
        group_regex: str | None = None,
        labels: str | Sequence[str] | None = None,
        transpose: bool = False,
        expect_classes: int | None = None,
        min_per_class: int | None = None,
        max_labels: int = 10_000,
        limits: Limits | None = None,
        workers: int | None = None,
        demo: bool = False,
    ) -> Result:
        """Read archives or class folders into the store; one run for each, or nothing of it.

        Without a source: the archives in ``data/`` if there are any, else the offline demo set.
        ``shape`` is HEIGHTxWIDTHxCHANNELS and ``fractions`` the shares of train, valid and test
        as ``0.8,0.1,0.1``; both are fixed when the store is made. ``name`` is the option ``--as``.
        ``labels`` names the classes 0, 1, ... of IDX and npz sources, as ``A,B,C`` or a list.

        Returns:
            One row a source and label: seen, stored, rejected, ignored, and known_pixels (stored
            images whose pixels an earlier run has as well).

        Raises:
            UsageError: an option that cannot be meant.
            SourceError: a source that cannot be read whole, or fails its checks.
            StoreError: the store cannot be written, or was made for something else.
        """
        from notmnist_store.ingest import ingest
        from notmnist_store.ingest_options import read_options
        from notmnist_store.offline import default_sources
        from notmnist_store.storage.pairs import one_of_each_pair

        paths = one_of_each_pair(sources)
        options = read_options(
            paths,
            shape=shape,
            fractions=fractions,
            split=split,
            name=name,
            to_grey=to_grey,
            group_regex=group_regex,
            labels=labels,
            transpose=transpose,
            expect_classes=expect_classes,
            min_per_class=min_per_class,
            max_labels=max_labels,
            limits=limits,
            workers=workers,
            demo=demo,
        )
        with default_sources(paths, self.path, options, self._progress) as (found, chosen):
            runs = [ingest(self.path, path, chosen, self._progress) for path in found]
        catalog = self._catalog()
        arrivals = find_query("reports", "arrivals")
        parts = [catalog.query(arrivals.sql, {"run_id": run}) for run in runs]
        return self._result(pa.concat_tables(parts))

    def info(self) -> Result:
        """What the store holds: its settings, tables, sources, split sets, and last runs."""
        from notmnist_store.info import info

        return self._result(info(Tables.open(self.path), self._catalog()))

    def sql(
        self,
        query: str | None = None,
        *,
        params: dict[str, Any] | None = None,
        sql_dir: str | Path | None = None,
        timeout: float | None = None,
    ) -> Result:
        """Run a SELECT, or a report of ``sql/reports`` by its name; without either, list them.

        ``params`` are bound as ``$name``. ``sql_dir`` is a folder of your own reports, which go
        before ours. The connection can read this store and nothing else.

        Raises:
            QueryError: an unknown report, not one SELECT, whatever DuckDB reports, or `timeout`
                seconds passed.
            UsageError: a parameter the report does not take, or lacks.
        """
        folder = Path(sql_dir) if sql_dir is not None else None
        if query is None:
            return self._reports(folder)
        values = dict(params or {})
        if _REPORT_NAME.fullmatch(query.strip()):
            report = find_query("reports", query.strip(), folder)
            query, values = report.sql, bind(report, values)
        return self._result(self._catalog().query(query, values, timeout=timeout))

    def peek(
        self,
        *images: int,
        label: str | None = None,
        sql: str | None = None,
        audit: str | None = None,
        split_set: str = "ingest",
        sql_dir: str | Path | None = None,
        n: int = 40,
        seed: int = 0,
        output: str | Path | None = None,
    ) -> Result:
        """Look at images: these ids, those a query or an audit finds, or a sample by `seed`.

        ``sql`` is a SELECT with a column ``image_id``; ``audit`` is an audit's name, which looks at
        ``split_set`` (see `Store.audit`). ``output`` is a PNG file for the sheet.
        Returns the rows (image_id, label, split, path); in a notebook they show their pictures.
        """
        from notmnist_store.audit import rows_found
        from notmnist_store.peek import peek

        catalog = self._catalog()
        rows, sheet = peek(
            catalog,
            Tables.open(self.path),
            images=images,
            label=label,
            sql=sql,
            found=rows_found(catalog, audit, split_set, sql_dir) if audit is not None else None,
            n=n,
            seed=seed,
            png=output is not None,
        )
        if output is not None and sheet is not None:
            from notmnist_store.storage.filesystem import replacing

            with replacing(Path(output)) as beside:
                beside.write_bytes(sheet)
        return self._result(rows)

    def audit(
        self,
        *names: str,
        split_set: str = "ingest",
        fail_on: str = "must",
        tolerance: dict[str, float | str] | None = None,
        sql_dir: str | Path | None = None,
    ) -> AuditResult:
        """Run the audits of ``sql/audits``, or those named, against one split set.

        ``tolerance`` gives shares of violations to bear, by audit; files in ``sql_dir`` replace
        audits of the same name and add others. ``passed`` of the result is False where an audit of
        severity must (``fail_on="should"``: or should) does not pass.

        Returns one row an audit: name, severity, status, violating, total, share, tolerance,
        seconds, next, overridden, error; of one name alone its violating rows.

        Raises:
            UsageError: an unknown audit, split set or severity; a tolerance that is no share.
            QueryError: the one audit that was named is broken; of several, that is a status.
        """
        from notmnist_store.audit import audit

        return audit(
            self._catalog(),
            names,
            split_set=split_set,
            fail_on=fail_on,
            tolerance=tolerance or {},
            folder=sql_dir,
            progress=self._progress,
            thumbnails=self.thumbnails,
        )

    def verify(self, *, full: bool = False) -> Result:
        """Check that all the logs promise is there and whole; ``full`` hashes pixels again.

        Returns one row a check: table, check, status (ok, damaged or note), detail.
        """
        from notmnist_store.verify import verify

        return self._result(verify(Tables.open(self.path), self._progress, full=full))

    def undo(self, run: str | None = None) -> Result:
        """Withdraw a run (the newest, where none is given); undoing an undo restores its run.

        Nothing is deleted. Returns the row of view ``run`` that says so.
        """
        from notmnist_store.history import undo

        said = undo(Tables.open(self.path), run)
        rows = "select run_id, verb, withdraws, restores from run where run_id = $run_id"
        return self._result(self._catalog().query(rows, {"run_id": said}))

    def gc(self, *, older_than: float = 24.0, yes: bool = False) -> Result:
        """List files that no log names and that are older than so many hours; `yes` removes them.

        Returns one row a file: path, bytes, hours_old, removed.
        """
        from notmnist_store.history import gc

        return self._result(gc(Tables.open(self.path), older_than=older_than, yes=yes))

    def split(
        self,
        name: str | None = None,
        *,
        recipe: str = "stratified",
        train: str | int | float | None = None,
        valid: str | int | float | None = None,
        test: str | int | float | None = None,
        seed: int = 0,
        where: str | None = None,
        group_by: str = "pixels",
        keep_ratio: bool = False,
        distinct: bool = False,
        train_source: str | None = None,
        test_source: str | None = None,
        order: str = "name",
        dry_run: bool = False,
        replace: bool = False,
        extend: bool = False,
    ) -> Result:
        """Make a split set: a named assignment of images to train, valid, test or unused.

        Sizes are counts (8000, of the whole split) or fractions (0.8). Without a name, the split
        sets there are. The same name and arguments again change nothing.

        Returns one row a split and label: split_set, version, digest, split, label, images.

        Raises:
            UsageError: a name, size or argument that cannot be meant, or more is asked for than
                there is.
        """
        from notmnist_store.split_plan import SplitOptions
        from notmnist_store.splits import make_split

        if name is None:
            rows = find_query("reports", "split_sets")
            return self._result(self._catalog().query(rows.sql))
        options = SplitOptions(
            recipe=recipe,
            train=None if train is None else str(train),
            valid=None if valid is None else str(valid),
            test=None if test is None else str(test),
            seed=seed,
            where=where,
            group_by=group_by,
            keep_ratio=keep_ratio,
            distinct=distinct,
            train_source=train_source,
            test_source=test_source,
            order=order,
        )
        made = make_split(
            Tables.open(self.path),
            name,
            options,
            dry_run=dry_run,
            replace=replace,
            extend=extend,
        )
        for note in made.notes:
            self._progress.note(note)
        if not dry_run:
            return self.split_counts(name)
        rows_ = [
            {"split_set": name, "split": split, "label": label, "images": images}
            for (split, label), images in sorted(made.counts.items())
        ]
        return self._result(pa.Table.from_pylist(rows_))

    def split_counts(self, name: str) -> Result:
        """Images of a split set by split and label (``split --show``)."""
        self.split_line(name)
        report = find_query("reports", "split_counts")
        return self._result(self._catalog().query(report.sql, {"split_set": name}))

    def split_diff(self, a: str, b: str) -> Result:
        """Images that stand in different splits of two split sets, by class (``split --diff``)."""
        for name in (a, b):
            self.split_line(name)
        report = find_query("reports", "split_diff")
        return self._result(self._catalog().query(report.sql, {"a": a, "b": b}))

    def split_line(self, name: str) -> str:
        """One line that names a split set's version and digest; UsageError for an unknown one."""
        from notmnist_store.splits import split_line

        return split_line(self._catalog(), name)

    @staticmethod
    def download(
        *names: str,
        to: str | Path = "data",
        mirrors: Sequence[str] = (),
        force: bool = False,
        progress: Progress | None = None,
    ) -> Result:
        """Fetch the published archives notMNIST_small and notMNIST_large into the folder `to`.

        ``mirrors`` are addresses of folders on the web, asked before the notebook's own. Size and
        sha256 are checked; what was cut is resumed. The only method that uses the network.

        Returns one row a file: name, path, bytes, sha256, url, status (downloaded, resumed or
        present) and seconds.
        """
        from notmnist_store.download import download

        told = progress or Progress()
        return Result(download(names, to=Path(to), mirrors=mirrors, force=force, progress=told))

    def load(self, name: str = "ingest", split: str = "train") -> Split:
        """One split of a split set as Arrow, NumPy, batches or for torch; see `loading.load`."""
        from notmnist_store.loading import load

        return load(Tables.open(self.path), name, split)

    def export(
        self,
        name: str,
        out: str | Path,
        *,
        form: str,
        splits: str | Sequence[str] | None = None,
        with_labels: bool = True,
        key_file: str | Path | None = None,
        force: bool = False,
    ) -> Result:
        """Write a split set to the folder `out` (``form`` is ``--as``); see `export.export`.

        Returns one row a split: split_set, version, format, split, images, digest.
        """
        from notmnist_store.export import ExportOptions, export

        options = ExportOptions.of(form, splits, with_labels, key_file, force)
        return self._result(
            export(Tables.open(self.path), name, Path(out), options, self._progress)
        )

    @staticmethod
    def glyphs(
        out: str | Path,
        *,
        images: int = 10_000,
        force: bool = False,
        workers: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Result:
        """Draw the offline set: letters A to J of open fonts, in notMNIST's layout, as a tar.gz.

        Returns one row: path, images, families, bytes, sha256, seconds.
        """
        from notmnist_store.glyphs import glyphs

        made = glyphs(out, images=images, force=force, workers=workers, progress=progress)
        row = {**vars(made), "path": str(made.path)}
        return Result(pa.Table.from_pylist([row]))

    def thumbnails(self, ids: Sequence[int]) -> dict[int, bytes]:
        """PNG files of these images, by id; ids the store does not have are left out."""
        from notmnist_store.contact_sheet import png_thumbnail
        from notmnist_store.storage.pixels import pixels_by_id

        found = pixels_by_id(Tables.open(self.path), ids)
        return {image_id: png_thumbnail(picture) for image_id, picture in found.items()}

    def terminal_sheet(self, rows: Result, *, width: int, colour: bool) -> str:
        """The pictures of rows with `image_id` and `label` as text, `width` columns wide."""
        from notmnist_store.contact_sheet import terminal_sheet
        from notmnist_store.storage.pixels import pixels_by_id

        ids = rows.arrow()["image_id"].to_pylist()
        found = pixels_by_id(Tables.open(self.path), ids)
        captions = rows.arrow()["label"].to_pylist()
        return terminal_sheet([found[i] for i in ids], captions, width=width, colour=colour)

    def _catalog(self) -> Catalog:
        from notmnist_store.storage.catalog import Catalog

        return Catalog(Tables.open(self.path))

    def _result(self, table: pa.Table) -> Result:
        return Result(table, self.thumbnails)

    def _reports(self, folder: Path | None) -> Result:
        rows = [
            {
                "name": report.name,
                "title": report.title,
                "parameters": ", ".join(report.parameters),
            }
            for report in load_queries("reports", folder).values()
        ]
        return Result(pa.Table.from_pylist(rows))
