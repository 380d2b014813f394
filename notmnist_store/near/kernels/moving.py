"""Pictures moved by every transform of a set, done as their definitions say: for checks.

It shares no code with the search, which moves pixels by index maps (`transforms`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import numpy.typing as npt

from notmnist_store.schema.arrays import Pixels
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import Transforms

_Grids = npt.NDArray[np.uint8]
_TURNED: tuple[Callable[[_Grids], _Grids], ...] = (
    lambda grids: grids,
    lambda grids: np.flip(grids, 2),
    lambda grids: np.flip(grids, 1),
    lambda grids: np.flip(grids, (1, 2)),
    lambda grids: np.rot90(grids, 1, (1, 2)),
    lambda grids: np.rot90(grids, 3, (1, 2)),
    lambda grids: grids.transpose(0, 2, 1, 3),
    lambda grids: np.flip(grids.transpose(0, 2, 1, 3), (1, 2)),
)
_TURNED_BY_LEVEL = (1, 2, 4, 8)


def moved_copies(pixels: Pixels, transforms: Transforms, shape: Shape) -> Iterator[Pixels]:
    """The pictures (n, d) under each transform of the set, themselves first; some come twice."""
    grids = pixels.reshape(-1, shape.height, shape.width, shape.channels)
    for turn in _TURNED[: _TURNED_BY_LEVEL[transforms.turns]]:
        turned = turn(grids)
        for shifted in _shifted(turned, transforms.shifts):
            yield np.ascontiguousarray(shifted).reshape(pixels.shape)


def _shifted(grids: _Grids, level: int) -> Iterator[_Grids]:
    """Under no shift first, then under all of this level."""
    if level == 3:
        for once in _shifted(grids, 1):
            yield from _shifted(once, 2)
        return
    _, height, width, _ = grids.shape
    sides = (level, level)
    padded = np.pad(grids, ((0, 0), sides, sides, (0, 0)), mode="edge")
    steps = sorted(range(-level, level + 1), key=abs)
    for down, right in product(steps, steps):
        top, left = level - down, level - right
        yield padded[:, top : top + height, left : left + width]


def copies_made(transforms: Transforms) -> int:
    """How many copies `moved_copies` gives."""
    of_shifts = (1, 9, 25, 9 * 25)[transforms.shifts]
    return _TURNED_BY_LEVEL[transforms.turns] * of_shifts
