"""MNIST's own format: a file of images and a file of labels, each an IDX array, often gzipped.

IDX (Y. LeCun, the page of the MNIST database): two zero bytes, the type of the elements (8 is
unsigned byte), the number of dimensions, the dimensions as 32-bit integers, the data; all
big-endian and row-major. EMNIST's images are stored column by column; ``transpose`` turns them.

A word of the name that stands for a split is the split: ``train``, ``emnist-letters-test``. MNIST
calls its test images ``t10k``. Of a pair that `export` wrote, ``export.json`` beside it names the
classes, and ``X-ids.npy`` has the images' ids.
"""

from __future__ import annotations

import contextlib
import shlex
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from notmnist_store.errors import SourceError
from notmnist_store.location.location import Location
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.words import SPLITS
from notmnist_store.sources.arrays import ByteStream, LabelledImages, array_members
from notmnist_store.sources.base import FilesSource, Request, Source, SourceFile
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS
from notmnist_store.sources.class_order import Classes, Names, agreed
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.exported import exported_labels
from notmnist_store.sources.gunzip import gunzip, plain
from notmnist_store.sources.kernels.provenance import split_of_name
from notmnist_store.sources.limits import Limits, Meter
from notmnist_store.sources.numpy_arrays import read_header
from notmnist_store.sources.paired_files import IDX, Pair, find_pair

_TYPES = {
    0x08: "unsigned bytes",
    0x09: "signed bytes",
    0x0B: "16-bit integers",
    0x0C: "32-bit integers",
    0x0D: "floats",
    0x0E: "doubles",
}
_GZIP = b"\x1f\x8b"


def is_idx(head: bytes) -> bool:
    """Whether a file that begins so is an IDX array of one to four dimensions."""
    return head[:2] == b"\0\0" and len(head) >= 4 and head[2] in _TYPES and 1 <= head[3] <= 4


class IdxSource(FilesSource):
    """A pair of IDX files, or the pairs of one set in a folder."""

    kind = "IDX"
    gives_labels = takes_labels = takes_transpose = True

    def __init__(
        self,
        path: Location,
        pairs: Sequence[Pair],
        name: str,
        limits: Limits,
        *,
        labels: Names | None = None,
        transpose: bool = False,
    ) -> None:
        exported = exported_labels(pairs[0].images.parent)
        files: dict[str, Location] = {}
        for pair in pairs:
            prefix = f"{pair.name}-" if len(pairs) > 1 else ""
            files |= {f"{prefix}images": pair.images, f"{prefix}labels": pair.labels}
            ids = pair.images.with_name(f"{pair.name}-ids.npy")
            if exported is not None and ids.is_file() and not ids.is_symlink():
                files[f"{prefix}ids"] = ids
        super().__init__(path, name, limits, files)
        self._stems = [pair.name for pair in pairs]
        self._classes = Classes(agreed(exported, str(pairs[0].images.parent), labels))
        self._transpose = transpose

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``."""
        self.bytes_read = 0
        meter = Meter(self.path.name, self.limits)
        with contextlib.ExitStack() as stack:
            arrays = self._arrays(stack, meter)
            yield from array_members(arrays, self._classes, meter, batch_members, max_batch_bytes)
            self.label_order = self._classes.order

    def _arrays(self, stack: contextlib.ExitStack, meter: Meter) -> Iterator[LabelledImages]:
        for stem in self._stems:
            prefix = f"{stem}-" if len(self._stems) > 1 else ""
            images = self._open(stack, f"{prefix}images")
            labels = self._open(stack, f"{prefix}labels")
            count, height, width = _read_header(images, 3)
            (labelled,) = _read_header(labels, 1)
            if labelled != count:
                raise SourceError(
                    f"{images.what} has {count:,} images, but {labels.what} "
                    f"has {labelled:,} labels",
                    advice="copy or download both again",
                )
            meter.check_members(count)
            yield LabelledImages(
                images,
                labels,
                count,
                Shape(width, height, 1) if self._transpose else Shape(height, width, 1),
                np.dtype(np.uint8),
                folder=stem,
                split=_split_of(stem),
                transposed=self._transpose,
                origins=self._ids(stack, f"{prefix}ids", count),
            )

    def _ids(self, stack: contextlib.ExitStack, word: str, count: int) -> ByteStream | None:
        """Ids of the images in the store that exported them, where they stand beside."""
        if word not in self.files:
            return None
        stream = self._open(stack, word)
        ids = read_header(stream)
        return stream if (ids.dtype, ids.dimensions) == (np.dtype("<i8"), (count,)) else None

    def _open(self, stack: contextlib.ExitStack, word: str) -> ByteStream:
        source_file: SourceFile = self.files[word]
        meter = Meter(source_file.path.name, self.limits)
        file = stack.enter_context(source_file.open())
        reader = gunzip if file.peek(2).startswith(_GZIP) else plain
        before = 0

        def progress(done: int) -> None:
            nonlocal before
            self.bytes_read += done - before
            before = done

        return ByteStream(reader(file, meter, progress), str(source_file.path))


def open_idx(request: Request) -> Source | None:
    """A pair of IDX files, if it is the file of the images, or a folder of such pairs."""
    if request.folder is not None:
        pairs = _pairs_in(request.folder)
        if not pairs:
            return None
        name = request.named()
    else:
        pair = find_pair(request.path, IDX)
        if pair is None:
            if not is_idx(_unpacked(request.head or b"")):
                return None
            raise SourceError(
                f"{request.path} is an IDX file whose name does not tell where its labels are",
                advice="name the two files X-images-idx3-ubyte and X-labels-idx1-ubyte",
            )
        pairs, name = [pair], request.name or pair.name
    return IdxSource(
        request.path,
        pairs,
        name,
        request.limits,
        labels=request.labels,
        transpose=request.transpose,
    )


def _pairs_in(folder: Path) -> list[Pair]:
    """The pairs of IDX files in a folder, in the order of splits, then what names none.

    Raises:
        SourceError: they are those of several sets, or labels are missing.
    """
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.is_symlink())
    pairs: dict[str, Pair] = {}
    for file in files:
        if file.name.endswith(IDX.images) and (pair := find_pair(file, IDX)) is not None:
            pairs.setdefault(pair.name, pair)  # the same one packed and unpacked counts once
    by_split: dict[str | None, list[Pair]] = {}
    for name, pair in pairs.items():
        by_split.setdefault(_split_of(name), []).append(pair)
    others = [inner.name for inner in folder.iterdir() if inner.is_dir() and _is_other(inner.name)]
    if pairs and others:
        raise SourceError(
            f"{folder} holds IDX files and folders ({', '.join(sorted(others)[:3])}): "
            "give one of them",
            f"notmnist-store ingest {shlex.quote(str(next(iter(pairs.values())).images))}",
        )
    several = next((same for same in by_split.values() if len(same) > 1), None)
    if several:
        raise SourceError(
            f"{folder} holds the IDX files of several sets: {', '.join(pairs)}",
            f"notmnist-store ingest {shlex.quote(str(several[0].images))}",
        )
    return [pair for split in (*SPLITS, None) for pair in by_split.get(split, [])]


def _is_other(folder: str) -> bool:
    """Whether a folder beside IDX files is no unpacked copy of one of them, nor hidden."""
    return "idx" not in folder and not folder.startswith(".")


def _split_of(stem: str) -> str | None:
    """The split that the name of a pair tells; MNIST calls its test images t10k."""
    return split_of_name(stem, {"t10k": "test"})


def _unpacked(head: bytes) -> bytes:
    """The first bytes of a file, behind its gzip header if it has one."""
    if not head.startswith(_GZIP):
        return head
    try:
        return zlib.decompressobj(31).decompress(head, 4)
    except zlib.error:
        return b""


def _read_header(stream: ByteStream, dimensions: int) -> tuple[int, ...]:
    """The dimensions of an IDX array of so many dimensions of unsigned bytes."""
    magic = stream.take(4)
    if not is_idx(magic):
        raise damaged(f"{stream.what} is no IDX file: it begins with {magic.hex(' ')}")
    if magic[2] != 0x08 or magic[3] != dimensions:
        raise SourceError(
            f"{stream.what} holds {_TYPES[magic[2]]} in {magic[3]} dimensions; wanted are "
            f"unsigned bytes in {dimensions}",
            advice="images go in X-images-idx3-ubyte, their labels in X-labels-idx1-ubyte",
        )
    return struct.unpack(f">{dimensions}I", stream.take(4 * dimensions))
