"""Images that lie one after the other in an array become members: each a file of its own.

A grey image travels as a PGM file and a colour image as a PPM file, so that everything behind a
source sees files, whatever the source is. Arrays are read in step with their labels and never
held whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from notmnist_store.errors import BudgetError
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.batches import member_batch, rows_that_fit
from notmnist_store.sources.class_order import Classes
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.kernels.provenance import BY_NAME
from notmnist_store.sources.limits import Limits, Meter

_SUFFIXES = {1: "pgm", 3: "ppm"}


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

    def check(self, limits: Limits) -> None:
        """Compare what the headers say with the limits, before anything of that size is read.

        Raises:
            SourceError: images without pixels.
            BudgetError: larger images than a member may have.
        """
        height, width = self.shape.height, self.shape.width
        if not self.shape.size:
            raise damaged(f"{self.images.what} says that its images are {height:,} x {width:,}")
        if self.shape.size > limits.max_member_bytes:
            raise BudgetError(
                f"{self.images.what} says that its images are {height:,} x {width:,}: more than "
                f"the limit of {limits.max_member_bytes:,} bytes each",
                option=f"--max-member-bytes {self.shape.size}",
            )


def array_members(
    arrays: Iterable[LabelledImages],
    classes: Classes,
    meter: Meter,
    batch_members: int,
    max_batch_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """Yield the images of all arrays as batches of ``MEMBER_SCHEMA``, as ``Source.members`` says.

    ``classes`` have the labels' names, and afterwards their order.

    Raises:
        SourceError: an array is cut off or too long, or what ``Classes.labels`` raises.
        BudgetError: what ``LabelledImages.check`` and ``meter`` raise.
    """
    position = 0
    for array in arrays:
        array.check(meter.limits)
        header = image_header(array.shape)
        suffix = _SUFFIXES[array.shape.channels]
        size = len(header) + array.shape.size
        done = 0
        while done < array.count:
            fitting = rows_that_fit(position, size, batch_members, max_batch_bytes)
            rows = min(fitting, array.count - done)
            meter.check_members(position + rows)
            raw = array.labels.take(rows * array.label_type.itemsize)
            labels = classes.labels(np.frombuffer(raw, array.label_type), array.labels.what)
            files = (f"{array.folder}/{i:05d}.{suffix}" for i in range(done, done + rows))
            yield member_batch(
                position,
                paths=pa.array([os.fsencode(file) for file in files], pa.binary()),
                sizes=np.full(rows, size, np.int64),
                data=_files(header, _upright(array, rows)),
                labels=labels,
                splits=pa.repeat(pa.scalar(array.split, pa.string()), rows),
                origins=_origins(array, rows),
                split_rules=pa.repeat(pa.scalar(array.split and BY_NAME, pa.string()), rows),
            )
            position += rows
            done += rows
        array.images.end()
        array.labels.end()
        if array.origins is not None:
            array.origins.end()


def image_header(shape: Shape) -> bytes:
    """The PGM or PPM header of an image (netpbm's binary formats)."""
    magic = "P5" if shape.channels == 1 else "P6"
    return f"{magic}\n{shape.width} {shape.height}\n255\n".encode()


def _upright(array: LabelledImages, rows: int) -> npt.NDArray[np.uint8]:
    """The next images, (rows, shape.size) uint8."""
    shape = array.shape
    flat = np.frombuffer(array.images.take(rows * shape.size), np.uint8)
    if array.transposed:
        columns = flat.reshape(rows, shape.width, shape.height, shape.channels)
        flat = columns.transpose(0, 2, 1, 3)
    return flat.reshape(rows, shape.size)


def _origins(array: LabelledImages, rows: int) -> pa.Array | None:
    if array.origins is None:
        return None
    return pa.array(np.frombuffer(array.origins.take(8 * rows), "<i8"))


def _files(header: bytes, pixels: npt.NDArray[np.uint8]) -> pa.Array:
    rows, size = pixels.shape
    files = np.empty((rows, len(header) + size), np.uint8)
    files[:, : len(header)] = np.frombuffer(header, np.uint8)
    files[:, len(header) :] = pixels
    ends = np.arange(rows + 1, dtype=np.int32) * np.int32(files.shape[1])
    return pa.Array.from_buffers(
        pa.binary(), rows, [None, pa.py_buffer(ends), pa.py_buffer(files.reshape(-1))]
    )
