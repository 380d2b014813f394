"""Pairs of images, as pairs of rows of an array of image ids."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from notmnist_store.near.kernels.join import Pairs
from notmnist_store.schema.arrays import Ints
from notmnist_store.schema.radius import Radius

_BANDS = 64


def bands(radius: Radius, pairs: pa.Table) -> Ints:
    """In which of 64 equal parts of the squared radius the squared distance of each pair lies."""
    found: Ints = pairs["squared_distance"].to_numpy() * _BANDS // (radius.squared + 1)
    return found


def rows_of(ids: Ints, wanted: Ints) -> Ints:
    """The row in `ids`, which are distinct, of each of the wanted ones; -1 where it has none."""
    if not len(ids):
        return np.full(len(wanted), -1, np.int64)
    order = np.argsort(ids)
    place = np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)
    rows: Ints = order[place]
    return np.where(ids[rows] == wanted, rows, -1)


def pair_rows(ids: Ints, pairs: pa.Table) -> Pairs:
    """Pairs a, b, squared_distance of images, as they come; -1 for what is none of `ids`."""
    left, right = (rows_of(ids, pairs[name].to_numpy()).astype(np.int32) for name in ("a", "b"))
    return Pairs(left, right, pairs["squared_distance"].to_numpy())


def pairs_among(ids: Ints, pairs: pa.Table) -> Pairs:
    """Those of the pairs with both ends in `ids`, in their order, the lesser row on the left."""
    rows = pair_rows(ids, pairs)
    among = rows.take((rows.left >= 0) & (rows.right >= 0))
    low, high = np.minimum(among.left, among.right), np.maximum(among.left, among.right)
    return Pairs(low, high, among.squared_distance)
