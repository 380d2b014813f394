"""The Python face: one object, a method for each command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from notmnist_store.errors import UsageError
from notmnist_store.progress import Progress
from notmnist_store.result import Result
from notmnist_store.schema import SPLITS, Shape
from notmnist_store.storage.marker import parse_fractions
from notmnist_store.storage.queries import bind, find_query, load_queries
from notmnist_store.storage.tables import Tables

if TYPE_CHECKING:
    from notmnist_store.ingest import IngestOptions
    from notmnist_store.storage.catalog import Catalog
    from notmnist_store.storage.members import Limits

__all__ = ["Store"]

_REPORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_LAST_RUNS = 5


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

        Returns:
            One row a source and label: seen, stored, rejected, ignored, and known_pixels (stored
            images whose pixels an earlier run has as well).

        Raises:
            UsageError: an option that cannot be meant.
            SourceError: a source that cannot be read whole, or fails its checks.
            StoreError: the store cannot be written, or was made for something else.
        """
        from notmnist_store.ingest import IngestOptions, ingest
        from notmnist_store.offline import default_sources
        from notmnist_store.storage.members import Limits

        options = IngestOptions(
            shape=_usage(Shape.parse, shape, "--shape 28x28x1", sources) if shape else None,
            fractions=_usage(_fractions, fractions, "--fractions 0.8,0.1,0.1", sources)
            if fractions
            else None,
            split=split,
            name=name,
            to_grey=to_grey,
            group_regex=group_regex,
            expect_classes=expect_classes,
            min_per_class=min_per_class,
            max_labels=max_labels,
            limits=limits or Limits(),
            workers=workers,
            demo=demo,
        )
        _check_options(options, sources)
        with default_sources(sources, self.path, options, self._progress) as (paths, chosen):
            runs = [ingest(self.path, path, chosen, self._progress) for path in paths]
        catalog = self._catalog()
        arrivals = find_query("reports", "arrivals")
        parts = [catalog.query(arrivals.sql, {"run_id": run}) for run in runs]
        return self._result(pa.concat_tables(parts))

    def info(self) -> Result:
        """What the store holds: its settings, tables, sources, split sets, and last runs."""
        tables = Tables.open(self.path)
        catalog = self._catalog()
        marker = tables.marker
        rows: list[dict[str, Any]] = []

        def add(what: str, name: str, count: int | None = None, detail: str = "") -> None:
            rows.append({"what": what, "name": name, "rows": count, "detail": detail})

        kind = "demo: the offline set, not notMNIST" if marker.demo else "real data"
        shares = ", ".join(f"{split} {share}" for split, share in marker.fractions)
        add("store", str(self.path), None, f"{kind}; images {marker.shape}; split by hash {shares}")
        for row in catalog.query(find_query("reports", "storage").sql).to_pylist():
            state = "" if row["state"] == "live" else f" ({row['state']}, in no view)"
            detail = f"{row['files']} files, {row['bytes']:,} bytes{state}"
            add("table", row["table_name"], row["rows"], detail)
        for row in catalog.query(find_query("reports", "sources").sql).to_pylist():
            add("source", row["source"], row["images"], f"{row['labels']} labels")
        splits = catalog.query(find_query("reports", "ingest_splits").sql).to_pylist()
        detail = ", ".join(f"{row['split']} {row['images']:,}" for row in splits)
        add("split set", "ingest", sum(row["images"] for row in splits), detail)
        for run in tables.runs().to_pylist()[-_LAST_RUNS:]:
            detail = f"{run['verb']} {run['source'] or ''} in {run['seconds']:.1f} s"
            add("run", run["run_id"], run["members_stored"], detail)
        schema = pa.schema(
            [
                ("what", pa.string()),
                ("name", pa.string()),
                ("rows", pa.int64()),
                ("detail", pa.string()),
            ]
        )
        return self._result(pa.Table.from_pylist(rows, schema=schema))

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
        n: int = 40,
        seed: int = 0,
        output: str | Path | None = None,
    ) -> Result:
        """Look at images: these ids, those a query names, or a random sample by `seed`.

        ``sql`` is a SELECT with a column ``image_id``. ``output`` is a PNG file for the sheet.
        Returns the rows (image_id, label, split, path); in a notebook they show their pictures.
        """
        from notmnist_store.peek import peek

        rows, sheet = peek(
            self._catalog(),
            Tables.open(self.path),
            images=images,
            label=label,
            sql=sql,
            n=n,
            seed=seed,
            png=output is not None,
        )
        if output is not None and sheet is not None:
            from notmnist_store.storage.filesystem import replacing

            with replacing(Path(output)) as beside:
                beside.write_bytes(sheet)
        return self._result(rows)

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
        from notmnist_store.split_recipes import SplitOptions
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
        """Images of a split set by split and label."""
        report = find_query("reports", "split_counts")
        return self._result(self._catalog().query(report.sql, {"split_set": name}))

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


def _usage(
    parse: Callable[[str], Any], text: str, example: str, sources: Sequence[str | Path]
) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise UsageError(str(error), _with(example, sources)) from error


def _with(option: str, sources: Sequence[str | Path]) -> str:
    """The command that ingests the same sources with this option."""
    return shlex.join(["notmnist-store", "ingest", *option.split(), *map(str, sources)])


def _fractions(text: str) -> tuple[tuple[str, str], ...]:
    shares = [part.strip() for part in text.split(",")]
    if len(shares) != 3:
        raise ValueError(f"three shares are wanted (train, valid, test), not {text!r}")
    return parse_fractions(dict(zip(SPLITS, shares, strict=False)))


def _check_options(options: IngestOptions, sources: Sequence[str | Path]) -> None:
    if options.split is not None and options.split not in SPLITS:
        raise UsageError(
            f"--split is one of {', '.join(SPLITS)}, not {options.split}",
            _with("--split train", sources),
        )
    if options.name is not None:
        if len(sources) != 1:
            raise UsageError("--as names one source", _with("--as one", sources[:1]))
        if not options.name.strip() or "/" in options.name or options.name.startswith("."):
            raise UsageError(
                f"{options.name!r} cannot be the name of a source", _with("--as one", sources)
            )
    if options.workers is not None and options.workers < 1:
        raise UsageError("--workers is at least 1", _with("--workers 1", sources))
    if options.group_regex is not None:
        try:
            groups = re.compile(options.group_regex).groups
        except re.error as error:
            raise UsageError(
                f"--group-regex {options.group_regex!r} does not compile: {error}",
                _with("--group-regex ([^/]+)_[0-9]+[.]png$", sources),
            ) from error
        if groups != 1:
            raise UsageError(
                f"--group-regex needs one group in parentheses, not {groups}",
                _with("--group-regex ([^/]+)_[0-9]+[.]png$", sources),
            )
