"""Images that come as arrays of pixels become members: each a file of its own.

A grey image travels as a PGM file and a colour image as a PPM file, so that everything behind a
source sees files, whatever the source is. A format whose images are no files yields them as
`Stack`s; `StackSource` does what is left: their paths, their labels, the batches and the limits.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from notmnist_store.errors import BudgetError, SourceError
from notmnist_store.location.location import Location
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.base import FilesSource, Request
from notmnist_store.sources.batches import (
    BATCH_BYTES,
    BATCH_MEMBERS,
    member_batch,
    rows_that_fit,
)
from notmnist_store.sources.class_order import Classes, Names, agreed
from notmnist_store.sources.damage import damaged, reader_errors
from notmnist_store.sources.given_texts import given_attributes
from notmnist_store.sources.kernels.provenance import BY_NAME
from notmnist_store.sources.limits import Limits, Meter


@dataclass(frozen=True)
class Stack:
    """Images of one shape, and what is known of them.

    ``pixels``: uint8, (n, height, width) or (n, height, width, channels) with 1 or 3 channels.
    ``labels``: n numbers of classes, n texts, or null where the images have none. ``folder``: what
    their paths begin with, before the number of each, which is counted from ``first``. ``split``:
    train, valid, test or unused where the source tells. ``origins``: n ids of the store that
    exported them. ``attributes``: names, each with n texts. ``what`` names them in errors.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.integer] | Sequence[str | None] | None
    folder: str
    first: int = 0
    split: str | None = None
    origins: npt.NDArray[np.int64] | None = None
    attributes: Mapping[str, Sequence[str]] | None = None
    what: str = ""

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.dtype != np.uint8 or pixels.shape[3:] not in ((), (1,), (3,)) or pixels.ndim < 3:
            raise SourceError(
                f"{self.what or self.folder} has {pixels.dtype} of shape {pixels.shape} for pixels",
                advice="wanted is uint8 of shape (n, height, width) or (n, height, width, 3)",
            )
        if self.labels is not None and len(self.labels) != len(pixels):
            raise SourceError(
                f"{self.what or self.folder} has {len(self.labels):,} labels for "
                f"{len(pixels):,} images",
                advice="give as many labels as images",
            )

    @property
    def shape(self) -> Shape:
        """The shape of each image."""
        return Shape(*self.pixels.shape[1:3], *(self.pixels.shape[3:] or (1,)))


class StackSource(FilesSource):
    """A source whose images are no files: a subclass yields them as stacks.

    ``suffixes`` are what a file's name may end with, and the source's name goes without. ``file``
    is the first one that is read.
    """

    gives_labels = takes_labels = True
    suffixes: tuple[str, ...] = ()

    def __init__(self, request: Request, files: Mapping[str, Location] | None = None) -> None:
        """``files`` are those that are read, each with a word for what it is; the path alone."""
        named = request.named(*self.suffixes)
        super().__init__(
            request.path, named, request.limits, files or {request.path.name: request.path}
        )
        self.file = next(iter(self.files.values()))
        self._given_names = request.labels

    @abstractmethod
    def stacks(self, meter: Meter) -> Iterator[Stack]:
        """Yield the images in one fixed order; ``meter`` counts what comes out of a decompressor.

        Raises:
            Exception: whatever; it is shown as damage of the source where it is no `StoreError`.
        """

    def class_names(self, meter: Meter) -> Names | None:
        """Names of the classes as the source has them; null where it has none."""
        return None

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``."""
        self.bytes_read = 0
        meter = Meter(self.name, self.limits)
        with reader_errors(str(self.path)):
            own = self.class_names(meter)
            classes = Classes(agreed(own, str(self.path), self._given_names))
            yield from stack_members(
                self.stacks(meter), classes, meter, batch_members, max_batch_bytes
            )
            self.label_order = classes.order


def stack_members(
    stacks: Iterable[Stack],
    classes: Classes,
    meter: Meter,
    batch_members: int,
    max_batch_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """Yield the images of all stacks as batches of ``MEMBER_SCHEMA``, as ``Source.members`` says.

    ``classes`` have the labels' names, and afterwards their order.

    Raises:
        SourceError: what ``Classes.labels`` raises.
        BudgetError: what ``check_shape`` and ``meter`` raise.
    """
    position = 0
    for stack in stacks:
        shape = stack.shape
        check_shape(shape, meter.limits, stack.what or stack.folder)
        size = len(image_header(shape)) + shape.size
        done, count = 0, len(stack.pixels)
        while done < count:
            fitting = rows_that_fit(position, size, batch_members, max_batch_bytes)
            stop = min(done + fitting, count)
            meter.check_members(position + stop - done)
            rows = stop - done
            numbers = range(stack.first + done, stack.first + stop)
            files = (f"{stack.folder}/{i:05d}{image_suffix(shape)}" for i in numbers)
            split = pa.scalar(stack.split, pa.string())
            yield member_batch(
                position,
                paths=pa.array([os.fsencode(file) for file in files], pa.binary()),
                sizes=np.full(rows, size, np.int64),
                data=image_files(stack.pixels[done:stop].reshape(rows, shape.size), shape),
                labels=_labels(stack, done, stop, classes),
                splits=pa.repeat(split, rows),
                attributes=_attributes(stack, done, stop),
                origins=None if stack.origins is None else pa.array(stack.origins[done:stop]),
                split_rules=pa.repeat(pa.scalar(stack.split and BY_NAME, pa.string()), rows),
            )
            position += rows
            done = stop


def check_shape(shape: Shape, limits: Limits, what: str) -> None:
    """Compare what a header says with the limits, before anything of that size is read.

    Raises:
        SourceError: images without pixels.
        BudgetError: larger images than a member may have.
    """
    said = f"{what} says that its images are {shape.height:,} x {shape.width:,}"
    if not shape.size:
        raise damaged(said)
    if shape.size > limits.max_member_bytes:
        raise BudgetError(
            f"{said}: more than the limit of {limits.max_member_bytes:,} bytes each",
            option=f"--max-member-bytes {shape.size}",
        )


def image_header(shape: Shape) -> bytes:
    """The PGM or PPM header of an image (netpbm's binary formats)."""
    magic = "P5" if shape.channels == 1 else "P6"
    return f"{magic}\n{shape.width} {shape.height}\n255\n".encode()


def image_suffix(shape: Shape) -> str:
    """How the name of such a file ends."""
    return ".pgm" if shape.channels == 1 else ".ppm"


def image_files(pixels: npt.NDArray[np.uint8], shape: Shape) -> pa.BinaryArray:
    """A PGM or PPM file of each row of pixels."""
    header, (rows, size) = image_header(shape), pixels.shape
    files = np.empty((rows, len(header) + size), np.uint8)
    files[:, : len(header)] = np.frombuffer(header, np.uint8)
    files[:, len(header) :] = pixels
    ends = np.arange(rows + 1, dtype=np.int32) * np.int32(files.shape[1])
    return pa.Array.from_buffers(
        pa.binary(), rows, [None, pa.py_buffer(ends), pa.py_buffer(files.reshape(-1))]
    )


def _attributes(stack: Stack, start: int, stop: int) -> pa.Array | None:
    if not stack.attributes:
        return None
    texts = zip(*(values[start:stop] for values in stack.attributes.values()), strict=True)
    rows = [given_attributes(dict(zip(stack.attributes, row, strict=True))) for row in texts]
    return pa.array(rows, pa.string())


def _labels(stack: Stack, start: int, stop: int, classes: Classes) -> pa.Array:
    if stack.labels is None:
        return pa.nulls(stop - start, pa.string())
    if isinstance(stack.labels, np.ndarray):
        return classes.labels(stack.labels[start:stop], stack.what or stack.folder)
    return pa.array(stack.labels[start:stop], pa.string())
