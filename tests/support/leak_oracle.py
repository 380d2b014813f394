"""The policies of `leak_policies` row by row, each against all: what a split set has to be."""

from __future__ import annotations

import itertools
from collections import Counter

from notmnist_store.splits.kernels.leak_policies import (
    EXACT_COPY,
    LABEL_CONFLICT,
    NEAR_COPY,
    UNUSED,
)

__all__ = ["Point", "Row", "Twin", "brute_force", "leaks", "squared"]

Point = tuple[int, ...]
Row = tuple[int, Point, int]
"""Place, picture (a point), label."""
Twin = tuple[int, int, int]
"""Rule, twin, squared distance."""


def squared(a: Point, b: Point) -> int:
    """The squared distance of two points."""
    return sum((one - other) ** 2 for one, other in zip(a, b, strict=True))


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
