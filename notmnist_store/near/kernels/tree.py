"""The radius join's fast way: a balanced tree over mapped images, walked leaf by leaf.

Images are mapped by `radius_basis` and split at the median of the coordinate of most variance until
32 share a leaf. Every node has a bounding box. For each leaf the tree is walked from its root, and
whatever lies farther than the radius is left out: nodes by their boxes, then points by a leaf's
box, then pairs of points after every 8 of their coordinates. What remains is compared on the
pixels, in integers, and only that decides.

The tree is a heap: node i has the children 2 i and 2 i + 1, and its leaves stand in a row, all full
but the last. Rows that share a leaf are stored side by side, coordinates in columns of 32.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from notmnist_store.near.kernels import loops as radius_loops
from notmnist_store.near.kernels.basis import Basis, search_limit
from notmnist_store.near.kernels.transforms import SweptMoves
from notmnist_store.near.kernels.walk import walk
from notmnist_store.schema.arrays import Ints, Pixels, Rows, Shorts, Singles

Found = tuple[Rows, Rows, Ints, Rows]
"""Left rows, right rows, squared distances and numbers of moves of some pairs."""

_FAR = np.float32(1e15)  # its square times the coordinates is finite, and no distance comes near
_TASK_ROWS = 16_384
_TASK_LEAVES = 64
_SHARED_LEVELS = 4
_IN_FLIGHT = 32


@dataclass(frozen=True, eq=False)
class Tree:
    """Some n rows of a set of images of d bytes, ready to be searched; `places` is a power of two.

    basis   the map that all trees searched together share
    size    d
    order   (n,) int32: the row in `pixels` of the image at each place
    blocks  (leaves, k, 32) float32: coordinates of each leaf's images
    low     (2 * places, k) float32: least coordinates of every node, by heap index
    high    (2 * places, k) float32: greatest ones
    pixels  (m, d) uint8, the whole set, by row: the caller's
    """

    basis: Basis
    size: int
    order: Rows
    blocks: Singles
    low: Singles
    high: Singles
    pixels: Pixels


def build_tree(
    pixels: Pixels,
    basis: Basis,
    threads: int,
    *,
    rows: Rows | None = None,
    compared: Ints | None = None,
) -> Tree:
    """The tree over pixels (m, d) uint8, C-contiguous, or n rows of them: about 200 n bytes.

    With `compared` (d,), which names no value twice, it is that of other images: of x[compared],
    0 where that is -1.
    """
    chosen = np.arange(len(pixels), dtype=np.int32) if rows is None else rows
    count, size = len(chosen), pixels.shape[1]
    source = pixels.view()
    source.flags.writeable = False  # so that one compiled loop serves arrays of either kind
    leaves = -(-count // radius_loops.LEAF)
    places = 1 << max(0, leaves - 1).bit_length()
    coordinates = np.zeros((basis.coordinates, count), np.float32)
    order = np.arange(count, dtype=np.int32)
    keys = np.empty(count, np.float32)
    blocks = np.full((leaves, basis.coordinates, radius_loops.LEAF), _FAR, np.float32)
    low = np.full((2 * places, basis.coordinates), _FAR, np.float32)
    high = -low
    levels = places.bit_length() - 1
    shared = min(_SHARED_LEVELS, levels)
    images = (source, chosen, *_weights_on(basis, size, compared), basis.bound, coordinates)
    halves = (coordinates, order, keys, places)
    copies = (coordinates, order, places, blocks, low, high)
    with ThreadPoolExecutor(threads) as pool:
        _each(pool, radius_loops.project, [(*images, *span) for span in _spans(count, _TASK_ROWS)])
        for level in range(shared):
            nodes = range(1 << level, 2 << level)
            _each(pool, radius_loops.split, [(*halves, node, 1) for node in nodes])
        nodes = range(1 << shared, 2 << shared)
        _each(pool, radius_loops.split, [(*halves, node, levels - shared) for node in nodes])
        filling = [(*copies, *span) for span in _spans(leaves, _TASK_LEAVES)]
        _each(pool, radius_loops.fill_leaves, filling)
    radius_loops.join_boxes(low, high)
    return Tree(basis, size, chosen[order], blocks, low, high, source)


def _weights_on(basis: Basis, size: int, compared: Ints | None) -> tuple[Shorts, Shorts]:
    """Which values of an image are kept (d,), and weights for the image as it is stored (k, d)."""
    if compared is None:
        return np.ones(size, np.int16), basis.weights
    kept = np.zeros(size, np.int16)
    weights = np.zeros_like(basis.weights)
    places = np.flatnonzero(compared >= 0)
    kept[compared[places]] = 1
    weights[:, compared[places]] = basis.weights[:, places]
    return kept, weights


def _spans(count: int, step: int) -> Iterator[tuple[int, int]]:
    """Cut 0 to `count` into (start, stop)."""
    return ((start, min(start + step, count)) for start in range(0, count, step))


def _each(
    pool: ThreadPoolExecutor, loop: Callable[..., None], calls: Iterable[tuple[Any, ...]]
) -> None:
    """Run the loop with each of the arguments, and wait for all."""
    for future in [pool.submit(loop, *arguments) for arguments in calls]:
        future.result()


def search(
    a: Tree,
    b: Tree,
    most: int,
    threads: int,
    chunk_pairs: int,
    moves: SweptMoves | None = None,
    *,
    of_one_set: bool = False,
) -> Iterator[Found]:
    """Chunks of at most `chunk_pairs` (at least 1,024) pairs of a and b within `most`, sorted.

    With `moves` pictures are compared under these (see `walk.walk`), and a pair of pictures of
    one set may come twice. With `a is b` every pair comes once, the lesser row on the left. A fixed
    number of tasks, each with a buffer of `chunk_pairs`, is under way at once, and they are asked
    in turn: the chunks and their order do not depend on `threads`.
    """
    limit = search_limit(most, a.size, a.basis.coordinates)
    leaves = len(a.blocks)
    none = np.empty(0, np.int32)
    as_they_are = (np.empty((0, a.size), np.int32), np.empty(0, np.bool_), none, none)

    def step(cursor: Ints, stop: int) -> Found:
        left = np.empty(chunk_pairs, np.int32)
        right = np.empty(chunk_pairs, np.int32)
        squared = np.empty(chunk_pairs, np.int64)
        code = np.empty(chunk_pairs, np.int32)
        arrays_a = (a.blocks, a.low, a.high, a.pixels, a.order)
        arrays_b = (b.blocks, b.low, b.high, b.pixels, b.order)
        buffers = (left, right, squared, code)
        how = (a is b, a is b or of_one_set, moves or as_they_are, limit, most)
        count = walk(arrays_a, arrays_b, *how, cursor, stop, buffers)
        order = np.argsort(left[:count].astype(np.int64) << 32 | right[:count])
        return left[order], right[order], squared[order], code[order]

    spans = _spans(leaves if len(b.blocks) else 0, _TASK_LEAVES)
    pool = ThreadPoolExecutor(threads)
    waiting: deque[tuple[Future[Found], Ints, int]] = deque()

    def begin(cursor: Ints, stop: int) -> None:
        waiting.append((pool.submit(step, cursor, stop), cursor, stop))

    def begin_next() -> None:
        for start, stop in islice(spans, 1):
            begin(np.array([start, 0]), stop)

    try:
        for _ in range(_IN_FLIGHT):
            begin_next()
        while waiting:
            future, cursor, stop = waiting.popleft()
            found = future.result()
            if cursor[0] < stop:
                begin(cursor, stop)
            else:
                begin_next()
            yield found
    finally:
        pool.shutdown(cancel_futures=True)
