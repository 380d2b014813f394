"""Compiled loops of the radius join: walking one tree with another, and comparing pictures.

See `loops`, and `radius_tree` for why nothing near is left out.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt

from notmnist_store.near.kernels.loops import (
    GROUP,
    LEAF,
    PIECE,
    Bytes,
    Floats,
    Places,
    TreeArrays,
    compiled,
)
from notmnist_store.near.kernels.transforms import SweptMoves

_ZERO = np.float32(0)


# The order of the sum is free (its error bound holds for any), so that it may be vectorised.
@partial(compiled, fastmath={"reassoc", "contract", "nsz"})
def _box_gap(
    low: Floats, high: Floats, low_b: Floats, high_b: Floats, start: int, stop: int
) -> np.float32:
    """Squared distance of two boxes over the coordinates `start` to `stop`."""
    total = _ZERO
    for k in range(start, stop):
        gap = max(max(low[k] - high_b[k], low_b[k] - high[k]), _ZERO)
        total += gap * gap
    return total


@compiled
def _add_box_gaps(block: Floats, low: Floats, high: Floats, k: int, sums: Floats) -> None:
    """Add to sums (32,) each point's squared distance to a box, over coordinates k to k + 8."""
    l0, l1, l2, l3 = low[k], low[k + 1], low[k + 2], low[k + 3]
    l4, l5, l6, l7 = low[k + 4], low[k + 5], low[k + 6], low[k + 7]
    h0, h1, h2, h3 = high[k], high[k + 1], high[k + 2], high[k + 3]
    h4, h5, h6, h7 = high[k + 4], high[k + 5], high[k + 6], high[k + 7]
    points = block[k : k + GROUP]
    for i in range(LEAF):
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


@compiled
def _add_distances(
    block_a: Floats, i: int, block_b: Floats, k: int, limit: np.float32, sums: Floats
) -> np.int32:
    """Add to sums (32,) the squared distances of point i to a leaf, coordinates k to k + 8.

    Written out so that all 32 lanes stay in registers; return how many are within the limit.
    """
    x0, x1, x2, x3 = block_a[k, i], block_a[k + 1, i], block_a[k + 2, i], block_a[k + 3, i]
    x4, x5, x6, x7 = block_a[k + 4, i], block_a[k + 5, i], block_a[k + 6, i], block_a[k + 7, i]
    points = block_b[k : k + GROUP]
    near = np.int32(0)
    for j in range(LEAF):
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


@compiled
def _squared_distance(x: Bytes, y: Bytes, most: int | np.int64) -> np.int64:
    """Sum of squared differences of two images, exact; some value above `most` if it is above.

    A piece of 128 sums to at most 8,323,200.
    """
    total = np.int64(0)
    whole = x.size - x.size % PIECE
    for j in range(whole, x.size):
        difference = np.int32(np.int32(x[j]) - np.int32(y[j]))
        total += np.int32(difference * difference)
    for at in range(0, whole, PIECE):
        part = np.int32(0)
        one = x[at : at + PIECE]
        other = y[at : at + PIECE]
        for j in range(PIECE):
            difference = np.int32(np.int32(one[j]) - np.int32(other[j]))
            part = np.int32(part + np.int32(difference * difference))
        total += part
        if total > most:
            break
    return total


@compiled
def _gather(
    moves: SweptMoves,
    of_b: bool,
    x: Bytes,
    moved: Bytes,
) -> None:
    """Write into moved (m, d) what each of the moves that move this side makes of picture x."""
    sources, moves_b = moves[0], moves[1]
    for m in range(sources.shape[0]):
        if moves_b[m] == of_b:
            source = sources[m]
            for p in range(x.size):
                moved[m, p] = x[source[p]]


@compiled
def _nearest_move(
    moves: SweptMoves,
    swapped: bool,
    x: Bytes,
    y: Bytes,
    moved_x: Bytes,
    moved_y: Bytes,
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


@compiled
def walk(
    a: TreeArrays,
    b: TreeArrays,
    same: bool,
    of_one_set: bool,
    moves: SweptMoves,
    limit: np.float32,
    most: int,
    cursor: npt.NDArray[np.int64],
    stop: int,
    buffers: tuple[Places, Places, npt.NDArray[np.int64], Places],
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
    moved_b = np.empty((LEAF, moves[0].shape[0], pixels_a.shape[1]), np.uint8)
    is_ready = np.zeros(LEAF, np.bool_)
    coordinates = low_a.shape[1]
    places_a = low_a.shape[0] // 2
    places_b = low_b.shape[0] // 2
    sums = np.empty(LEAF, np.float32)
    gaps = np.empty(LEAF, np.float32)
    found = 0
    for leaf_a in range(cursor[0], stop):
        first_a = leaf_a * LEAF
        size_a = min(LEAF, order_a.size - first_a)
        block_a = blocks_a[leaf_a]
        low = low_a[places_a + leaf_a]
        high = high_a[places_a + leaf_a]
        begin = cursor[1] if leaf_a == cursor[0] else 0
        node = places_b + (max(begin, leaf_a) if same else begin)
        while node & 1 == 0:  # up to the largest subtree whose first leaf this is
            node >>= 1
        while node > 0:
            far = _box_gap(low, high, low_b[node], high_b[node], 0, GROUP) > limit
            if not far:
                far = _box_gap(low, high, low_b[node], high_b[node], 0, coordinates) > limit
            if not far and node < places_b:
                node *= 2
                continue
            if not far:
                leaf_b = node - places_b
                if left.size - found < LEAF * LEAF:
                    cursor[0] = leaf_a
                    cursor[1] = leaf_b
                    return found
                first_b = leaf_b * LEAF
                size_b = min(LEAF, order_b.size - first_b)
                block_b = blocks_b[leaf_b]
                gaps[:] = _ZERO
                is_ready[:] = False
                for k in range(0, coordinates, GROUP):
                    _add_box_gaps(block_a, low_b[node], high_b[node], k, gaps)
                for i in range(size_a):
                    if gaps[i] > limit:
                        continue
                    sums[:] = _ZERO
                    near = np.int32(1)
                    for k in range(0, coordinates, GROUP):
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
