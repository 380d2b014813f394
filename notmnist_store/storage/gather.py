"""Pixels of many images, straight from Parquet row groups into arrays that are there already.

Row groups are read in small pieces (their pages verified), and the wanted rows of each are copied
to their places: memory stays at the result and a few MB a thread. Nothing becomes a Python object.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from notmnist_store.errors import StoreError
from notmnist_store.location.bucket import ObjectFile
from notmnist_store.location.location import Location
from notmnist_store.schema.arrays import Ints, Pixels, Singles
from notmnist_store.schema.shape import Shape
from notmnist_store.storage.datafile import open_checked, reading
from notmnist_store.storage.tables import Tables

_COLUMNS = ["image_id", "pixels"]
_MOST_THREADS = 4
_PIECE_ROWS = 2_048
_READ_BYTES = 1 << 16
_SCALED_ROWS = 512  # of 28x28: they stay in a core's cache between the two operations


class Span(NamedTuple):
    """A row group that holds wanted images: the sorted wanted ids [low, high) lie in its range."""

    path: Location
    group: int
    low: int
    high: int


def to_notebook_scale(pixels: Pixels, out: Singles) -> None:
    """Write (pixels - 127.5) / 255, the course notebook's scale, to `out` (of the same shape).

    In float32 the difference is exact and the quotient is rounded once; for all 256 values that
    is what the notebook's float64 arithmetic gives after its rounding to float32.
    """
    np.subtract(pixels, np.float32(127.5), out=out)
    np.divide(out, np.float32(255), out=out)


def binary_column(rows: Pixels) -> pa.Array:
    """(n, size) uint8, C-contiguous, as n values of type binary, without a copy.

    `rows` is at most 2 GiB - 1 bytes, the most an Arrow binary array addresses.
    """
    ends = np.arange(len(rows) + 1, dtype=np.int32) * np.int32(rows.shape[1])
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(rows.reshape(-1))]
    return pa.Array.from_buffers(pa.binary(), len(rows), buffers)


class Gatherer:
    """Reads the pixels of the images `ids` (int64, (n,), in any order) of a store.

    With `paths`, from these of its data files alone.

    Raises, here and when reading:
        StoreError: a data file is missing or damaged, or an image is not in the store.
    """

    def __init__(self, tables: Tables, ids: Ints, paths: Sequence[Location] | None = None) -> None:
        self._shape = tables.marker.shape
        self._order = np.argsort(ids, kind="stable")
        self._wanted = ids[self._order]
        self.spans = [
            Span(path, group, low, high)
            for path in self._paths(tables, paths)
            for group, low, high in self._groups(path)
        ]

    def _paths(self, tables: Tables, paths: Sequence[Location] | None) -> Sequence[Location]:
        if not len(self._wanted):
            return ()
        return tables.live("image") if paths is None else paths

    def _groups(self, path: Location) -> list[tuple[int, int, int]]:
        with open_checked(path) as parquet:
            metadata = parquet.metadata
            column = parquet.schema_arrow.get_field_index("image_id")
        groups = []
        for group in range(metadata.num_row_groups):
            known = metadata.row_group(group).column(column).statistics
            low = int(np.searchsorted(self._wanted, known.min))
            high = int(np.searchsorted(self._wanted, known.max, "right"))
            if low < high:
                groups.append((group, low, high))
        return groups

    def read(self, span: Span) -> Iterator[tuple[Ints, Pixels]]:
        """The wanted images of a row group in pieces: their places in `ids`, (m, size) uint8.

        Nothing is read behind the last of them.
        """
        missing = span.high - span.low
        with reading(span.path), _parquet(span.path) as parquet:
            for rows in parquet.iter_batches(
                _PIECE_ROWS, row_groups=[span.group], columns=_COLUMNS, use_threads=False
            ):
                flat = flat_pixels(rows["pixels"], self._shape, span.path.name)
                places, found = self._find(rows["image_id"].to_numpy(), span)
                yield places, flat[found]
                missing -= len(places)
                if not missing:
                    break

    def by_file(self) -> Iterator[tuple[Location, Ints]]:
        """The data files that hold wanted images, each with the places of those in `ids`."""
        for path, spans in groupby(self.spans, lambda span: span.path):
            yield path, np.concatenate([self._order[span.low : span.high] for span in spans])

    def _find(self, ids: Ints, span: Span) -> tuple[Ints, Ints]:
        """Which of these ids are wanted: places in the wanted ids' own order, rows in `ids`."""
        rank = np.argsort(ids, kind="stable")
        wanted = self._wanted[span.low : span.high]
        low, high = np.searchsorted(wanted, ids[rank[[0, -1]]] + (0, 1))
        wanted = wanted[low:high]
        found = rank[np.minimum(np.searchsorted(ids, wanted, sorter=rank), len(ids) - 1)]
        here = ids[found] == wanted
        return self._order[span.low + low : span.low + high][here], found[here]

    def fill(self, out: Pixels | Singles) -> None:
        """Write every image to its row of `out`, (n, size): uint8, or float32 to be scaled.

        Raises:
            StoreError: an image is not in the store, or a data file is damaged.
        """
        self.check_found(len(self.fill_found(out)))

    def fill_found(self, out: Pixels | Singles) -> Ints:
        """Do as `fill` with the images that are there; returns the rows that were written."""
        threads = min(_MOST_THREADS, os.cpu_count() or 1, max(1, len(self.spans)))
        with ThreadPoolExecutor(threads) as pool:
            places = list(pool.map(lambda span: self._place(span, out), self.spans))
        return np.sort(np.concatenate([np.empty(0, np.int64), *places]))

    def check_found(self, images: int) -> None:
        """StoreError where fewer images were found than wanted."""
        if images != len(self._wanted):
            raise StoreError(
                f"{len(self._wanted) - images:,} images are not in the store",
                "notmnist-store verify",
            )

    def _place(self, span: Span, out: Pixels | Singles) -> Ints:
        written = [np.empty(0, np.int64)]
        for places, pixels in self.read(span):
            written.append(places)
            if out.dtype == np.uint8:
                out[places] = pixels
                continue
            for start in range(0, len(places), _SCALED_ROWS):
                part = pixels[start : start + _SCALED_ROWS]
                scaled = np.empty(part.shape, np.float32)
                to_notebook_scale(part, scaled)
                out[places[start : start + _SCALED_ROWS]] = scaled
        return np.concatenate(written)


def _parquet(path: Location) -> pq.ParquetFile:
    """A file whose footer was checked. What is wanted of a row group is read as it is used.

    In a bucket a row group is read at once: there a request costs more than its bytes.
    """
    if isinstance(path, Path):
        options: dict[str, Any] = {"pre_buffer": False, "buffer_size": _READ_BYTES}
        return pq.ParquetFile(path, page_checksum_verification=True, **options)
    return pq.ParquetFile(ObjectFile(path), page_checksum_verification=True, pre_buffer=True)


def pixels_of(
    tables: Tables,
    ids: Ints,
    paths: Sequence[Location] | None = None,
    dtype: npt.DTypeLike = np.uint8,
) -> npt.NDArray[Any]:
    """The pixels of images in the order of `ids`, (n, size): uint8, or float32 scaled.

    Raises:
        StoreError: see `Gatherer`.
    """
    pixels = np.empty((len(ids), tables.marker.shape.size), np.dtype(dtype))
    Gatherer(tables, ids, paths).fill(pixels)
    return pixels


def flat_pixels(part: pa.Array, shape: Shape, file: str) -> Pixels:
    """A binary array whose values all have one size, as (n, size) uint8 without a copy."""
    _, ends, data = part.buffers()
    offsets = np.frombuffer(ends, np.int32, len(part) + 1, part.offset * 4)
    if part.null_count or np.any(np.diff(offsets) != shape.size):
        raise StoreError(f"{file} holds pixels of another shape", "notmnist-store verify")
    flat = np.frombuffer(data, np.uint8, len(part) * shape.size, int(offsets[0]))
    return flat.reshape(len(part), shape.size)
