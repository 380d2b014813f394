"""Which pictures cross splits, asked of one pair at a time."""

from __future__ import annotations

from itertools import combinations

from notmnist_store.schema.arrays import Ints


def do_cross(one: int, other: int) -> bool:
    """Whether one of them stands in a split (a bit) and the other in another one."""
    bits = range(3)
    return any(a != b for a in bits if one >> a & 1 for b in bits if other >> b & 1)


def crossing_pairs(wanted: Ints, *known: Ints) -> set[tuple[int, int]]:
    """Pairs of rows, the lesser first, that cross where it is wanted and nowhere where known."""
    return {
        (a, b)
        for a, b in combinations(range(len(wanted)), 2)
        if do_cross(wanted[a], wanted[b]) and not any(do_cross(k[a], k[b]) for k in known)
    }
