"""The Python face: one object, a method for each command."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from notmnist_store.errors import UsageError
from notmnist_store.progress import Progress
from notmnist_store.result import Result
from notmnist_store.storage.queries import bind, find_query, load_queries
from notmnist_store.storage.tables import Tables
from notmnist_store.store_changes import StoreChanges
from notmnist_store.store_decisions import StoreDecisions
from notmnist_store.store_duplicates import StoreDuplicates
from notmnist_store.store_learning import StoreLearning

if TYPE_CHECKING:
    from notmnist_store.audit import AuditResult
    from notmnist_store.loading import Split
    from notmnist_store.report.report import ReportResult
    from notmnist_store.storage.catalog import Catalog
    from notmnist_store.storage.queries import Query

__all__ = ["Store"]

_REPORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


class Store(StoreChanges, StoreDuplicates, StoreDecisions, StoreLearning):
    """A store at a path. Every method reads the store as it is at that moment."""

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
            catalog = self._catalog()
            values = self._bound(catalog, report, values)
            return self._result(catalog.query(report.sql, values, timeout=timeout))
        return self._result(self._catalog().query(query, values, timeout=timeout))

    def peek(
        self,
        *images: int,
        pairs: bool = False,
        label: str | None = None,
        sql: str | None = None,
        audit: str | None = None,
        split_set: str = "ingest",
        radius: str | None = None,
        sql_dir: str | Path | None = None,
        n: int = 40,
        seed: int = 0,
        output: str | Path | None = None,
    ) -> Result:
        """Look at images: these ids, those a query or an audit finds, or a sample by `seed`.

        ``sql`` is a SELECT with a column ``image_id``; ``audit`` is an audit's name, which looks at
        ``split_set`` and, for near copies, up to ``radius`` (see `Store.audit`). ``output`` is a
        PNG file for the sheet.
        Returns the rows (image_id, label, split, path); in a notebook they show their pictures.

        Of one id alone, what is known of it: rows (what, value, image_id) with its origin, its
        groups, its nearest neighbours in each split of ``split_set``, and why a split set left it
        out.

        With ``pairs`` near copies side by side, and their difference: of all known pairs, those of
        a ``label``, or those that an audit or a SELECT finds (columns image_id and twin_id, or a
        and b), up to ``radius``. The sample takes equal shares of all distances, so that one sees
        which radius means a copy. Returns rows (image_id, label, split, twin_id, twin_label,
        twin_split, distance, squared_distance), the nearest first; splits are of ``split_set``.

        Raises:
            UsageError: options that do not go together, an unknown audit or split set, or a radius
                beyond that of the last `near_duplicates`.
            QueryError: a query that does not run or lacks these columns; an unknown image or label.
            StoreError: pairs are asked for, and none are known.
        """
        from notmnist_store.audit import rows_found
        from notmnist_store.peek import check_choice, peek
        from notmnist_store.peek_image import image_story
        from notmnist_store.peek_pairs import PairOptions, near_pairs
        from notmnist_store.verdicts import Scope

        check_choice(
            pairs=pairs,
            ids=len(images),
            label=label is not None,
            sql=sql is not None,
            audit=audit is not None,
            n=n,
        )
        catalog, tables = self._catalog(), Tables.open(self.path)
        found = None
        if audit is not None:
            scope = Scope(split_set, None if radius is None else str(radius))
            found = rows_found(catalog, audit, scope, sql_dir)
        if pairs:
            chosen = PairOptions(
                sql=sql,
                label=label,
                split_set=split_set,
                radius=None if radius is None else str(radius),
                n=n,
                seed=seed,
            )
            rows = near_pairs(catalog, tables, found, chosen)
        elif len(images) == 1:
            rows = image_story(catalog, images[0], split_set)
        else:
            rows = peek(catalog, images=images, label=label, sql=sql, found=found, n=n, seed=seed)
        if output is not None and rows.num_rows:
            self._write_sheet(rows, Path(output))
        return self._result(rows)

    def _write_sheet(self, rows: pa.Table, target: Path) -> None:
        from notmnist_store.contact_sheet import png_sheet
        from notmnist_store.peek_pictures import cell_pixels, pictures_of
        from notmnist_store.storage.filesystem import replacing

        strips, captions = pictures_of(Tables.open(self.path), rows)
        sheet = png_sheet(strips, captions, cell_pixels=cell_pixels(rows))
        with replacing(target) as beside:
            beside.write_bytes(sheet)

    def audit(
        self,
        *names: str,
        split_set: str = "ingest",
        radius: str | None = None,
        fail_on: str = "must",
        tolerance: dict[str, float | str] | None = None,
        sql_dir: str | Path | None = None,
        against: str | Path | None = None,
        key_file: str | Path | None = None,
    ) -> AuditResult:
        """Run the audits of ``sql/audits``, or those named, against one split set.

        ``radius`` is how far apart near copies may be (text or a whole number; by default each
        audit's own), at most that of the last `near_duplicates`; audits that need pairs are stale
        where those do not know every image.

        ``tolerance`` gives shares of violations to bear, by audit; files in ``sql_dir`` replace
        audits of the same name and add others. ``passed`` of the result is False where an audit of
        severity must (``fail_on="should"``: or should) does not pass.

        ``against`` is the ``hashes.parquet`` of a partner's export and ``key_file`` the key both
        have: instead of the others, the one audit ``against`` looks for exact copies of the
        partner's images in train, valid and test; of that name, it returns them.

        Returns one row an audit: name, severity, status, violating, total, share, tolerance,
        seconds, next, overridden, error; of one name alone its violating rows.

        Raises:
            UsageError: an unknown audit, split set or severity; a tolerance that is no share.
            QueryError: the one audit that was named is broken; of several, that is a status.
            StoreError: `against` is no file of hashes, or damaged.
        """
        if against is not None:
            return self._audit_against(
                names, Path(against), key_file, split_set, fail_on, tolerance or {}, sql_dir
            )
        if key_file is not None:
            raise UsageError(
                "--key-file goes with --against",
                "notmnist-store audit --against hashes.parquet --key-file partners.key",
            )
        from notmnist_store.audit import audit
        from notmnist_store.verdicts import Scope

        return audit(
            self._catalog(),
            names,
            scope=Scope(split_set, None if radius is None else str(radius)),
            fail_on=fail_on,
            tolerance=tolerance or {},
            folder=sql_dir,
            progress=self._progress,
            thumbnails=self.thumbnails,
        )

    def _audit_against(
        self,
        names: Sequence[str],
        hashes: Path,
        key_file: str | Path | None,
        split_set: str,
        fail_on: str,
        tolerance: dict[str, float | str],
        sql_dir: str | Path | None,
    ) -> AuditResult:
        from notmnist_store.against import audit_against

        if sql_dir is not None:
            raise UsageError(
                "--against runs no SQL, so --sql-dir does not go with it",
                "notmnist-store audit --against hashes.parquet --key-file partners.key",
            )
        return audit_against(
            Tables.open(self.path),
            names,
            hashes,
            None if key_file is None else Path(key_file),
            split_set=split_set,
            fail_on=fail_on,
            tolerance=tolerance,
            progress=self._progress,
            thumbnails=self.thumbnails,
        )

    def verify(self, *, full: bool = False) -> Result:
        """Check that all the logs promise is there and whole; ``full`` hashes pixels again.

        Returns one row a check: table, check, status (ok, damaged or note), detail.
        """
        from notmnist_store.verify import verify

        return self._result(verify(Tables.open(self.path), self._progress, full=full))

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

        return load(Tables.open(self.path), name, split, self._progress)

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

    def report(
        self,
        output: str | Path | None = None,
        *,
        split_set: str = "ingest",
        paper: bool = False,
    ) -> ReportResult:
        """Write one HTML page on the data as this split set shows them: is it ready to train on?

        The page opens with the verdict and needs no network; the same store gives the same bytes.
        With ``paper``: the data section of a paper instead, a paragraph and a table in LaTeX.
        Without ``output`` no file is written; ``content`` of the result has the bytes, and
        ``against`` the audits that stand against training.

        Returns one row: path, split_set, ready, bytes, sha256.

        Raises:
            UsageError: there is no such split set.
            StoreError: matplotlib is not installed, a data file is damaged, or `output` cannot be
                written.
        """
        from notmnist_store.report.report import report

        return report(
            Tables.open(self.path),
            self._catalog(),
            None if output is None else Path(output),
            split_set=split_set,
            paper=paper,
            progress=self._progress,
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

    @staticmethod
    def _bound(catalog: Catalog, report: Query, given: dict[str, Any]) -> dict[str, Any]:
        """The report's values; a radius beyond what was searched would give too few rows."""
        from notmnist_store.duplicates import check_radius

        values = bind(report, given, catalog.shape)
        for name, parameter in report.parameters.items():
            if parameter.type == "radius":
                check_radius(catalog, str(given[name]) if name in given else None)
        return values

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
