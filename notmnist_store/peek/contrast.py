"""Pairs near each other up to brightness and contrast, for peek: the known ones, and any others."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.contrast import exact_radius
from notmnist_store.near.kernels.contrast import decide, moments, products
from notmnist_store.schema.radius import Radius
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Tables

BROUGHT = "b:contrast"
"""How the twin of such a pair is shown: at the brightness and contrast of the image."""

_FARTHEST = Radius("2")
_KNOWN = (
    "select a as image_id, b as twin_id, distance from contrast_pair where distance <= $limit "
    "order by distance, a, b"
)


def known_by_contrast(catalog: Catalog, radius: Radius | None) -> pa.Table:
    """The pairs of the current search within the radius, or all: image_id, twin_id, distance."""
    searched = catalog.query("select radius from contrast_join where is_current")["radius"]
    if not len(searched):
        raise StoreError(
            "no pairs near up to brightness and contrast are known yet",
            "notmnist-store near-duplicates --contrast",
        )
    known = Radius(searched[0].as_py())
    if radius is not None and exact_radius(radius) > exact_radius(known):
        raise UsageError(
            f"pairs near up to brightness and contrast are known up to {known}, not to {radius}",
            f"notmnist-store near-duplicates --contrast --radius {radius}",
        )
    limit = float((radius or _FARTHEST).text)
    return catalog.query(_KNOWN, {"limit": limit})


def measured_by_contrast(tables: Tables, pairs: pa.Table, radius: Radius | None) -> pa.Table:
    """Those within the radius, with their distance; blank pictures have none and are left out."""
    ends = [pairs[name].to_numpy() for name in ("image_id", "twin_id")]
    ids, places = np.unique(np.concatenate(ends), return_inverse=True)
    flat = pixels_of(tables, ids)
    of = moments(flat)
    left, right = np.split(places, 2)
    lit = np.flatnonzero((of.norms[left] > 0) & (of.norms[right] > 0))
    left, right = left[lit], right[lit]
    near, distance = decide(
        products(flat, left, right),
        flat.shape[1],
        of.take(left),
        of.take(right),
        exact_radius(radius or _FARTHEST),
    )
    shown = pairs.take(lit[near])
    return pa.table(
        {
            "image_id": shown["image_id"],
            "twin_id": shown["twin_id"],
            "distance": distance[near],
            "squared_distance": pa.nulls(len(shown), pa.int64()),
            "transform": pa.repeat(pa.scalar(BROUGHT), len(shown)),
        }
    )
