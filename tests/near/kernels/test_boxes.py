"""Boxes: whatever they are cut by, every pair within the radius is found by one task, once.

Cases: one box, few, more than pictures; all pictures equal or on a line (nothing to cut by); one
that very many are near to (a box that is cut into parts); several sides, one with itself and two.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from notmnist_store.near.kernels.basis import fit_basis
from notmnist_store.near.kernels.boxes import Boxes, one_box, plan_boxes, products_of, task_sides
from notmnist_store.near.kernels.join import RadiusIndex, join
from notmnist_store.near.kernels.sides import Sides

Pixels = npt.NDArray[np.uint8]
MOST = 40_000


def clusters(seed: int) -> Pixels:
    random = np.random.default_rng(seed)
    centres = random.integers(0, 256, (12, 64))
    noise = random.integers(-40, 41, (240, 64)) * (random.random((240, 64)) < 0.2)
    return np.clip(np.repeat(centres, 20, axis=0) + noise, 0, 255).astype(np.uint8)


def line() -> Pixels:
    return np.repeat(np.arange(0, 240, dtype=np.uint8)[:, None], 64, axis=1)


def blob() -> Pixels:
    pixels = np.full((240, 64), 100, np.uint8)
    pixels[:120, 3] += np.arange(120, dtype=np.uint8) // 2
    pixels[120:] = clusters(4)[120:]
    return pixels


LAYOUTS = {
    "clusters": clusters(1),
    "line": line(),
    "equal": np.full((60, 64), 7, np.uint8),
    "blob": blob(),
    "one": clusters(2)[:1],
}


def found_in_boxes(pixels: Pixels, boxes: Boxes, sides: Sides) -> Counter[tuple[int, int, int]]:
    """Every pair of every task, as it comes."""
    side = np.full(len(pixels), -1)
    for number, rows in enumerate(sides.rows):
        side[rows] = number
    rows, stands, at_home = boxes.stand(pixels)
    assert np.array_equal(np.sort(rows[at_home]), np.arange(len(pixels)))  # one home each
    sent: dict[int, list[int]] = {}
    for here, tasks in boxes.spread(rows, stands):
        for place, task in zip(here.tolist(), tasks.tolist(), strict=True):
            sent.setdefault(task, []).append(place)
    found: Counter[tuple[int, int, int]] = Counter()
    for number, places in sent.items():
        own = np.array(places)[np.argsort(rows[places])]
        part = rows[own] % boxes.parts[stands[own]]
        task = boxes.tasks[number]
        here = task_sides(sides, task, side[rows[own]], part, at_home[own])
        basis = fit_basis(pixels)
        indexes = [RadiusIndex.build(pixels[rows[own]], basis, rows=each) for each in here.rows]
        for a, b in here.joins:
            for chunk in join(indexes[a], None if a == b else indexes[b], MOST, of_one_set=True):
                columns = (rows[own][chunk.left], rows[own][chunk.right], chunk.squared_distance)
                found.update(zip(*(column.tolist() for column in columns), strict=True))
    return found


def by_brute_force(pixels: Pixels, sides: Sides) -> Counter[tuple[int, int, int]]:
    wide = pixels.astype(np.int64)
    norms = np.square(wide).sum(axis=1)
    squares = norms[:, None] + norms[None, :] - 2 * wide @ wide.T
    one, other = np.nonzero(np.triu(squares <= MOST, 1))
    wanted = sides.join(len(pixels), one, other)
    columns = (one[wanted], other[wanted], squares[one, other][wanted])
    return Counter(zip(*(column.tolist() for column in columns), strict=True))


def sides_of(kind: str, rows: int) -> Sides:
    every = np.arange(rows, dtype=np.int32)
    if kind == "all":
        return Sides([every], [(0, 0)])
    third = rows // 3
    parts = [every[third:], every[:third:2], every[1:third:2]]
    return Sides(parts, [(0, 1), (1, 1)])  # what stands on the last is not compared


@pytest.mark.parametrize("kind", ["all", "two sides"])
@pytest.mark.parametrize("boxes", [1, 3, 40])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_pair_is_found_once(layout: str, boxes: int, kind: str) -> None:
    pixels = LAYOUTS[layout]
    sides = sides_of(kind, len(pixels))
    plan = plan_boxes(pixels[::2], fit_basis(pixels), MOST, boxes, len(pixels), 20)
    expected = by_brute_force(pixels, sides)
    assert found_in_boxes(pixels, plan, sides) == expected
    assert expected or layout in ("line", "one") or kind == "two sides"
    if layout == "blob":
        assert plan.parts.max() > 1  # no cut in space parts what is near everything
    if layout == "clusters" and boxes == 40 and kind == "all":
        assert len(plan.parts) > 8


def test_one_box_is_cut_by_rows() -> None:
    pixels = LAYOUTS["clusters"]
    sides = sides_of("all", len(pixels))
    plan = one_box(64, 5)
    assert len(plan.tasks) == 15
    assert found_in_boxes(pixels, plan, sides) == by_brute_force(pixels, sides)


def test_products_are_exact() -> None:
    pixels = np.full((2, 784), 255, np.uint8)
    weights = np.full((1, 784), 8_192, np.int64)
    assert products_of(pixels, weights).tolist() == [[255 * 784 * 8_192]] * 2
