"""Every policy against brute force: what goes, for which row, and what may come back."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.errors import UsageError
from notmnist_store.kernels.leak_policies import (
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
from notmnist_store.kernels.radius_join import Pairs
from notmnist_store.kernels.vertex_cover import lightest_cover

Point = tuple[int, int]
Row = tuple[int, Point, int]
"""Place, picture (a point in the plane), label."""
Twin = tuple[int, int, int]
"""Rule, twin, squared distance."""


def squared(a: Point, b: Point) -> int:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2


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
    rows = draw(st.lists(row, min_size=1, max_size=14))
    order = draw(st.permutations(range(len(rows))))
    return rows, list(order), draw(st.sampled_from([0, 1, 2, 4, 9]))


Collides = Callable[[int, int], bool]


def brute_conflicts(rows: list[Row], most: int, mode: str) -> dict[int, Twin]:
    """What goes for its label: groups are made row by row, in the order of ingest."""
    groups: dict[int, list[int]] = {}
    for row, (place, point, _) in enumerate(rows):
        if place != UNUSED:
            near = (head for head in groups if squared(rows[head][1], point) <= most)
            groups.setdefault(next(near, row), []).append(row)
    gone: dict[int, Twin] = {}
    for head, members in groups.items():
        counts = Counter(rows[row][2] for row in members)
        if len(counts) == 1:
            continue
        label, images = counts.most_common(1)[0]
        majority = label if mode == "majority" and 2 * images > len(members) else None
        for row in members:
            if rows[row][2] == majority:
                continue
            others = [other for other in members if rows[other][2] != rows[row][2]]
            distance, twin = (
                min((squared(rows[head][1], rows[other][1]), other) for other in others)
                if row == head
                else (squared(rows[head][1], rows[row][1]), head)
            )
            gone[row] = (LABEL_CONFLICT, twin, distance)
    return gone


def nearest(rows: list[Row], row: int, kept: list[int], most: int) -> Twin | None:
    close = [(d, other) for other in kept if (d := squared(rows[row][1], rows[other][1])) <= most]
    if not close:
        return None
    distance, twin = min(close)
    return (NEAR_COPY if distance else EXACT_COPY, twin, distance)


def brute_keep(
    rows: list[Row], most: int, gone: dict[int, Twin], places: tuple[int, ...]
) -> dict[int, Twin]:
    """What gives way, place by place; `gone` went before and is part of the result."""
    gone = dict(gone)
    for place in places:
        kept = [i for i, row in enumerate(rows) if row[0] < place and i not in gone]
        for i, row in enumerate(rows):
            if row[0] == place and i not in gone and (twin := nearest(rows, i, kept, most)):
                gone[i] = twin
    return gone


def brute_minimal(rows: list[Row], most: int, gone: dict[int, Twin]) -> dict[int, Twin]:
    """Of all ways to part places 0 and 1, the one with the fewest rows, then fewest of place 0."""
    here = [i for i, row in enumerate(rows) if row[0] < 2 and i not in gone]
    nodes = sorted({rows[i][:2] for i in here})
    edges = [
        (a, b)
        for a, b in itertools.combinations(nodes, 2)
        if a[0] != b[0] and squared(a[1], b[1]) <= most
    ]
    touched = sorted({node for edge in edges for node in edge})
    weight = Counter(rows[i][:2] for i in here)
    choices = [
        chosen
        for size in range(len(touched) + 1)
        for chosen in itertools.combinations(touched, size)
        if all(a in chosen or b in chosen for a, b in edges)
    ]

    def cost(chosen: tuple[tuple[int, Point], ...]) -> tuple[int, int]:
        return (
            sum(weight[node] for node in chosen),
            sum(weight[node] for node in chosen if node[0] == 0),
        )

    best = min(choices, key=cost)
    assert [cost(chosen) for chosen in choices].count(cost(best)) == 1
    leaving = {i for i in here if rows[i][:2] in best}
    result = dict(gone)
    for i in leaving:
        facing = [j for j in here if j not in leaving and rows[j][0] == 1 - rows[i][0]]
        twin = nearest(rows, i, facing, most)
        assert twin is not None
        result[i] = twin
    return brute_keep(rows, most, result, (2,))


def brute_refill(
    rows: list[Row], draw: list[int], most: int, gone: dict[int, Twin], with_conflicts: bool
) -> dict[int, int]:
    """Where unused rows come in: one by one, each against all there is."""
    stands = {i: row[0] for i, row in enumerate(rows) if row[0] != UNUSED and i not in gone}
    drawn: dict[int, int] = {}

    def close(i: int, j: int) -> bool:
        return squared(rows[i][1], rows[j][1]) <= most

    for place in range(3):
        for label in range(3):
            size = sum(row[0] == place and row[2] == label for row in rows)
            for i in sorted(range(len(rows)), key=lambda i: draw[i]):
                have = sum(stands[j] == place and rows[j][2] == label for j in stands)
                if rows[i][0] != UNUSED or i in drawn or rows[i][2] != label or have >= size:
                    continue
                leaks = any(close(i, j) for j in stands if stands[j] != place)
                known = [j for j, row in enumerate(rows) if row[0] != UNUSED or j in drawn]
                contested = any(close(i, j) and rows[j][2] != label for j in known)
                if not leaks and (with_conflicts or not contested):
                    drawn[i] = stands[i] = place
    return drawn


def brute_force(
    rows: list[Row], draw: list[int], most: int, policy: str, conflicts: str, refill: bool
) -> tuple[list[int], dict[int, Twin]]:
    gone = {} if conflicts == "keep" else brute_conflicts(rows, most, conflicts)
    part = brute_minimal if policy == "minimal" else lambda r, m, g: brute_keep(r, m, g, (1, 2))
    gone = part(rows, most, gone)
    drawn = brute_refill(rows, draw, most, gone, conflicts == "keep") if refill else {}
    places = [UNUSED if i in gone else drawn.get(i, place) for i, (place, _, _) in enumerate(rows)]
    return places, gone


def leaks(rows: list[Row], places: list[int], most: int) -> list[tuple[int, int]]:
    return [
        (i, j)
        for i, j in itertools.combinations(range(len(rows)), 2)
        if UNUSED not in (places[i], places[j])
        and places[i] != places[j]
        and squared(rows[i][1], rows[j][1]) <= most
    ]


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
