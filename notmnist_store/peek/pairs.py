"""Pairs of near copies to look at, sampled over their distances: what does a radius mean?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.split_sets import split_line
from notmnist_store.errors import QueryError, StoreError
from notmnist_store.near.evidence import check_radius, current_join
from notmnist_store.peek.images import check_label
from notmnist_store.peek.kernels.strata import equal_shares
from notmnist_store.schema.radius import LARGEST_SQUARE, threshold
from notmnist_store.storage.gather import Gatherer
from notmnist_store.storage.tables import Tables

_BINS = 20
_MOST_MEASURED = 10_000
_NAMES = (("image_id", "twin_id"), ("a", "b"))
_LABELLED = """
select
    asked.image_id,
    asked.twin_id,
    asked.squared_distance
from ASKED as asked
inner join image on image.image_id = asked.image_id
inner join image as twin on twin.image_id = asked.twin_id
where $label is null or image.label = $label or twin.label = $label
order by asked.squared_distance, asked.image_id, asked.twin_id
"""
_KNOWN = """(
    select pair.a as image_id, pair.b as twin_id, pair.squared_distance
    from pair
    where pair.squared_distance <= $limit
)"""
_ROWS = """
with placed as (
    select
        split_image.image_id,
        string_agg(distinct split_image.split, ', ' order by split_image.split) as split
    from split_image
    where split_image.split_set = $split_set and (
        split_image.image_id in (select image_id from shown_pair)
        or split_image.image_id in (select twin_id from shown_pair)
    )
    group by split_image.image_id
)

select
    shown_pair.image_id,
    image.label,
    placed.split,
    shown_pair.twin_id,
    twin.label as twin_label,
    twin_placed.split as twin_split,
    sqrt(shown_pair.squared_distance / 65025.0e0) as distance,
    shown_pair.squared_distance
from shown_pair
inner join image on image.image_id = shown_pair.image_id
inner join image as twin on twin.image_id = shown_pair.twin_id
left join placed on placed.image_id = shown_pair.image_id
left join placed as twin_placed on twin_placed.image_id = shown_pair.twin_id
order by shown_pair.squared_distance, shown_pair.image_id, shown_pair.twin_id
"""

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class PairOptions:
    """Which pairs: those of `sql`, with `label` on either side, up to `radius`; `n` by `seed`.

    split_set says whose splits are shown.
    """

    sql: str | None
    label: str | None
    split_set: str
    radius: str | None
    n: int
    seed: int


def near_pairs(
    catalog: Catalog, tables: Tables, found: pa.Table | None, options: PairOptions
) -> pa.Table:
    """A sample of the known pairs, or of those that `found` or a SELECT gives.

    Those have columns image_id and twin_id, or a and b; a pair that stands there in both directions
    counts once. Equal shares of 20 ranges of the distance, from 0 to the largest, are drawn by the
    seed. Distances are computed from the pixels; where there are more than 10,000 rows, these are
    drawn first, by their own column squared_distance or distance if they have one.

    Returns rows (image_id, label, split, twin_id, twin_label, twin_split, distance,
    squared_distance), the nearest first.

    Raises:
        UsageError: an unknown split set, or a radius that is none or beyond what was searched.
        QueryError: a SELECT that does not run or gives no pairs; an unknown label.
        StoreError: no pairs are known, or a data file is damaged.
    """
    split_line(catalog, options.split_set)
    if options.label is not None:
        check_label(catalog, options.label)
    check_radius(catalog, options.radius)
    current = current_join(catalog)
    if options.sql is not None:
        found = catalog.query(options.sql)
    elif current is None and (found is None or not found.num_rows):
        raise StoreError("no pairs of near copies are known yet", "notmnist-store near-duplicates")
    limit = None if options.radius is None else threshold(options.radius)
    if found is not None:
        known = catalog.with_rows(asked_pair=_asked(found))
        rows = _labelled(known, "asked_pair", {"label": options.label})
        pairs = _measured(tables, rows, limit, options.seed)
    else:
        assert current is not None
        most = current["threshold"] if limit is None else limit
        pairs = _labelled(catalog, _KNOWN, {"label": options.label, "limit": most})
    squared = pairs["squared_distance"].to_numpy()
    chosen = equal_shares(_distances(squared), options.n, bins=_BINS, seed=options.seed)
    return catalog.with_rows(shown_pair=pairs.take(chosen)).query(
        _ROWS, {"split_set": options.split_set}
    )


def _labelled(catalog: Catalog, asked: str, values: Mapping[str, Any]) -> pa.Table:
    return catalog.query(_LABELLED.replace("ASKED", asked), dict(values))


def _distances(squared: _Ints) -> npt.NDArray[np.float64]:
    return np.sqrt(squared / LARGEST_SQUARE)


def _asked(found: pa.Table) -> pa.Table:
    """Pairs (image_id, twin_id, squared_distance: int64) of these rows, each once."""
    for names in _NAMES:
        if all(
            name in found.column_names and pa.types.is_integer(found[name].type) for name in names
        ):
            break
    else:
        raise QueryError(
            "its rows have no columns image_id and twin_id (or a and b), so there are no pairs to "
            "show",
            'notmnist-store peek --pairs --sql "select a, b from pair"',
        )
    known = found.filter(pc.and_(pc.is_valid(found[names[0]]), pc.is_valid(found[names[1]])))
    image, twin = (known[name].to_numpy().astype(np.int64) for name in names)
    ends = np.stack([np.minimum(image, twin), np.maximum(image, twin)], axis=1)
    first = np.sort(np.unique(ends, axis=0, return_index=True)[1])
    squared = _said(known)
    return pa.table(
        {"image_id": image[first], "twin_id": twin[first], "squared_distance": squared[first]}
    )


def _said(found: pa.Table) -> _Ints:
    """Squared distances as the rows tell them, to draw by; 0 where they do not."""
    for name, power in (("squared_distance", 1), ("distance", 2)):
        if name in found.column_names and (
            pa.types.is_integer(found[name].type) or pa.types.is_floating(found[name].type)
        ):
            values = np.nan_to_num(found[name].to_numpy().astype(np.float64) ** power)
            scale = LARGEST_SQUARE if power == 2 else 1
            squared: _Ints = np.clip(values * scale, 0, 2.0**62).astype(np.int64)
            return squared
    return np.zeros(found.num_rows, np.int64)


def _measured(tables: Tables, rows: pa.Table, limit: int | None, seed: int) -> pa.Table:
    """At most 10,000 of these pairs with the distances of their pixels, up to `limit`."""
    said = _distances(rows["squared_distance"].to_numpy())
    rows = rows.take(equal_shares(said, _MOST_MEASURED, bins=_BINS, seed=seed))
    ends = [rows[name].to_numpy() for name in ("image_id", "twin_id")]
    ids, places = np.unique(np.concatenate(ends), return_inverse=True)
    flat = np.empty((len(ids), tables.marker.shape.size), np.uint8)
    Gatherer(tables, ids).fill(flat)
    left, right = np.split(places, 2)
    squared = np.array(
        [
            np.sum((flat[a].astype(np.int64) - flat[b]) ** 2)
            for a, b in zip(left.tolist(), right.tolist(), strict=True)
        ],
        np.int64,
    )
    near = np.flatnonzero(squared <= (limit if limit is not None else np.iinfo(np.int64).max))
    place = rows.column_names.index("squared_distance")
    return rows.set_column(place, "squared_distance", pa.array(squared)).take(near)
