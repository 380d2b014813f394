"""CIFAR-10 and CIFAR-100 in their binary version, as published: a ``.tar.gz``, or its folder.

The format (A. Krizhevsky, the page of the CIFAR-10 dataset): a record is the label, one byte, and
3,072 bytes, which are the red, the green and the blue plane of 32 x 32 pixels, row by row. A record
of CIFAR-100 has two labels, the coarse one first; the label of an image is the fine one, and its
attribute ``coarse_label`` a line of ``coarse_label_names.txt``.
``data_batch_*`` and ``train.bin`` are for training, ``test_batch.bin`` and ``test.bin`` for
testing. The names are the lines of ``batches.meta.txt`` or ``fine_label_names.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from notmnist_store.errors import SourceError
from notmnist_store.sources.base import Request, Source
from notmnist_store.sources.batches import BATCH_MEMBERS
from notmnist_store.sources.class_order import Names
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.limits import Meter
from notmnist_store.sources.packed import NamedFile, PackedSource, first_files
from notmnist_store.sources.stacks import Stack

_SIDE, _CHANNELS = 32, 3
_COARSE = "coarse_label_names.txt"
_PIXELS = _SIDE * _SIDE * _CHANNELS


class _Kind(NamedTuple):
    """One of the two: how its files are called, and how many labels a record has."""

    name: str
    batches: re.Pattern[str]
    names: str
    label_bytes: int


_KINDS = (
    _Kind("CIFAR-10", re.compile(r"data_batch_[0-9]+\.bin|test_batch\.bin"), "batches.meta.txt", 1),
    _Kind("CIFAR-100", re.compile(r"(train|test)\.bin"), "fine_label_names.txt", 2),
)


class CifarSource(PackedSource):
    """The binary version of CIFAR-10 or CIFAR-100."""

    def __init__(self, request: Request, kind: _Kind) -> None:
        self._kind = kind
        super().__init__(request)
        self.kind = f"{kind.name} binary"
        self._coarse: list[str] | None = None

    def is_own(self, name: str) -> bool:
        """See ``PackedSource``."""
        return name in (self._kind.names, _COARSE) or bool(self._kind.batches.fullmatch(name))

    def class_names(self, meter: Meter) -> Names | None:
        """See ``StackSource``; one round that looks at all sizes, too."""
        names: list[str] | None = None
        record = self._kind.label_bytes + _PIXELS
        batches = 0
        for file in self.named_files():
            if file.name == self._kind.names:
                names = file.lines()
                if len(set(names)) < len(names) or not names:
                    raise damaged(f"{file.stream.what} has no names, or one of them twice")
                continue
            if file.name == _COARSE:
                self._coarse = file.lines()
                continue
            batches += 1
            if file.size % record or not file.size:
                raise damaged(
                    f"{file.stream.what} has {file.size:,} bytes, no multiple of {record:,}"
                )
        if not batches:
            raise SourceError(
                f"{self.path} has no batch of {self._kind.name}",
                advice="give the binary version as published",
            )
        return names

    def stacks(self, meter: Meter) -> Iterator[Stack]:
        """See ``StackSource``."""
        for file in self.named_files(meter):
            if file.name not in (self._kind.names, _COARSE):
                yield from self._batch(file)

    def _batch(self, file: NamedFile) -> Iterator[Stack]:
        label_bytes = self._kind.label_bytes
        record = label_bytes + _PIXELS
        count = file.size // record
        for first in range(0, count, BATCH_MEMBERS):
            rows = min(BATCH_MEMBERS, count - first)
            records = np.frombuffer(file.stream.take(rows * record), np.uint8).reshape(rows, record)
            planes = records[:, label_bytes:].reshape(rows, _CHANNELS, _SIDE, _SIDE)
            yield Stack(
                planes.transpose(0, 2, 3, 1),
                records[:, label_bytes - 1],
                file.path.removesuffix(".bin"),
                first,
                "test" if file.name.startswith("test") else "train",
                attributes=self._attributes(records, file) if label_bytes > 1 else None,
                what=file.stream.what,
            )

    def _attributes(
        self, records: npt.NDArray[np.uint8], file: NamedFile
    ) -> dict[str, Sequence[str]]:
        coarse: list[int] = records[:, 0].tolist()
        if self._coarse is None:
            return {"coarse_label": [str(number) for number in coarse]}
        if max(coarse) >= len(self._coarse):
            raise damaged(
                f"{file.stream.what} has the coarse label {max(coarse)}, but only "
                f"{len(self._coarse)} have names"
            )
        return {"coarse_label": [self._coarse[number] for number in coarse]}


def open_cifar(request: Request) -> Source | None:
    """The archive as published, or its folder, if it is one."""
    names = {path.rpartition("/")[2] for path, _ in first_files(request)}
    for kind in _KINDS:
        told = [kind.names in names, any(map(kind.batches.fullmatch, names))]
        if all(told) or (any(told) and not request.is_folder):  # of an archive not all are seen
            return CifarSource(request, kind)
    return None
