"""NumPy's ``.npz`` files of images and labels, as MedMNIST, Keras and Kuzushiji-MNIST have them.

Which array is what their keys tell: ``train_images`` with ``train_labels`` (MedMNIST; also
``val_`` and ``test_``), ``x_train`` with ``y_train`` (Keras), or ``arr_0`` of two files
``X-imgs.npz`` and ``X-labels.npz`` (Kuzushiji-MNIST, where a word of X is the split). An
array of texts called ``labels``, ``label_names``, ``class_names``, ``classes`` or ``names`` names
the classes 0, 1, …; ``id_train`` has image ids in the store that exported ``x_train``.

An ``.npz`` is a zip archive of ``.npy`` files (NumPy, NEP 1). Each is streamed behind its header;
arrays of objects, which would need a pickle to be read, are refused by their header.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import pyarrow as pa

from notmnist_store.errors import SourceError
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.arrays import ByteStream, LabelledImages, array_members
from notmnist_store.sources.base import FilesSource, Request, Source
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS
from notmnist_store.sources.class_order import Classes, GivenOrder
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.kernels.provenance import said_split, split_of_name
from notmnist_store.sources.limits import Limits, Meter
from notmnist_store.sources.paired_files import KUZUSHIJI, Pair, find_pair
from notmnist_store.sources.zip import DAMAGE, ZIP_MAGICS, entry_pieces

_LONGEST_HEADER = 10_000
"""Bytes of an array's header; NumPy's own limit, too."""

_IMAGES_KEYS = (("{}_images", "{}_labels", "{}_ids"), ("x_{}", "y_{}", "id_{}"))
_NAMES_KEYS = ("labels", "label_names", "class_names", "classes", "names")
_LARGEST_NAMES = 64 << 20
_ONLY_KEY = "arr_0"
_LAYOUTS = (
    "wanted are train_images and train_labels, x_train and y_train (val and test likewise), or "
    "arr_0 of two files X-imgs.npz and X-labels.npz"
)


def open_npz(request: Request) -> Source | None:
    """An ``.npz`` file, if it is one."""
    if not request.begins(*ZIP_MAGICS):
        return None
    head = request.head or b""
    first_name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    if request.path.suffix.lower() != ".npz" and not first_name.endswith(b".npy"):
        return None
    return NpzSource(request.path, request.name, request.limits, labels=request.labels)


class _Array(NamedTuple):
    """An array of an ``.npz``: its stream stands behind its header."""

    stream: ByteStream
    dtype: np.dtype[np.generic]
    dimensions: tuple[int, ...]


class NpzSource(FilesSource):
    """An ``.npz`` file, or a pair of them; its name is that of the file or what both begin with."""

    kind = "npz"
    gives_labels = takes_labels = True

    def __init__(
        self, path: Path, name: str | None, limits: Limits, *, labels: Sequence[str] | None = None
    ) -> None:
        self._pair: Pair | None = None
        files = {"arrays": path}
        if _keys(path) == [_ONLY_KEY]:
            self._pair = find_pair(path, KUZUSHIJI)
            if self._pair is None:
                raise SourceError(f"{path} has the array arr_0 only; {_LAYOUTS}", _list(path))
            files = {"images": path, "labels": self._pair.labels}
        default = self._pair.name if self._pair else _stem(path)
        super().__init__(path, name or default, limits, files)
        self._given_names = labels

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``."""
        self.bytes_read = 0
        meter = Meter(self.name, self.limits)
        with contextlib.ExitStack() as stack:
            try:
                archives = [
                    stack.enter_context(zipfile.ZipFile(stack.enter_context(file.open())))
                    for file in self.files.values()
                ]
                arrays = (
                    self._pair_arrays(archives, meter, self._pair)
                    if self._pair
                    else self._arrays(archives[0], meter)
                )
                classes = Classes(self._class_names(archives[0], meter))
                yield from array_members(arrays, classes, meter, batch_members, max_batch_bytes)
                self.label_order = classes.order
            except DAMAGE as error:
                raise _damaged(self.path, error) from None

    def _class_names(self, archive: zipfile.ZipFile, meter: Meter) -> Sequence[str] | None:
        """Names of the classes: those given with the source, which those in the file must equal."""
        given = self._given_names
        order = None if given is None else GivenOrder(tuple(given), "--labels")
        for key in _NAMES_KEYS:
            if key in _entries(archive):
                array = self._open(archive, key, self.path, meter)
                if array.dtype.kind in "US" and len(array.dimensions) == 1:
                    order = GivenOrder(_texts(array), array.stream.what).or_longer(order)
        return order.labels if order else None

    def _pair_arrays(
        self, archives: list[zipfile.ZipFile], meter: Meter, pair: Pair
    ) -> Iterator[LabelledImages]:
        images = self._open(archives[0], _ONLY_KEY, pair.images, meter)
        if _ONLY_KEY not in _entries(archives[1]):
            raise SourceError(f"{pair.labels} has no array arr_0; {_LAYOUTS}", _list(pair.labels))
        labels = self._open(archives[1], _ONLY_KEY, pair.labels, meter)
        split = split_of_name(pair.name)
        yield _labelled(images, labels, pair.name, split)

    def _arrays(self, archive: zipfile.ZipFile, meter: Meter) -> Iterator[LabelledImages]:
        keys = list(_entries(archive))
        if len(set(keys)) < len(archive.infolist()):
            raise SourceError(f"{self.path} has two arrays of one name", _list(self.path))
        for role in _roles(keys, self.path):
            images = self._open(archive, role.images, self.path, meter)
            labels = self._open(archive, role.labels, self.path, meter)
            ids = self._open(archive, role.ids, self.path, meter) if role.ids in keys else None
            folder = f"{_stem(self.path)}/{role.word}"
            yield _labelled(images, labels, folder, said_split(role.word), ids)

    def _open(self, archive: zipfile.ZipFile, key: str, path: Path, meter: Meter) -> _Array:
        entry = _entries(archive)[key]
        self.bytes_read = min(self.bytes_read + entry.compress_size, self.bytes_total or 0)
        what = f"{path}, array {key},"
        return _read_header(ByteStream(entry_pieces(archive, entry, meter, self.bytes_read), what))


def _labelled(
    images: _Array, labels: _Array, folder: str, split: str | None, ids: _Array | None = None
) -> LabelledImages:
    """The two arrays together; ``SourceError`` where they cannot be images and their labels."""
    count, *rest = images.dimensions or (0,)
    channels = rest[2] if len(rest) == 3 else 1
    if images.dtype != np.uint8 or len(rest) not in (2, 3) or channels not in (1, 3):
        raise SourceError(
            f"{images.stream.what} is {_describe(images)}; images are uint8 of shape (n, height, "
            "width), (n, height, width, 1) or (n, height, width, 3)",
            advice="save them so with numpy.savez",
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.dimensions[1:] not in ((), (1,)):
        raise SourceError(
            f"{labels.stream.what} is {_describe(labels)}; labels are integers of shape (n,) or "
            "(n, 1)",
            advice="save one integer an image with numpy.savez",
        )
    if labels.dimensions[:1] != (count,):
        raise SourceError(
            f"{images.stream.what} is {_describe(images)}, but {labels.stream.what} is "
            f"{_describe(labels)}",
            advice="save as many labels as images",
        )
    has_ids = ids is not None and ids.dtype == np.dtype("<i8") and ids.dimensions == (count,)
    return LabelledImages(
        images.stream,
        labels.stream,
        count,
        Shape(rest[0], rest[1], channels),
        cast("np.dtype[np.integer]", labels.dtype),
        folder,
        split,
        origins=ids.stream if ids and has_ids else None,
    )


def _texts(array: _Array) -> tuple[str, ...]:
    """The texts of an array; ``SourceError`` where they cannot be names of classes."""
    (count,) = array.dimensions
    size = count * array.dtype.itemsize
    if size > _LARGEST_NAMES:
        raise SourceError(f"{array.stream.what} has {size:,} bytes", advice="save shorter names")
    texts = np.frombuffer(array.stream.take(size), array.dtype) if size else np.empty(0, "U1")
    try:
        names = tuple(t.decode() if isinstance(t, bytes) else str(t) for t in texts.tolist())
        "".join(names).encode()
    except ValueError:  # no Unicode
        names = ()
    if not all(names) or len(set(names)) < len(names) or not names:
        raise SourceError(
            f"{array.stream.what} has no name for each class, or one name twice",
            advice="save it anew: one text a class",
        )
    return names


def _read_header(stream: ByteStream) -> _Array:
    """Read the header of a ``.npy`` stream by NumPy's own reader, which makes no array of it."""
    from numpy.lib import format as npy

    start = stream.take(8)
    if not start.startswith(npy.MAGIC_PREFIX) or start[6] not in (1, 2, 3):
        raise SourceError(
            f"{stream.what} is no NumPy array", advice="save it anew with numpy.savez"
        )
    length = stream.take(2 if start[6] == 1 else 4)
    header_bytes = int.from_bytes(length, "little")
    if header_bytes > _LONGEST_HEADER:
        raise SourceError(
            f"{stream.what} has a header of {header_bytes:,} bytes",
            advice="save it anew with numpy.savez",
        )
    header = io.BytesIO(length + stream.take(header_bytes))
    read = npy.read_array_header_1_0 if start[6] == 1 else npy.read_array_header_2_0
    try:
        with warnings.catch_warnings(action="ignore"):  # NumPy says so where Python 2 wrote it
            dimensions, fortran_order, dtype = read(header, max_header_size=_LONGEST_HEADER)
        if min(dimensions, default=0) < 0:
            raise ValueError(f"a shape of {dimensions}")
    except Exception as error:  # NumPy raises whatever its parsers of Python run into
        raise SourceError(
            f"{stream.what} has a header that NumPy cannot read: {error}",
            advice="save it anew with numpy.savez",
        ) from None
    if dtype.hasobject:
        raise SourceError(
            f"{stream.what} holds objects, which is a pickle and never read",
            advice="save it as numbers or text with numpy.savez",
        )
    if fortran_order and len(dimensions) > 1:
        raise SourceError(
            f"{stream.what} is stored in Fortran order",
            advice="save it anew with numpy.savez, of numpy.ascontiguousarray(it)",
        )
    return _Array(stream, dtype, dimensions)


class _Role(NamedTuple):
    """Keys of the images, of their labels and ids, and the word of the split."""

    images: str
    labels: str
    ids: str
    word: str


def _roles(keys: Sequence[str], path: Path) -> list[_Role]:
    """What is in the file, in its order."""
    roles = []
    for key in keys:
        for images_form, *others in _IMAGES_KEYS:
            match = re.fullmatch(images_form.format("(.+)"), key)
            if match and said_split(match[1]):
                labels, ids = (form.format(match[1]) for form in others)
                roles.append(_Role(key, labels, ids, match[1]))
    if not roles:
        raise SourceError(
            f"{path} has the arrays {', '.join(keys[:20]) or '(none)'}; {_LAYOUTS}", _list(path)
        )
    for role in roles:
        if role.labels not in keys:
            raise SourceError(f"{path} has {role.images} without {role.labels}", _list(path))
    return roles


def _keys(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return list(_entries(archive))
    except DAMAGE as error:
        raise _damaged(path, error) from None


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    return {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}


def _damaged(path: Path, error: BaseException) -> SourceError:
    return damaged(f"{path} is damaged: {error}")


def _describe(array: _Array) -> str:
    return f"{array.dtype} of shape {array.dimensions}"


def _list(path: Path) -> str:
    return f"unzip -l {shlex.quote(str(path))}"


def _stem(path: Path) -> str:
    return path.name[:-4] if path.name.lower().endswith(".npz") else path.name
