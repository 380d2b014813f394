"""Every policy against brute force: what goes, for which row, and what may come back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.errors import UsageError
from notmnist_store.near.kernels.join import Pairs
from notmnist_store.splits.kernels.leak_policies import (
    CONFLICTS,
    EXACT_COPY,
    KEPT,
    LABEL_CONFLICT,
    NEAR_COPY,
    POLICIES,
    UNUSED,
    Fates,
    SplitTable,
    settle,
)
from notmnist_store.splits.kernels.vertex_cover import lightest_cover
from tests.support.leak_oracle import Row, Twin, brute_force, leaks, squared
from tests.support.properties import examples


def as_table(rows: list[Row], draw: list[int], most: int) -> tuple[SplitTable, Pairs]:
    """The rows as the kernel takes them; pictures are numbered in no order that means anything."""
    points = sorted({point for _, point, _ in rows}, key=hash)
    number = {point: at for at, point in enumerate(points)}
    close = [
        (a, b, d)
        for (a, one), (b, other) in itertools.combinations(enumerate(points), 2)
        if (d := squared(one, other)) <= most
    ]
    close = [(b, a, d) if (a + b) % 3 == 0 else (a, b, d) for a, b, d in close]
    left, right, distance = np.array(close, np.int64).reshape(-1, 3).T
    table = SplitTable(
        np.array([place for place, _, _ in rows], np.int64),
        np.array([number[point] for _, point, _ in rows], np.int64),
        np.array([label for _, _, label in rows], np.int64),
        np.array(draw, np.int64),
        len(points),
    )
    return table, Pairs(left.astype(np.int32), right.astype(np.int32), distance)


@st.composite
def split_sets(draw: st.DrawFn) -> tuple[list[Row], list[int], int]:
    """Clusters of points with copies, rows of two or three labels over all splits."""
    point = st.tuples(st.integers(0, 8), st.integers(0, 2))
    row = st.tuples(st.integers(0, 3), point, st.integers(0, 2))
    rows: list[Row] = draw(st.lists(row, min_size=1, max_size=14))
    order = draw(st.permutations(range(len(rows))))
    return rows, list(order), draw(st.sampled_from([0, 1, 2, 4, 9]))


def told(fates: Fates) -> dict[int, Twin]:
    """Of the rows that went: rule, twin and squared distance; the others have none."""
    stay = fates.rule == KEPT
    assert (fates.twin[stay] == -1).all()
    assert (fates.squared_distance[stay] == -1).all()
    columns = (fates.rule, fates.twin, fates.squared_distance)
    return {
        int(i): tuple(int(column[i]) for column in columns)  # type: ignore[misc]
        for i in np.flatnonzero(~stay)
    }


@given(
    made=split_sets(),
    policy=st.sampled_from(POLICIES),
    conflicts=st.sampled_from(CONFLICTS),
    refill=st.booleans(),
)
def test_every_policy_is_that_of_brute_force_and_leaves_no_leak(
    made: tuple[list[Row], list[int], int], policy: str, conflicts: str, refill: bool
) -> None:
    rows, draw, most = made
    table, pairs = as_table(rows, draw, most)
    before = table.place.copy()
    fates = settle(table, pairs, policy=policy, conflicts=conflicts, refill=refill)
    places, gone = brute_force(rows, draw, most, policy, conflicts, refill)
    assert told(fates) == gone
    assert fates.place.tolist() == places
    assert not leaks(rows, places, most)
    assert (table.place == before).all()


@given(made=split_sets(), conflicts=st.sampled_from(["drop", "majority"]))
def test_what_comes_back_brings_no_conflict(
    made: tuple[list[Row], list[int], int], conflicts: str
) -> None:
    rows, draw, most = made
    table, pairs = as_table(rows, draw, most)
    fates = settle(table, pairs, conflicts=conflicts, refill=True)
    stand = np.flatnonzero(fates.place != UNUSED)
    fresh = set(np.flatnonzero((fates.place != UNUSED) & (table.place == UNUSED)).tolist())
    for i, j in itertools.combinations(stand.tolist(), 2):
        if i in fresh or j in fresh:
            assert rows[i][2] == rows[j][2] or squared(rows[i][1], rows[j][1]) > most


@st.composite
def sets_with_much_unused(draw: st.DrawFn) -> tuple[list[Row], list[int], int]:
    """A few points with a row in two splits, and three times as many unused rows around them."""
    point = st.tuples(st.integers(0, 30), st.just(0))
    rows: list[Row] = []
    for at in draw(st.lists(point, min_size=1, max_size=3)):
        label = draw(st.integers(0, 1))
        rows += [(0, at, label), (draw(st.integers(1, 2)), at, label)]
    fresh = st.tuples(st.just(UNUSED), point, st.integers(0, 1))
    rows += draw(st.lists(fresh, min_size=8, max_size=24))
    return rows, list(draw(st.permutations(range(len(rows))))), draw(st.sampled_from([1, 4, 9]))


@examples(25)
@given(made=sets_with_much_unused(), conflicts=st.sampled_from(CONFLICTS))
def test_refilling_is_that_of_brute_force(
    made: tuple[list[Row], list[int], int], conflicts: str
) -> None:
    rows, draw, most = made
    table, pairs = as_table(rows, draw, most)
    fates = settle(table, pairs, conflicts=conflicts, refill=True)
    places, gone = brute_force(rows, draw, most, "keep", conflicts, True)
    assert fates.place.tolist() == places
    assert told(fates) == gone
    assert not leaks(rows, places, most)


def test_two_near_images_that_hang_on_two_different_kept_ones() -> None:
    """Both go, each for its own: one representative of the three or four would let one stay."""
    rows: list[Row] = [(0, (0, 0), 0), (0, (6, 0), 0), (2, (2, 0), 0), (2, (4, 0), 0)]
    table, pairs = as_table(rows, [0, 1, 2, 3], 4)
    assert told(settle(table, pairs)) == {2: (NEAR_COPY, 0, 4), 3: (NEAR_COPY, 1, 4)}


def test_a_nearer_neighbour_in_the_own_split_hides_no_leak() -> None:
    """The nearest neighbour of row 1 is row 2, with which it may stand; row 0 is farther."""
    rows: list[Row] = [(0, (0, 0), 0), (2, (2, 0), 0), (2, (3, 0), 0)]
    table, pairs = as_table(rows, [0, 1, 2], 4)
    assert told(settle(table, pairs)) == {1: (NEAR_COPY, 0, 4)}


def test_a_row_that_went_takes_nobody_along() -> None:
    """A chain 0 - 2 - 4 of train, valid, test: valid goes, so test stays."""
    rows: list[Row] = [(0, (0, 0), 0), (1, (2, 0), 0), (2, (4, 0), 0)]
    table, pairs = as_table(rows, [0, 1, 2], 4)
    assert told(settle(table, pairs)) == {1: (NEAR_COPY, 0, 4)}


def test_minimal_drops_one_row_of_train_for_three_of_valid() -> None:
    rows: list[Row] = [(0, (2, 0), 0), (1, (0, 0), 0), (1, (4, 0), 0), (1, (2, 2), 0)]
    table, pairs = as_table(rows, [0, 1, 2, 3], 4)
    assert set(told(settle(table, pairs, policy="keep"))) == {1, 2, 3}
    assert told(settle(table, pairs, policy="minimal")) == {0: (NEAR_COPY, 1, 4)}


def test_of_equally_few_the_split_named_first_stays() -> None:
    rows: list[Row] = [(1, (0, 0), 0), (0, (0, 0), 0), (0, (9, 0), 0), (1, (9, 0), 0)]
    table, pairs = as_table(rows, [0, 1, 2, 3], 0)
    expected = {0: (EXACT_COPY, 1, 0), 3: (EXACT_COPY, 2, 0)}
    assert told(settle(table, pairs, policy="minimal")) == expected


@pytest.mark.parametrize(("conflicts", "gone"), [("drop", {0, 1, 2}), ("majority", {0})])
def test_conflicts_within_one_split_and_a_copy_that_may_not_come_back(
    conflicts: str, gone: set[int]
) -> None:
    rows: list[Row] = [(0, (0, 0), 0), (0, (0, 0), 1), (0, (0, 0), 1), (3, (0, 0), 0)]
    table, pairs = as_table(rows, [0, 1, 2, 3], 0)
    fates = settle(table, pairs, conflicts=conflicts, refill=True)
    assert set(told(fates)) == gone
    assert fates.place[3] == UNUSED
    assert told(fates)[0] == (LABEL_CONFLICT, 1, 0)


def test_no_rows() -> None:
    table, pairs = as_table([], [], 4)
    for policy, conflicts in itertools.product(POLICIES, CONFLICTS):
        fates = settle(table, pairs, policy=policy, conflicts=conflicts, refill=True)
        assert len(fates.place) == len(fates.rule) == 0


@pytest.mark.parametrize("wrong", [{"policy": "best"}, {"conflicts": "vote"}])
def test_an_unknown_policy_is_refused(wrong: dict[str, str]) -> None:
    table, pairs = as_table([(0, (0, 0), 0)], [0], 4)
    with pytest.raises(UsageError, match="is one of keep"):
        settle(table, pairs, **wrong)  # type: ignore[arg-type]


@given(
    edges=st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12),
    weights=st.lists(st.integers(1, 4), min_size=10, max_size=10),
)
def test_covers_are_the_lightest(edges: set[tuple[int, int]], weights: list[int]) -> None:
    one, other = weights[:5], weights[5:]
    pairs = np.array(sorted(edges), np.int64).reshape(-1, 2)
    left, right = lightest_cover(pairs[:, 0], pairs[:, 1], one, other)
    assert all(left[a] or right[b] for a, b in edges)
    found = sum(np.array(one)[left]) + sum(np.array(other)[right])
    covers = [
        (set(lefts), sum(one[a] for a in lefts) + sum(other[b] for a, b in need))
        for size in range(6)
        for lefts in itertools.combinations(range(5), size)
        if (need := {(None, b) for a, b in edges if a not in lefts}) is not None
    ]
    lightest = min(weight for _, weight in covers)
    assert found == lightest
    alike = [lefts for lefts, weight in covers if weight == lightest]
    assert all(set(np.flatnonzero(left).tolist()) <= lefts for lefts in alike)
