"""A zip archive as a stream of members, in the order of its central directory.

The standard library reads it; sizes in headers are compared with the limits but not believed:
what counts is the bytes that come out. Stored and deflated members are supported, encrypted ones
are not. A backslash in a name is a slash where the archive was not made on Unix, or has no slash.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator

import pyarrow as pa

from notmnist_store.errors import SourceError
from notmnist_store.schema.tables import KIND_DEVICE, KIND_FILE, KIND_LINK
from notmnist_store.sources.base import ArchiveSource, Request, Source
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS, batched
from notmnist_store.sources.damage import damaged, reader_errors
from notmnist_store.sources.limits import Meter

ZIP_MAGICS = (b"PK\3\4", b"PK\5\6")

_PIECE = 1 << 20

_ENCRYPTED = 1
_UTF8 = 0x800
_UNIX = 3
_REPACK = "unpack it, and give the folder"


class ZipSource(ArchiveSource):
    """A ``.zip`` file."""

    kind = "zip"

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``."""
        meter = Meter(self.name, self.limits)
        with (
            self.file.open() as file,
            reader_errors(self.name),
            zipfile.ZipFile(file) as archive,
        ):
            members = self._read(archive, meter)
            yield from batched(members, meter, batch_members, max_batch_bytes)

    def _read(
        self, archive: zipfile.ZipFile, meter: Meter
    ) -> Iterator[tuple[bytes, int, int, bytes | None]]:
        entries = archive.infolist()
        slashes = any("/" in entry.orig_filename for entry in entries)
        meter.check_members(sum(not entry.is_dir() for entry in entries))
        for entry in entries:
            if entry.is_dir():
                continue
            name = entry.orig_filename
            if entry.create_system != _UNIX or not slashes:
                name = name.replace("\\", "/")  # as some programs on Windows write it
                if name.endswith("/"):
                    continue
            path = name.encode("utf-8" if entry.flag_bits & _UTF8 else "cp437")
            kind = _kind(entry)
            if kind != KIND_FILE:
                yield path, kind, entry.file_size, None
                continue
            size, data = self._content(archive, entry, meter)
            yield path, kind, size, data

    def _content(
        self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, meter: Meter
    ) -> tuple[int, bytes | None]:
        """Return a member's size, and its bytes unless they are too many."""
        size = 0
        pieces: list[bytes] = []
        for piece in entry_pieces(archive, entry, meter, self.bytes_read + entry.compress_size):
            size += len(piece)
            pieces.append(piece)
            if size > self.limits.max_member_bytes:
                pieces.clear()
        self.bytes_read = min(self.bytes_read + entry.compress_size, self.bytes_total or 0)
        return size, b"".join(pieces) if size <= self.limits.max_member_bytes else None


def open_zip(request: Request) -> Source | None:
    """A zip archive, if it is one."""
    if not request.begins(*ZIP_MAGICS):
        return None
    return ZipSource(request.path, request.named(".zip"), request.limits)


def entry_pieces(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, meter: Meter, compressed_so_far: int
) -> Iterator[bytes]:
    """Yield the bytes of a file in the archive, at most 1 MiB at a time, counted by ``meter``.

    Raises:
        SourceError: it is encrypted, compressed in a way that is not supported, or cut off.
        BudgetError: from ``meter``.
        Exception: whatever, for other damage; see ``reader_errors``.
    """
    if entry.flag_bits & _ENCRYPTED:
        raise SourceError(f"{meter.name} is encrypted ({entry.filename!r})", advice=_REPACK)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SourceError(
            f"{meter.name} is compressed by method {entry.compress_type}, which is not supported",
            advice=_REPACK,
        )
    size = 0
    with archive.open(entry) as member:
        while piece := member.read(_PIECE):
            size += len(piece)
            meter.count_bytes(len(piece), compressed_so_far)
            yield piece
    if size != entry.file_size:
        raise damaged(f"{meter.name} is damaged: {entry.filename!r} is cut off")


def _kind(entry: zipfile.ZipInfo) -> int:
    mode = entry.external_attr >> 16
    if entry.create_system != _UNIX or not stat.S_IFMT(mode) or stat.S_ISREG(mode):
        return KIND_FILE
    return KIND_LINK if stat.S_ISLNK(mode) else KIND_DEVICE
