"""Calibration: pairs sampled over all distances, and the radius that their verdicts ask for."""

from __future__ import annotations

from typing import Any

import numpy as np

from notmnist_store.audits.verdicts import Scope
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import bind, load_queries
from notmnist_store.near.evidence import current_join
from notmnist_store.peek.kernels.strata import equal_shares
from notmnist_store.schema.radius import SEARCH

RANGES = 20
"""Into how many ranges of one width the distances of the search fall."""

_SAMPLED = 400
_SEED = 0

Row = dict[str, Any]


def sampled_pairs(catalog: Catalog, scope: Scope) -> tuple[list[int], list[int]]:
    """Pairs that were not judged yet, as many of each range of the distance, the ranges in turn."""
    query = load_queries("review")["unjudged_pairs"]
    values = {"transforms": scope.transforms.text}
    pairs = catalog.query(query.sql, values)
    squared = pairs["squared_distance"].to_numpy()
    if scope.radius is not None:
        kept = np.flatnonzero(squared <= scope.radius.squared)
        pairs, squared = pairs.take(kept), squared[kept]
    if not len(squared):
        return [], []
    apart = np.sqrt(squared)
    drawn = np.random.default_rng(_SEED).permutation(
        equal_shares(apart, _SAMPLED, bins=RANGES, seed=_SEED)
    )
    part = (apart[drawn] / max(float(apart.max()), 1.0) * RANGES).astype(np.int64)
    by_range = np.argsort(part, kind="stable")
    turn = np.empty(len(drawn), np.int64)
    counts = np.bincount(part)
    turn[by_range] = np.arange(len(drawn)) - np.repeat(np.cumsum(counts) - counts, counts)
    shuffled = pairs.take(drawn[np.argsort(turn, kind="stable")])
    return shuffled["image_id"].to_pylist(), shuffled["twin_id"].to_pylist()


def precision(catalog: Catalog, scope: Scope) -> list[Row]:
    """Rows of report radius_precision, in ranges that fit the search."""
    query = load_queries("reports")["radius_precision"]
    current = current_join(catalog)
    searched = current["radius"] if current else SEARCH.scaled(catalog.shape).text
    given = {"transforms": scope.transforms, "width": float(searched) / RANGES}
    rows: list[Row] = catalog.query(query.sql, bind(query, given, catalog.shape)).to_pylist()
    return rows


def proposed(rows: list[Row], wanted: float) -> Row | None:
    """The row of the greatest radius within which this share was judged copies; None for none."""
    enough = [row for row in rows if (row["within_precision"] or 0.0) >= wanted]
    return enough[-1] if enough else None
