"""Arrays of images and of their labels, each a stream: read in step, and never held whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from notmnist_store.schema.shape import Shape
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS
from notmnist_store.sources.class_order import Classes
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.limits import Limits, Meter
from notmnist_store.sources.stacks import Stack, check_shape, stack_members


class ByteStream:
    """Spans of a stream that arrives in pieces of any size; ``what`` names it in errors."""

    def __init__(self, pieces: Iterator[bytes], what: str) -> None:
        self._pieces = pieces
        self._rest = b""
        self._taken = 0
        self.what = what

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes; ``SourceError`` where the stream ends before."""
        parts, have = [self._rest], len(self._rest)
        while have < size and (piece := next(self._pieces, b"")):
            parts.append(piece)
            have += len(piece)
        self._taken += min(have, size)
        if have < size:
            raise damaged(f"{self.what} is cut off: it ends at byte {self._taken:,}")
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]

    def end(self) -> None:
        """``SourceError`` where the stream goes on."""
        if self._rest or next(self._pieces, b""):
            raise damaged(
                f"{self.what} goes on after the {self._taken:,} bytes that its header tells of"
            )


@dataclass(frozen=True)
class LabelledImages:
    """An array of images and the array of their labels, each a stream behind its header.

    ``images``: count * shape.size bytes, uint8, each image row-major with channels last, or
    column-major where ``transposed``. ``labels``: count integers of ``label_type``; ``origins``:
    count int64, the images' ids in the store that exported them. A member's path is ``folder`` /
    its index.
    """

    images: ByteStream
    labels: ByteStream
    count: int
    shape: Shape
    label_type: np.dtype[np.integer]
    folder: str
    split: str | None
    transposed: bool = False
    origins: ByteStream | None = None

    def stacks(self, limits: Limits) -> Iterator[Stack]:
        """Yield the images in parts that fit into memory.

        Raises:
            SourceError: an array is cut off or too long.
            BudgetError: what ``check_shape`` raises, before anything of that size is read.
        """
        check_shape(self.shape, limits, self.images.what)
        most = min(BATCH_MEMBERS, max(1, BATCH_BYTES // self.shape.size))
        for first in range(0, self.count, most):
            rows = min(most, self.count - first)
            labels = np.frombuffer(
                self.labels.take(rows * self.label_type.itemsize), self.label_type
            )
            ids = None
            if self.origins is not None:
                ids = np.frombuffer(self.origins.take(8 * rows), "<i8")
            yield Stack(
                self._upright(rows),
                labels,
                self.folder,
                first,
                self.split,
                origins=ids,
                what=self.labels.what,
            )
        for stream in (self.images, self.labels, self.origins):
            if stream is not None:
                stream.end()

    def _upright(self, rows: int) -> npt.NDArray[np.uint8]:
        """The next images."""
        height, width, channels = self.shape.height, self.shape.width, self.shape.channels
        flat = np.frombuffer(self.images.take(rows * self.shape.size), np.uint8)
        if self.transposed:
            return flat.reshape(rows, width, height, channels).transpose(0, 2, 1, 3)
        return flat.reshape(rows, height, width, channels)


def array_members(
    arrays: Iterable[LabelledImages],
    classes: Classes,
    meter: Meter,
    batch_members: int,
    max_batch_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """Yield the images of all arrays, as ``stack_members`` does those of their stacks."""
    stacks = (stack for array in arrays for stack in array.stacks(meter.limits))
    yield from stack_members(stacks, classes, meter, batch_members, max_batch_bytes)
