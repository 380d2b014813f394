"""All pairs of pictures that a set of transforms brings within a radius, and their least distance.

One join finds the pairs as they are, and one for each sweep (see `transforms`) those that moved. A
pair may come from many of them; kept is the nearest move for each set of words that is the least
one to have it, so that every lesser set that can be asked for has its own distances as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from notmnist_store.near.kernels.basis import Basis, fit_basis
from notmnist_store.near.kernels.join import (
    CHUNK_PAIRS,
    Pairs,
    RadiusIndex,
    TooManyPairsError,
    cross_join,
    join,
)
from notmnist_store.near.kernels.sides import KnownPairs, Sides
from notmnist_store.near.kernels.transforms import Moves
from notmnist_store.schema.arrays import Bools, Ints, Pixels

_LOOSE = 1 << 22
_CODE_BITS = 16
_SAMPLE_ROWS = 64


@dataclass(frozen=True, eq=False)
class MovedPairs:
    """Pairs within the radius under a set of transforms, by left row, then right.

    pairs  each once, with the least squared distance and the number of its move
    plain  (k,) int64: the squared distance with no picture moved, -1 beyond the radius
    steps  pairs that a lesser set than all, but none lesser than that, brings to this distance,
           where that is no plain one; none where there is no lesser set
    sets   (steps,) int64: which of `Moves.sets` that is
    """

    pairs: Pairs
    plain: Ints
    steps: Pairs
    sets: Ints

    def parts(self, size: int) -> Iterator[tuple[Pairs, Ints]]:
        """The pairs and their plain distances, so many at a time."""
        for start in range(0, len(self.pairs), size):
            rows = slice(start, start + size)
            yield self.pairs.take(rows), self.plain[rows]


def moved_pairs(
    pixels: Pixels,
    sides: Sides,
    moves: Moves,
    most: int,
    *,
    known: KnownPairs,
    limit: int,
    threads: int,
    chunk_pairs: int,
    fast: bool = True,
) -> MovedPairs:
    """Pairs of rows of pixels (n, d) within `most` under the moves, the lesser row on the left.

    All that the joins of the sides find, but `known` ones. About 16 bytes are held for each pair
    and lesser set that brings it near, twice that while they are put in order.

    Raises:
        TooManyPairsError: there are more than `limit` pairs.
    """
    nearest = _Nearest(
        moves, len(pixels), limit, lambda: _estimate(pixels, sides, moves, most, threads)
    )
    basis = fit_basis(pixels)
    how: dict[str, Any] = {"of_one_set": True, "threads": threads, "chunk_pairs": chunk_pairs}
    indexed = [
        _Indexed(pixels, basis, rows=rows, threads=threads, fast=fast) for rows in sides.rows
    ]
    joined = [(indexed[left], indexed[right]) for left, right in sides.joins]
    for a, b in joined:
        for part in join(a.plain, None if a is b else b.plain, most, **how):
            nearest.add(known.without(part))
    for part in _swept(joined, moves, most, **how):
        nearest.add(known.without(part))
    return nearest.result()


def moved_join(
    a: Pixels, b: Pixels, moves: Moves, most: int, *, threads: int, chunk_pairs: int
) -> Iterator[Pairs]:
    """Pairs of a row of a (n, d) and one of b (m, d) that some move brings within `most`.

    A pair comes once for each sweep that finds it, with the nearest move of that; those that are
    near as they are come from `cross_join`.
    """
    basis = fit_basis(a if len(a) > len(b) else b)
    left, right = (_Indexed(rows, basis, threads=threads) for rows in (a, b))
    how: dict[str, Any] = {"of_one_set": False, "threads": threads, "chunk_pairs": chunk_pairs}
    return _swept([(left, right)], moves, most, **how)


def _estimate(pixels: Pixels, sides: Sides, moves: Moves, most: int, threads: int) -> int:
    """About how many pairs the joins find, by what a few random rows have among all."""
    rows = np.random.default_rng(0).permutation(len(pixels))[:_SAMPLE_ROWS]
    sample = pixels[rows]
    how: dict[str, Any] = {"threads": threads, "chunk_pairs": CHUNK_PAIRS}
    found = [
        np.unique(part.left.astype(np.int64) * len(pixels) + part.right)
        for parts in (
            cross_join(sample, pixels, most, **how),
            moved_join(sample, pixels, moves, most, **how),
        )
        for part in parts
    ]
    drawn, other = np.divmod(np.unique(np.concatenate(found)), len(pixels))
    every = np.count_nonzero(sides.join(len(pixels), rows[drawn], other) & (rows[drawn] != other))
    return round(every * len(pixels) / len(rows) / 2)


class _Indexed:
    """Rows of pixels (n, d), indexed as a sweep compares them; as they stand but once."""

    def __init__(self, pixels: Pixels, basis: Basis, **how: Any) -> None:
        self._build = partial(RadiusIndex.build, pixels, basis, **how)
        self._as_they_are = np.arange(pixels.shape[1])

    @cached_property
    def plain(self) -> RadiusIndex:
        """The index of the pictures as they are."""
        return self._build()

    def compared(self, values: Ints) -> RadiusIndex:
        """The index of these values of each picture, -1 for none."""
        if np.array_equal(values, self._as_they_are):
            return self.plain
        return self._build(compared=values)


def _swept(
    joined: Sequence[tuple[_Indexed, _Indexed]], moves: Moves, most: int, **how: Any
) -> Iterator[Pairs]:
    """What the sweeps of all moves find, of two sides or one with itself; `how` is for `join`.

    A side is indexed once a sweep, and not again for each of those that it is joined with.
    """
    for with_itself in (True, False):
        sides = [(a, b) for a, b in joined if (a is b) == with_itself]
        for sweep in moves.sweeps(of_one_set=with_itself) if sides else ():
            left = {a: a.compared(sweep.left) for a in {a for a, _ in sides}}
            right = {b: b.compared(sweep.right) for b in {b for _, b in sides}}
            for a, b in sides:
                yield from join(left[a], right[b], most, moves=moves.of(sweep), **how)


class _Nearest:
    """The nearest move of each pair of n rows and each least set of words, of what was added.

    A pair and a set are one number, a squared distance and a move another, so that the least of
    equal pairs is found by sorting the former and taking the minimum of the latter.
    """

    def __init__(self, moves: Moves, rows: int, limit: int, estimate: Callable[[], int]) -> None:
        self._moves, self._rows, self._limit, self._estimate = moves, rows, limit, estimate
        self._keys: list[Ints] = [np.empty(0, np.int64)]
        self._values: list[Ints] = [np.empty(0, np.int64)]
        self._loose = 0

    def add(self, part: Pairs) -> None:
        """Add what a join found."""
        assert part.move is not None
        pair = part.left.astype(np.int64) * self._rows + part.right
        self._keys.append(pair * len(self._moves.sets) + self._moves.set_of[part.move])
        self._values.append(part.squared_distance << _CODE_BITS | part.move)
        self._loose += len(part)
        if self._loose > max(_LOOSE, len(self._keys[0])):
            self._settle()

    def _settle(self) -> None:
        keys, values = np.concatenate(self._keys), np.concatenate(self._values)
        self._keys, self._values = [], []
        order = np.argsort(keys)
        keys, values = keys[order], values[order]
        first = np.flatnonzero(_changes(keys))
        self._keys = [keys[first]]
        self._values = [np.minimum.reduceat(values, first) if len(first) else values]
        self._loose = 0
        pairs = int(np.count_nonzero(_changes(self._keys[0] // len(self._moves.sets))))
        if pairs > self._limit:
            raise TooManyPairsError(self._limit, max(pairs, self._estimate()))

    def result(self) -> MovedPairs:
        """What was added, in order."""
        self._settle()
        (keys,), (values,) = self._keys, self._values
        pair, of_set = keys // len(self._moves.sets), keys % len(self._moves.sets)
        first = np.flatnonzero(_changes(pair))
        number = np.cumsum(_changes(pair)) - 1
        least = np.minimum.reduceat(values, first) if len(first) else values
        plain = np.where(of_set[first] == 0, values[first] >> _CODE_BITS, -1)
        kept = (of_set > 0) & ~self._outdone(number, of_set, values >> _CODE_BITS)
        return MovedPairs(
            self._pairs(pair[first], least),
            plain,
            self._pairs(pair[kept], values[kept]),
            of_set[kept],
        )

    def _outdone(self, number: Ints, of_set: Ints, squared: Ints) -> Bools:
        """Where a set that this one covers brings the same pair as near, or no set lies between."""
        sets = self._moves.sets
        if len(sets) < 3:
            return np.ones(len(number), np.bool_)
        outdone = np.zeros(len(number), np.bool_)
        far = np.iinfo(np.int64).max
        distances = np.full((number[-1] + 1 if len(number) else 0, len(sets)), far)
        distances[number, of_set] = squared
        for place, each in enumerate(sets):
            here = of_set == place
            lesser = [n for n, other in enumerate(sets) if n != place and each.covers(other)]
            if lesser:
                nearer = distances[:, lesser].min(axis=1)
                outdone |= here & (nearer[number] <= squared)
        return outdone

    def _pairs(self, pair: Ints, values: Ints) -> Pairs:
        return Pairs(
            (pair // self._rows).astype(np.int32),
            (pair % self._rows).astype(np.int32),
            values >> _CODE_BITS,
            (values & (1 << _CODE_BITS) - 1).astype(np.int32),
        )


def _changes(keys: Ints) -> Bools:
    """Where sorted keys differ from the one before."""
    changed = np.ones(len(keys), np.bool_)
    changed[1:] = keys[1:] != keys[:-1]
    return changed
