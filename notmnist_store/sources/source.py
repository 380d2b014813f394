"""Opening a source by its path: what it is is decided by its content, not by its name alone."""

from __future__ import annotations

import shlex
import stat

from notmnist_store.errors import SourceError, UsageError
from notmnist_store.location.bucket import Stat
from notmnist_store.location.location import Location, first_bytes, look_at
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.base import AskedColumns, Request, Source, readable_stat
from notmnist_store.sources.class_order import Names
from notmnist_store.sources.damage import damaged, is_pickle, pickled
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.registry import formats

_BY_NAME = AskedColumns()
_HEAD_BYTES = 4_096
_PICKLES = (".pickle", ".pkl")
_OTHERS = {
    b"BZh": ("a bzip2 file", "bzip2"),
    b"\xfd7zXZ\0": ("an xz file", "xz"),
    b"\x28\xb5\x2f\xfd": ("a zstandard file", "zstd"),
    b"\x04\x22\x4d\x18": ("an LZ4 file", "lz4"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", ""),
    b"Rar!": ("a RAR archive", ""),
    b"\x89PNG": ("a single PNG image", ""),
}


def open_source(
    path: Location,
    *,
    limits: Limits,
    name: str | None = None,
    labels: Names | None = None,
    transpose: bool = False,
    columns: AskedColumns | None = _BY_NAME,
    shape: Shape | None = None,
) -> Source:
    """Open an archive, a folder, or a file of images; little of it but its first bytes is read yet.

    ``name`` is the source's name, by default the file's without its suffix, or the folder's.
    ``labels`` names the classes of a source that numbers them, and ``transpose`` swaps
    rows and columns. ``columns`` of a metadata file are found by their names; null
    looks for no such file. ``shape`` is that of images whose source does not tell it.

    Raises:
        SourceError: there is no such path, it cannot be read, or it is no supported source.
        UsageError: an option that this source has no use for.
    """
    head = None if _is_folder(path) else _head(path)
    if head and (is_pickle(head) or path.name.lower().removesuffix(".gz").endswith(_PICKLES)):
        raise pickled(path)
    request = Request(path, head, name, limits, labels, transpose, columns, shape)
    try:
        opened = (source for each in formats() if (source := each.opened(request)) is not None)
        source = next(opened, None)
    except OSError as error:
        raise SourceError(f"cannot list {path}: {error.strerror}", look_at(path)) from None
    if source is None:
        raise _unsupported(path, head or b"")
    if labels is not None and not source.takes_labels:
        raise _no_use(source, "--labels", "it has its labels in words")
    if transpose and not source.takes_transpose:
        raise _no_use(source, "--transpose", "its images are files, or their order is known")
    if columns is not None and columns.are_asked and source.gives_labels:
        option = "--file-column" if columns.file is not None else "--label-column"
        if not source.takes_columns:
            raise _no_use(source, option, "it is no table, nor has one beside its images")
    return source


def _is_folder(path: Location) -> bool:
    """Whether it is a folder, not a file; SourceError where it is neither."""
    found = readable_stat(path)
    if isinstance(found, Stat) or stat.S_ISREG(found.st_mode):
        return False
    if not stat.S_ISDIR(found.st_mode):
        raise SourceError(f"{path} is neither a file nor a folder", look_at(path.parent))
    return True


def _head(path: Location) -> bytes:
    try:
        return first_bytes(path, _HEAD_BYTES)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from None


def _no_use(source: Source, option: str, why: str) -> UsageError:
    return UsageError(
        f"{source.path} has no use for {option}: {why}",
        f"notmnist-store ingest {shlex.quote(str(source.path))}",
    )


def _unsupported(path: Location, head: bytes) -> SourceError:
    supported = f"supported are {', '.join(each.words for each in formats())}"
    if not head:
        return damaged(f"{path} is empty")
    if head.startswith(b"\x93NUMPY"):
        shown = f"import numpy; print(numpy.load({str(path)!r}, mmap_mode='r').shape)"
        raise SourceError(
            f"{path} is one array without labels; read are an .npz that has train_images and "
            "train_labels (numpy.savez), or a folder of such .npy files",
            f"python -c {shlex.quote(shown)}",
        )
    for magic, (what, program) in _OTHERS.items():
        if head.startswith(magic):
            if not program:
                advice = "unpack it, and give the folder"
                return SourceError(f"{path} is {what}; {supported}", advice=advice)
            quoted = shlex.quote(str(path))
            hint = f"{program} -dc {quoted} | gzip > {shlex.quote(path.stem)}.gz"
            return SourceError(f"{path} is {what}; {supported}", hint)
    return SourceError(f"{path} is no archive that is known", advice=supported)
