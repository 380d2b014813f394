"""MATLAB files of version 5 with images and labels, as SVHN and notMNIST have them.

Variables ``X`` and ``y`` (SVHN) or ``images`` and ``labels`` (notMNIST): the images are height x
width x n or height x width x channels x n. Of ``X`` and ``y`` the label 10 is the digit 0, as in
SVHN, where no label is 0 or more than 10 and ``--labels`` has no name for 10. A word of the file's
name may tell the split (``train_32x32.mat``).

SciPy reads a variable whole, in a process of its own (`mat_worker`). Before it does, the file is
gone through once, and what is compressed in it is counted against the limits as it comes out.
"""

from __future__ import annotations

import contextlib
import math
import shlex
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt

from notmnist_store.errors import SourceError
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.base import Request, Source
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS
from notmnist_store.sources.class_order import numbered
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.foreign_reader import readers_answer
from notmnist_store.sources.kernels.provenance import split_of_name
from notmnist_store.sources.limits import Meter
from notmnist_store.sources.mat_worker import LoadJob, MatJob, Part, Variable, Variables
from notmnist_store.sources.stacks import Stack, StackSource, check_shape
from notmnist_store.workers.process import Worker

_WORKER = "notmnist_store.sources.mat_worker"
_HEADER_BYTES = 128
_COMPRESSED = 15
_PIECE = 1 << 20
_HDF5 = b"\x89HDF\r\n\x1a\n"
_SVHN = ("X", "y")
_LAYOUTS = (_SVHN, ("images", "labels"))
_WANTED = "wanted are X and y, or images and labels, of numbers"
_NUMBERS = {
    *("uint8", "int8", "logical", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("single", "double"),
}


_Integer = TypeVar("_Integer", bound=np.integer)


class MatSource(StackSource):
    """A MATLAB file of version 5."""

    kind = "MATLAB"
    suffixes = (".mat",)

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._has_name_for_10 = 10 in numbered(request.labels or ())

    def stacks(self, meter: Meter) -> Iterator[Stack]:
        """See ``StackSource``."""
        with self.file.open() as file:
            _measure(file, meter, str(self.path))
            worker = Worker(_WORKER, "ingest", quiet=True)
            try:
                yield from self._read(worker, meter)
            finally:
                worker.leave(at_once=True)
        self.bytes_read = self.file.size

    def _read(self, worker: Worker, meter: Meter) -> Iterator[Stack]:
        what = str(self.path)
        with contextlib.suppress(BrokenPipeError):  # the answer says why
            worker.send(MatJob(self.path.resolve()))
        job = self._wanted(readers_answer(worker, Variables, what).found, meter)
        worker.send(job)
        labels = self._labels(readers_answer(worker, Part, what).values, job)
        first, split = 0, split_of_name(self.path.name.removesuffix(".mat"))
        while (values := readers_answer(worker, Part, what).values) is not None:
            pixels = _whole_numbers(values, np.uint8, 255, f"{what}, {job.images},")
            stop = first + len(pixels)
            yield Stack(pixels, labels[first:stop], self.name, first, split, what=what)
            first = stop

    def _labels(self, values: npt.NDArray[Any] | None, job: LoadJob) -> npt.NDArray[np.int64]:
        what = f"{self.path}, {job.labels},"
        labels = _whole_numbers(np.empty(0) if values is None else values, np.int64, 1 << 31, what)
        tens = (job.images, job.labels) == _SVHN and not self._has_name_for_10 and len(labels)
        return labels % 10 if tens and labels.min() > 0 and labels.max() == 10 else labels

    def _wanted(self, found: Sequence[Variable], meter: Meter) -> LoadJob:
        """The images and their labels, whose shapes agree."""
        said = {name: (shape, kind) for name, shape, kind in found}
        shown = ", ".join(f"{name} ({kind}, {'x'.join(map(str, s))})" for name, s, kind in found)
        has = f"{self.path} has {shown[:500] or 'no variable'}"
        pair = next((pair for pair in _LAYOUTS if said.keys() >= set(pair)), None)
        kinds = {said[name][1] for name in pair or ()}
        if pair is None or len(said) < len(found) or not kinds <= _NUMBERS:
            raise SourceError(f"{has}; {_WANTED}", advice="save those, each once, by -v7")
        shape, label_shape = (said[name][0] for name in pair)
        if len(shape) not in (3, 4) or math.prod(label_shape) != shape[-1]:
            raise SourceError(
                f"{has}; images are height x width x n or height x width x channels x n, with n "
                "labels",
                advice="permute them so, and save them by -v7",
            )
        meter.check_members(shape[-1])
        each = Shape(shape[0], shape[1], shape[2] if len(shape) == 4 else 1)
        check_shape(each, self.limits, f"{self.path}, {pair[0]},")
        return LoadJob(*pair, rows=max(1, min(BATCH_MEMBERS, BATCH_BYTES // each.size)))


def _whole_numbers(
    values: npt.NDArray[Any], kind: type[_Integer], most: int, what: str
) -> npt.NDArray[_Integer]:
    """Numbers of any type as integers; ``SourceError`` where one is none from 0 to ``most``."""
    if values.dtype != kind:
        inside = (values >= 0) & (values <= most)
        if not (inside & (values == np.floor(values))).all():
            raise SourceError(
                f"{what} has numbers that are not whole, or not from 0 to {most:,}",
                advice="save pixels of 0 to 255, and labels as whole numbers",
            )
    return values.astype(kind)


def _measure(file: BinaryIO, meter: Meter, what: str) -> None:
    """Count what the elements of a file have, decompressed.

    The format: "MAT-File Format", MathWorks, Level 5. An element is its type and its bytes, two
    integers of 32 bits, and as many bytes; one of type 15 is a zlib stream.
    """
    header = file.read(_HEADER_BYTES)
    order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
    if order is None:
        raise damaged(f"{what} has no mark of its byte order")
    read = len(header)
    while tag := file.read(8):
        kind, size = struct.unpack(f"{order}2I", tag) if len(tag) == 8 else (0, 0)
        inflate = zlib.decompressobj() if kind == _COMPRESSED else None
        left = size
        while left:
            piece = file.read(min(left, _PIECE))
            if not piece:
                break
            left, read = left - len(piece), read + len(piece)
            if inflate is None:
                meter.count_bytes(len(piece))
            while inflate is not None and piece and not inflate.eof:
                meter.count_bytes(len(inflate.decompress(piece, _PIECE)), read)
                piece = inflate.unconsumed_tail
        if left or len(tag) < 8 or (inflate is not None and not inflate.eof):
            raise damaged(f"{what} is cut off: it ends at byte {read + len(tag):,}")
        read += len(tag)


def open_mat(request: Request) -> Source | None:
    """A MATLAB file, if it is one.

    Raises:
        SourceError: it is one of another version than 5.
    """
    if request.begins(b"MATLAB 5.0 MAT-file"):
        return MatSource(request)
    is_mat = request.path.suffix.lower() == ".mat" and not request.is_folder
    if request.begins(b"MATLAB 7.3 MAT-file") or (is_mat and request.begins(_HDF5)):
        path = str(request.path)
        old, new = (text.replace("'", "''") for text in (path, f"{request.path.stem}_v7.mat"))
        program = f"s = load('{old}'); save('{new}', '-struct', 's', '-v7')"
        raise SourceError(
            f"{path} is a MATLAB file of version 7.3, which is HDF5; read are those of version 5, "
            "which save -v7 writes",
            f"matlab -batch {shlex.quote(program)}",
        )
    if is_mat:
        raise SourceError(
            f"{request.path} is no MATLAB file of version 5", advice="save it anew by save -v7"
        )
    return None
