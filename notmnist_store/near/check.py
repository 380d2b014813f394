"""Pairs of near copies held against a second way of finding them, and what is stored of that.

The search walks a tree and leaves out what is provably too far. The check leaves out nothing: it
compares pictures by exact matrix products (`kernels.scan`), with no code in common.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.split_sets import SplitSet
from notmnist_store.engines.engine import Engine
from notmnist_store.errors import StoreError
from notmnist_store.location.location import Location
from notmnist_store.near.check_blocks import Comparison, near_pairs
from notmnist_store.near.kernels.differences import (
    Differences,
    differences,
    joined_pairs,
    upper_bound,
)
from notmnist_store.near.kernels.join import Pairs
from notmnist_store.near.kernels.moving import copies_made
from notmnist_store.near.kernels.pair_rows import pair_rows
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Bools, Ints, Pixels
from notmnist_store.schema.radius import distance
from notmnist_store.schema.tables import TABLES
from notmnist_store.schema.transforms import Transforms
from notmnist_store.storage.datafile import DataFile, open_checked
from notmnist_store.storage.tables import Tables
from notmnist_store.text import share_text

_SAMPLE_PRODUCTS = 64 * 529_114 * 784  # about a second on two cores
_LEAST_SAMPLE = 16
_SEED = 0
Asked = Sequence[tuple[Bools, Bools]]
"""Which of n pictures are compared with which others, in masks (n,)."""

_PAIR_ROWS = pa.schema([TABLES["pair"].field(name) for name in ("a", "b", "squared_distance")])


@dataclass(frozen=True, eq=False)
class Checked:
    """What a check did: how many pictures stood on either side, comparisons, and disagreements."""

    left: int
    right: int
    compared: int
    differences: Differences

    @property
    def disagreements(self) -> int:
        """Pairs missed and pairs that are wrong."""
        return len(self.differences.missed) + len(self.differences.wrong)


def known_pairs(catalog: Catalog, ids: Ints) -> pa.Table:
    """Rows a, b, squared_distance of view pair that name one of these images."""
    chosen = {"chosen_image": pa.table({"image_id": ids})}
    rows = catalog.query(load_queries("near")["pairs_of"].sql, rows=chosen)
    return rows.cast(_PAIR_ROWS)


def check_sample(
    engine: Engine,
    tables: Tables,
    before: Catalog | None,
    ids: Ints,
    asked: Asked,
    read: Callable[[Ints], Pixels],
    files: Sequence[DataFile],
    most: int,
    transforms: Transforms,
    progress: Progress,
) -> tuple[Checked, int | None]:
    """Check the pairs of a search on a few pictures; the seed of the sample, None where it is all.

    `ids` (n,) are the pictures in the order of ingest, `asked` is what it compared of them, and
    `read` gives the pixels of some of these. `files` are the data files of its pairs, which are
    read back; `before` shows the pairs that it adds to.
    """
    every = np.flatnonzero(np.any([of for of, _ in asked], axis=0))
    others = int(np.any([against for _, against in asked], axis=0).sum())
    wanted = sample_size(others, tables.marker.shape.size, copies_made(transforms))
    drawn = np.random.default_rng(_SEED).permutation(len(every))[:wanted]
    is_drawn = np.zeros(len(ids), np.bool_)
    is_drawn[every[drawn]] = True
    chosen = ids[is_drawn]
    known = [_read_back(tables.path("pair", file.name), chosen) for file in files]
    if before is not None:
        known.append(known_pairs(before, chosen))
    stored = pa.concat_tables([_PAIR_ROWS.empty_table(), *known])
    comparisons = compared_with([(of & is_drawn, against) for of, against in asked])
    checked = check(engine, tables, ids, stored, comparisons, read, most, transforms, progress)
    progress.note(outcome_line(checked, len(every), transforms))
    return checked, _SEED if len(drawn) < len(every) else None


def all_asked(n: int) -> Asked:
    """All of n pictures with all of them."""
    every = np.ones(n, np.bool_)
    return [(every, every)]


def asked_across(stands: Ints) -> Asked:
    """Pictures of test with those of train and valid, pictures of valid with those of train.

    `stands` (n,) is where each stands: the sum of 1 for train, 2 for valid and 4 for test.
    """
    train, valid, test = ((stands & place) > 0 for place in (1, 2, 4))
    return [(test, train | valid), (valid, train)]


def compared_with(asked: Asked) -> list[Comparison]:
    """What is asked as comparisons."""
    return [Comparison(np.flatnonzero(of), against) for of, against in asked]


def _read_back(path: Location, ids: Ints) -> pa.Table:
    """The pairs of a data file that name one of these images."""
    wanted = pa.array(ids)
    parts = [_PAIR_ROWS.empty_table()]
    with open_checked(path) as parquet:
        for group in range(parquet.num_row_groups):
            rows = parquet.read_row_group(group, _PAIR_ROWS.names)
            among = pc.or_(pc.is_in(rows["a"], wanted), pc.is_in(rows["b"], wanted))
            parts.append(rows.filter(among).cast(_PAIR_ROWS))
    return pa.concat_tables(parts)


def outcome_line(checked: Checked, pictures: int, transforms: Transforms) -> str:
    """What a check found, in a line; of `pictures`, a sample may have been checked."""
    found = checked.differences
    line = (
        f"certified: {checked.left:,} pictures against {checked.right:,}, each with each"
        f"{transforms.said}: {found.pairs:,} pairs, {len(found.missed):,} missed, "
        f"{len(found.wrong):,} wrong"
    )
    if checked.left < pictures:
        bound = upper_bound(len(found.missed), found.pairs)
        line += f"; at most {share_text(bound)} of all pairs are missing (95 % confidence)"
    return line


def check(
    engine: Engine,
    tables: Tables,
    ids: Ints,
    known: pa.Table,
    comparisons: Sequence[Comparison],
    read: Callable[[Ints], Pixels],
    most: int,
    transforms: Transforms,
    progress: Progress,
) -> Checked:
    """Compare as asked, and hold the pairs within `most` against the `known` ones.

    Pictures are compared as they are, and with either of the two moved by each transform of the
    set.

    `ids` (n,) are the pictures in the order of ingest, `read` gives the pixels of some of their
    rows, `known` (a, b, squared_distance) are the pairs of the search that name a picture of a
    comparison; those that no comparison is about are left aside.
    """
    right = np.any([each.against for each in comparisons], axis=0)
    pairs = [len(each.rows) * int(each.against.sum()) for each in comparisons]
    compared = sum(pairs) - sum(int(each.against[each.rows].sum()) for each in comparisons)
    with progress.during("certifying", sum(pairs), "comparisons"):
        parts = list(near_pairs(engine, tables, ids, comparisons, read, most, transforms, progress))
    left_rows = np.unique(np.concatenate([each.rows for each in comparisons]))
    stored = _compared(pair_rows(ids, known), comparisons)
    found = differences(stored, joined_pairs(parts))
    return Checked(len(left_rows), int(right.sum()), compared, found)


def _compared(known: Pairs, comparisons: Sequence[Comparison]) -> Pairs:
    """Those of the pairs that some comparison is about."""
    kept = np.zeros(len(known), np.bool_)
    for each in comparisons:
        # The last place is that of row -1: a pair with an image that is no picture is wrong.
        left = np.zeros(len(each.against) + 1, np.bool_)
        left[each.rows] = True
        right = np.append(each.against, True)
        kept |= (left[known.left] & right[known.right]) | (left[known.right] & right[known.left])
    return known.take(kept)


def certificate_rows(
    join: dict[str, Any],
    ids: Ints,
    checked: Checked,
    *,
    split_set: SplitSet | None = None,
    seed: int | None = None,
) -> list[dict[str, Any]]:
    """The row of table `certificate` that says so; a check of a sample has a seed."""
    found = checked.differences
    missed = len(found.missed)
    share = missed / found.pairs if found.pairs else 0.0
    first = _first(ids, found)
    row = {
        "join_run": join["run_id"],
        "split_set": None if split_set is None else split_set.name,
        "version": None if split_set is None else split_set.version,
        "digest": None if split_set is None else split_set.digest,
        "radius": join["radius"],
        "threshold": join["threshold"],
        "transforms": join["transforms"],
        "method": "exhaustive" if seed is None else "sample",
        "left_images": checked.left,
        "right_images": checked.right,
        "compared": checked.compared,
        "pairs": found.pairs,
        "missed": missed,
        "wrong": len(found.wrong),
        "bound": share if seed is None else upper_bound(missed, found.pairs),
        "seed": seed,
        "a": first[0],
        "b": first[1],
    }
    return [row]


def _first(ids: Ints, found: Differences) -> tuple[int | None, int | None]:
    """The images of the nearest pair that was missed, or else of one that is wrong."""
    pairs = found.missed if len(found.missed) else found.wrong
    if not len(pairs):
        return None, None
    at = int(np.argmin(pairs.squared_distance))
    a, b = (int(ids[rows[at]]) if rows[at] >= 0 else None for rows in (pairs.left, pairs.right))
    return a, b


def disagreement(first_run: str, ids: Ints, checked: Checked) -> StoreError:
    """The error for pairs that are not those of the check; it tells the two images of one.

    `first_run` is the first of the runs whose pairs count.
    """
    found = checked.differences
    a, b = _first(ids, found)
    far = distance(int((found.missed if len(found.missed) else found.wrong).squared_distance.min()))
    claim = (
        f"images {a} and {b} are {far:.4f} apart, and no pair"
        if len(found.missed)
        else f"images {a} and {b} are a pair at {far:.4f}, which is not so"
    )
    return StoreError(
        f"the pairs are not right: {claim}; {len(found.missed):,} of {found.pairs:,} pairs are "
        f"missing, {len(found.wrong):,} are wrong. The certificate that says so is stored; take "
        "the search back, and search again",
        f"notmnist-store undo {first_run}",
    )


def sample_size(pictures: int, size: int, copies: int = 1) -> int:
    """How many pictures of `size` bytes can be compared with all of them in about a second.

    With `copies` of each, both sides are moved: a few are compared even where that takes longer.
    """
    fitting = _SAMPLE_PRODUCTS // max(1, pictures * size * (2 * copies - 1))
    return min(pictures, max(_LEAST_SAMPLE, fitting))
