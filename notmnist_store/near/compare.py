"""The pairs of pictures in one array, and as rows of tables; a whole search in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.run import Run
from notmnist_store.near.kernels.basis import fit_basis
from notmnist_store.near.kernels.join import (
    Pairs,
    RadiusIndex,
    TooManyPairsError,
    estimate_pairs,
    join,
)
from notmnist_store.near.kernels.moved import MovedPairs, moved_pairs
from notmnist_store.near.kernels.pair_rows import bands
from notmnist_store.near.kernels.sides import KnownPairs, Sides
from notmnist_store.near.kernels.transforms import Moves
from notmnist_store.near.plan import Plan, Scope
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Bools, Ints, Pixels
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Tables

Grouped = dict[Transforms, list[Pairs]]
"""Pairs within the group radius, by what they were compared under."""

SURELY_TOO_MANY = 2
"""A search whose estimate is so many times its limit is not begun; others stop at the limit."""


def whole_pairs(
    tables: Tables,
    run: Run,
    plan: Plan,
    scope: Scope,
    grouped: Grouped,
    *,
    progress: Progress,
    **how: Any,
) -> Callable[[Ints], Pixels]:
    """Find the pairs of a plan at once, and let the run have them; those to group by are kept.

    `how` is for `found_pairs`. Returns what gives the pixels of rows of `scope.every`.

    Raises:
        TooManyPairsError: there are more than the limit.
    """
    flat = pixels_of(tables, scope.ids)
    progress.stage("comparing", 0, "pairs")
    moves = Moves(plan.transforms, tables.marker.shape)
    found, moved = found_pairs(flat, scope.sides, scope.known, moves, plan.radius.squared, **how)
    if moved is not None:
        run.write("pair_step", step_table(scope.ids, moved, moves))
    rows = (
        pair_table(scope.ids, part, plain, moves) for part, plain in _kept(found, grouped, plan)
    )
    run.write_parts("pair", progress.counted(rows), partial(bands, plan.radius))
    return lambda rows: flat[np.searchsorted(scope.rows, rows)]


def found_pairs(
    flat: Pixels,
    sides: Sides,
    known: KnownPairs,
    moves: Moves,
    most: int,
    *,
    limit: int,
    chunk_pairs: int,
    threads: int,
) -> tuple[Iterator[tuple[Pairs, Ints]], MovedPairs | None]:
    """Pairs of rows within `most` that are not known, with their plain squared distances.

    The lesser row is on the left; a plain distance beyond `most` is -1. Under moves, also all that
    was found at once.

    Raises, also when the pairs are taken:
        TooManyPairsError: there are more than `limit`.
    """
    how: dict[str, Any] = {"limit": limit, "chunk_pairs": chunk_pairs, "threads": threads}
    if moves.moves:
        moved = moved_pairs(flat, sides, moves, most, known=known, **how)
        return moved.parts(chunk_pairs), moved
    parts = _plain(flat, sides, known, most, **how)
    return ((part, part.squared_distance) for part in parts), None


def _plain(
    flat: Pixels,
    sides: Sides,
    known: KnownPairs,
    most: int,
    *,
    limit: int,
    chunk_pairs: int,
    threads: int,
) -> Iterator[Pairs]:
    settings: dict[str, Any] = {"threads": threads, "chunk_pairs": chunk_pairs}
    basis = fit_basis(flat)
    indexes = [RadiusIndex.build(flat, basis, rows=rows, threads=threads) for rows in sides.rows]
    joined = [(indexes[a], None if a == b else indexes[b]) for a, b in sides.joins]
    estimate = sum(estimate_pairs(*each, most, threads=threads) for each in joined)
    if estimate > SURELY_TOO_MANY * limit:  # else the search itself stops at the limit
        raise TooManyPairsError(limit, estimate)
    left = limit
    for each in joined:
        for part in join(*each, most, limit=left, of_one_set=True, **settings):
            left -= len(part)
            if len(unknown := known.without(part)):
                yield unknown


def _kept(
    found: Iterable[tuple[Pairs, Ints]], grouped: Grouped, plan: Plan
) -> Iterator[tuple[Pairs, Ints]]:
    """The same pairs; those within the group radius are kept in `grouped` as well."""
    for part, plain in found:
        for under, kept in grouped.items():
            squared = plain if under == NONE else part.squared_distance
            near = is_grouped(plan, squared)
            kept.append(Pairs(part.left[near], part.right[near], squared[near]))
        yield part, plain


def is_grouped(plan: Plan, squared: Ints) -> Bools:
    """Which squared distances, -1 for none, are within the group radius of a plan that has one."""
    assert plan.group_radius is not None
    near: Bools = (squared >= 0) & (squared <= plan.group_radius.squared)
    return near


def pair_table(ids: Ints, part: Pairs, plain: Ints, moves: Moves) -> pa.Table:
    """Rows of table pair for pairs and their plain squared distances, -1 beyond the radius."""
    return pa.table(
        {
            "a": ids[part.left],
            "b": ids[part.right],
            "squared_distance": part.squared_distance,
            "transform": pa.array(moves.names).take(pa.array(part.move)),
            "plain_squared_distance": pa.array(plain, mask=plain < 0),
        }
    )


def step_table(ids: Ints, moved: MovedPairs, moves: Moves) -> pa.Table:
    """Rows of table pair_step."""
    steps = moved.steps
    words = pa.array([each.text for each in moves.sets])
    return pa.table(
        {
            "a": ids[steps.left],
            "b": ids[steps.right],
            "transforms": words.take(pa.array(moved.sets)),
            "squared_distance": steps.squared_distance,
            "transform": pa.array(moves.names).take(pa.array(steps.move)),
        }
    )
