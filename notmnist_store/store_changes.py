"""The commands that change a store, as methods."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from notmnist_store.result import Result
from notmnist_store.storage.queries import find_query
from notmnist_store.storage.tables import Tables
from notmnist_store.store_base import StoreBase

if TYPE_CHECKING:
    from notmnist_store.storage.members import Limits

__all__ = ["StoreChanges"]


class StoreChanges(StoreBase):
    """Ingest, split, undo, gc: each is one run, or nothing."""

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
        with default_sources(paths, self.path, options, self._progress) as chosen:
            runs = chosen.runs + [
                ingest(self.path, path, chosen.options, self._progress) for path in chosen.sources
            ]
        catalog = self._catalog()
        arrivals = find_query("reports", "arrivals")
        parts = [catalog.query(arrivals.sql, {"run_id": run}) for run in runs]
        return self._result(pa.concat_tables(parts))

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
        radius: str | None = None,
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
            radius=None if radius is None else str(radius),
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
        from notmnist_store.splits import split_line

        catalog = self._catalog()
        split_line(catalog, name)
        report = find_query("reports", "split_counts")
        return self._result(catalog.query(report.sql, {"split_set": name}))

    def split_diff(self, a: str, b: str) -> Result:
        """Images that stand in different splits of two split sets, by class (``split --diff``)."""
        from notmnist_store.splits import split_line

        catalog = self._catalog()
        for name in (a, b):
            split_line(catalog, name)
        report = find_query("reports", "split_diff")
        return self._result(catalog.query(report.sql, {"a": a, "b": b}))

    def split_line(self, name: str) -> str:
        """One line that names a split set's version and digest; UsageError for an unknown one."""
        from notmnist_store.splits import split_line

        return split_line(self._catalog(), name)

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
