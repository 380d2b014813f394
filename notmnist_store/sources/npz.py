"""NumPy's ``.npz`` files of images and labels, as MedMNIST, Keras and Kuzushiji-MNIST have them.

Which array is what their keys tell, as `numpy_arrays` says; or ``arr_0`` of two files
``X-imgs.npz`` and ``X-labels.npz`` (Kuzushiji-MNIST, where a word of X is the split).

An ``.npz`` is a zip archive of ``.npy`` files (NumPy, NEP 1); a folder of such files is read alike.
"""

from __future__ import annotations

import contextlib
import shlex
import zipfile
from collections.abc import Iterator, Mapping

import pyarrow as pa

from notmnist_store.errors import SourceError
from notmnist_store.location.location import Location
from notmnist_store.sources.arrays import ByteStream, LabelledImages, array_members
from notmnist_store.sources.base import FilesSource, Request, Source
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS
from notmnist_store.sources.class_order import Classes, Names
from notmnist_store.sources.damage import reader_errors
from notmnist_store.sources.gunzip import plain
from notmnist_store.sources.kernels.provenance import split_of_name
from notmnist_store.sources.limits import Limits, Meter
from notmnist_store.sources.numpy_arrays import (
    LAYOUTS,
    Array,
    KeyedArrays,
    image_roles,
    labelled,
    read_header,
)
from notmnist_store.sources.paired_files import KUZUSHIJI, Pair, find_pair
from notmnist_store.sources.zip import ZIP_MAGICS, entry_pieces

_ONLY_KEY = "arr_0"


def open_npz(request: Request) -> Source | None:
    """An ``.npz`` file, if it is one, or a folder with one in it and no folders."""
    if request.folder is not None:
        held = [file for file in request.path.iterdir() if not file.name.startswith(".")]
        found = [file for file in held if file.suffix.lower() == ".npz" and not file.is_symlink()]
        if len(found) != 1 or any(file.is_dir() for file in held):
            return None
        return NpzSource(found[0], request.named(), request.limits, labels=request.labels)
    if not request.begins(*ZIP_MAGICS):
        return None
    head = request.head or b""
    first_name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    if request.path.suffix.lower() != ".npz" and not first_name.endswith(b".npy"):
        return None
    return NpzSource(request.path, request.name, request.limits, labels=request.labels)


class NpzSource(FilesSource):
    """An ``.npz`` file, or a pair of them; its name is that of the file or what both begin with."""

    kind = "npz"
    gives_labels = takes_labels = True

    def __init__(
        self, path: Location, name: str | None, limits: Limits, *, labels: Names | None = None
    ) -> None:
        self._pair: Pair | None = None
        files = {"arrays": path}
        if _keys(path) == [_ONLY_KEY]:
            self._pair = find_pair(path, KUZUSHIJI)
            if self._pair is None:
                raise SourceError(f"{path} has the array arr_0 only; {LAYOUTS}", _list(path))
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
            stack.enter_context(reader_errors(str(self.path)))
            archives = [
                stack.enter_context(zipfile.ZipFile(stack.enter_context(file.open())))
                for file in self.files.values()
            ]
            if self._pair:
                arrays, classes = (
                    self._pair_arrays(archives, meter, self._pair),
                    Classes(self._given_names),
                )
            else:
                keyed = self._keyed(archives[0], meter)
                arrays, classes = keyed.images(), Classes(keyed.class_names(self._given_names))
            yield from array_members(arrays, classes, meter, batch_members, max_batch_bytes)
            self.label_order = classes.order

    def _pair_arrays(
        self, archives: list[zipfile.ZipFile], meter: Meter, pair: Pair
    ) -> Iterator[LabelledImages]:
        images = self._open(archives[0], _ONLY_KEY, pair.images, meter)
        if _ONLY_KEY not in _entries(archives[1]):
            raise SourceError(f"{pair.labels} has no array arr_0; {LAYOUTS}", _list(pair.labels))
        labels = self._open(archives[1], _ONLY_KEY, pair.labels, meter)
        split = split_of_name(pair.name)
        yield labelled(images, labels, pair.name, split)

    def _keyed(self, archive: zipfile.ZipFile, meter: Meter) -> KeyedArrays:
        keys = list(_entries(archive))
        if len(set(keys)) < len(archive.infolist()):
            raise SourceError(f"{self.path} has two arrays of one name", _list(self.path))
        return KeyedArrays(
            keys,
            lambda key: self._open(archive, key, self.path, meter),
            str(self.path),
            _list(self.path),
            _stem(self.path),
        )

    def _open(self, archive: zipfile.ZipFile, key: str, path: Location, meter: Meter) -> Array:
        entry = _entries(archive)[key]
        self.bytes_read = min(self.bytes_read + entry.compress_size, self.bytes_total or 0)
        what = f"{path}, array {key},"
        return read_header(ByteStream(entry_pieces(archive, entry, meter, self.bytes_read), what))


class NpyFolderSource(FilesSource):
    """A folder of ``.npy`` files of the keys that an ``.npz`` has."""

    kind = "npy"
    gives_labels = takes_labels = True

    def __init__(self, request: Request, files: Mapping[str, Location]) -> None:
        super().__init__(request.path, request.named(), request.limits, files)
        self._given_names = request.labels

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``."""
        self.bytes_read = 0
        meter = Meter(self.name, self.limits)
        with contextlib.ExitStack() as stack:

            def opened(key: str) -> Array:
                source_file = self.files[key]
                file = stack.enter_context(source_file.open())
                self.bytes_read += source_file.size
                pieces = plain(file, meter, lambda done: None)
                return read_header(ByteStream(pieces, str(source_file.path)))

            listing = f"ls {shlex.quote(str(self.path))}"
            keyed = KeyedArrays(list(self.files), opened, str(self.path), listing, self.name)
            classes = Classes(keyed.class_names(self._given_names))
            arrays = keyed.images()
            yield from array_members(arrays, classes, meter, batch_members, max_batch_bytes)
            self.label_order = classes.order


def open_npy_folder(request: Request) -> Source | None:
    """A folder with arrays of images of some split in it, if it is one."""
    if request.folder is None:
        return None
    found = {
        file.stem: file
        for file in sorted(request.folder.glob("*.npy"))
        if file.is_file() and not file.is_symlink()
    }
    return NpyFolderSource(request, found) if image_roles(list(found)) else None


def _keys(path: Location) -> list[str]:
    with reader_errors(str(path)), path.open("rb") as file, zipfile.ZipFile(file) as archive:
        return list(_entries(archive))


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    return {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}


def _list(path: Location) -> str:
    return f"unzip -l {shlex.quote(str(path))}"


def _stem(path: Location) -> str:
    return path.name[:-4] if path.name.lower().endswith(".npz") else path.name
