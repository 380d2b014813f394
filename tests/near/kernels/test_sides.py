"""The sides of a search: every pair that crosses is on two of them once, and no other is."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.near.kernels.join import Pairs, RadiusIndex, join
from notmnist_store.near.kernels.sides import EVERYWHERE, KnownPairs, Sides, crosses, sides_of
from notmnist_store.schema.arrays import Ints
from tests.support.properties import examples
from tests.support.splits_oracle import crossing_pairs, do_cross

TRAIN, VALID, TEST = 1, 2, 4
STANDS = st.lists(st.integers(0, EVERYWHERE), max_size=40)


def compared(sides: Sides) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for a, b in sides.joins:
        one, other = sides.rows[a].tolist(), sides.rows[b].tolist()
        pairs = combinations(one, 2) if a == b else product(one, other)
        found += [(min(pair), max(pair)) for pair in pairs]
    return found


def ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)


def test_pictures_cross_where_they_stand_in_two_splits() -> None:
    for one, other in product(range(EVERYWHERE + 1), repeat=2):
        assert bool(crosses(ints([one]), ints([other]))[0]) == do_cross(one, other)


@examples(60)
@given(st.lists(STANDS, min_size=1, max_size=3))
def test_every_wanted_pair_stands_once(drawn: list[list[int]]) -> None:
    n = min(map(len, drawn))
    wanted, *known = (ints(stands[:n]) for stands in drawn)
    sides = sides_of(wanted, known)
    found = compared(sides)
    assert len(found) == len(set(found)) == sides.comparisons
    assert set(found) == crossing_pairs(wanted, *known)
    assert all(any(number in pair for pair in sides.joins) for number in range(len(sides.rows)))


@pytest.mark.parametrize(
    ("wanted", "known", "sides", "joins"),
    [
        ([EVERYWHERE] * 5, [], 1, 1),
        ([EVERYWHERE] * 5, [[EVERYWHERE] * 3 + [0] * 2], 2, 2),
        ([EVERYWHERE] * 5, [[EVERYWHERE] * 5], 0, 0),
        ([TRAIN, VALID, TEST, TRAIN, 0], [], 3, 3),
        ([TRAIN, TRAIN], [], 0, 0),
        ([TRAIN, TEST, TRAIN + TEST, TRAIN + VALID], [], 3, 4),
        ([TRAIN, TEST, TRAIN, TEST], [[TRAIN, TEST, 0, 0]], 4, 3),
        ([TRAIN, TEST, TEST], [[EVERYWHERE] * 2 + [0]], 2, 1),
    ],
)
def test_pictures_with_the_same_partners_share_a_side(
    wanted: list[int], known: list[list[int]], sides: int, joins: int
) -> None:
    found = sides_of(ints(wanted), [ints(each) for each in known])
    assert (len(found.rows), len(found.joins)) == (sides, joins)


@pytest.mark.parametrize("fast", [True, False], ids=["compiled", "numpy"])
def test_joined_sides_give_the_pairs_of_the_whole_that_cross(fast: bool) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 6, (300, 40)).astype(np.uint8)
    stands, before = random.integers(0, 8, 300), random.choice([0, TRAIN, TEST], 300)
    sides = sides_of(stands, [before])
    indexes = [RadiusIndex.build(pixels, rows=rows, threads=2, fast=fast) for rows in sides.rows]
    t, found = 200, {}
    for a, b in sides.joins:
        other = None if a == b else indexes[b]
        for part in join(indexes[a], other, t, of_one_set=True, limit=10**6):
            assert (part.left < part.right).all()
            ends = zip(part.left.tolist(), part.right.tolist(), strict=True)
            found |= dict(zip(ends, part.squared_distance.tolist(), strict=True))
    squared = ((pixels[:, None].astype(int) - pixels[None]) ** 2).sum(axis=2)
    wanted = {
        (a, b): squared[a, b] for a, b in crossing_pairs(stands, before) if squared[a, b] <= t
    }
    assert len(wanted) > 1_000
    assert found == wanted


def test_known_pairs_are_left_out() -> None:
    rows = np.array([[0, 1], [0, 4], [2, 3], [2, 5], [4, 5]], np.int32)
    pairs = Pairs(rows[:, 0], rows[:, 1], np.arange(5))
    assert KnownPairs.of(6, 0).without(pairs) is pairs
    assert KnownPairs.of(6, 4).without(pairs).squared_distance.tolist() == [1, 3, 4]
    some = KnownPairs.of(6, 2, pairs.take(np.array([4, 1])))
    assert some.without(pairs).squared_distance.tolist() == [2, 3]
    assert len(some.without(pairs.take(slice(0)))) == 0
