"""Pairs of near copies to look at, sampled over their distances: what does a radius mean?"""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.errors import QueryError, StoreError
from notmnist_store.near.evidence import check_radius, check_transforms, current_join
from notmnist_store.near.kernels.transforms import Moves, nearest_move
from notmnist_store.peek.contrast import known_by_contrast, measured_by_contrast
from notmnist_store.peek.kernels.strata import equal_shares
from notmnist_store.schema.arrays import Floats
from notmnist_store.schema.radius import LARGEST_SQUARE, Radius
from notmnist_store.schema.transforms import Transforms
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Tables

_BINS = 20
_MOST_MEASURED = 10_000
_NO_LIMIT = 2**62
_NAMES = (("image_id", "twin_id"), ("a", "b"))
_KNOWN = (
    "select a as image_id, b as twin_id, distance from near_pair "
    "where transforms = $transforms and squared_distance <= $limit "
    "order by squared_distance, a, b"
)


def near_pairs(
    tables: Tables,
    catalog: Catalog,
    named: pa.Table | None,
    *,
    label: str | None,
    split_set: str,
    radius: Radius | None,
    transforms: Transforms,
    contrast: bool,
    n: int,
    seed: int,
) -> pa.Table:
    """A sample of the known pairs, or of those that `named` has, with `label` on either side.

    `named` has columns image_id and twin_id, or a and b; a pair that stands there in both
    directions counts once. The sample has `n` pairs in equal shares of 20 ranges of the distance,
    from 0 to the largest, drawn by the seed, the nearest among them. Distances are computed from
    the pixels; where `named` has more than 10,000 rows, these are drawn first, by their own column
    squared_distance or distance if they have one.

    Returns rows (image_id, label, split, twin_id, twin_label, twin_split, distance,
    squared_distance, transform), the nearest first, moved by whatever of `transforms` brings them
    nearest: `b:` moves the twin, `a:` the image; splits are of `split_set`. With `contrast` it is
    the distance up to brightness and contrast, and squared_distance is null.
    """
    if contrast:
        known = partial(known_by_contrast, catalog, radius)
        measured = partial(measured_by_contrast, tables)
    else:
        check_radius(catalog, radius)
        current = current_join(catalog)
        if current is None and (named is None or not named.num_rows):
            raise StoreError(
                "no pairs of near copies are known yet", "notmnist-store near-duplicates"
            )
        known = partial(_known, catalog, radius, transforms)
        measured = partial(_measured, tables, Moves(transforms, catalog.shape))
    pairs = known() if named is None else _pairs_of(named)
    sql = load_queries("peek")
    if named is not None or label is not None:
        asked = {"asked_pair": pairs}
        pairs = catalog.query(sql["labelled_pairs"].sql, {"label": label}, rows=asked)
    if named is not None:
        drawn = pairs.take(equal_shares(_distances(pairs), _MOST_MEASURED, bins=_BINS, seed=seed))
        pairs = measured(drawn, radius)
    shown = pairs.take(equal_shares(_distances(pairs), n, bins=_BINS, seed=seed))
    if named is None:
        shown = measured(shown, None)
    values = {"split_set": split_set}
    return catalog.query(sql["pairs"].sql, values, rows={"shown_pair": shown})


def _known(catalog: Catalog, radius: Radius | None, transforms: Transforms) -> pa.Table:
    """The known pairs within the radius, or all: image_id, twin_id, distance."""
    check_transforms(catalog, transforms)
    limit = _NO_LIMIT if radius is None else radius.squared
    return catalog.query(_KNOWN, {"limit": limit, "transforms": transforms.text})


def _distances(pairs: pa.Table) -> Floats:
    apart: Floats = pairs["distance"].to_numpy()
    return apart


def _pairs_of(named: pa.Table) -> pa.Table:
    """Pairs (image_id, twin_id, distance) of these rows, each once."""
    names = next(
        (pair for pair in _NAMES if all(_is_whole(named, name) for name in pair)),
        None,
    )
    if names is None:
        raise QueryError(
            "its rows have no columns image_id and twin_id (or a and b), so there are no pairs to "
            "show",
            'notmnist-store peek --pairs --sql "select a, b from pair"',
        )
    whole = named.filter(pc.and_(pc.is_valid(named[names[0]]), pc.is_valid(named[names[1]])))
    ends = np.stack([whole[name].to_numpy().astype(np.int64) for name in names], axis=1)
    ends.sort(axis=1)
    first = np.sort(np.unique(ends, axis=0, return_index=True)[1])
    image, twin = (whole[name].to_numpy()[first].astype(np.int64) for name in names)
    distance = _own_distances(whole)[first]
    return pa.table({"image_id": image, "twin_id": twin, "distance": distance})


def _is_whole(rows: pa.Table, name: str) -> bool:
    return name in rows.column_names and pa.types.is_integer(rows[name].type)


def _own_distances(rows: pa.Table) -> Floats:
    """Distances as the rows have them, to draw by; 0 where they do not."""
    for name, power, scale in (("squared_distance", 0.5, LARGEST_SQUARE), ("distance", 1, 1)):
        if name in rows.column_names and (
            pa.types.is_integer(rows[name].type) or pa.types.is_floating(rows[name].type)
        ):
            values = np.nan_to_num(rows[name].to_numpy().astype(np.float64)).clip(0, 2.0**62)
            distances: Floats = (values / scale) ** power
            return distances
    return np.zeros(rows.num_rows)


def _measured(tables: Tables, moves: Moves, pairs: pa.Table, radius: Radius | None) -> pa.Table:
    """Those within the radius under the moves, with their distance and the move that has it."""
    ends = [pairs[name].to_numpy() for name in ("image_id", "twin_id")]
    ids, places = np.unique(np.concatenate(ends), return_inverse=True)
    flat = pixels_of(tables, ids)
    left, right = np.split(places, 2)
    found = [
        nearest_move(moves, flat[a], flat[b])
        for a, b in zip(left.tolist(), right.tolist(), strict=True)
    ]
    squared = np.array([squared for squared, _ in found], np.int64)
    most = _NO_LIMIT if radius is None else radius.squared
    measured = pa.table(
        {
            "image_id": pairs["image_id"],
            "twin_id": pairs["twin_id"],
            "distance": np.sqrt(squared / LARGEST_SQUARE),
            "squared_distance": squared,
            "transform": pa.array([moves.names[move] for _, move in found], pa.string()),
        }
    )
    return measured.filter(pc.less_equal(measured["squared_distance"], most))
