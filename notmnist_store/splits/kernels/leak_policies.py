"""Which rows of a split set go, so that no picture stands in two splits, nor a near copy of it.

A row is an image in a split; rows of equal pixels show one picture, and pairs are of pictures.
Whether a row goes hangs on the pairs it is in, never on a chain of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from notmnist_store.errors import UsageError
from notmnist_store.near.kernels.groups import stars
from notmnist_store.near.kernels.join import Pairs
from notmnist_store.schema.arrays import Bools, Ints
from notmnist_store.splits.kernels.vertex_cover import lightest_cover

POLICIES = ("keep", "minimal")
CONFLICTS = ("keep", "drop", "majority")
KEPT, EXACT_COPY, NEAR_COPY, LABEL_CONFLICT = range(4)
UNUSED = 3
"""The place of a row in no split; 0, 1 and 2 are the splits, the one that is to be kept first."""

_NOBODY = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class SplitTable:
    """The n rows of a split set, in the order of ingest.

    place     (n,) int64: 0, 1 or 2 for the splits in the order in which they are kept, or UNUSED
    picture   (n,) int64: number of the picture, from 0 to pictures - 1
    label     (n,) int64: number of the label, from 0
    draw      (n,) int64: the order in which unused rows are drawn; all different
    pictures  how many pictures there are
    """

    place: Ints
    picture: Ints
    label: Ints
    draw: Ints
    pictures: int

    def __len__(self) -> int:
        return len(self.place)


@dataclass(frozen=True, eq=False)
class Fates:
    """What became of the n rows.

    place             (n,) int64: where they stand now, or UNUSED
    rule              (n,) int64: KEPT, or why a row of a split went
    twin              (n,) int64: the row it collided with; -1 where it did not go
    squared_distance  (n,) int64: of the two; -1 where it did not go
    """

    place: Ints
    rule: Ints
    twin: Ints
    squared_distance: Ints


def settle(
    rows: SplitTable,
    pairs: Pairs,
    *,
    policy: str = "keep",
    conflicts: str = "keep",
    refill: bool = False,
) -> Fates:
    """Take rows out until no two splits share a picture or near copies, and perhaps refill.

    `pairs` are of different pictures, each once and all of them that lie within the radius; without
    any it is about equal pixels alone. In this order:

    1. `conflicts`: pictures within the radius of a representative are a group (`groups.stars`, by
       the first rows of the splits). Of one with several labels all rows go (``drop``), or those
       without the label that more than half of its rows have (``majority``), or none (``keep``).
       The twin is the representative's first row, and that row's the nearest of another label.
    2. `policy` ``keep``: a row goes that collides with one kept in an earlier place. A row that
       went takes nobody along. ``minimal``: the fewest rows go so that places 0 and 1 do not
       collide, of several such choices that with the fewest of place 0; then place 2 gives way as
       by ``keep``. The twin is the nearest kept row of the places that it gave way to.
    3. `refill`: place by place and label by label, unused rows in the order of `draw` until the
       label has its size again. One that collides with a row kept or drawn for another place stays
       out; so does, unless conflicts are kept, one that collides with a row of any place, gone ones
       included, or one drawn before, that has another label.

    The nearest is the first of the rows that are equally near. Needs about 100 bytes a pair at the
    most, and scipy for ``minimal`` and for `refill`.
    """
    for name, value, known in (
        ("policy", policy, POLICIES),
        ("conflicts", conflicts, CONFLICTS),
    ):
        if value not in known:
            raise UsageError(
                f"--{name} is one of {', '.join(known)}, not {value!r}",
                f"notmnist-store sanitize my_clean_set --from my_split --{name} keep",
            )
    fates = Fates(
        rows.place.copy(),
        np.full(len(rows), KEPT, np.int64),
        np.full(len(rows), -1, np.int64),
        np.full(len(rows), -1, np.int64),
    )
    pairs = pairs.both_ways()
    if conflicts != "keep":
        _part_with_conflicts(rows, pairs, fates, by_majority=conflicts == "majority")
    if policy == "minimal":
        _part_with_fewest(rows, pairs, fates)
    else:
        _give_way(rows, pairs, fates, fates.place == 1, fates.place == 0)
    _give_way(rows, pairs, fates, fates.place == 2, fates.place < 2)
    if refill:
        _refill(rows, pairs, fates, with_conflicts=conflicts == "keep")
    return fates


def _part_with_conflicts(
    rows: SplitTable, pairs: Pairs, fates: Fates, *, by_majority: bool
) -> None:
    placed = np.flatnonzero(rows.place != UNUSED)
    first = _first_rows(rows, placed)
    there = first != _NOBODY
    inside = there[pairs.left] & there[pairs.right]
    near = pairs.take(inside)
    star = stars(
        rows.pictures, np.argsort(first, kind="stable"), [near.take(near.left < near.right)]
    )
    group, label = star[rows.picture[placed]], rows.label[placed]
    labels = int(label.max(initial=0)) + 1
    kinds, kind, counts = np.unique(group * labels + label, return_inverse=True, return_counts=True)
    size = np.bincount(group, minlength=rows.pictures)
    of_label = counts[kind]
    mixed = np.bincount(kinds // labels, minlength=rows.pictures)[group] > 1
    goes = mixed & (2 * of_label <= size[group]) if by_majority else mixed
    squared = np.zeros(rows.pictures, np.int64)
    of_star = near.take(star[near.left] == near.right)
    squared[of_star.left] = of_star.squared_distance
    twin = first[group]
    distance = squared[rows.picture[placed]]
    heads = np.flatnonzero(goes & (placed == twin))
    nearest = _nearest_of_another_label(rows, placed, group, distance, heads)
    twin[heads], distance[heads] = placed[nearest], distance[nearest]
    _let_go(fates, placed[goes], LABEL_CONFLICT, twin[goes], distance[goes])


def _nearest_of_another_label(
    rows: SplitTable, placed: Ints, group: Ints, distance: Ints, heads: Ints
) -> Ints:
    """For each representative's first row, the nearest row of its group with another label."""
    own = np.full(rows.pictures, -1, np.int64)
    own[group[heads]] = rows.label[placed[heads]]
    others = np.flatnonzero((own[group] >= 0) & (own[group] != rows.label[placed]))
    others = others[np.lexsort((others, distance[others], group[others]))]
    groups, starts = np.unique(group[others], return_index=True)
    return others[starts[np.searchsorted(groups, group[heads])]]


def _part_with_fewest(rows: SplitTable, pairs: Pairs, fates: Fates) -> None:
    """Let the fewest rows of places 0 and 1 go, each for the nearest row that stays."""
    weights = [
        np.bincount(rows.picture[fates.place == place], minlength=rows.pictures) for place in (0, 1)
    ]
    there, facing = weights[0] > 0, weights[1] > 0
    shared = np.flatnonzero(there & facing)
    across = pairs.take(there[pairs.left] & facing[pairs.right])
    one = np.concatenate([shared, across.left])
    other = np.concatenate([shared, across.right])
    if not len(one):
        return
    vertices, left = np.unique(one, return_inverse=True)
    opposite, right = np.unique(other, return_inverse=True)
    gone_left, gone_right = lightest_cover(left, right, weights[0][vertices], weights[1][opposite])
    gone = np.zeros((2, rows.pictures), np.bool_)
    gone[0, vertices[gone_left]] = True
    gone[1, opposite[gone_right]] = True
    leaving = [(fates.place == place) & gone[place][rows.picture] for place in (0, 1)]
    staying = [(fates.place == place) & ~gone[place][rows.picture] for place in (0, 1)]
    for place in (0, 1):
        _give_way(rows, pairs, fates, leaving[place], staying[1 - place])


def _give_way(rows: SplitTable, pairs: Pairs, fates: Fates, asked: Bools, staying: Bools) -> None:
    """Let those `asked` rows go that collide with a `staying` one; the nearest is their twin."""
    wanted = np.zeros(rows.pictures, np.bool_)
    wanted[rows.picture[asked]] = True
    first = _first_rows(rows, np.flatnonzero(staying))
    twin = np.where(wanted, first, _NOBODY)
    squared = np.zeros(rows.pictures, np.int64)
    open_, there = wanted & (twin == _NOBODY), first != _NOBODY
    near = pairs.take(open_[pairs.left] & there[pairs.right])
    picture, row, distance = near.left, first[near.right], near.squared_distance
    squared[picture] = _NOBODY
    np.minimum.at(squared, picture, distance)
    nearest = distance == squared[picture]
    np.minimum.at(twin, picture[nearest], row[nearest])
    goes = np.flatnonzero(asked & (twin[rows.picture] != _NOBODY))
    at = rows.picture[goes]
    rule = np.where(squared[at] == 0, EXACT_COPY, NEAR_COPY)
    _let_go(fates, goes, rule, twin[at], squared[at])


def _let_go(fates: Fates, goes: Ints, rule: int | Ints, twin: Ints, squared_distance: Ints) -> None:
    fates.place[goes] = UNUSED
    fates.rule[goes] = rule
    fates.twin[goes] = twin
    fates.squared_distance[goes] = squared_distance


def _first_rows(rows: SplitTable, chosen: Ints) -> Ints:
    """The first of the chosen rows of each picture, or _NOBODY."""
    first = np.full(rows.pictures, _NOBODY, np.int64)
    np.minimum.at(first, rows.picture[chosen], chosen)
    return first


def _refill(rows: SplitTable, pairs: Pairs, fates: Fates, *, with_conflicts: bool) -> None:
    unused = np.flatnonzero(rows.place == UNUSED)
    labels = int(rows.label.max(initial=0)) + 1
    wanted = np.bincount(rows.label[unused], minlength=labels) > 0
    unused = unused[np.lexsort((rows.draw[unused], rows.label[unused]))]
    starts = np.searchsorted(rows.label[unused], np.arange(labels + 1))
    surroundings = _Surroundings(rows, pairs, unused, fates)
    for place in range(UNUSED):
        size = np.bincount(rows.label[rows.place == place], minlength=labels)
        kept = np.bincount(rows.label[fates.place == place], minlength=labels)
        for label in np.flatnonzero((size > kept) & wanted).tolist():
            candidates = unused[starts[label] : starts[label + 1]]
            free = fates.place[candidates] == UNUSED
            free &= ~surroundings.foreign(rows.picture[candidates], place)
            if not with_conflicts:
                free &= ~surroundings.contested(rows.picture[candidates], label)
            drawn = candidates[free][: size[label] - kept[label]]
            fates.place[drawn] = place
            surroundings.add(rows.picture[drawn], place, label)


class _Surroundings:
    """What stands on each picture, or near it: of which places, of which labels."""

    def __init__(self, rows: SplitTable, pairs: Pairs, unused: Ints, fates: Fates) -> None:
        from scipy.sparse import csr_array

        ends = np.zeros(rows.pictures, np.bool_)
        ends[rows.picture[unused]] = True
        used = pairs.take(ends[pairs.left] | ends[pairs.right])
        ones = np.ones(len(used), np.bool_)
        shape = (rows.pictures, rows.pictures)
        self._near = csr_array((ones, (used.left, used.right)), shape=shape)
        self._places = np.zeros((UNUSED, rows.pictures), np.bool_)
        for place in range(UNUSED):
            stand = np.unique(rows.picture[fates.place == place])
            self._places[place, self._around(stand)] = True
        placed = rows.place != UNUSED
        low = np.full(rows.pictures, _NOBODY, np.int64)
        high = np.full(rows.pictures, -1, np.int64)
        np.minimum.at(low, rows.picture[placed], rows.label[placed])
        np.maximum.at(high, rows.picture[placed], rows.label[placed])
        self._low, self._high = low.copy(), high.copy()
        np.minimum.at(self._low, used.left, low[used.right])
        np.maximum.at(self._high, used.left, high[used.right])

    def foreign(self, pictures: Ints, place: int) -> Bools:
        """Whether a row of another place stands on or near them."""
        found = np.zeros(len(pictures), np.bool_)
        for other in range(UNUSED):
            if other != place:
                found |= self._places[other, pictures]
        return found

    def contested(self, pictures: Ints, label: int) -> Bools:
        """Whether a row of another label stands on or near them."""
        return np.logical_or(self._low[pictures] < label, self._high[pictures] > label)

    def add(self, pictures: Ints, place: int, label: int) -> None:
        """From now on, rows of this place and label stand on these pictures."""
        around = self._around(np.unique(pictures))
        self._places[place, around] = True
        self._low[around] = np.minimum(self._low[around], label)
        self._high[around] = np.maximum(self._high[around], label)

    def _around(self, pictures: Ints) -> Ints:
        """These pictures, and those near them that an unused row shows (others, too)."""
        result: Ints = np.concatenate([pictures, self._near[pictures].indices])
        return result
