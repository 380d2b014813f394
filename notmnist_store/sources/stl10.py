"""STL-10 in its binary version, as published: ``stl10_binary.tar.gz``, or its folder.

The format (A. Coates, H. Lee, A. Y. Ng, the page of the STL-10 dataset): ``train_X.bin`` and
``test_X.bin`` have 3 x 96 x 96 bytes an image, each plane column by column; ``train_y.bin`` and
``test_y.bin`` have a byte an image, which counts the lines of ``class_names.txt`` from 1. The
images of ``unlabeled_X.bin`` have no labels and are in split unused.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from notmnist_store.errors import BudgetError, SourceError
from notmnist_store.sources.base import Request, Source
from notmnist_store.sources.batches import BATCH_BYTES
from notmnist_store.sources.class_order import Names
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.limits import Meter
from notmnist_store.sources.packed import NamedFile, PackedSource, first_files
from notmnist_store.sources.stacks import Stack

_SIDE, _CHANNELS = 96, 3
_PIXELS = _SIDE * _SIDE * _CHANNELS
_AT_ONCE = BATCH_BYTES // _PIXELS
_NAMES = "class_names.txt"
_LABELS = {"train_X.bin": "train_y.bin", "test_X.bin": "test_y.bin"}
_UNLABELLED = "unlabeled_X.bin"
_SPLITS = {"train_X.bin": "train", "test_X.bin": "test", _UNLABELLED: "unused"}


class Stl10Source(PackedSource):
    """The binary version of STL-10."""

    kind = "STL-10 binary"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._labels: dict[str, npt.NDArray[np.uint8]] = {}

    def is_own(self, name: str) -> bool:
        """See ``PackedSource``."""
        return name == _NAMES or name in _SPLITS or name in _LABELS.values()

    def class_names(self, meter: Meter) -> Names | None:
        """See ``StackSource``; the round that finds the labels, which have files of their own."""
        names: dict[int, str] | None = None
        sizes: dict[str, int] = {}
        for file in self.named_files():
            if file.name == _NAMES:
                names = dict(enumerate(file.lines(), 1))
                if len(set(names.values())) < len(names) or not names:
                    raise damaged(f"{file.stream.what} has no names, or one of them twice")
            elif file.name in _SPLITS:
                sizes[file.name] = file.size
                if file.size % _PIXELS or not file.size:
                    raise damaged(
                        f"{file.stream.what} has {file.size:,} bytes, no multiple of {_PIXELS:,}"
                    )
            else:
                self._labels[file.name] = self._read_labels(file)
        for images, size in sizes.items():
            self._check_labels(images, size // _PIXELS)
        if not sizes:
            raise SourceError(
                f"{self.path} has no images of STL-10",
                advice="give the binary version as published",
            )
        return names

    def _read_labels(self, file: NamedFile) -> npt.NDArray[np.uint8]:
        if file.size > self.limits.max_member_bytes:
            raise BudgetError(
                f"{file.stream.what} has {file.size:,} bytes, more than the limit of "
                f"{self.limits.max_member_bytes:,} bytes a member",
                option=f"--max-member-bytes {file.size}",
            )
        return np.frombuffer(file.stream.take(file.size), np.uint8)

    def _check_labels(self, images: str, count: int) -> None:
        labels = _LABELS.get(images)
        if labels is None:
            return
        if labels not in self._labels:
            raise damaged(f"{self.path} has {images} without {labels}")
        if len(self._labels[labels]) != count:
            raise damaged(
                f"{self.path} has {count:,} images in {images}, but "
                f"{len(self._labels[labels]):,} labels in {labels}"
            )

    def stacks(self, meter: Meter) -> Iterator[Stack]:
        """See ``StackSource``."""
        for file in self.named_files(meter):
            if file.name in _SPLITS:
                yield from self._images(file)

    def _images(self, file: NamedFile) -> Iterator[Stack]:
        labels = self._labels.get(_LABELS.get(file.name, ""))
        count = file.size // _PIXELS
        for first in range(0, count, _AT_ONCE):
            rows = min(_AT_ONCE, count - first)
            flat = np.frombuffer(file.stream.take(rows * _PIXELS), np.uint8)
            planes = flat.reshape(rows, _CHANNELS, _SIDE, _SIDE)
            yield Stack(
                planes.transpose(0, 3, 2, 1),
                None if labels is None else labels[first : first + rows],
                file.path.removesuffix(".bin"),
                first,
                _SPLITS[file.name],
                what=file.stream.what,
            )


def open_stl10(request: Request) -> Source | None:
    """The archive as published, or its folder, if it is one."""
    names = {path.rpartition("/")[2] for path, _ in first_files(request)}
    images = _SPLITS.keys() & names
    return Stl10Source(request) if images or set(_LABELS.values()) & names else None
