"""Compiled loops of the radius join: projecting images, splitting them into a tree, walking it.

What they compute, and why a skipped pair is never a missed one, stands in `radius_basis` and
`radius_tree`. Every loop runs without the interpreter lock on a range of its own, so that threads
share the work and their number changes nothing.

Importing this module imports numba. The compiled code is cached next to the source, or in the
user's cache folder, or, where neither can be written, not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

import numba  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import numpy.typing as npt

_Bytes = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.float32]
_Rows = npt.NDArray[np.int32]
_Arrays = tuple[_Floats, _Floats, _Floats, _Bytes, _Rows]

_LEAF = 32
_GROUP = 8
_PIECE = 128
_SPREAD_SAMPLE = 64
_ZERO = np.float32(0)

_F = TypeVar("_F", bound=Callable[..., Any])


def _compiled(function: _F, **options: Any) -> _F:
    """Compile on first call, and keep the machine code on disk where that is possible."""
    try:
        compiled = numba.njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # numba found no folder it can write its cache to
        compiled = numba.njit(nogil=True, **options)(function)
    return cast("_F", compiled)


@_compiled
def project(
    pixels: _Bytes,
    kept: npt.NDArray[np.int16],
    weights: npt.NDArray[np.int16],
    bound: float,
    coordinates: _Floats,
    start: int,
    stop: int,
) -> None:
    """Coordinates of rows `start` to `stop` of `pixels` (n, d), into `coordinates` (k, n).

    Values where `kept` (d,) is 0 count as 0, and so are their weights. The first len(weights)
    coordinates are `weights @ x / sqrt(bound)`, the last one is the norm of what they leave of x,
    the ones between are 0. Sums of products are exact in int32.
    """
    last = coordinates.shape[0] - 1
    scale = 1.0 / np.sqrt(bound)
    for row in range(start, stop):
        x = pixels[row]
        norm = np.int64(0)
        for at in range(0, x.size, _PIECE):
            part = np.int32(0)
            for j in range(at, min(at + _PIECE, x.size)):
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


@_compiled
def _select(keys: _Floats, order: _Rows, low: int, high: int, middle: int) -> None:
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


@_compiled
def _widest(coordinates: _Floats, order: _Rows, start: int, stop: int) -> int:
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


@_compiled
def split(
    coordinates: _Floats, order: _Rows, keys: _Floats, places: int, root: int, levels: int
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
            start = (node * width - places) * _LEAF
            middle = start + width // 2 * _LEAF
            stop = min(start + width * _LEAF, order.size)
            if width < 2 or middle >= stop:
                continue
            column = coordinates[_widest(coordinates, order, start, stop)]
            for at in range(start, stop):
                keys[at] = column[order[at]]
            _select(keys, order, start, stop, middle)


@_compiled
def fill_leaves(
    coordinates: _Floats,
    order: _Rows,
    places: int,
    blocks: _Floats,
    low: _Floats,
    high: _Floats,
    start: int,
    stop: int,
) -> None:
    """Copy what belongs to leaves `start` to `stop` next to each other, and box each leaf.

    blocks (leaves, k, 32), low and high (2 * places, k) are written.
    """
    for leaf in range(start, stop):
        first = leaf * _LEAF
        size = min(_LEAF, order.size - first)
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


@_compiled
def join_boxes(low: _Floats, high: _Floats) -> None:
    """Box every inner node around its two children, from the leaves' parents up to the root."""
    for node in range(low.shape[0] // 2 - 1, 0, -1):
        for k in range(low.shape[1]):
            low[node, k] = min(low[2 * node, k], low[2 * node + 1, k])
            high[node, k] = max(high[2 * node, k], high[2 * node + 1, k])


# The order of the sum is free (its error bound holds for any), so that it may be vectorised.
@partial(_compiled, fastmath={"reassoc", "contract", "nsz"})
def _box_gap(
    low: _Floats, high: _Floats, low_b: _Floats, high_b: _Floats, start: int, stop: int
) -> np.float32:
    """Squared distance of two boxes over the coordinates `start` to `stop`."""
    total = _ZERO
    for k in range(start, stop):
        gap = max(max(low[k] - high_b[k], low_b[k] - high[k]), _ZERO)
        total += gap * gap
    return total


@_compiled
def _add_box_gaps(block: _Floats, low: _Floats, high: _Floats, k: int, sums: _Floats) -> None:
    """Add to sums (32,) each point's squared distance to a box, over coordinates k to k + 8."""
    l0, l1, l2, l3 = low[k], low[k + 1], low[k + 2], low[k + 3]
    l4, l5, l6, l7 = low[k + 4], low[k + 5], low[k + 6], low[k + 7]
    h0, h1, h2, h3 = high[k], high[k + 1], high[k + 2], high[k + 3]
    h4, h5, h6, h7 = high[k + 4], high[k + 5], high[k + 6], high[k + 7]
    points = block[k : k + _GROUP]
    for i in range(_LEAF):
        g0 = max(max(l0 - points[0, i], points[0, i] - h0), _ZERO)
        g1 = max(max(l1 - points[1, i], points[1, i] - h1), _ZERO)
        g2 = max(max(l2 - points[2, i], points[2, i] - h2), _ZERO)
        g3 = max(max(l3 - points[3, i], points[3, i] - h3), _ZERO)
        g4 = max(max(l4 - points[4, i], points[4, i] - h4), _ZERO)
        g5 = max(max(l5 - points[5, i], points[5, i] - h5), _ZERO)
        g6 = max(max(l6 - points[6, i], points[6, i] - h6), _ZERO)
        g7 = max(max(l7 - points[7, i], points[7, i] - h7), _ZERO)
        one = (g0 * g0 + g1 * g1) + (g2 * g2 + g3 * g3)
        sums[i] += one + ((g4 * g4 + g5 * g5) + (g6 * g6 + g7 * g7))


@_compiled
def _add_distances(
    block_a: _Floats, i: int, block_b: _Floats, k: int, limit: np.float32, sums: _Floats
) -> np.int32:
    """Add to sums (32,) the squared distances of point i to a leaf, coordinates k to k + 8.

    Written out so that all 32 lanes stay in registers; return how many are within the limit.
    """
    x0, x1, x2, x3 = block_a[k, i], block_a[k + 1, i], block_a[k + 2, i], block_a[k + 3, i]
    x4, x5, x6, x7 = block_a[k + 4, i], block_a[k + 5, i], block_a[k + 6, i], block_a[k + 7, i]
    points = block_b[k : k + _GROUP]
    near = np.int32(0)
    for j in range(_LEAF):
        d0 = points[0, j] - x0
        d1 = points[1, j] - x1
        d2 = points[2, j] - x2
        d3 = points[3, j] - x3
        d4 = points[4, j] - x4
        d5 = points[5, j] - x5
        d6 = points[6, j] - x6
        d7 = points[7, j] - x7
        one = (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3)
        total = sums[j] + (one + ((d4 * d4 + d5 * d5) + (d6 * d6 + d7 * d7)))
        sums[j] = total
        near = np.int32(near + np.int32(total <= limit))
    return near


@_compiled
def _squared_distance(x: _Bytes, y: _Bytes, most: int | np.int64) -> np.int64:
    """Sum of squared differences of two images, exact; some value above `most` if it is above.

    A piece of 128 sums to at most 8,323,200.
    """
    total = np.int64(0)
    whole = x.size - x.size % _PIECE
    for j in range(whole, x.size):
        difference = np.int32(np.int32(x[j]) - np.int32(y[j]))
        total += np.int32(difference * difference)
    for at in range(0, whole, _PIECE):
        part = np.int32(0)
        one = x[at : at + _PIECE]
        other = y[at : at + _PIECE]
        for j in range(_PIECE):
            difference = np.int32(np.int32(one[j]) - np.int32(other[j]))
            part = np.int32(part + np.int32(difference * difference))
        total += part
        if total > most:
            break
    return total


@_compiled
def _gather(
    moves: tuple[_Rows, npt.NDArray[np.bool_], _Rows, _Rows],
    of_b: bool,
    x: _Bytes,
    moved: _Bytes,
) -> None:
    """Write into moved (m, d) what each of the moves that move this side makes of picture x."""
    sources, moves_b = moves[0], moves[1]
    for m in range(sources.shape[0]):
        if moves_b[m] == of_b:
            source = sources[m]
            for p in range(x.size):
                moved[m, p] = x[source[p]]


@_compiled
def _nearest_move(
    moves: tuple[_Rows, npt.NDArray[np.bool_], _Rows, _Rows],
    swapped: bool,
    x: _Bytes,
    y: _Bytes,
    moved_x: _Bytes,
    moved_y: _Bytes,
    most: int,
) -> tuple[np.int64, np.int32]:
    """The least squared distance over the moves, and the least number of those that have it.

    Some value above `most` where all are above it.
    """
    _, moves_b, codes, codes_swapped = moves
    least = np.int64(most + 1)
    chosen = np.int32(0)
    for m in range(codes.size):
        if moves_b[m]:
            distance = _squared_distance(x, moved_y[m], least)
        else:
            distance = _squared_distance(moved_x[m], y, least)
        code = codes_swapped[m] if swapped else codes[m]
        if distance < least or (distance == least and distance <= most and code < chosen):
            least = distance
            chosen = code
    return least, chosen


@_compiled
def walk(
    a: _Arrays,
    b: _Arrays,
    same: bool,
    of_one_set: bool,
    moves: tuple[_Rows, npt.NDArray[np.bool_], _Rows, _Rows],
    limit: np.float32,
    most: int,
    cursor: npt.NDArray[np.int64],
    stop: int,
    buffers: tuple[_Rows, _Rows, npt.NDArray[np.int64], _Rows],
) -> int:
    """Pairs of the leaves from `cursor` to `stop` of tree a with tree b; return their number.

    A tree is its blocks, low, high, pixels and order (see `radius_tree.Tree`); what is found goes
    to `buffers`: left, right, squared and the number of the move. `cursor` (leaf of a, leaf of b)
    is where to go on. When it comes back with its leaf of a at `stop`, all is found; before that,
    the buffers (at least 1,024 long) are too full for another pair of leaves. With `same` the trees
    are one, and every pair comes once. With `of_one_set` the lesser row is put on the left, and no
    picture is paired with itself.

    `moves` are sources (m, d), whether each moves b (m,), numbers (m,) and numbers with the sides
    changed (m,). With none the pictures are compared as they are.
    """
    blocks_a, low_a, high_a, pixels_a, order_a = a
    blocks_b, low_b, high_b, pixels_b, order_b = b
    left, right, squared, code = buffers
    are_moved = moves[0].shape[0] > 0
    moved_a = np.empty((moves[0].shape[0], pixels_a.shape[1]), np.uint8)
    moved_b = np.empty((_LEAF, moves[0].shape[0], pixels_a.shape[1]), np.uint8)
    is_ready = np.zeros(_LEAF, np.bool_)
    coordinates = low_a.shape[1]
    places_a = low_a.shape[0] // 2
    places_b = low_b.shape[0] // 2
    sums = np.empty(_LEAF, np.float32)
    gaps = np.empty(_LEAF, np.float32)
    found = 0
    for leaf_a in range(cursor[0], stop):
        first_a = leaf_a * _LEAF
        size_a = min(_LEAF, order_a.size - first_a)
        block_a = blocks_a[leaf_a]
        low = low_a[places_a + leaf_a]
        high = high_a[places_a + leaf_a]
        begin = cursor[1] if leaf_a == cursor[0] else 0
        node = places_b + (max(begin, leaf_a) if same else begin)
        while node & 1 == 0:  # up to the largest subtree whose first leaf this is
            node >>= 1
        while node > 0:
            far = _box_gap(low, high, low_b[node], high_b[node], 0, _GROUP) > limit
            if not far:
                far = _box_gap(low, high, low_b[node], high_b[node], 0, coordinates) > limit
            if not far and node < places_b:
                node *= 2
                continue
            if not far:
                leaf_b = node - places_b
                if left.size - found < _LEAF * _LEAF:
                    cursor[0] = leaf_a
                    cursor[1] = leaf_b
                    return found
                first_b = leaf_b * _LEAF
                size_b = min(_LEAF, order_b.size - first_b)
                block_b = blocks_b[leaf_b]
                gaps[:] = _ZERO
                is_ready[:] = False
                for k in range(0, coordinates, _GROUP):
                    _add_box_gaps(block_a, low_b[node], high_b[node], k, gaps)
                for i in range(size_a):
                    if gaps[i] > limit:
                        continue
                    sums[:] = _ZERO
                    near = np.int32(1)
                    for k in range(0, coordinates, _GROUP):
                        near = _add_distances(block_a, i, block_b, k, limit, sums)
                        if near == 0:
                            break
                    if near == 0:
                        continue
                    row = order_a[first_a + i]
                    x = pixels_a[row]
                    is_gathered = False
                    for j in range(i + 1 if same and leaf_a == leaf_b else 0, size_b):
                        if sums[j] <= limit:
                            other = order_b[first_b + j]
                            y = pixels_b[other]
                            swapped = of_one_set and row > other
                            number = np.int32(0)
                            if not are_moved:
                                distance = _squared_distance(x, y, most)
                            elif of_one_set and row == other:
                                continue
                            else:
                                if not is_gathered:
                                    _gather(moves, False, x, moved_a)
                                    is_gathered = True
                                if not is_ready[j]:
                                    _gather(moves, True, y, moved_b[j])
                                    is_ready[j] = True
                                distance, number = _nearest_move(
                                    moves, swapped, x, y, moved_a, moved_b[j], most
                                )
                            if distance <= most:
                                left[found] = other if swapped else row
                                right[found] = row if swapped else other
                                squared[found] = distance
                                code[found] = number
                                found += 1
            while node & 1:  # the next subtree: up while this is a right child, then across
                node >>= 1
            if node:
                node += 1
    cursor[0] = stop
    cursor[1] = 0
    return found
