"""Compiled loops of the radius join: projecting images, splitting them into a tree.

`walk` has those that search it.

What they compute, and why a skipped pair is never a missed one, stands in `radius_basis` and
`radius_tree`. Every loop runs without the interpreter lock on a range of its own, so that threads
share the work and their number changes nothing.

Importing this module imports numba. The compiled code is cached next to the source, or in the
user's cache folder, or, where neither can be written, not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int32]
TreeArrays = tuple[Floats, Floats, Floats, Bytes, Places]

LEAF = 32
GROUP = 8
PIECE = 128
_SPREAD_SAMPLE = 64

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F, **options: Any) -> _F:
    """Compile on first call, and keep the machine code on disk where that is possible."""
    try:
        machine_code = numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # numba found no folder it can write its cache to
        machine_code = numba.njit(nogil=True, **options)(function)
    return cast("_F", machine_code)


@compiled
def project(
    pixels: Bytes,
    chosen: Places,
    kept: npt.NDArray[np.int16],
    weights: npt.NDArray[np.int16],
    bound: float,
    coordinates: Floats,
    start: int,
    stop: int,
) -> None:
    """Coordinates of `start` to `stop` of the `chosen` (n,) rows of `pixels`, into (k, n).

    Values where `kept` (d,) is 0 count as 0, and so are their weights. The first len(weights)
    coordinates are `weights @ x / sqrt(bound)`, the last one is the norm of what they leave of x,
    the ones between are 0. Sums of products are exact in int32.
    """
    last = coordinates.shape[0] - 1
    scale = 1.0 / np.sqrt(bound)
    for row in range(start, stop):
        x = pixels[chosen[row]]
        norm = np.int64(0)
        for at in range(0, x.size, PIECE):
            part = np.int32(0)
            for j in range(at, min(at + PIECE, x.size)):
                value_kept = np.int32(np.int32(x[j]) * np.int32(kept[j]))
                part = np.int32(part + np.int32(value_kept * value_kept))
            norm += part
        projected = 0.0
        for k in range(weights.shape[0]):
            weight = weights[k]
            total = np.int32(0)
            for j in range(x.size):
                total = np.int32(total + np.int32(np.int32(x[j]) * np.int32(weight[j])))
            value = float(total)
            projected += value * value
            coordinates[k, row] = value * scale
        coordinates[last, row] = np.sqrt(max(0.0, norm - projected / bound))


@compiled
def _select(keys: Floats, order: Places, low: int, high: int, middle: int) -> None:
    """Hoare's quickselect: put the `middle`-th least of keys[low:high] there, less ones before."""
    high -= 1
    while low < high:
        pivot = keys[(low + high) >> 1]
        i = low
        j = high
        while i <= j:
            while keys[i] < pivot:
                i += 1
            while keys[j] > pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            return


@compiled
def _widest(coordinates: Floats, order: Places, start: int, stop: int) -> int:
    """The coordinate of most variance over a sample of order[start:stop]."""
    step = max(1, (stop - start) // _SPREAD_SAMPLE)
    best = -1.0
    chosen = 0
    for k in range(coordinates.shape[0]):
        column = coordinates[k]
        count = 0
        total = 0.0
        squares = 0.0
        for at in range(start, stop, step):
            value = float(column[order[at]])
            count += 1
            total += value
            squares += value * value
        variance = squares - total * total / count
        if variance > best:
            best = variance
            chosen = k
    return chosen


@compiled
def split(
    coordinates: Floats, order: Places, keys: Floats, places: int, root: int, levels: int
) -> None:
    """Order the rows under heap node `root`, and `levels` levels in all, as the tree wants them.

    `places` (a power of two) leaves hang on the whole tree; the node's rows are a range of
    `order` (n,), which is permuted within that range. `keys` (n,) is working space.
    """
    for level in range(levels):
        for node in range(root << level, (root + 1) << level):
            width = places
            top = node
            while top > 1:
                top >>= 1
                width >>= 1
            start = (node * width - places) * LEAF
            middle = start + width // 2 * LEAF
            stop = min(start + width * LEAF, order.size)
            if width < 2 or middle >= stop:
                continue
            column = coordinates[_widest(coordinates, order, start, stop)]
            for at in range(start, stop):
                keys[at] = column[order[at]]
            _select(keys, order, start, stop, middle)


@compiled
def fill_leaves(
    coordinates: Floats,
    order: Places,
    places: int,
    blocks: Floats,
    low: Floats,
    high: Floats,
    start: int,
    stop: int,
) -> None:
    """Copy what belongs to leaves `start` to `stop` next to each other, and box each leaf.

    blocks (leaves, k, 32), low and high (2 * places, k) are written.
    """
    for leaf in range(start, stop):
        first = leaf * LEAF
        size = min(LEAF, order.size - first)
        for k in range(coordinates.shape[0]):
            column = coordinates[k]
            least = column[order[first]]
            most = least
            for i in range(size):
                value = column[order[first + i]]
                blocks[leaf, k, i] = value
                least = min(least, value)
                most = max(most, value)
            low[places + leaf, k] = least
            high[places + leaf, k] = most


@compiled
def join_boxes(low: Floats, high: Floats) -> None:
    """Box every inner node around its two children, from the leaves' parents up to the root."""
    for node in range(low.shape[0] // 2 - 1, 0, -1):
        for k in range(low.shape[1]):
            low[node, k] = min(low[2 * node, k], low[2 * node + 1, k])
            high[node, k] = max(high[2 * node, k], high[2 * node + 1, k])
