"""Opening a source by its path: what it is is decided by its content, not by its name alone."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path

from notmnist_store.errors import SourceError
from notmnist_store.kernels.tarwalk import BLOCK, checksum_ok
from notmnist_store.storage.folder import FolderSource
from notmnist_store.storage.members import Limits, Source, readable_stat
from notmnist_store.storage.tar import TarSource
from notmnist_store.storage.zip import ZipSource

__all__ = ["Limits", "Source", "open_source"]

_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")
_SUPPORTED = "supported are .tar.gz (.tgz), .tar, .zip and folders"
_OTHERS = {
    b"BZh": ("a bzip2 file", "bzip2"),
    b"\xfd7zXZ\0": ("an xz file", "xz"),
    b"\x28\xb5\x2f\xfd": ("a zstandard file", "zstd"),
    b"\x04\x22\x4d\x18": ("an LZ4 file", "lz4"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", ""),
    b"Rar!": ("a RAR archive", ""),
    b"\x89PNG": ("a single PNG image", ""),
    b"PAR1": ("a Parquet file", ""),
    b"\x93NUMPY": ("a NumPy file", ""),
    b"\x80\x04\x95": ("a pickle, which is never read", ""),
}


def open_source(path: Path, *, limits: Limits, name: str | None = None) -> Source:
    """Open an archive or a folder; nothing of it but its first bytes is read yet.

    ``name`` is the source's name, by default the file's without its archive suffix, or the
    folder's.

    Raises:
        SourceError: there is no such path, it cannot be read, or it is no supported source.
    """
    status = readable_stat(path)
    if stat.S_ISDIR(status.st_mode):
        return FolderSource(path, name or path.resolve().name or "root", limits)
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(f"{path} is neither a file nor a folder", f"ls -l {path.parent}")
    try:
        with path.open("rb") as file:
            head = file.read(BLOCK)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}", f"ls -l {path}") from None
    name = name or _without_suffix(path.name)
    if head.startswith(b"\x1f\x8b"):
        return TarSource(path, name, limits, gzipped=True)
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return ZipSource(path, name, limits)
    if len(head) == BLOCK and (not any(head) or head[257:262] == b"ustar" or checksum_ok(head)):
        return TarSource(path, name, limits, gzipped=False)
    raise _unsupported(path, head)


def _without_suffix(file_name: str) -> str:
    for suffix in _SUFFIXES:
        if file_name.lower().endswith(suffix) and len(file_name) > len(suffix):
            return file_name[: -len(suffix)]
    return file_name


def _unsupported(path: Path, head: bytes) -> SourceError:
    if not head:
        return SourceError(f"{path} is empty", "copy or download it again")
    for magic, (what, program) in _OTHERS.items():
        if head.startswith(magic):
            hint = "unpack it, and give the folder"
            if program:
                quoted = shlex.quote(str(path))
                hint = f"{program} -dc {quoted} | gzip > {shlex.quote(path.stem)}.gz"
            return SourceError(f"{path} is {what}; {_SUPPORTED}", hint)
    return SourceError(f"{path} is no archive that is known; {_SUPPORTED}", f"file {path}")
