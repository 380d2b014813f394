"""The verb load: one split of a split set as Arrow, NumPy, batches or a torch data set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.split_sets import (
    SplitRows,
    SplitSet,
    find_split_set,
    split_rows,
)
from notmnist_store.decisions.effects import decision_note
from notmnist_store.errors import UsageError
from notmnist_store.loading.split_pixels import SplitPixels
from notmnist_store.loading.torch_split import TorchSplit, cached_arrays, import_torch
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Ints, Pixels, Singles
from notmnist_store.schema.shape import Shape
from notmnist_store.storage.gather import binary_column, pixels_of
from notmnist_store.storage.tables import Tables

if TYPE_CHECKING:
    from notmnist_store.loading.torch_stream import TorchStream

BUFFER_IMAGES = 16_384
"""Images the buffer of shuffled batches holds unless told otherwise."""

_WINDOW_BYTES = 128 << 20
_CHUNK_BYTES = 1 << 30
_DTYPES = ("uint8", "float32")


class Batch(NamedTuple):
    """images uint8 (n, height, width[, 3]); labels and ids int64 (n,); row i is one image."""

    images: Pixels
    labels: Ints
    ids: Ints


def load(tables: Tables, name: str, split: str, progress: Progress | None = None) -> Split:
    """One split of the split set `name` (`clean`, `clean_v1` for an old version, `ingest`).

    `progress` is told of decisions that the split set does not follow.

    Raises:
        UsageError: an unknown split set or split, or an empty one.
        StoreError: images of it were withdrawn, or a data file is damaged.
    """
    catalog = Catalog(tables)
    split_set = find_split_set(catalog, name)
    loaded = Split(tables, catalog, split_set, split, split_rows(catalog, split_set, split))
    if progress and (note := decision_note(catalog, split_set)):
        progress.note(note)
    return loaded


class Split:
    """The images of one split in its order, as the store was when they were loaded.

    The order is that of ``position``; ``ingest`` and ``unused`` claim none and are in the order of
    their image ids. Pixels are read when they are asked for, page checksums verified.
    """

    def __init__(
        self,
        tables: Tables,
        catalog: Catalog,
        split_set: SplitSet,
        split: str,
        rows: SplitRows,
    ) -> None:
        self.split_set = split_set
        self.split = split
        self._tables = tables
        self._catalog = catalog
        self._rows = rows

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        name, version = self.split_set.name, self.split_set.version
        shown = f"{name} version {version}" if version else name
        return f"<split {self.split} of {shown}: {len(self):,} images {self.shape}>"

    @property
    def shape(self) -> Shape:
        """Height, width and channels of every image."""
        return self._tables.marker.shape

    @property
    def ids(self) -> Ints:
        """Image ids in the order of the split, int64 (n,)."""
        return self._rows.ids

    @property
    def label_ids(self) -> Ints:
        """Places of the images' labels in `labels`, int64 (n,)."""
        return self._rows.label_ids

    @property
    def labels(self) -> list[str]:
        """Names of the split set's labels; a label's place is its label_id."""
        return list(self.split_set.labels)

    def to_numpy(self, dtype: str = "uint8") -> tuple[Pixels | Singles, Ints]:
        """(images, labels): (n, height, width), for colour (n, height, width, 3), and int64 (n,).

        ``uint8`` gives the pixels as stored, ``float32`` the course notebook's scale,
        (x - 127.5) / 255, to the bit. Needs little more memory than the result.

        Raises:
            UsageError: another dtype.
            StoreError: a data file is damaged.
        """
        _check_dtype(dtype, "to_numpy")
        flat = self._pixels_of(self.ids, dtype)
        return flat.reshape(len(self), *self.shape.sides), self.label_ids.copy()

    def _pixels_of(self, ids: Ints, dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[Any]:
        return pixels_of(self._tables, ids, self._catalog.live_files("image"), dtype)

    def description(self) -> pa.Table:
        """pixel_hash, source and path of the images, one row each in the order of the split."""
        return self._asked("description")

    def attributes(self) -> pa.Table:
        """position, image_id, name and value: what the sources say of the images beyond labels."""
        return self._asked("attributes")

    def _asked(self, name: str) -> pa.Table:
        wanted = pa.table({"image_id": self.ids, "place": np.arange(len(self))})
        sql = load_queries("loading")[name].sql
        return self._catalog.query(sql, rows={"wanted_image": wanted})

    def to_arrow(self) -> pa.Table:
        """One row an image in the order of the split.

        Columns: image_id, position, label, label_id, pixel_hash, source, path, and pixels (binary:
        height * width * channels bytes, row-major).
        """
        return self._arrow(self._pixels_of(self.ids), self.description(), 0)

    def arrow_windows(self) -> Iterator[pa.Table]:
        """The rows of `to_arrow` in pieces, in bounded memory; see `windows`."""
        description = self.description()
        start = 0
        for window in self.windows():
            rows = len(window.ids)
            flat = window.images.reshape(rows, self.shape.size)
            yield self._arrow(flat, description.slice(start, rows), start)
            start += rows

    def _arrow(self, flat: Pixels, description: pa.Table, start: int) -> pa.Table:
        end = start + len(flat)
        label_ids = pa.array(self.label_ids[start:end])
        step = max(1, _CHUNK_BYTES // self.shape.size)
        pixels = [binary_column(flat[at : at + step]) for at in range(0, len(flat), step)]
        return pa.table(
            {
                "image_id": pa.array(self.ids[start:end]),
                "position": pa.array(np.arange(start, end)),
                "label": pa.array(self.labels, pa.string()).take(label_ids),
                "label_id": label_ids,
                **{name: description[name] for name in description.column_names},
                "pixels": pa.chunked_array(pixels, pa.binary()),
            }
        )

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows of `to_arrow` as an Arrow C stream (the PyCapsule interface)."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def windows(self) -> Iterator[Batch]:
        """The images in order, in pieces of at most 128 MiB of pixels.

        Neighbours in a split lie anywhere in the store, so each piece is one pass over its files.
        """
        rows = max(1, _WINDOW_BYTES // self.shape.size)
        for start in range(0, len(self), rows):
            ids = self.ids[start : start + rows]
            yield self._batch(np.arange(start, start + len(ids)), self._pixels_of(ids))

    def batches(
        self,
        size: int,
        shuffle_seed: int | None = None,
        epoch: int = 0,
        *,
        buffer: int = BUFFER_IMAGES,
    ) -> Iterator[Batch]:
        """The images in batches of `size` (the last may be smaller), in bounded memory.

        Without a seed they come in the order of the split, out of pieces of at most 128 MiB. With
        `shuffle_seed`, each epoch has an order of its own: the store's row groups (16,384 images or
        16 MiB) in random order, their images through a buffer of `buffer` images from which those
        that go on are drawn at random; memory is two buffers and four row groups. This is no
        uniform permutation where the split does not fit the buffer: images of far row groups
        seldom meet in a batch, and a store that was ingested class by class gives batches of few
        classes unless the buffer covers several row groups. For a uniform one, permute what
        `to_numpy` gives, or use `torch`.

        Raises:
            UsageError: a size, seed, epoch or buffer that cannot be meant.
            StoreError: a data file is damaged.
        """
        example = "store.load('ingest').batches(256, shuffle_seed=0)"
        _check_order(shuffle_seed, min(size, buffer), example, epoch)
        if shuffle_seed is None:
            return _rebatched(self.windows(), size)
        shuffled = self._pixels().shuffled(shuffle_seed, epoch, buffer)
        return _rebatched((self._batch(places, flat) for places, flat in shuffled), size)

    def _pixels(self) -> SplitPixels:
        return SplitPixels(self._tables, self.ids, tuple(self._catalog.live_files("image")))

    def _batch(self, places: Ints, flat: Pixels) -> Batch:
        images = flat.reshape(len(flat), *self.shape.sides)
        return Batch(images, self.label_ids[places], self.ids[places])

    def torch(
        self,
        cache: str | Path | None = None,
        *,
        dtype: str = "uint8",
        transform: Callable[[Any], Any] | None = None,
    ) -> TorchSplit:
        """A map-style torch data set over a memory-mapped copy of the pixels in folder `cache`.

        See `TorchSplit`; `transform` is called with each image. The copy is made once: its name is
        a hash of the pixel hashes and labels in their order, so a split that has changed has
        another one, and old ones can be deleted. The default folder is ``notmnist_store`` in
        ``$XDG_CACHE_HOME`` or ``~/.cache``.

        Raises:
            UsageError: another dtype.
            StoreError: the folder cannot be written, or torch is not installed.
        """
        _check_dtype(dtype, "torch")
        import_torch()
        shape = (len(self), self.shape.height, self.shape.width, self.shape.channels)
        folder = cached_arrays(
            None if cache is None else Path(cache),
            self._content_hash(),
            shape,
            self.label_ids,
            lambda: (window.images for window in self.windows()),
        )
        return TorchSplit(folder, dtype, transform)

    def torch_stream(
        self,
        *,
        dtype: str = "uint8",
        transform: Callable[[Any], Any] | None = None,
        shuffle_seed: int | None = None,
        buffer: int = BUFFER_IMAGES,
    ) -> TorchStream:
        """An iterable torch data set that keeps no copy, and whose images workers share.

        See `TorchStream`. With `shuffle_seed` each worker has a buffer of so many images.

        Raises:
            UsageError: another dtype; a seed or buffer that cannot be meant.
            StoreError: torch is not installed.
        """
        _check_dtype(dtype, "torch_stream")
        example = "store.load('ingest').torch_stream(shuffle_seed=0)"
        _check_order(shuffle_seed, buffer, example)
        import_torch()
        from notmnist_store.loading.torch_stream import TorchStream

        return TorchStream(self._pixels(), self.label_ids, dtype, transform, shuffle_seed, buffer)

    def _content_hash(self) -> str:
        """Sha256 (its first half, hex) over shape, pixel hashes and labels in their order."""
        digest = hashlib.sha256(str(self.shape).encode())
        digest.update("".join(self.description()["pixel_hash"].to_pylist()).encode())
        digest.update(self.label_ids.tobytes())
        return digest.hexdigest()[:32]


def _check_order(seed: int | None, least: int, example: str, epoch: int = 0) -> None:
    if least < 1:
        raise UsageError(f"batches and the buffer hold at least 1 image, not {least}", example)
    if epoch < 0 or (seed is not None and seed < 0):
        raise UsageError("the seed and the epoch are at least 0", example)


def _check_dtype(dtype: str, method: str) -> None:
    if dtype not in _DTYPES:
        raise UsageError(
            f"images come as {' or '.join(_DTYPES)}, not {dtype}",
            f"store.load('ingest').{method}(dtype='float32')",
        )


def _rebatched(pieces: Iterable[Batch], size: int) -> Iterator[Batch]:
    """The same images in batches of `size`."""
    waiting: list[Batch] = []
    have = 0
    for piece in pieces:
        while have + len(piece.ids) >= size:
            yield _joined([*waiting, _cut(piece, 0, size - have)])
            piece, waiting, have = _cut(piece, size - have, None), [], 0
        if len(piece.ids):
            waiting.append(piece)
            have += len(piece.ids)
    if have:
        yield _joined(waiting)


def _joined(batches: list[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    parts: list[Any] = [np.concatenate(column) for column in zip(*batches, strict=True)]
    return Batch(*parts)


def _cut(batch: Batch, start: int, end: int | None) -> Batch:
    return Batch(batch.images[start:end], batch.labels[start:end], batch.ids[start:end])
