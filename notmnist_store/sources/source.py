"""Opening a source by its path: what it is is decided by its content, not by its name alone."""

from __future__ import annotations

import shlex
import stat
import zlib
from collections.abc import Sequence
from pathlib import Path

from notmnist_store.errors import SourceError, UsageError
from notmnist_store.sources.folder import FolderSource
from notmnist_store.sources.idx import IdxSource, is_idx
from notmnist_store.sources.kernels.tarwalk import BLOCK, checksum_ok
from notmnist_store.sources.members import Limits, Source, readable_stat
from notmnist_store.sources.metadata import MetadataSource, metadata_in_folder
from notmnist_store.sources.npz import NpzSource, is_npz
from notmnist_store.sources.paired_files import IDX, find_pair, refuse_lone_labels
from notmnist_store.sources.parquet import ParquetSource, parquet_files
from notmnist_store.sources.tar import TarSource
from notmnist_store.sources.zip import ZipSource

_HEAD_BYTES = 4_096
_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip", ".npz", ".parquet")
_SUPPORTED = "supported are .tar.gz (.tgz), .tar, .zip, .npz, Parquet, IDX pairs and folders"
_OTHERS = {
    b"BZh": ("a bzip2 file", "bzip2"),
    b"\xfd7zXZ\0": ("an xz file", "xz"),
    b"\x28\xb5\x2f\xfd": ("a zstandard file", "zstd"),
    b"\x04\x22\x4d\x18": ("an LZ4 file", "lz4"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", ""),
    b"Rar!": ("a RAR archive", ""),
    b"\x89PNG": ("a single PNG image", ""),
    b"\x93NUMPY": ("a NumPy file", ""),
    b"\x80\x04\x95": ("a pickle, which is never read", ""),
}


def open_source(
    path: Path,
    *,
    limits: Limits,
    name: str | None = None,
    labels: Sequence[str] | None = None,
    transpose: bool = False,
) -> Source:
    """Open an archive, a folder, or a file of images; little of it but its first bytes is read yet.

    ``name`` is the source's name, by default the file's without its suffix, or the folder's.
    ``labels`` names the classes 0, 1, ... of a source that numbers them, and ``transpose`` swaps
    rows and columns of IDX images.

    Raises:
        SourceError: there is no such path, it cannot be read, or it is no supported source.
        UsageError: an option that this source has no use for.
    """
    status = readable_stat(path)
    if stat.S_ISDIR(status.st_mode):
        source = _open_folder(path, name or path.resolve().name or "root", limits)
    elif stat.S_ISREG(status.st_mode):
        source = _open_file(path, name, limits, labels, transpose)
    else:
        raise SourceError(
            f"{path} is neither a file nor a folder", f"ls -l {shlex.quote(str(path.parent))}"
        )
    if labels is not None and not isinstance(source, IdxSource | NpzSource):
        raise _no_use(source, "--labels", "it has its labels in words")
    if transpose and not isinstance(source, IdxSource):
        raise _no_use(source, "--transpose", "only IDX images are stored column by column")
    return source


def _open_folder(path: Path, name: str, limits: Limits) -> Source:
    try:
        if metadata_in_folder(path):
            return MetadataSource(FolderSource(path, name, limits))
        files = parquet_files(path)
    except OSError as error:
        raise SourceError(
            f"cannot list {path}: {error.strerror}", f"ls -ld {shlex.quote(str(path))}"
        ) from None
    return ParquetSource(path, name, limits, files) if files else FolderSource(path, name, limits)


def _open_file(
    path: Path, name: str | None, limits: Limits, labels: Sequence[str] | None, transpose: bool
) -> Source:
    head = _head(path)
    if head.startswith(b"PAR1"):
        return ParquetSource(path, name or _without_suffix(path.name), limits)
    zipped = head.startswith((b"PK\3\4", b"PK\5\6"))
    if zipped and is_npz(path, head):
        return NpzSource(path, name, limits, labels=labels)
    pair = find_pair(path, IDX)
    if pair is not None:
        return IdxSource(pair, name or pair.name, limits, labels=labels, transpose=transpose)
    refuse_lone_labels(path, IDX)
    if is_idx(_unpacked(head)):
        raise SourceError(
            f"{path} is an IDX file whose name does not tell where its labels are",
            advice="name the two files X-images-idx3-ubyte and X-labels-idx1-ubyte",
        )
    name = name or _without_suffix(path.name)
    if head.startswith(b"\x1f\x8b"):
        return TarSource(path, name, limits, gzipped=True)
    if zipped:
        return ZipSource(path, name, limits)
    block = head[:BLOCK]
    if len(block) == BLOCK and (not any(block) or block[257:262] == b"ustar" or checksum_ok(block)):
        return TarSource(path, name, limits, gzipped=False)
    raise _unsupported(path, head)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from None


def _unpacked(head: bytes) -> bytes:
    """The first bytes of a file, behind its gzip header if it has one."""
    if not head.startswith(b"\x1f\x8b"):
        return head
    try:
        return zlib.decompressobj(31).decompress(head, 4)
    except zlib.error:
        return b""


def _no_use(source: Source, option: str, why: str) -> UsageError:
    return UsageError(
        f"{source.path} has no use for {option}: {why}",
        f"notmnist-store ingest {shlex.quote(str(source.path))}",
    )


def _without_suffix(file_name: str) -> str:
    for suffix in _SUFFIXES:
        if file_name.lower().endswith(suffix) and len(file_name) > len(suffix):
            return file_name[: -len(suffix)]
    return file_name


def _unsupported(path: Path, head: bytes) -> SourceError:
    if not head:
        return SourceError(f"{path} is empty", advice="copy or download it again")
    for magic, (what, program) in _OTHERS.items():
        if head.startswith(magic):
            if not program:
                advice = "unpack it, and give the folder"
                return SourceError(f"{path} is {what}; {_SUPPORTED}", advice=advice)
            quoted = shlex.quote(str(path))
            hint = f"{program} -dc {quoted} | gzip > {shlex.quote(path.stem)}.gz"
            return SourceError(f"{path} is {what}; {_SUPPORTED}", hint)
    return SourceError(f"{path} is no archive that is known", advice=_SUPPORTED)
