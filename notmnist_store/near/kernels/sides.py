"""Which pairs a search is to find: pictures that stand in different splits, as sides to be joined.

Where a picture stands is a set of splits, the sum of 1, 2 and 4 for the first, the second and the
third of them; one picture may stand in several. Two pictures cross where one stands in a split and
the other in another one. In a search of all pairs every picture stands in `EVERYWHERE`, so that all
cross: both kinds of search are the same thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from notmnist_store.near.kernels.join import Pairs
from notmnist_store.schema.arrays import Bools, Ints, Rows

EVERYWHERE = 7
"""In all three splits: such a picture crosses with every one that stands in any."""

_ALONE = (1, 2, 4)
_BITS = 3


def crosses(one: Ints, other: Ints) -> Bools:
    """Whether pictures that stand there (n,) cross those that stand there (n,)."""
    apart = (one != other) | ~np.isin(one, _ALONE)
    found: Bools = (one > 0) & (other > 0) & apart
    return found


@dataclass(frozen=True, eq=False)
class Sides:
    """Rows of one set, side by side, and which of the sides are joined.

    rows   for each side its rows, ascending, int32; no row stands on two; the largest side first
    joins  pairs of sides by their numbers, the lesser first; one with itself stands for all pairs
           of its rows
    """

    rows: list[Rows]
    joins: list[tuple[int, int]]

    def numbers(self, n: int) -> Ints:
        """The side that each of n rows stands on (n,), -1 for none."""
        side = np.full(n, -1)
        for number, rows in enumerate(self.rows):
            side[rows] = number
        return side

    def join(self, n: int, one: Ints, other: Ints) -> Bools:
        """Whether these rows (k,) of n are compared with these (k,)."""
        side = self.numbers(n)  # the last row and column of `joined` are those of none
        joined = np.zeros((len(self.rows) + 1, len(self.rows) + 1), np.bool_)
        for a, b in self.joins:
            joined[a, b] = joined[b, a] = True
        found: Bools = joined[side[one], side[other]]
        return found

    @property
    def comparisons(self) -> int:
        """How many pairs of rows that is."""
        sizes = [len(rows) for rows in self.rows]
        return sum(
            sizes[a] * sizes[b] if a != b else sizes[a] * (sizes[a] - 1) // 2 for a, b in self.joins
        )


def sides_of(wanted: Ints, known: Sequence[Ints]) -> Sides:
    """The sides to join, so that every pair that crosses in `wanted` is found once.

    `wanted` (n,) says where each of n pictures stands. Pairs that cross in one of `known`, each
    (n,), are known already, and are left out. Pictures that are to be compared with the same
    others share a side.
    """
    stands = [wanted, *known]
    code = sum(np.int64(each) << _BITS * place for place, each in enumerate(stands))
    kinds, kind = np.unique(code, return_inverse=True)
    needed = np.zeros((len(kinds), len(kinds)), np.bool_)
    for at, one in enumerate(kinds):
        crossed = [
            crosses(one >> _BITS * place & EVERYWHERE, kinds >> _BITS * place & EVERYWHERE)
            for place in range(len(stands))
        ]
        needed[at] = crossed[0] & ~np.any(crossed[1:], axis=0)
    alike = np.unique(needed, axis=0, return_inverse=True)[1].reshape(-1) if len(kinds) else kinds
    first = {side: at for at, side in reversed(list(enumerate(alike.tolist())))}
    joins = [
        (a, b)
        for a, b in combinations_with_replacement(sorted(first), 2)
        if needed[first[a], first[b]]
    ]
    side = alike[kind]
    sizes = np.bincount(side, minlength=len(first))
    joined = sorted({side for join in joins for side in join}, key=lambda each: -sizes[each])
    pairs = [sorted((joined.index(a), joined.index(b))) for a, b in joins]
    return Sides(
        [np.flatnonzero(side == each).astype(np.int32) for each in joined],
        [(a, b) for a, b in pairs],
    )


@dataclass(frozen=True, eq=False)
class KnownPairs:
    """Pairs that need not be stored again: all of the first `old` rows, and some others.

    n     rows there are
    keys  (k,) int64, ascending: left row times n plus right row of each of the others
    """

    n: int
    old: int
    keys: Ints

    @classmethod
    def of(cls, n: int, old: int, others: Pairs | None = None) -> KnownPairs:
        """Of n rows, where the `others` have the lesser row on the left."""
        keys = np.empty(0, np.int64) if others is None else np.sort(_keys(n, others))
        return cls(n, old, keys)

    def without(self, part: Pairs) -> Pairs:
        """Those of the pairs, each with the lesser row on the left, that are not known."""
        unknown = part.right >= self.old
        if len(self.keys):
            keys = _keys(self.n, part)
            at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            unknown &= self.keys[at] != keys
        return part if unknown.all() else part.take(unknown)


def _keys(n: int, pairs: Pairs) -> Ints:
    return pairs.left.astype(np.int64) * n + pairs.right
