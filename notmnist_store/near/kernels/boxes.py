"""Pictures parted into boxes that are joined apart, so that every pair is found once.

A box is a range of some products with rows of the integer matrix W of a `Basis`. Each picture has
one home, and is a guest of each earlier box that may hold a picture within the radius: of a pair
the earlier one of the two homes has both, the other picture as a guest.

*No pair is lost.* Where p_k(x) is the product with row k, a sum of integers, B bounds the largest
eigenvalue of W W', so that (Σ (p_k(x) - p_k(y))²) / B <= |x - y|² over any rows k (see `basis`).
If x stands in a box and y does not, y is at least as far from it in these products as from x. So a
box whose distance has a square above B t holds no picture within the square t. Products and their
differences are exact, and what rounding does to the sum of squares is less than the slack.

A box that would be too large is cut by row numbers: its parts are joined each with each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from notmnist_store.near.kernels.basis import Basis
from notmnist_store.near.kernels.sides import Sides
from notmnist_store.schema.arrays import Bools, Ints, Pixels, Rows

_AXES = 8
_SLACK = 1.0 + 2.0**-20
_FAR = 2**40
_PIECE_ROWS = 4_096


class Task(NamedTuple):
    """What one join is about: a box, and two of its parts, or one with itself."""

    box: int
    one: int
    other: int


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes by their ranges, least and greatest value of each product, and how they are cut.

    weights  (k, d) int64: rows of W
    reach    the greatest square, of a sum of products' differences, at which a pair can be
    low      (boxes, k) int64
    high     (boxes, k) int64
    parts    (boxes,) int64: into how many parts each is cut by row numbers
    """

    weights: Ints
    reach: float
    low: Ints
    high: Ints
    parts: Ints

    @property
    def tasks(self) -> list[Task]:
        """All joins there are; a task is known by its place here."""
        return [
            Task(box, one, other)
            for box, parts in enumerate(self.parts.tolist())
            for one in range(parts)
            for other in range(one, parts)
        ]

    def stand(self, pixels: Pixels) -> tuple[Ints, Ints, Bools]:
        """Which pictures (n, d) stand in which boxes, and whether they are at home there."""
        if len(self.parts) == 1:
            every = np.arange(len(pixels))
            return every, np.zeros(len(every), np.int64), np.ones(len(every), np.bool_)
        starts = range(0, len(pixels), _PIECE_ROWS)
        found = [self._stand(pixels[start : start + _PIECE_ROWS], start) for start in starts]
        rows, boxes, at_home = (np.concatenate(columns) for columns in zip(*found, strict=True))
        return rows, boxes, at_home

    def _stand(self, pixels: Pixels, start: int) -> tuple[Ints, Ints, Bools]:
        products = products_of(pixels, self.weights)[:, None, :]
        apart = np.maximum(np.maximum(self.low - products, products - self.high), 0)
        squares = np.square(apart.astype(np.float64)).sum(axis=2)
        home = np.argmax(squares == 0, axis=1)  # boxes do not overlap: there is one
        near = squares <= self.reach * _SLACK
        near &= np.arange(len(self.parts)) <= home[:, None]
        rows, boxes = np.nonzero(near)
        return start + rows, boxes, boxes == home[rows]

    def spread(self, rows: Ints, boxes: Ints) -> Iterator[tuple[Ints, Ints]]:
        """Places of pictures (by their row numbers) in the boxes, and the tasks they belong to."""
        parts = self.parts[boxes]
        first = np.cumsum([0, *(n * (n + 1) // 2 for n in self.parts[:-1].tolist())])[boxes]
        own = rows % parts
        for other in range(int(parts.max(initial=0))):
            here = np.flatnonzero(other < parts)
            low, high = np.minimum(own[here], other), np.maximum(own[here], other)
            before = low * parts[here] - low * (low - 1) // 2
            yield here, first[here] + before + high - low


def products_of(pixels: Pixels, weights: Ints) -> Ints:
    """Products (n, k) of pictures with rows of W: exact, for float64 holds such integers."""
    found: Ints = np.rint(pixels.astype(np.float64) @ weights.T.astype(np.float64)).astype(np.int64)
    return found


def one_box(size: int, parts: int) -> Boxes:
    """One box of all pictures of `size` bytes, cut into parts."""
    nothing = np.empty((1, 0), np.int64)
    return Boxes(np.empty((0, size), np.int64), 0.0, nothing, nothing, np.array([parts]))


def plan_boxes(
    sample: Pixels, basis: Basis, most: int, boxes: int, pictures: int, fit: int
) -> Boxes:
    """About so many boxes of equal shares of a sample, for joins within the square `most`.

    `pictures` are all that there are; a box that would have more than twice `fit` of them, guests
    among them, is cut into parts.
    """
    weights = basis.weights[:_AXES].astype(np.int64)
    products = products_of(sample, weights)
    axes = len(weights)
    low, high = np.full(axes, -_FAR), np.full(axes, _FAR)
    ranges = list(_cut(products, low, high, boxes))
    planned = Boxes(
        weights,
        basis.bound * most,
        np.array([low for low, _ in ranges]),
        np.array([high for _, high in ranges]),
        np.ones(len(ranges), np.int64),
    )
    _, stands, _ = planned.stand(sample)
    held = np.bincount(stands, minlength=len(ranges)) * pictures / max(1, len(sample))
    parts = np.where(held > 2 * fit, np.ceil(2 * held / fit), 1).astype(np.int64)
    return Boxes(weights, planned.reach, planned.low, planned.high, parts)


def _cut(products: Ints, low: Ints, high: Ints, boxes: int) -> Iterator[tuple[Ints, Ints]]:
    """A range cut along the product that varies most, until there are so many."""
    axis = int(np.argmax(products.std(axis=0))) if len(products) else 0
    values = np.sort(products[:, axis])
    if boxes < 2 or not len(values) or values[0] == values[-1]:
        yield low, high
        return
    fewer = boxes // 2
    value = max(values[0], values[len(values) * fewer // boxes] - 1)  # neither side is empty
    below = products[:, axis] <= value
    middle, above = high.copy(), low.copy()
    middle[axis], above[axis] = value, value + 1
    yield from _cut(products[below], low, middle, fewer)
    yield from _cut(products[~below], above, high, boxes - fewer)


def task_sides(sides: Sides, task: Task, side: Ints, part: Ints, at_home: Bools) -> Sides:
    """What one task joins of its own rows, by the side each stands on, its part, and its home."""
    rows: list[Rows] = []
    number: dict[tuple[int, bool, int], int] = {}

    def known(key: tuple[int, bool, int]) -> int | None:
        if key not in number:
            found = np.flatnonzero((side == key[0]) & (at_home == key[1]) & (part == key[2]))
            number[key] = len(rows) if len(found) else -1
            if len(found):
                rows.append(found.astype(np.int32))
        return None if number[key] < 0 else number[key]

    joins: set[tuple[int, int]] = set()
    parts = {(task.one, task.other), (task.other, task.one)}
    for (a, b), (of_a, of_b) in product(sides.joins, parts):
        for home_a, home_b in _HOMES:
            one, other = known((a, home_a, of_a)), known((b, home_b, of_b))
            if one is not None and other is not None:
                joins.add((min(one, other), max(one, other)))
    return Sides(rows, sorted(joins))


_HOMES: Sequence[tuple[bool, bool]] = ((True, True), (True, False), (False, True))
"""Two guests are joined where one of them is at home."""
