"""All pairs of images within a radius of each other, exactly.

Distance is Euclidean over pixels scaled to [0, 1]; what is compared is its square on the unscaled
pixels, an integer, with a threshold made in rational arithmetic (`threshold`). No floating point
number decides about a pair: the compiled way (`radius_tree`) leaves out only what is provably
farther, and where numba is not installed everything is compared (`radius_scan`). Both give the same
pairs, with any number of threads.

`self_join` and `cross_join` take arrays. To cut a large join into independent tasks, fit one basis,
build an index of each block of rows with it, and give each task one index or two: `join`. Indexes
of some rows of one array are sides of one set: their pairs bear the numbers of those rows.

Order: the pairs of a chunk are sorted by left row, then right row. Chunks follow the walk through
the tree: repeatable on one machine, but no order across them is promised.
"""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from notmnist_store.errors import UsageError
from notmnist_store.near.kernels.basis import Basis, fit_basis
from notmnist_store.near.kernels.scan import scan
from notmnist_store.near.kernels.transforms import SweptMoves
from notmnist_store.schema.arrays import Ints, Pixels, Rows
from notmnist_store.schema.radius import LARGEST_SQUARE

if TYPE_CHECKING:
    from notmnist_store.near.kernels.tree import Found, Tree

CHUNK_PAIRS = 1 << 18
"""Pairs a chunk holds at the most unless asked otherwise: 4 MiB of them."""

_LEAST_CHUNK_PAIRS = 1_024
_SAMPLE_ROWS = 32
_SAMPLE_ROUNDS = 6
_SAMPLE_PAIRS = 1_000_000


@dataclass(frozen=True, eq=False)
class Pairs:
    """Some pairs of images within the radius, sorted by left, then right.

    left, right       (k,) int32: row numbers; in a join of a set with itself left < right
    squared_distance  (k,) int64: sum of the squared differences of their pixels, of 0 to 255
    move              (k,) int32: number of the move that has this distance; 0 is the identity
    """

    left: Rows
    right: Rows
    squared_distance: Ints
    move: Rows | None = None

    def __len__(self) -> int:
        return len(self.left)

    def take(self, chosen: slice | npt.NDArray[Any]) -> Pairs:
        """Some of them: a slice, a mask, or places."""
        move = None if self.move is None else self.move[chosen]
        return Pairs(self.left[chosen], self.right[chosen], self.squared_distance[chosen], move)

    def both_ways(self) -> Pairs:
        """Each pair twice: as it is, and behind them all with its sides changed."""
        return Pairs(
            np.concatenate([self.left, self.right]),
            np.concatenate([self.right, self.left]),
            np.concatenate([self.squared_distance, self.squared_distance]),
        )


class TooManyPairsError(UsageError):
    """There are more pairs than were to be found at the most: about `estimate`."""

    def __init__(self, limit: int, estimate: int, *options: str) -> None:
        words = ["notmnist-store", "near-duplicates", *options, "--limit", str(2 * estimate)]
        super().__init__(
            f"more than {limit:,} pairs lie within this radius, about {estimate:,}: take a smaller "
            "--radius, or a higher --limit",
            shlex.join(words),
        )
        self._limit, self.estimate = limit, estimate

    def asked_with(self, *options: str) -> TooManyPairsError:
        """The same, with a hint that repeats these options of the search."""
        return TooManyPairsError(self._limit, self.estimate, *options)


@dataclass(frozen=True, eq=False)
class RadiusIndex:
    """Images ready to be joined, with themselves or another index of the same basis: see `build`.

    rows, size  how many images, and of how many bytes
    """

    rows: int
    size: int
    _content: Tree | Pixels
    _chosen: Rows

    @classmethod
    def build(
        cls,
        pixels: Pixels,
        basis: Basis | None = None,
        *,
        rows: Rows | None = None,
        threads: int = 1,
        fast: bool = True,
        compared: Ints | None = None,
    ) -> RadiusIndex:
        """Index pixels (n, d) uint8, d at least 1, or some rows of them.

        Indexes that are to be joined need one `basis` (`fit_basis`, of rows like theirs); without
        one it is fitted to these pixels. The index holds the pixels, no copy of them, and about 200
        bytes an image. `fast=False`, or no numba: an index of nothing, that compares every image
        with every other. `compared` (d,) is for a sweep: the values that it compares, -1 for none.

        Raises:
            UsageError: not an array as described, or fewer than one thread.
        """
        if pixels.dtype != np.uint8 or pixels.ndim != 2 or pixels.shape[1] < 1:
            raise UsageError(f"images to join are uint8 (n, d), not {pixels.dtype} {pixels.shape}")
        if threads < 1:
            raise UsageError(f"a join takes 1 thread or more, not {threads}")
        chosen = np.arange(len(pixels), dtype=np.int32) if rows is None else rows
        pixels = np.ascontiguousarray(pixels)
        tree = _compiled_tree() if fast else None
        content: Tree | Pixels = pixels
        if tree is not None:
            basis = basis or fit_basis(pixels)
            content = tree.build_tree(pixels, basis, threads, rows=chosen, compared=compared)
        elif rows is not None:
            content = pixels[rows]
        return cls(len(chosen), pixels.shape[1], content, chosen)

    def _pixels(self, places: Ints) -> Pixels:
        """Pixels (n, d) of the images at some places among those that it was made of."""
        content = self._content
        if isinstance(content, np.ndarray):
            return content[places]
        return content.pixels[self._chosen[places]]

    def _beside(self, pixels: Pixels, threads: int) -> RadiusIndex:
        """An index of other images that can be joined with this one."""
        if isinstance(self._content, np.ndarray):
            return RadiusIndex.build(pixels, fast=False)
        return RadiusIndex.build(pixels, self._content.basis, threads=threads)


def self_join(
    pixels: Pixels,
    t: int,
    *,
    threads: int = 1,
    chunk_pairs: int = CHUNK_PAIRS,
    limit: int | None = None,
    fast: bool = True,
) -> Iterator[Pairs]:
    """All pairs of rows of pixels (n, d) uint8 whose squared distance is at most t; see `join`."""
    index = RadiusIndex.build(pixels, threads=threads, fast=fast)
    return join(index, None, t, threads=threads, chunk_pairs=chunk_pairs, limit=limit)


def cross_join(
    a: Pixels,
    b: Pixels,
    t: int,
    *,
    threads: int = 1,
    chunk_pairs: int = CHUNK_PAIRS,
    limit: int | None = None,
    fast: bool = True,
) -> Iterator[Pairs]:
    """All pairs of a row of a (n, d) and a row of b (m, d) within t: left of a, right of b."""
    basis = fit_basis(a if len(a) > len(b) else b) if a.ndim == b.ndim == 2 else None
    left = RadiusIndex.build(a, basis, threads=threads, fast=fast)
    right = RadiusIndex.build(b, basis, threads=threads, fast=fast)
    return join(left, right, t, threads=threads, chunk_pairs=chunk_pairs, limit=limit)


def join(
    a: RadiusIndex,
    b: RadiusIndex | None,
    t: int,
    *,
    threads: int = 1,
    chunk_pairs: int = CHUNK_PAIRS,
    limit: int | None = None,
    moves: SweptMoves | None = None,
    of_one_set: bool = False,
) -> Iterator[Pairs]:
    """All pairs of images of a and of b, or of a and itself, whose squared distance is at most t.

    With `of_one_set` both are of rows of one array: the lesser row stands on the left, and none is
    paired with itself. With `moves` it is their least distance under these, and the indexes are
    those of a sweep; a pair of rows that stand in both indexes may come twice.

    Memory beside the indexes: 32 buffers of `chunk_pairs` (at least 1,024; 16 bytes a pair) while
    very many images are close to each other, next to nothing otherwise.

    Raises:
        UsageError: t is negative, chunk_pairs or threads too small, or the indexes do not fit
            together.
        TooManyPairsError: as soon as that shows, there are more than `limit` pairs.
    """
    other = a if b is None else b
    if t < 0:
        raise UsageError(f"a squared distance is 0 or more, not {t}")
    if threads < 1 or chunk_pairs < _LEAST_CHUNK_PAIRS:
        raise UsageError(
            f"a join takes 1 thread or more and chunks of {_LEAST_CHUNK_PAIRS:,} pairs or more"
        )
    found = _found(
        a, other, min(t, a.size * LARGEST_SQUARE), threads, chunk_pairs, moves, of_one_set
    )
    chunks = _chunks(found, chunk_pairs)
    return chunks if limit is None else _within(limit, chunks, a, b, t, threads)


def estimate_pairs(
    a: RadiusIndex, b: RadiusIndex | None, t: int, *, threads: int = 1, seed: int = 0
) -> int:
    """About how many pairs `join` would find: random images of a, up to 2,016, joined with b.

    It stops early, and is the surer, the more pairs there are: it takes seconds at the most.
    """
    order = np.random.default_rng(seed).permutation(a.rows)
    found = taken = 0
    for i in range(_SAMPLE_ROUNDS):
        places = order[taken : taken + (_SAMPLE_ROWS << i)]
        if not len(places) or found > _SAMPLE_PAIRS:
            break
        taken += len(places)
        sample = a._beside(a._pixels(places), threads)
        found += sum(map(len, join(sample, b or a, t, threads=threads)))
    if not taken:
        return 0
    if b is None:
        return round((found - taken) * a.rows / taken / 2)
    return round(found * a.rows / taken)


def _found(
    a: RadiusIndex,
    b: RadiusIndex,
    most: int,
    threads: int,
    chunk_pairs: int,
    moves: SweptMoves | None,
    of_one_set: bool,
) -> Iterator[Found]:
    one, other = a._content, b._content
    if a.size != b.size:
        raise UsageError(
            f"images of {a.size} and of {b.size} bytes cannot be joined: give both sets one shape"
        )
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _scanned(a, b, most, chunk_pairs, moves, of_one_set)
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        raise UsageError("one index is compiled, the other is not: build both alike")
    if not np.array_equal(one.basis.weights, other.basis.weights):
        raise UsageError("the two indexes have different bases: give build() one")
    tree = _compiled_tree()
    assert tree is not None  # it has built them
    pairs: Iterator[Found] = tree.search(
        one, other, most, threads, chunk_pairs, moves, of_one_set=of_one_set
    )
    return pairs


def _scanned(
    a: RadiusIndex,
    b: RadiusIndex,
    most: int,
    chunk_pairs: int,
    moves: SweptMoves | None,
    of_one_set: bool,
) -> Iterator[Found]:
    """The same pairs by comparing everything, under one move after the other."""
    one, other = a._content, b._content
    assert isinstance(one, np.ndarray)
    assert isinstance(other, np.ndarray)
    for left_side, right_side, code, code_swapped in _under(moves, one, other):
        for left, right, squared in scan(left_side, right_side, most, chunk_pairs):
            left, right = a._chosen[left], b._chosen[right]
            swapped = of_one_set & (left > right)
            low, high = np.where(swapped, right, left), np.where(swapped, left, right)
            number = np.where(swapped, code_swapped, code).astype(np.int32)
            two = (left != right) | (not of_one_set)
            order = np.lexsort((high[two], low[two]))
            yield tuple(column[two][order] for column in (low, high, squared, number))


def _under(
    moves: SweptMoves | None, a: Pixels, b: Pixels
) -> Iterator[tuple[Pixels, Pixels, int, int]]:
    """The two sides under each of the moves, with its number, and that with the sides changed."""
    if moves is None:
        yield a, b, 0, 0
        return
    for source, moves_b, code, code_swapped in zip(*moves, strict=True):
        sides = (a, b[:, source]) if moves_b else (a[:, source], b)
        yield *sides, code, code_swapped


def _chunks(found: Iterable[Found], chunk_pairs: int) -> Iterator[Pairs]:
    """The same pairs in sorted chunks, as large as they may be; none is empty."""
    parts: list[Found] = []
    held = 0
    for part in found:
        if held and held + len(part[0]) > chunk_pairs:
            yield _sorted(parts)
            parts, held = [], 0
        if len(part[0]):
            parts.append(part)
            held += len(part[0])
    if held:
        yield _sorted(parts)


def _sorted(parts: list[Found]) -> Pairs:
    """One chunk of some parts, each of which is sorted."""
    if len(parts) == 1:
        return Pairs(*parts[0])
    left, right, squared, move = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(left.astype(np.int64) << 32 | right)
    return Pairs(left[order], right[order], squared[order], move[order])


def _within(
    limit: int, chunks: Iterator[Pairs], a: RadiusIndex, b: RadiusIndex | None, t: int, threads: int
) -> Iterator[Pairs]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            estimate = max(total, estimate_pairs(a, b, t, threads=threads))
            raise TooManyPairsError(limit, estimate)
        yield chunk


def _compiled_tree() -> ModuleType | None:
    """The module of the compiled way, or None where numba is not installed."""
    try:
        return importlib.import_module("notmnist_store.near.kernels.tree")
    except ImportError:
        return None
