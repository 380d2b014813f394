"""The Python face: one object, a method for each command."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from notmnist_store.catalog.queries import bind, find_query, load_queries
from notmnist_store.errors import UsageError
from notmnist_store.progress import Progress
from notmnist_store.result import Result
from notmnist_store.schema.radius import Radius
from notmnist_store.storage.tables import Tables

if TYPE_CHECKING:
    from notmnist_store.audits.audit import AuditResult
    from notmnist_store.catalog.connection import Catalog
    from notmnist_store.catalog.queries import Query
    from notmnist_store.loading.split import Split
    from notmnist_store.report.report import ReportResult
    from notmnist_store.sources.limits import Limits

_REPORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_SEARCHED = """
select
    radius_join.run_id,
    radius_join.radius,
    radius_join.images,
    radius_join.distinct_images,
    radius_join.pairs,
    radius_join.group_radius,
    (select count(*) from duplicate_group where kind = 'near') as groups,
    (select max(images) from duplicate_group where kind = 'near') as largest_group
from radius_join
where radius_join.run_id = $run_id
"""
_OF_RUN = """
select
    model, size, eval_split, versus_set, versus_subset, n, versus_n,
    accuracy, versus_accuracy, points, low, high
from stored_leak_price
where run_id = $run_id
order by versus_subset, versus_set, case eval_split when 'valid' then 0 else 1 end, size
"""
_FOR_DECIDE = """
select
    suspect.image_id,
    'relabel' as action,
    suspect.suggested_label as value,
    'suspects: ' || suspect.label || ' is ' || round(suspect.self_confidence, 3)
        || ' likely, margin ' || round(suspect.margin, 3) as note
from stored_suspect as suspect
where suspect.run_id = $run_id
order by suspect.margin, suspect.image_id
"""


class ArrowRows(Protocol):
    """Rows of any library that gives an Arrow C stream: a Result, a polars or pandas frame."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class Store:
    """A store at a path. Every method reads the store as it is at that moment."""

    def __init__(self, path: str | Path = "store", *, progress: Progress | None = None) -> None:
        self.path = Path(path)
        self._progress = progress or Progress()

    def __repr__(self) -> str:
        return f"notmnist_store.open({str(self.path)!r})"

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
        from notmnist_store.sources.download import download

        told = progress or Progress()
        return Result(download(names, to=Path(to), mirrors=mirrors, force=force, progress=told))

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
        from notmnist_store.drawing.glyphs import glyphs

        made = glyphs(out, images=images, force=force, workers=workers, progress=progress)
        row = {**vars(made), "path": str(made.path)}
        return Result(pa.Table.from_pylist([row]))

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
        from notmnist_store.ingest.default_sources import default_sources
        from notmnist_store.ingest.ingest import ingest
        from notmnist_store.ingest.options import read_options
        from notmnist_store.sources.paired_files import one_of_each_pair

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
        with default_sources(paths, self.path, options, self._progress) as chosen:
            runs = chosen.runs + [
                ingest(self.path, path, chosen.options, self._progress) for path in chosen.sources
            ]
        catalog = self._catalog()
        arrivals = find_query("reports", "arrivals")
        parts = [catalog.query(arrivals.sql, {"run_id": run}) for run in runs]
        return self._result(pa.concat_tables(parts))

    def info(self) -> Result:
        """What the store holds: its settings, tables, sources, split sets, and last runs."""
        from notmnist_store.upkeep.info import info

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
        radius: str | float | None = None,
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
        from notmnist_store.peek.peek import peek

        rows = peek(
            Tables.open(self.path),
            images,
            pairs=pairs,
            label=label,
            sql=sql,
            audit=audit,
            split_set=split_set,
            radius=Radius.read(radius),
            sql_dir=sql_dir,
            n=n,
            seed=seed,
            output=None if output is None else Path(output),
        )
        return self._result(rows)

    def audit(
        self,
        *names: str,
        split_set: str = "ingest",
        radius: str | float | None = None,
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
        from notmnist_store.audits.audit import audit
        from notmnist_store.audits.verdicts import Scope

        return audit(
            self._catalog(),
            names,
            scope=Scope(split_set, Radius.read(radius)),
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
        from notmnist_store.audits.partner import audit_against

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
        radius: str | float | None = None,
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

        ``group_by`` names what is kept together: ``pixels``, a column of view image, or ``near``:
        near copies, so that no two pictures within ``radius`` (1.0) of each other straddle splits.
        These groups are connected components, chains included. ``extend`` makes them anew with the
        new images: no old row moves, and a new image whose group now stands in two splits is left
        out, with rule ``group_in_two_splits`` in view split_drop.

        Returns one row a split and label: split_set, version, digest, split, label, images.

        Raises:
            UsageError: a name, size or argument that cannot be meant, more is asked for than
                there is, or a group of near copies is too large for any split.
            StoreError: near copies are asked for, and not known of all images.
        """
        from notmnist_store.splits.make import make_split
        from notmnist_store.splits.plan import SplitOptions

        if name is None:
            rows = find_query("reports", "split_sets")
            return self._result(self._catalog().query(rows.sql))
        options = SplitOptions(
            recipe=recipe,
            train=train,
            valid=valid,
            test=test,
            seed=seed,
            where=where,
            group_by=group_by,
            keep_ratio=keep_ratio,
            distinct=distinct,
            train_source=train_source,
            test_source=test_source,
            order=order,
            radius=Radius.read(radius),
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
        return self.sql("split_counts", params={"split_set": name})

    def split_diff(self, a: str, b: str) -> Result:
        """Images that stand in different splits of two split sets, by class (``split --diff``)."""
        return self.sql("split_diff", params={"a": a, "b": b})

    def split_line(self, name: str) -> str:
        """One line that names a split set's version and digest; UsageError for an unknown one."""
        from notmnist_store.catalog.split_sets import find_split_set

        return find_split_set(self._catalog(), name).line

    def near_duplicates(
        self,
        *,
        radius: str | float | None = None,
        group_radius: str | float | None = None,
        limit: int | None = None,
        chunk_pairs: int | None = None,
        workers: int | None = None,
    ) -> Result:
        """Find all pairs of different pictures within ``radius`` of each other; one run.

        ``radius`` is a Euclidean distance over pixels scaled to [0, 1], as text so that it is read
        exactly: by default 2.0 for 28x28x1, and 2.0 x sqrt(h w c / 784) for other shapes. Groups
        are made at ``group_radius`` (1.0). After new images only what is new is compared.
        ``limit`` is the most pairs to find (100 million), ``workers`` the number of threads. A
        small sample is checked by an independent method: view ``certificate``, and `certify`.

        Returns one row: run_id, radius, images, distinct_images, pairs, group_radius, groups,
        largest_group.

        Raises:
            UsageError: a radius or number that cannot be meant, or more pairs than ``limit``.
            StoreError: no images, too little memory, a damaged data file; or pairs that the check
                does not find, stored all the same.
        """
        from notmnist_store.near.kernels.join import CHUNK_PAIRS
        from notmnist_store.near.search import DEFAULT_LIMIT, NearOptions, near_duplicates

        options = NearOptions(
            radius=Radius.read(radius),
            group_radius=Radius.read(group_radius),
            limit=DEFAULT_LIMIT if limit is None else limit,
            chunk_pairs=CHUNK_PAIRS if chunk_pairs is None else chunk_pairs,
            threads=workers,
        )
        run_id = near_duplicates(Tables.open(self.path), options, self._progress)
        return self._result(self._catalog().query(_SEARCHED, {"run_id": run_id}))

    def certify(
        self, split_set: str | None = None, *, sample: int | None = None, seed: int = 0
    ) -> Result:
        """Check the pairs by an independent method, and store a certificate; one run.

        With ``split_set`` every evaluation picture is compared with every picture that must not
        know it; without, ``sample`` random pictures (1,000, drawn by ``seed``) with all.

        Returns one row, that of view ``certificate``.

        Raises:
            UsageError: no such split set, or a sample that cannot be meant.
            StoreError: near duplicates were not searched, or not in all these images; or the check
                disagrees (the certificate says so, and is stored).
        """
        from notmnist_store.near.certify import certify

        run_id = certify(
            Tables.open(self.path), split_set, sample=sample, seed=seed, progress=self._progress
        )
        rows = "select * from certificate where run_id = $run_id"
        return self._result(self._catalog().query(rows, {"run_id": run_id}))

    def near_duplicates_against(
        self,
        split_set: str,
        source: str | Path,
        *,
        radius: str | float | None = None,
        to_grey: bool = False,
        labels: str | Sequence[str] | None = None,
        transpose: bool = False,
        limits: Limits | None = None,
        workers: int | None = None,
    ) -> Result:
        """Find the images of a source that are copies or near copies of a split set's images.

        The source is anything that `Store.ingest` takes, with images of this store's shape; it is
        read into a temporary folder, and nothing is written to the store. ``radius`` is text (1.0
        by default); the pairs of `near_duplicates` are not needed. The options that follow are
        those of `Store.ingest`.

        Returns one row an image of the source and split (train, valid, test) that has a picture
        within the radius, with the nearest: path, label, image_id, split, store_label, distance,
        squared_distance; the nearest first.

        Raises:
            UsageError: no such split set, or an option that cannot be meant.
            SourceError: a source that cannot be read whole, of another shape, or without images.
            StoreError: a damaged data file.
        """
        from notmnist_store.ingest.options import read_options
        from notmnist_store.near.against import near_against

        options = read_options(
            [source],
            shape=None,
            fractions=None,
            labels=labels,
            limits=limits,
            to_grey=to_grey,
            transpose=transpose,
            workers=workers,
        )
        tables = Tables.open(self.path)
        return self._result(
            near_against(
                tables,
                split_set,
                Path(source),
                options,
                self._progress,
                radius=Radius.read(radius),
            )
        )

    def near_components(self, *, radius: str | float | None = None, seed: int = 0) -> Result:
        """Connected components of the known pairs, to see how far chains of near copies go.

        At ``radius``, or at 0.5, 1, 1.5, 2 as far as the last search went. A diagnostic: groups
        are stars (view duplicate_group), in which no image is far from the one that stands for it.

        Returns one row a radius: radius, components (of two pictures or more), largest (pictures in
        the largest), share (of all pictures), diameter (the largest distance between `sampled`
        pictures of it, drawn by ``seed``), sampled, image_id (its first picture).

        Raises:
            UsageError: a radius that is none, or beyond that of the last search.
            StoreError: there has been no search, or a data file is damaged.
        """
        from notmnist_store.near.components import near_components

        return self._result(
            near_components(Tables.open(self.path), self._catalog(), Radius.read(radius), seed=seed)
        )

    def sanitize(
        self,
        new: str,
        *,
        base: str,
        keep: str | Sequence[str] = ("train", "valid", "test"),
        radius: str | float | None = None,
        policy: str = "keep",
        conflicts: str = "keep",
        refill: bool = False,
        seed: int = 0,
        yes: bool = False,
        replace: bool = False,
    ) -> Result:
        """Say what a split set without copies or near copies across splits would lose; make it.

        It is made of split set ``base`` (``--from``), and only with ``yes``. Of two images within
        ``radius`` of each other in different splits, the one in the split that ``keep`` names first
        stays. Policy ``minimal``: the fewest go from the first two splits of ``keep``. Near copies
        under several labels stay unless ``conflicts`` is ``drop`` or ``majority``; both say so
        first. ``refill`` tops each split and label up again from unused images, by ``seed``.
        ``radius`` is text (1.0 for 28x28x1, as in the audits); 0 is about equal pixels alone.

        Returns one row a split and label, and one a split (label null) for several radii: radius,
        split, label, images, exact, near, conflict, refilled, left.

        Raises:
            UsageError: an option that cannot be meant, a radius beyond that of the last
                near-duplicates run, or a name taken by other arguments.
            StoreError: the pairs do not know all images of ``base``, or some were withdrawn.
        """
        from notmnist_store.splits.sanitize import sanitize
        from notmnist_store.splits.sanitize_options import SanitizeOptions

        options = SanitizeOptions.of(
            base,
            keep,
            Radius.read(radius),
            policy=policy,
            conflicts=conflicts,
            refill=refill,
            seed=seed,
        )
        tables = Tables.open(self.path)
        return self._result(
            sanitize(tables, new, options, self._progress, yes=yes, replace=replace)
        )

    def decide(
        self,
        decisions: str | Path | ArrowRows | None = None,
        *,
        sql: str | None = None,
        action: str | None = None,
        value: str | None = None,
        note: str | None = None,
        by: str | None = None,
        yes: bool = False,
    ) -> Result:
        """Say what decisions would do, and with ``yes`` take them.

        They are a CSV file (``-`` is stdin), rows of any Arrow kind, or what the SELECT ``sql``
        finds, with columns image_id or pixel_hash, action, value and note; ``action``, ``value``
        and ``note`` fill what is empty or not there. A decision is about every image of the same
        pixels. Actions are ``drop``; ``relabel`` (value: the new label); ``not_duplicate`` (value:
        image_id or pixel_hash of the other picture, or empty: of none); ``keep``, which takes a
        drop or relabel back and keeps audits from listing the image, or with the value
        ``duplicate`` takes not_duplicate back. ``by`` is who decides: by default the login name.

        Returns one row a decision: image_id, pixel_hash, label (as it is now), action, value, note,
        images (which it touches), effect (new, no change, new note, or what it replaces).

        Raises:
            UsageError: rows that cannot be meant, that name images that are not there, or that
                contradict each other.
            QueryError: the SELECT does not run.
        """
        from notmnist_store.decisions.decide import decide, login_name
        from notmnist_store.decisions.rows import Defaults, read_csv, read_rows

        if (decisions is None) == (sql is None):
            raise UsageError(
                "decisions come from a CSV file or from --sql: give one of the two",
                "notmnist-store decide --help",
            )
        tables = Tables.open(self.path)
        defaults = Defaults(action, value, note)
        if sql is not None:
            where = "the query"
            given = read_rows(self._catalog().query(sql), defaults, where)
        elif isinstance(decisions, str | Path):
            where = str(decisions)
            given = read_csv(Path(decisions), defaults)
        else:
            where = "the table"
            given = read_rows(pa.table(decisions), defaults, where)
        done = decide(
            tables,
            given,
            where=where,
            by=login_name() if by is None else by,
            yes=yes,
            progress=self._progress,
        )
        return self._result(done)

    def load(self, name: str = "ingest", split: str = "train") -> Split:
        """One split of a split set as Arrow, NumPy, batches or for torch; see `loading.load`."""
        from notmnist_store.loading.split import load

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
        from notmnist_store.export.export import export

        rows = export(
            Tables.open(self.path),
            name,
            Path(out),
            self._progress,
            form=form,
            splits=splits,
            with_labels=with_labels,
            key_file=None if key_file is None else Path(key_file),
            force=force,
        )
        return self._result(rows)

    def baseline(
        self,
        split_set: str = "ingest",
        *,
        sizes: str | Sequence[int | str] = (50, 100, 1000, 5000, "all"),
        seed: int = 0,
        repeats: int = 5,
        model: str = "logistic",
        radius: str | float | None = None,
        versus: str | None = None,
    ) -> Result:
        """Train scikit-learn's logistic regression, and score it with and without leaks.

        Each of ``sizes`` is trained on ``repeats`` stratified draws of that many training images;
        ``all`` on all, once. ``model`` is ``logistic`` (scikit-learn's defaults) or
        ``liblinear-ovr`` (those of the course's time). Up to ``radius`` a copy counts as near.
        ``versus`` names a split set whose valid and test the same models are scored on as well.
        Tables score, leak_price and prediction keep it; reports scores, learning_curve, confusion
        and hardest_images show it.

        Returns for each size and evaluation split the accuracy on all images and on clean ones, and
        the difference in percentage points with its 95 % interval, averaged over the repeats.

        Raises:
            UsageError: an option that cannot be meant, or a split set that cannot be learned from.
            StoreError: scikit-learn is not installed.
        """
        from notmnist_store.learning.baseline import baseline
        from notmnist_store.learning.plan import BaselineOptions

        options = BaselineOptions.of(sizes, seed, repeats, model, radius, versus)
        run = baseline(Tables.open(self.path), split_set, options, self._progress)
        return self._result(self._catalog().query(_OF_RUN, {"run_id": run}))

    def suspects(self, split_set: str = "ingest", *, folds: int = 5, seed: int = 0) -> Result:
        """Find labels that are likely wrong: confident learning over cross-validation.

        Every image of train, valid and test is judged by a model that has seen neither it nor a
        copy of it. Tables suspect and outlier keep what was found; the reports of these names show
        it.

        Returns one row a suspect, the likeliest errors first, as `decide` takes them: image_id,
        action (relabel), value (the suggested label) and note.

        Raises:
            UsageError: an option that cannot be meant, or a split set that cannot be learned from.
            StoreError: scikit-learn is not installed.
        """
        from notmnist_store.learning.suspects import suspects

        run = suspects(Tables.open(self.path), split_set, folds, seed, self._progress)
        return self._result(self._catalog().query(_FOR_DECIDE, {"run_id": run}))

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
            StoreError: a data file is damaged, or `output` cannot be written.
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

    def verify(self, *, full: bool = False) -> Result:
        """Check that all the logs promise is there and whole; ``full`` hashes pixels again.

        Returns one row a check: table, check, status (ok, damaged or note), detail.
        """
        from notmnist_store.upkeep.verify import verify

        return self._result(verify(Tables.open(self.path), self._progress, full=full))

    def undo(self, run: str | None = None) -> Result:
        """Withdraw a run (the newest, where none is given); undoing an undo restores its run.

        Nothing is deleted. Returns the row of view ``run`` that says so.
        """
        from notmnist_store.upkeep.history import undo

        said = undo(Tables.open(self.path), run)
        rows = "select run_id, verb, withdraws, restores from run where run_id = $run_id"
        return self._result(self._catalog().query(rows, {"run_id": said}))

    def gc(self, *, older_than: float = 24.0, yes: bool = False) -> Result:
        """List files that no log names and that are older than so many hours; `yes` removes them.

        Returns one row a file: path, bytes, hours_old, removed.
        """
        from notmnist_store.upkeep.history import gc

        return self._result(gc(Tables.open(self.path), older_than=older_than, yes=yes))

    def thumbnails(self, ids: Sequence[int]) -> dict[int, bytes]:
        """PNG files of these images, by id; ids the store does not have are left out."""
        from notmnist_store.peek.sheet import png_thumbnail
        from notmnist_store.storage.pixels import pixels_by_id

        found = pixels_by_id(Tables.open(self.path), ids)
        return {image_id: png_thumbnail(picture) for image_id, picture in found.items()}

    def terminal_sheet(self, rows: Result, *, width: int, colour: bool) -> str:
        """The pictures of what `peek` gave, as text `width` columns wide."""
        from notmnist_store.peek.pictures import pictures_of
        from notmnist_store.peek.sheet import terminal_sheet

        strips, captions = pictures_of(Tables.open(self.path), rows.arrow())
        return terminal_sheet(strips, captions, width=width, colour=colour)

    @staticmethod
    def _bound(catalog: Catalog, report: Query, given: dict[str, Any]) -> dict[str, Any]:
        """The report's values; a radius beyond what was searched would give too few rows."""
        from notmnist_store.catalog.split_sets import show_versions
        from notmnist_store.near.evidence import check_radius

        values = bind(report, given, catalog.shape)
        show_versions(catalog, report, values)
        for name, parameter in report.parameters.items():
            if parameter.type == "radius":
                check_radius(catalog, Radius.read(given.get(name)))
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

    def _catalog(self) -> Catalog:
        from notmnist_store.catalog.connection import Catalog

        return Catalog(Tables.open(self.path))

    def _result(self, table: pa.Table) -> Result:
        return Result(table, self.thumbnails)
