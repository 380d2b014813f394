"""The Python face: one object, a method for each command.

A signature and its docstring declare the command's options too (see `cli.signature`), so the
annotations are kept as they are; what a method does not need is not imported.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Unpack

from notmnist_store.location.location import local_path, location
from notmnist_store.option import (
    Distance,
    EngineName,
    File,
    Folder,
    Option,
    Select,
    SourceLimits,
    SparkUrl,
    SplitSet,
    TransformSet,
)
from notmnist_store.progress import Progress

if TYPE_CHECKING:
    import pyarrow as pa

    from notmnist_store.audits.audit import AuditResult
    from notmnist_store.catalog.connection import Catalog
    from notmnist_store.engines.engine import Engine
    from notmnist_store.loading.split import Split
    from notmnist_store.report.issue import IssueReport
    from notmnist_store.report.report import ReportResult
    from notmnist_store.result import Document, Result
    from notmnist_store.schema.radius import Radius
    from notmnist_store.schema.transforms import Transforms
    from notmnist_store.storage.tables import Tables


class ArrowRows(Protocol):
    """Rows of any library that gives an Arrow C stream: a Result, a polars or pandas frame."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


def download(
    *names: str,
    to: Annotated[str | Path, Option(metavar="DIR")] = "data",
    mirrors: Annotated[Sequence[str], Option("--mirror", "URL")] = (),
    force: bool = False,
    progress: Progress | None = None,
) -> "Result":
    """Fetch the published archives, checked by size and sha256; resume what was cut.

    Nothing else uses the network.

    Args:
        names: notMNIST_small, notMNIST_large.
        to: the folder for them.
        mirrors: a folder on the web that has them, asked before the notebook's own; may be given
            again.
        force: replace a file of other content.
        progress: what is told how far it is.

    Returns:
        One row a file: name, path, bytes, sha256, url, status (downloaded, resumed or present) and
        seconds.

    Raises:
        StoreError: no address has the file whole, or it cannot be written.
    """
    from notmnist_store.result import Result
    from notmnist_store.sources.download import download

    shown = progress or Progress()
    return Result(
        download(
            names,
            to=local_path(to, "the folder for downloads"),
            mirrors=mirrors,
            force=force,
            progress=shown,
        )
    )


def glyphs(
    out: Annotated[str | Path, Option(metavar="OUT.tar.gz")],
    *,
    images: int = 10_000,
    shards: int = 1,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> "Result":
    """Draw the offline set: letters A to J of open fonts, in notMNIST's layout.

    Args:
        out: the archive to write.
        images: how many.
        shards: cut it by position into so many archives, OUT-00000-of-00008.tar.gz and so on.
        force: replace OUT where it exists.
        workers: processes (default: one a core).
        progress: what is told how far it is.

    Returns:
        One row an archive: path, images, families (of the whole set), bytes, sha256, seconds.

    Raises:
        StoreError: fonts are missing, or the file cannot be written.
    """
    from notmnist_store.drawing.glyphs import glyphs
    from notmnist_store.result import Result

    return Result(
        glyphs(out, images=images, shards=shards, force=force, workers=workers, progress=progress)
    )


class Store:
    """A store at a path. Every method reads the store as it is at that moment.

    Each raises UsageError for what cannot be meant (an option, a name that is not there, a radius
    beyond the last search), QueryError for SQL that does not run, and StoreError, the base of both,
    for what cannot be read or written, is damaged, or has to be searched for first. A method's own
    docstring says what is special to it.
    """

    def __init__(self, path: str | Path = "store", *, progress: Progress | None = None) -> None:
        self.path = location(path)
        self._progress = progress or Progress()

    def __repr__(self) -> str:
        return f"notmnist_store.open({str(self.path)!r})"

    def ingest(
        self,
        *sources: Annotated[str | Path, Option(metavar="SOURCE")],
        name: Annotated[str | None, Option("--as", "NAME")] = None,
        shape: Annotated[str | None, Option(metavar="HxWxC")] = None,
        fractions: Annotated[str | None, Option(metavar="T,V,T")] = None,
        split: Annotated[str | None, Option(metavar="NAME")] = None,
        to_grey: bool = False,
        fit: Annotated[str | None, Option(metavar="WORD")] = None,
        filter: Annotated[str | None, Option(metavar="NAME")] = None,
        background: Annotated[str | None, Option(metavar="COLOUR")] = None,
        group_regex: Annotated[str | None, Option(metavar="RE")] = None,
        labels: Annotated[
            str | Sequence[str] | Mapping[int, str] | None, Option(metavar="A,B,...")
        ] = None,
        transpose: bool = False,
        unlabelled: Annotated[str | None, Option(metavar="WORD")] = None,
        file_column: Annotated[str | None, Option(metavar="NAME")] = None,
        label_column: Annotated[str | None, Option(metavar="NAME")] = None,
        no_metadata: bool = False,
        skip_known: bool = False,
        expect_classes: int | None = None,
        min_per_class: int | None = None,
        max_labels: int = 10_000,
        workers: int | None = None,
        license: Annotated[str | None, Option(metavar="TEXT")] = None,
        citation: Annotated[str | None, Option(metavar="TEXT")] = None,
        engine: EngineName = "local",
        spark_url: SparkUrl = None,
        demo: Annotated[bool, Option(hidden=True)] = False,
        **limits: Unpack[SourceLimits],
    ) -> "Result":
        """Read archives or class folders into the store; one run for each, or nothing of it.

        Args:
            sources: an archive, a folder, or a file of images (IDX, .npz, Parquet, CSV, .mat, …);
                without one: data/*, else the offline set.
            name: the source's name in the store.
            shape: image shape of a new store (default: 28x28x1).
            fractions: shares of train, valid and test by hash, of a new store (default:
                0.8,0.1,0.1).
            split: put every image into train, valid, test or unused.
            to_grey: turn colour into grey instead of rejecting it.
            fit: resize, pad or crop images of another shape to the store's, instead of rejecting
                them; pad and crop keep proportions, and are centred.
            filter: how they are resampled: lanczos (the default), bicubic, hamming, bilinear, box
                or nearest.
            background: the colour of what pad adds: white, #808080 (default: black).
            group_regex: fill family with this regex's group in the path.
            labels: names of the classes 0, 1, ...; or with their numbers, 1=A,2=B; or a file of
                lines "1 A", or "1 65 97" as EMNIST ships it.
            transpose: swap rows and columns of IDX images and of tables of pixels, for EMNIST.
            unlabelled: keep or ignore images of a split folder that have no label, which are an
                error otherwise.
            file_column: the column of a metadata file that names the images.
            label_column: the column of a metadata file, or of Parquet, that has the labels.
            no_metadata: read class folders, whatever metadata file is there.
            skip_known: count images whose pixels an earlier run stored, and do not store them.
            expect_classes: fail unless there are N classes.
            min_per_class: fail where a class has fewer images.
            max_labels: labels of one source.
            workers: processes (default: one a core).
            license: of the images, as a URL or a name of SPDX; exports and `croissant` say it.
            citation: of the set, best as BibTeX; exports and `croissant` say it.
            engine: local or spark; on Spark each source is a task.
            spark_url: of --engine spark: sc://HOST:PORT, or local[2,4] for one of this machine.
            demo: what is read is the offline set, and the store says so.
            limits: see `SourceLimits`.

        Returns:
            One row a source and label: seen, stored, rejected, ignored, and known_pixels (stored
            images whose pixels an earlier run has as well).

        Raises:
            SourceError: a source that cannot be read whole, or fails its checks.
        """
        import pyarrow as pa

        from notmnist_store.catalog.queries import find_query
        from notmnist_store.ingest.arrival import as_they_came
        from notmnist_store.ingest.default_sources import default_sources
        from notmnist_store.ingest.ingest import ingest
        from notmnist_store.ingest.label_order import lookalikes
        from notmnist_store.ingest.options import read_options
        from notmnist_store.sources.paired_files import one_of_each_pair

        paths = one_of_each_pair(sources)
        options = read_options(
            paths,
            limits,
            shape=shape,
            fractions=fractions,
            split=split,
            name=name,
            to_grey=to_grey,
            fit=fit,
            filter=filter,
            background=background,
            group_regex=group_regex,
            labels=labels,
            transpose=transpose,
            unlabelled=unlabelled,
            file_column=file_column,
            label_column=label_column,
            no_metadata=no_metadata,
            skip_known=skip_known,
            expect_classes=expect_classes,
            min_per_class=min_per_class,
            max_labels=max_labels,
            workers=workers,
            license=license,
            citation=citation,
            demo=demo,
        )
        with default_sources(paths, self.path, options, self._progress) as chosen:
            runs = chosen.runs + ingest(
                self.path,
                chosen.sources,
                chosen.options,
                _engine(engine, spark_url),
                self._progress,
            )
        catalog = self._catalog()
        arrivals = find_query("reports", "arrivals").sql
        arrived = pa.concat_tables([catalog.query(arrivals, {"run_id": run}) for run in runs])
        brought = set(arrived["label"].to_pylist())
        for note in (*as_they_came(catalog, runs), *lookalikes(catalog, brought)):
            self._progress.note(note)
        return self._result(arrived)

    def placed_line(self, sources: Sequence[str]) -> str:
        """One line that says how many images of these sources went to which split, by which rule.

        Args:
            sources: names of sources in the store.

        Returns:
            The line, as `ingest` ends with.
        """
        placed: dict[tuple[str, str], int] = {}
        for row in self.sql("split_rules").rows():
            if row["source"] in sources:
                key = (row["split"], row["split_rule"])
                placed[key] = placed.get(key, 0) + row["images"]
        counted = (f"{split} {n:,} (by {rule})" for (split, rule), n in placed.items())
        return f"splits: {', '.join(counted) or 'no images'}"

    def info(self) -> "Result":
        """Show what the store holds, and what to do next.

        Returns:
            Rows on its settings, tables, sources, split sets, and last runs.
        """
        from notmnist_store.upkeep.info import info

        return self._result(info(self._tables(), self._catalog()))

    def sql(
        self,
        query: str | None = None,
        *,
        listing: Annotated[bool, Option("--list")] = False,
        params: Annotated[Mapping[str, Any] | None, Option("--param", "K=V")] = None,
        sql_dir: Folder = None,
        timeout: Annotated[float | None, Option(metavar="S")] = 600.0,
        memory: Annotated[float | None, Option(metavar="GIB")] = None,
        engine: EngineName = "local",
        spark_url: SparkUrl = None,
    ) -> "Result":
        """Run a SELECT, or a report by its name.

        The connection can read this store and nothing else. In Python, no query lists the reports.

        Args:
            query: one SELECT, or the name of a report.
            listing: list the reports with their titles.
            params: a value for $K in the query.
            sql_dir: a folder of your own reports, which go before ours.
            timeout: stop after S seconds.
            memory: stop where it takes more (default: half of what the machine has).
            engine: local or spark.
            spark_url: of --engine spark: sc://HOST:PORT, or local[2,4] for one of this machine.

        Returns:
            The rows that the query gives.

        Raises:
            QueryError: whatever DuckDB reports, or `timeout` seconds passed.
        """
        from notmnist_store.errors import UsageError
        from notmnist_store.near.reports import list_reports, run_query

        folder = None if sql_dir is None else Path(sql_dir)
        if listing and query is not None:
            raise UsageError("--list goes without a query", "notmnist-store sql --list")
        if query is None:
            return self._result(list_reports(folder))
        if memory is not None and not memory > 0:
            raise UsageError(
                "--memory is a number of GiB", "notmnist-store sql label_counts --memory 4"
            )
        chosen = _engine(engine, spark_url)
        rows = run_query(
            lambda: chosen.catalog(self._tables(), memory), query, params or {}, folder, timeout
        )
        return self._result(rows)

    def peek(
        self,
        *images: Annotated[int, Option(metavar="IMAGE")],
        pairs: bool = False,
        label: str | None = None,
        sql: Select = None,
        audit: Annotated[str | None, Option(metavar="NAME")] = None,
        split_set: SplitSet = "ingest",
        radius: Distance = None,
        transforms: TransformSet = None,
        contrast: bool = False,
        sql_dir: Folder = None,
        n: int = 40,
        seed: int = 0,
        output: Annotated[str | Path | None, Option(metavar="SHEET.png")] = None,
    ) -> "Result":
        """Look at images: a sheet with -o, else in the terminal.

        They are these ids, those a query or an audit finds, or a sample by the seed. Of one id
        alone, what is known of it: its origin, its groups, its nearest neighbours in each split,
        and why a split set left it out. Pairs are a sample in equal shares of all distances, so
        that one sees which radius means a copy.

        Args:
            images: image ids; one alone: all of it.
            pairs: near copies side by side, and their difference, over all distances.
            label: only images of this label; with --pairs on either side.
            sql: a SELECT with a column image_id (--pairs: and twin_id, or a and b).
            audit: what this audit finds.
            split_set: the split set of --audit, and whose splits are shown.
            radius: how far near copies may be; by default the audit's own.
            transforms: how they may have moved (default: none); a pair shows what was moved, too.
            contrast: pairs near up to brightness and contrast, by that distance; a pair shows the
                twin at the brightness and contrast of the image, too.
            sql_dir: a folder of your own audits.
            n: how many.
            seed: of the sample.
            output: write a contact sheet.

        Returns:
            Rows (image_id, label, split, path); in a notebook they show their pictures. Of one id
            alone (what, value, image_id). Of pairs (image_id, label, split, twin_id, twin_label,
            twin_split, distance, squared_distance, transform), the nearest first; with contrast
            squared_distance is null.

        Raises:
            QueryError: rows without these columns; an unknown image or label.
        """
        from notmnist_store.peek.peek import peek

        rows = peek(
            self._tables(),
            images,
            pairs=pairs,
            label=label,
            sql=sql,
            audit=audit,
            split_set=split_set,
            radius=_radius(radius),
            transforms=_asked(transforms),
            contrast=contrast,
            sql_dir=sql_dir,
            n=n,
            seed=seed,
            output=None if output is None else local_path(output, "the picture"),
        )
        return self._result(rows)

    def audit(
        self,
        *names: Annotated[str, Option(metavar="NAME")],
        split_set: SplitSet = "ingest",
        radius: Distance = None,
        transforms: TransformSet = None,
        fail_on: Annotated[str, Option(metavar="SEVERITY")] = "must",
        group_by: Annotated[str | None, Option(metavar="NAME")] = None,
        tolerance: Annotated[Mapping[str, float | str] | None, Option(metavar="NAME=V")] = None,
        sql_dir: Folder = None,
        engine: EngineName = "local",
        spark_url: SparkUrl = None,
    ) -> "AuditResult":
        """Check the store and a split set: leaks, conflicts, balance, lost members.

        Audits that need pairs are stale where the last `near_duplicates` does not know every image.

        Args:
            names: audits; of one alone, the rows it finds.
            split_set: the split set.
            radius: how far apart near copies may be, up to that of the last near-duplicates;
                by default each audit's own, which is 1.0.
            transforms: how near copies may have moved, up to what was searched (default: none).
            fail_on: exit with 1 where an audit of must, should, or never does not pass.
            group_by: what images belong together by: family, or a name in view attribute
                (default: family).
            tolerance: share of violations to bear, from 0 to 1.
            sql_dir: a folder of your own audits, which go before ours of the same name.
            engine: local or spark.
            spark_url: of --engine spark: sc://HOST:PORT, or local[2,4] for one of this machine.

        Returns:
            One row an audit: name, severity, status, violating, total, share, tolerance, seconds,
            next, overridden, error; of one name alone its violating rows. `passed` is False where
            an audit of `fail_on` does not pass.

        Raises:
            QueryError: the one audit that was named is broken; of several, that is a status.
        """
        from notmnist_store.audits.audit import audit
        from notmnist_store.audits.verdicts import Scope

        return audit(
            _engine(engine, spark_url).catalog(self._tables()),
            names,
            scope=Scope(split_set, _radius(radius), _asked(transforms), group_by),
            fail_on=fail_on,
            tolerance=tolerance or {},
            folder=sql_dir,
            progress=self._progress,
            thumbnails=self.thumbnails,
        )

    def audit_against(
        self,
        hashes: Annotated[str | Path, Option(metavar="HASHES")],
        *,
        key_file: Annotated[str | Path, Option(metavar="FILE")],
        rows: bool = False,
        split_set: SplitSet = "ingest",
        fail_on: Annotated[str, Option(metavar="SEVERITY")] = "must",
        tolerance: Annotated[str | float, Option(metavar="V")] = 0.0,
    ) -> "AuditResult":
        """Look for exact copies of a partner's images, by the hashes of their export.

        They are looked for in train, valid and test; neither side shows the other its images.

        Args:
            hashes: the hashes.parquet of the partner's export.
            key_file: the key that both have.
            rows: the copies instead of the verdict.
            split_set: the split set.
            fail_on: exit with 1 where it does not pass, unless this is never.
            tolerance: share of violations to bear, from 0 to 1.

        Returns:
            One row, as `audit` gives them, or with `rows` the copies.
        """
        from notmnist_store.audits.partner import audit_against

        return audit_against(
            self._tables(),
            Path(hashes),
            Path(key_file),
            rows=rows,
            split_set=split_set,
            fail_on=fail_on,
            tolerance=tolerance,
            progress=self._progress,
            thumbnails=self.thumbnails,
        )

    def split(
        self,
        name: Annotated[str, Option(metavar="NAME")],
        *,
        recipe: str = "stratified",
        train: Annotated[str | float | None, Option(metavar="N")] = None,
        valid: Annotated[str | float | None, Option(metavar="N")] = None,
        test: Annotated[str | float | None, Option(metavar="N")] = None,
        seed: int = 0,
        where: Annotated[str | None, Option(metavar="SQL")] = None,
        group_by: Annotated[str, Option(metavar="COLUMN")] = "pixels",
        radius: Distance = None,
        transforms: TransformSet = None,
        keep_ratio: bool = False,
        distinct: bool = False,
        train_source: Annotated[str | None, Option(metavar="SOURCE")] = None,
        test_source: Annotated[str | None, Option(metavar="SOURCE")] = None,
        order: str = "name",
        dry_run: bool = False,
        replace: bool = False,
        extend: bool = False,
        engine: EngineName = "local",
        spark_url: SparkUrl = None,
    ) -> "Result":
        """Make a split set: images assigned to train, valid, test or unused.

        The same name and arguments again change nothing. Groups of near copies are connected
        components, chains included, so that no two pictures within the radius straddle splits.
        An extension makes them anew with the new images: a new image whose group now stands in two
        splits is left out, with rule group_in_two_splits in view split_drop.

        Args:
            name: the new split set: a-z, 0-9 and _.
            recipe: stratified, hash or notebook.
            train: a count of the whole split, or a fraction.
            valid: a count of the whole split, or a fraction.
            test: a count of the whole split, or a fraction.
            seed: of all random draws.
            where: only images that meet this condition on view image.
            group_by: kept whole: pixels, near, family, another column of view image, or a name in
                view attribute.
            radius: of near copies, with --group-by near (default: 1.0).
            transforms: how they may have moved, with --group-by near (default: none).
            keep_ratio: classes by their share, not equal.
            distinct: one image of each group of equal pixels.
            train_source: recipe notebook: of train and valid.
            test_source: recipe notebook: of test.
            order: recipe notebook: name or name-nocase.
            dry_run: say what it would be, and make nothing.
            replace: make the next version with other arguments.
            extend: place images that came since; no row moves.
            engine: local or spark.
            spark_url: of --engine spark: sc://HOST:PORT, or local[2,4] for one of this machine.

        Returns:
            One row a split and label: split_set, version, digest, split, label, images.

        Raises:
            UsageError: more is asked for than there is, or a group of near copies is too large for
                any split.
        """
        import pyarrow as pa

        from notmnist_store.splits.make import make_split
        from notmnist_store.splits.plan import SplitOptions

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
            radius=_radius(radius),
            transforms=_asked(transforms),
        )
        made = make_split(
            self._tables(),
            name,
            options,
            dry_run=dry_run,
            replace=replace,
            extend=extend,
            engine=_engine(engine, spark_url),
            progress=self._progress,
        )
        for note in made.notes:
            self._progress.note(note)
        if not dry_run:
            return self.sql("split_counts", params={"split_set": name})
        rows = [
            {"split_set": name, "split": split, "label": label, "images": images}
            for (split, label), images in sorted(made.counts.items())
        ]
        return self._result(pa.Table.from_pylist(rows))

    def split_sets(self) -> "Result":
        """List the split sets.

        Returns:
            One row a version: split_set, version, digest, how it was made, and its images.
        """
        return self._found("reports", "split_sets")

    def split_show(self, name: Annotated[str, Option(metavar="NAME")]) -> "Result":
        """Count the images of a split set by split and label.

        Args:
            name: the split set.

        Returns:
            One row a split and label: split_set, version, digest, split, label, images.
        """
        self._progress.note(self.split_line(name))
        return self.sql("split_counts", params={"split_set": name})

    def split_diff(
        self, a: Annotated[str, Option(metavar="A")], b: Annotated[str, Option(metavar="B")]
    ) -> "Result":
        """Count the images that stand in different splits of two split sets, by class.

        Args:
            a: a split set.
            b: another one.

        Returns:
            One row a class and pair of splits that differ.
        """
        for name in (a, b):
            self._progress.note(self.split_line(name))
        return self.sql("split_diff", params={"a": a, "b": b})

    def split_line(self, name: str) -> str:
        """One line that names a split set's version and digest; UsageError for an unknown one."""
        from notmnist_store.catalog.split_sets import find_split_set

        return find_split_set(self._catalog(), name).line

    def near_duplicates(
        self,
        *,
        radius: Distance = None,
        group_radius: Distance = None,
        transforms: TransformSet = None,
        crossing: Annotated[str | None, Option(metavar="SET")] = None,
        contrast: bool = False,
        limit: int = 100_000_000,
        chunk_pairs: int = 1 << 18,
        workers: int | None = None,
        engine: EngineName = "local",
        spark_url: SparkUrl = None,
        box_pictures: Annotated[int | None, Option(hidden=True)] = None,
    ) -> "Result":
        """Find all pairs of different pictures within a radius of each other.

        A radius is a Euclidean distance over pixels scaled to [0, 1], as text so that it is read
        exactly. After new images only what is new is compared. A small sample is checked by an
        independent method: view certificate, and `certify`. With crossing only pictures that stand
        in different splits are compared: that is enough for leaks of that split set, and takes the
        less time, the smaller its valid and test are.

        Args:
            radius: the distance (default: 2.0 at 28x28x1, and 2.0 x sqrt(h w c / 784) elsewhere).
            group_radius: radius of the groups of near copies (default: 1.0, scaled as well).
            transforms: find copies that moved, too: shift1, shift2, flip, flips, turns or none, and
                products of these with commas between them (default: those of the last search).
            crossing: only pairs across the splits of this split set, of test with train and valid,
                and of valid with train.
            contrast: a search of its own, for views contrast_pair and contrast_join: pictures less
                their mean, at unit norm; opposite ones are 2 apart, the default radius is 0.1.
            limit: stop where there are more pairs.
            chunk_pairs: pairs held at once by each task.
            workers: threads (default: one a core).
            engine: local or spark; on Spark pictures are compared in boxes, each a task.
            spark_url: of --engine spark: sc://HOST:PORT, or local[2,4] for one of this machine.
            box_pictures: pictures of a box.

        Returns:
            One row: run_id, radius, images, distinct_images, pairs, group_radius, groups,
            largest_group. With crossing: run_id, split_set (null where all pairs are there),
            radius, images, distinct_images, pairs (across the splits). With contrast: run_id,
            radius, images, distinct_images, blank, pairs.

        Raises:
            StoreError: too little memory, or pairs that the check does not find (stored anyway).
        """
        from notmnist_store.near.contrast import contrast_pairs
        from notmnist_store.near.plan import Asked
        from notmnist_store.near.search import near_duplicates

        if contrast:
            run_id = contrast_pairs(
                self._tables(),
                _radius(radius),
                refused={
                    "--group-radius": group_radius,
                    "--transforms": transforms,
                    "--crossing": crossing,
                    "--engine spark": None if engine == "local" else engine,
                    "--spark-url": spark_url,
                },
                limit=limit,
                chunk_pairs=chunk_pairs,
                threads=workers,
                progress=self._progress,
            )
            return self._found("near", "contrasted", run_id=run_id)
        run_id = near_duplicates(
            self._tables(),
            Asked(_radius(radius), _radius(group_radius), _transforms(transforms), crossing),
            engine=_engine(engine, spark_url),
            box_pictures=box_pictures,
            limit=limit,
            chunk_pairs=chunk_pairs,
            threads=workers,
            progress=self._progress,
        )
        return self._found("near", "crossed" if crossing else "searched", run_id=run_id)

    def certify(
        self,
        split_set: Annotated[str | None, Option("--split-set", "SET")] = None,
        *,
        sample: int | None = None,
        seed: int = 0,
        engine: EngineName = "local",
        spark_url: SparkUrl = None,
    ) -> "Result":
        """Check the pairs by an independent method, and store a certificate.

        With a split set every evaluation picture is compared with every picture that must not know
        it; without, random pictures with all.

        Args:
            split_set: all evaluation images of this split set, in full.
            sample: so many random pictures (default: 1,000).
            seed: what the sample is drawn by.
            engine: local or spark; on Spark pictures are compared in blocks, each a task.
            spark_url: of --engine spark: sc://HOST:PORT, or local[2,4] for one of this machine.

        Returns:
            One row, that of view certificate.

        Raises:
            StoreError: the check disagrees; the certificate says so, and is stored.
        """
        from notmnist_store.near.certify import certify

        run_id = certify(
            self._tables(),
            split_set,
            sample=sample,
            seed=seed,
            engine=_engine(engine, spark_url),
            progress=self._progress,
        )
        return self._found("near", "certified", run_id=run_id)

    def near_against(
        self,
        source: Annotated[str | Path, Option(metavar="SOURCE")],
        *,
        split_set: SplitSet = "ingest",
        radius: Distance = None,
        transforms: TransformSet = None,
        to_grey: bool = False,
        fit: Annotated[str | None, Option(metavar="WORD")] = None,
        filter: Annotated[str | None, Option(metavar="NAME")] = None,
        background: Annotated[str | None, Option(metavar="COLOUR")] = None,
        labels: Annotated[
            str | Sequence[str] | Mapping[int, str] | None, Option(metavar="A,B,...")
        ] = None,
        transpose: bool = False,
        workers: int | None = None,
        **limits: Unpack[SourceLimits],
    ) -> "Result":
        """Find the images of a source that are copies or near copies of a split set's images.

        The source is read into a temporary folder, and nothing is written to the store. The pairs
        of `near_duplicates` are not needed.

        Args:
            source: anything that ingest takes.
            split_set: the split set it is compared with.
            radius: how far apart near copies may be (default: 1.0 at 28x28x1).
            transforms: how they may have moved (default: none).
            to_grey: turn colour into grey instead of rejecting it.
            fit: resize, pad or crop images of another shape to the store's, as ingest does, instead
                of rejecting them.
            filter: how they are resampled (default: lanczos).
            background: the colour of what pad adds (default: black).
            labels: names of the classes 0, 1, ...; or with their numbers, 1=A,2=B; or a file of
                lines "1 A", or "1 65 97" as EMNIST ships it.
            transpose: swap rows and columns of IDX images and of tables of pixels, for EMNIST.
            workers: processes and threads (default: one a core).
            limits: see `SourceLimits`.

        Returns:
            One row an image of the source and split (train, valid, test) that has a picture within
            the radius, with the nearest: path, label, image_id, split, store_label, distance,
            squared_distance, transform; the nearest first.

        Raises:
            SourceError: a source that cannot be read whole, without images, or, unless `fit` is
                given, of another shape.
        """
        from notmnist_store.ingest.options import read_options
        from notmnist_store.near.against import near_against

        path = location(source)
        options = read_options(
            [path],
            limits,
            labels=labels,
            to_grey=to_grey,
            fit=fit,
            filter=filter,
            background=background,
            transpose=transpose,
            workers=workers,
        )
        return self._result(
            near_against(
                self._tables(),
                split_set,
                path,
                options,
                self._progress,
                radius=_radius(radius),
                transforms=_asked(transforms),
            )
        )

    def near_components(
        self, *, radius: Distance = None, transforms: TransformSet = None, seed: int = 0
    ) -> "Result":
        """Show how far chains of known pairs go: their connected components.

        A diagnostic: groups are stars (view duplicate_group), in which no image is far from the one
        that stands for it.

        Args:
            radius: of the pairs (default: 0.5, 1, 1.5, 2, as far as the last search went).
            transforms: of the pairs (default: none).
            seed: of the pictures that the diameter is measured between.

        Returns:
            One row a radius: radius, components (of two pictures or more), largest (pictures in the
            largest), share (of all pictures), diameter (the largest distance between `sampled`
            pictures of it), sampled, image_id (its first picture).
        """
        from notmnist_store.near.components import near_components

        return self._result(
            near_components(
                self._tables(),
                self._catalog(),
                _radius(radius),
                _asked(transforms),
                seed=seed,
            )
        )

    def sanitize(
        self,
        new: Annotated[str, Option(metavar="NEW")],
        *,
        base: Annotated[str, Option("--from", "SET")],
        keep: Annotated[str | Sequence[str] | None, Option(metavar="A,B,C")] = None,
        radius: Distance = None,
        transforms: TransformSet = None,
        policy: str = "keep",
        conflicts: str = "keep",
        refill: bool = False,
        seed: int = 0,
        yes: bool = False,
        replace: bool = False,
        engine: EngineName = "local",
        spark_url: SparkUrl = None,
    ) -> "Result":
        """Make a split set without copies or near copies across splits, with --yes.

        Without it, says what the new split set would lose.

        Args:
            new: the new split set: a-z, 0-9 and _.
            base: the split set it is made of.
            keep: of two that collide, the one in the split named first stays (default:
                test,valid,train where a source names its test images, else train,valid,test).
            radius: of near copies; 0: equal pixels alone (default: 1.0 at 28x28x1).
            transforms: how near copies may have moved (default: none).
            policy: keep: as --keep says; minimal: fewest images go from the first two of it.
            conflicts: near copies under several labels: keep, drop, or majority, which keeps most.
            refill: top each split and label up again from unused images, without new leaks.
            seed: of what --refill draws.
            yes: make it; without, only say what would go.
            replace: make the next version with other arguments.
            engine: local or spark.
            spark_url: of --engine spark: sc://HOST:PORT, or local[2,4] for one of this machine.

        Returns:
            One row a split and label, and one a split (label null) for several radii: radius,
            split, label, images, exact, near, conflict, refilled, left.
        """
        from notmnist_store.splits.sanitize import sanitize
        from notmnist_store.splits.sanitize_options import SanitizeOptions

        options = SanitizeOptions.of(
            base,
            keep,
            _radius(radius),
            policy=policy,
            conflicts=conflicts,
            refill=refill,
            seed=seed,
            transforms=_asked(transforms),
        )
        return self._result(
            sanitize(
                self._tables(),
                new,
                options,
                self._progress,
                yes=yes,
                replace=replace,
                engine=_engine(engine, spark_url),
            )
        )

    def decide(
        self,
        decisions: Annotated[str | Path | ArrowRows | None, Option(metavar="FILE.csv")] = None,
        *,
        sql: Select = None,
        action: str | None = None,
        value: str | None = None,
        note: Annotated[str | None, Option(metavar="TEXT")] = None,
        by: Annotated[str | None, Option(metavar="NAME")] = None,
        yes: bool = False,
    ) -> "Result":
        """Drop or relabel pictures, or say that they are fine or no duplicates; --yes does it.

        A decision is about every image of the same pixels. Actions are drop; relabel (value: the
        new label); not_duplicate (value: image_id or pixel_hash of the other picture, or empty: of
        none); keep, which takes a drop or relabel back and keeps audits from listing the image, or
        with the value duplicate takes not_duplicate back.

        Args:
            decisions: columns image_id or pixel_hash, action, value, note; - is stdin. In Python
                rows of any Arrow kind as well.
            sql: instead: a SELECT with such columns.
            action: where a row has none: drop, relabel, not_duplicate or keep.
            value: where a row has none: a label, or the other picture.
            note: where a row has none: why.
            by: who decides (default: your login name).
            yes: do it; without, only say what it would do.

        Returns:
            One row a decision: image_id, pixel_hash, label (as it is now), action, value, note,
            images (which it touches), effect (new, no change, new note, or what it replaces).
        """
        from notmnist_store.decisions.decide import decide, login_name
        from notmnist_store.decisions.rows import Defaults, given_decisions

        tables, defaults = self._tables(), Defaults(action, value, note)
        where, given = given_decisions(
            decisions, sql, defaults, lambda query: self._catalog().query(query)
        )
        done = decide(
            tables,
            given,
            where=where,
            by=login_name() if by is None else by,
            yes=yes,
            progress=self._progress,
        )
        return self._result(done)

    def load(self, name: str = "ingest", split: str = "train") -> "Split":
        """One split of a split set as Arrow, NumPy, batches or for torch; see `loading.load`."""
        from notmnist_store.loading.split import load

        return load(self._tables(), name, split, self._progress)

    def export(
        self,
        name: Annotated[str, Option(metavar="SPLITSET")],
        out: Annotated[str | Path, Option(metavar="OUT")],
        *,
        form: Annotated[str, Option("--as", "FORMAT")],
        splits: Annotated[str | Sequence[str] | None, Option(metavar="S,...")] = None,
        with_labels: bool = True,
        key_file: File = None,
        force: bool = False,
    ) -> "Result":
        """Write a split set to a folder that other programs read.

        Args:
            name: ingest, or one that split made; NAME_v1 for an old version.
            out: the folder to make.
            form: npz, npy, arrow, parquet, notebook-pickle, idx, huggingface, image-folder, or
                hashes.
            splits: only these (default: train, valid and test).
            with_labels: put the labels into a file of their own.
            key_file: the partners' key, for hashes.
            force: replace an export that is there already.

        Returns:
            One row a split: split_set, version, format, split, images, digest.
        """
        from notmnist_store.export.export import export

        rows = export(
            self._tables(),
            name,
            location(out),
            self._progress,
            form=form,
            splits=splits,
            with_labels=with_labels,
            key_file=None if key_file is None else Path(key_file),
            force=force,
        )
        return self._result(rows)

    def croissant(
        self,
        split_set: SplitSet = "ingest",
        *,
        output: Annotated[str | Path | None, Option("--output", "FILE")] = None,
    ) -> "Document":
        """Describe the store in Croissant, which tools and search engines for data read.

        It has the data files with their sha256, the records in them, a split set, the labels,
        licences and citations as `ingest` was given them, and what is known of copies and
        conflicts. An export has its own, croissant.json.

        Args:
            split_set: the split set.
            output: the file to write (default: stdout). Addresses in it are paths from its folder,
                else from the store's. In Python no file by default; `content` of the result has
                the bytes.

        Returns:
            One row: path, split_set, bytes, sha256.
        """
        from notmnist_store.export.store_croissant import store_croissant

        target = None if output is None else local_path(output, "the document")
        return store_croissant(self._tables(), split_set, target, self._progress)

    def baseline(
        self,
        split_set: SplitSet = "ingest",
        *,
        sizes: Annotated[str | Sequence[int | str], Option(metavar="N,N,...")] = (
            *(50, 100, 1000, 5000),
            "all",
        ),
        seed: int = 0,
        repeats: int = 5,
        model: str = "logistic",
        radius: Distance = None,
        versus: Annotated[str | None, Option(metavar="SET")] = None,
    ) -> "Result":
        """Train logistic regressions, and score them with and without leaks.

        Tables score, leak_price and prediction keep it; reports scores, learning_curve, confusion
        and hardest_images show it.

        Args:
            split_set: the split set.
            sizes: training images, or all.
            seed: of the draws and the bootstrap.
            repeats: stratified draws of each size; all is drawn once.
            model: logistic (scikit-learn's defaults) or liblinear-ovr (those of the course's time).
            radius: up to which distance a copy is near (default: 1.0).
            versus: score the same models on valid and test of this split set, too.

        Returns:
            For each size and evaluation split the accuracy on all images and on clean ones, and the
            difference in percentage points with its 95 % interval, averaged over the repeats.

        Raises:
            StoreError: scikit-learn is not installed.
        """
        from notmnist_store.learning.baseline import baseline

        run = baseline(
            self._tables(),
            split_set,
            sizes=sizes,
            seed=seed,
            repeats=repeats,
            model=model,
            radius=_radius(radius),
            versus=versus,
            progress=self._progress,
        )
        return self._found("learning", "leak_price", run_id=run)

    def suspects(
        self, split_set: SplitSet = "ingest", *, folds: int = 5, seed: int = 0
    ) -> "Result":
        """Find labels that are likely wrong, and images unlike all others.

        Confident learning over cross-validation: every image of train, valid and test is judged by
        a model that has seen neither it nor a copy of it. Tables suspect and outlier keep what was
        found; the reports of these names show it.

        Args:
            split_set: the split set.
            folds: of the cross-validation.
            seed: of the folds and draws.

        Returns:
            One row a suspect, the likeliest errors first, as `decide` takes them: image_id, action
            (relabel), value (the suggested label) and note.

        Raises:
            StoreError: scikit-learn is not installed.
        """
        from notmnist_store.learning.suspects import suspects

        run = suspects(self._tables(), split_set, folds, seed, self._progress)
        return self._found("learning", "to_decide", run_id=run)

    def distinguish(
        self, split_set: SplitSet = "ingest", *, folds: int = 5, seed: int = 0
    ) -> "Result":
        """Try to tell train from test, as audit split_distinguishable asks.

        A classifier on the features of `suspects`, over folds that no copies straddle: every image
        of train and test is judged by a model that has seen neither it nor a copy of it. Table
        telling_image keeps the images that look most like their own split.

        Args:
            split_set: the split set.
            folds: of the cross-validation.
            seed: of the folds and draws.

        Returns:
            One row: split_set, version, images, auc (the area under the ROC curve: 0.5 by chance, 1
            wholly), low and high (its 95 % interval), folds, run_id.

        Raises:
            StoreError: scikit-learn is not installed.
        """
        from notmnist_store.learning.distinguish import distinguish

        run = distinguish(self._tables(), split_set, folds, seed, self._progress)
        return self._found("learning", "distinguished", run_id=run)

    def report(
        self,
        output: Annotated[str | Path | None, Option("--output", "FILE")] = None,
        *,
        split_set: SplitSet = "ingest",
        paper: bool = False,
        transforms: TransformSet = None,
        tolerance: Annotated[Mapping[str, float | str] | None, Option(metavar="NAME=V")] = None,
    ) -> "ReportResult":
        """Write one page on the data: is it ready to train on, and what is in the way.

        The page opens with the verdict and needs no network; the same store gives the same bytes.

        Args:
            output: the file to write (default: report.html; a paper's text goes to stdout). In
                Python no file by default; `content` of the result has the bytes.
            split_set: the split set.
            transforms: how near copies may have moved in its audits and matrix (default: none).
            paper: instead: the data section of a paper, a paragraph and a table in LaTeX.
            tolerance: share of violations of an audit to bear, from 0 to 1; the page says so.

        Returns:
            One row: path, split_set, ready, bytes, sha256. `against` of it has the audits that
            stand against training.
        """
        from notmnist_store.report.report import report

        return report(
            self._tables(),
            self._catalog(),
            None if output is None else local_path(output, "the page"),
            split_set=split_set,
            paper=paper,
            tolerance=tolerance or {},
            transforms=_asked(transforms),
            progress=self._progress,
        )

    def review(
        self,
        split_set: SplitSet = "ingest",
        *,
        audit: Annotated[str | None, Option(metavar="NAME")] = None,
        sql: Select = None,
        radius: Distance = None,
        transforms: TransformSet = None,
        by: Annotated[str | None, Option(metavar="NAME")] = None,
        port: int = 0,
        no_browser: bool = False,
    ) -> "Result":
        """Judge pictures and pairs in the browser, by keys, until Ctrl-C.

        The page is served to this machine alone, at an address with a token, which is the first
        line on stderr. Every verdict is in the store's journal before the next card shows, and
        goes to table decision when one pauses or leaves, as `decide` takes it.

        Args:
            split_set: the split set.
            audit: open with what this audit finds.
            sql: open with the rows of a SELECT: image_id, or a and b.
            radius: how far near copies may be; by default the audits' own, and for near pairs that
                of the search.
            transforms: how they may have moved (default: none).
            by: who decides (default: your login name).
            port: of 127.0.0.1; 0 is any that is free.
            no_browser: open no browser.

        Returns:
            One row: split_set, decided_by, decisions and judgements that were stored.

        Raises:
            StoreError: starlette and uvicorn are not installed.
        """
        from notmnist_store.audits.verdicts import Scope
        from notmnist_store.decisions.decide import login_name
        from notmnist_store.review.review import review

        done = review(
            self._tables(),
            Scope(split_set, _radius(radius), _asked(transforms)),
            sql=sql,
            audit=audit,
            port=port,
            browser=not no_browser,
            by=login_name() if by is None else by,
            progress=self._progress,
        )
        return self._result(done)

    def issue_report(
        self,
        output: Annotated[str | Path | None, Option("--output", "FILE.md")] = None,
        *,
        split_set: SplitSet = "ingest",
        radius: Distance = None,
        transforms: TransformSet = None,
    ) -> "IssueReport":
        """Write a report for the makers of a set: its copies across splits, and what they do.

        A text in Markdown, to be filed as an issue: how many, the effect on accuracy with its
        interval where `baseline` measured it, and the commands that find it again. The pairs, by
        row index and path, stand beside it as CSV.

        Args:
            output: the file to write, and FILE.csv beside it (default: the text to stdout). In
                Python no file by default; `content` of the result has the text, `pairs` the pairs.
            split_set: the split set.
            radius: how far near copies may be (default: 1.0 at 28x28x1, or that of the search).
            transforms: how they may have moved (default: none).

        Returns:
            One row: path, split_set, pairs, bytes, sha256.
        """
        from notmnist_store.report.issue import issue_report

        return issue_report(
            self._tables(),
            self._catalog(),
            None if output is None else local_path(output, "the report"),
            split_set=split_set,
            radius=_radius(radius),
            transforms=_asked(transforms),
        )

    def verify(self, *, full: bool = False) -> "Result":
        """Check that all the logs promise is there and whole.

        Args:
            full: hash the pixels again.

        Returns:
            One row a check: table, check, status (ok, damaged or note), detail.
        """
        from notmnist_store.upkeep.verify import verify

        return self._result(verify(self._tables(), self._progress, full=full))

    def undo(self, run: Annotated[str | None, Option(metavar="RUN")] = None) -> "Result":
        """Withdraw a run; nothing is deleted, and undoing the undo restores it.

        Args:
            run: a run's id (default: the newest).

        Returns:
            The row of view run that says so.
        """
        from notmnist_store.upkeep.history import undo

        run_id = undo(self._tables(), run, self._progress)
        rows = "select run_id, verb, withdraws, restores from run where run_id = $run_id"
        return self._result(self._catalog().query(rows, {"run_id": run_id}))

    def gc(
        self,
        *,
        older_than: Annotated[float, Option(metavar="HOURS")] = 24.0,
        yes: bool = False,
    ) -> "Result":
        """List files that killed runs left behind; --yes removes them.

        Args:
            older_than: only files that no log names and that are older than so many hours.
            yes: remove them.

        Returns:
            One row a file: path, bytes, hours_old, removed.
        """
        from notmnist_store.upkeep.history import gc

        return self._result(gc(self._tables(), older_than=older_than, yes=yes))

    def thumbnails(self, ids: Sequence[int]) -> dict[int, bytes]:
        """PNG files of these images, by id; ids the store does not have are left out."""
        from notmnist_store.peek.sheet import png_thumbnail
        from notmnist_store.storage.pixels import pixels_by_id

        found = pixels_by_id(self._tables(), ids)
        return {image_id: png_thumbnail(picture) for image_id, picture in found.items()}

    def terminal_sheet(self, rows: "Result", *, width: int, colour: bool) -> str:
        """The pictures of what `peek` gave, as text `width` columns wide."""
        from notmnist_store.peek.pictures import pictures_of
        from notmnist_store.peek.sheet import terminal_sheet

        strips, captions = pictures_of(self._tables(), rows.arrow())
        return terminal_sheet(strips, captions, width=width, colour=colour)

    def _tables(self) -> "Tables":
        from notmnist_store.storage.tables import Tables

        return Tables.open(self.path)

    def _catalog(self, memory: float | None = None) -> "Catalog":
        from notmnist_store.catalog.connection import Catalog

        return Catalog(self._tables(), memory)

    def _found(self, kind: str, name: str, **values: object) -> "Result":
        from notmnist_store.catalog.queries import find_query

        return self._result(self._catalog().query(find_query(kind, name).sql, values))

    def _result(self, table: "pa.Table") -> "Result":
        from notmnist_store.result import Result

        return Result(table, self.thumbnails)


def _engine(name: str, spark_url: str | None) -> "Engine":
    from notmnist_store.engines.choice import choose_engine

    return choose_engine(name, spark_url)


def _radius(given: str | float | None) -> "Radius | None":
    from notmnist_store.schema.radius import Radius

    return Radius.read(given)


def _transforms(given: str | None) -> "Transforms | None":
    from notmnist_store.schema.transforms import Transforms

    return Transforms.read(given)


def _asked(given: str | None) -> "Transforms":
    """The transforms that near copies are asked for under: none where none are given."""
    from notmnist_store.schema.transforms import Transforms

    return Transforms.of(given)
