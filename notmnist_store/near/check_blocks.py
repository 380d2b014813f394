"""Pictures compared each with each, in blocks: here, or each block as a task of an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from notmnist_store.engines.engine import Engine
from notmnist_store.errors import StoreError
from notmnist_store.location.location import Location
from notmnist_store.near.kernels.join import Pairs
from notmnist_store.near.kernels.moving import moved_copies
from notmnist_store.near.kernels.scan import scan
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Bools, Ints, Pixels
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import Transforms
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Tables

BLOCK_ROWS = 65_536
_CHUNK_PAIRS = 1 << 22
SENT_ROWS = 16_384

Under = tuple[Transforms, Shape]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Some pictures that are compared with many.

    rows     (n,) int64
    against  (pictures,) bool: the rows they are compared with
    """

    rows: Ints
    against: Bools


@dataclass(frozen=True, eq=False)
class Side:
    """Pictures of a job: rows and image ids (n,), and pixels (n, d) where they are sent along."""

    rows: Ints
    ids: Ints
    pixels: Pixels | None = None

    def read(self, tables: Tables) -> Pixels:
        """Their pixels."""
        pixels: Pixels = pixels_of(tables, self.ids) if self.pixels is None else self.pixels
        return pixels


@dataclass(frozen=True, eq=False)
class Block:
    """Some pictures to be compared with some others, within the square `most`."""

    root: Location
    left: Side
    right: Side
    most: int
    transforms: str


@dataclass(frozen=True, eq=False)
class Near:
    """The pairs of a block: rows and squared distances, (k,) each."""

    left: Ints
    right: Ints
    squared_distance: Ints


def near_pairs(
    engine: Engine,
    tables: Tables,
    ids: Ints,
    comparisons: Sequence[Comparison],
    read: Callable[[Ints], Pixels],
    most: int,
    transforms: Transforms,
    progress: Progress,
) -> Iterator[Pairs]:
    """Pairs of rows that are near as they are compared, the lesser row on the left, some twice.

    `read` gives the pixels of some rows, where they are compared in this process.
    """
    needed = np.flatnonzero(np.any([each.against for each in comparisons], axis=0))
    blocks = [needed[start : start + BLOCK_ROWS] for start in range(0, len(needed), BLOCK_ROWS)]
    if engine.box_pictures is not None:
        jobs = list(_jobs(engine, tables, ids, comparisons, blocks, most, transforms))
        for answer in engine.run(compare_block, jobs, Near, progress, "blocks of pictures"):
            if isinstance(answer, StoreError):
                raise answer
            yield _in_order(answer.left, answer.right, answer.squared_distance)
        return
    under = (transforms, tables.marker.shape)
    lefts = [(each.rows, read(each.rows)) for each in comparisons]
    done = 0
    for rows in blocks:
        against = [each.against[rows] for each in comparisons]
        yield from _block(lefts, rows, read(rows), against, most, under)
        done += sum(
            len(left) * int(mask.sum()) for (left, _), mask in zip(lefts, against, strict=True)
        )
        progress.advance(done)


def _jobs(
    engine: Engine,
    tables: Tables,
    ids: Ints,
    comparisons: Sequence[Comparison],
    blocks: Sequence[Ints],
    most: int,
    transforms: Transforms,
) -> Iterator[Block]:
    """Every block of what is compared with every block of what it is compared with.

    Few pictures are sent with their pixels: else each task would read all files for them.
    """
    root = engine.reached(tables.root)
    for each in comparisons:
        few = len(each.rows) <= SENT_ROWS
        for start in range(0, len(each.rows), BLOCK_ROWS):
            left = each.rows[start : start + BLOCK_ROWS]
            pixels = pixels_of(tables, ids[left]) if few else None
            for rows in blocks:
                right = rows[each.against[rows]]
                if len(right):
                    yield Block(
                        root,
                        Side(left, ids[left], pixels),
                        Side(right, ids[right]),
                        most,
                        transforms.text,
                    )


def compare_block(job: Block, progress: Progress) -> Near:
    """The pairs of a block."""
    tables = Tables.open(job.root)
    left, right = job.left, job.right
    found = _block(
        [(left.rows, left.read(tables))],
        right.rows,
        right.read(tables),
        [np.ones(len(right.rows), np.bool_)],
        job.most,
        (Transforms.of(job.transforms), tables.marker.shape),
    )
    parts = [(pairs.left, pairs.right, pairs.squared_distance) for pairs in found]
    columns = zip(*parts, strict=True) if parts else [[np.empty(0, np.int64)]] * 3
    return Near(*(np.concatenate(column).astype(np.int64) for column in columns))


def _block(
    lefts: Sequence[tuple[Ints, Pixels]],
    rows: Ints,
    pixels: Pixels,
    against: Sequence[Bools],
    most: int,
    under: Under,
) -> Iterator[Pairs]:
    """The near pairs of some pictures, (rows, pixels) of each comparison, with those of `rows`."""
    for number, one, two in _moved_either_way(lefts, pixels, against, under):
        other, left_rows = rows[against[number]], lefts[number][0]
        for left, row, squared in scan(one, two, most, _CHUNK_PAIRS):
            yield _in_order(left_rows[left % len(left_rows)], other[row], squared)


def _moved_either_way(
    lefts: Sequence[tuple[Ints, Pixels]], pixels: Pixels, against: Sequence[Bools], under: Under
) -> Iterator[tuple[int, Pixels, Pixels]]:
    """For each comparison copies of its pictures, one behind the other, with those of the block.

    Then its pictures with copies of those, which are made once for all comparisons.
    """
    copies = moved_copies(pixels, *under)
    next(copies)  # as they are, which the copies on the left have too
    for number, (_, left) in enumerate(lefts):
        moved_left = np.concatenate(list(moved_copies(left, *under)))
        yield number, moved_left, _chosen(pixels, against[number])
    for moved in copies:
        for number, (_, left) in enumerate(lefts):
            yield number, left, _chosen(moved, against[number])


def _chosen(pixels: Pixels, mask: Bools) -> Pixels:
    return pixels if mask.all() else pixels[mask]


def _in_order(a: Ints, b: Ints, squared: Ints) -> Pairs:
    """The pairs with the lesser row on the left; a picture with itself is none."""
    two = a != b
    low, high = np.minimum(a, b)[two], np.maximum(a, b)[two]
    return Pairs(low.astype(np.int32), high.astype(np.int32), squared[two])
