"""A folder as a source: its files sorted by path, named as in an archive of that folder.

Nothing is followed and nothing but a regular file is ever opened: a link inside a folder may lead
out of it, and opening a pipe would wait for ever.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import xxhash

from notmnist_store.errors import SourceError
from notmnist_store.schema.tables import KIND_DEVICE, KIND_FILE, KIND_LINK
from notmnist_store.sources.base import Request, Source
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS, batched
from notmnist_store.sources.limits import Limits, Meter

_PIECE = 1 << 20
_OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderSource(Source):
    """A folder and all folders in it.

    Its identity is the sha256 over its sorted paths (relative to the folder) and the xxh3-128 of
    each file's bytes, hex, as lines ``path NUL hash LF``; links and devices stand there with their
    kind for a hash. Members come in the same order.
    """

    kind = "folder"

    def __init__(self, path: Path, name: str, limits: Limits) -> None:
        super().__init__(path, name, limits)
        self.folder = path
        self._prefix = os.fsencode(path.resolve().name or "root") + b"/"
        self._digest: str | None = None

    def identity(self) -> tuple[str, int]:
        """See ``Source.identity``: bytes are those of all regular files together."""
        meter = Meter(self.name, self.limits)
        digest = hashlib.sha256()
        for path, kind in self._listing(meter):
            file_hash = self._hash(path, meter) if kind == KIND_FILE else ""
            self._digest_member(digest, path, kind, file_hash)
        self._digest = digest.hexdigest()
        self.bytes_total = meter.decompressed
        return self._digest, meter.decompressed

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``."""
        meter = Meter(self.name, self.limits)
        yield from batched(self._read(meter), meter, batch_members, max_batch_bytes)

    def _read(self, meter: Meter) -> Iterator[tuple[bytes, int, int, bytes | None]]:
        digest = hashlib.sha256()
        for path, kind in self._listing(meter):
            size, data, file_hash = 0, None, ""
            if kind == KIND_FILE:
                size, data, file_hash = self.content(path, meter)
            self._digest_member(digest, path, kind, file_hash)
            self.bytes_read = meter.decompressed
            yield self._prefix + path, kind, size, data
        if self._digest is not None and digest.hexdigest() != self._digest:
            self._changed()

    @staticmethod
    def _digest_member(digest: hashlib._Hash, path: bytes, kind: int, file_hash: str) -> None:
        word = {KIND_FILE: file_hash, KIND_LINK: "link", KIND_DEVICE: "device"}[kind]
        digest.update(path + b"\0" + word.encode() + b"\n")

    def _listing(self, meter: Meter) -> list[tuple[bytes, int]]:
        """All members as (path relative to the folder, kind), sorted by the path's bytes.

        In UTF-8 the order of the bytes is the order of the code points.
        """
        found: list[tuple[bytes, int]] = []
        pending = [b""]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(self._full(folder)) as entries:
                    for entry in entries:
                        path = folder + entry.name
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(path + b"/")
                            continue
                        found.append((path, _kind(entry)))
                        meter.check_members(len(found))
            except OSError as error:
                shown = os.fsdecode(self._full(folder))
                raise SourceError(
                    f"cannot list {shown}: {error.strerror}", f"ls -ld {shlex.quote(shown)}"
                ) from None
        found.sort()
        return found

    def _full(self, path: bytes) -> bytes:
        return os.fsencode(self.folder) + b"/" + path

    def _pieces(self, path: bytes, meter: Meter) -> Iterator[bytes]:
        full = self._full(path)
        try:
            with os.fdopen(os.open(full, _OPEN_FLAGS), "rb", buffering=0) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    self._changed()
                while piece := file.read(_PIECE):
                    meter.count_bytes(len(piece))
                    yield piece
        except PermissionError as error:
            shown = os.fsdecode(full)
            raise SourceError(
                f"cannot read {shown}: {error.strerror}", f"ls -l {shlex.quote(shown)}"
            ) from None
        except OSError:
            self._changed()

    def _hash(self, path: bytes, meter: Meter) -> str:
        file_hash = xxhash.xxh3_128()
        for piece in self._pieces(path, meter):
            file_hash.update(piece)
        return file_hash.hexdigest()

    def content(self, path: bytes, meter: Meter) -> tuple[int, bytes | None, str]:
        """Size of a file in the folder, its bytes unless they are too many, and their xxh3-128."""
        file_hash = xxhash.xxh3_128()
        size = 0
        pieces: list[bytes] = []
        for piece in self._pieces(path, meter):
            file_hash.update(piece)
            size += len(piece)
            pieces.append(piece)
            if size > self.limits.max_member_bytes:
                pieces.clear()
        data = b"".join(pieces) if size <= self.limits.max_member_bytes else None
        return size, data, file_hash.hexdigest()

    def _changed(self) -> NoReturn:
        raise SourceError(
            f"{self.path} changed while being read", advice="run it again when nothing writes to it"
        )


def open_folder(request: Request) -> Source | None:
    """Any folder, if it is one."""
    if request.folder is None:
        return None
    return FolderSource(request.folder, request.named(), request.limits)


def _kind(entry: os.DirEntry[bytes]) -> int:
    if entry.is_symlink():
        return KIND_LINK
    return KIND_FILE if entry.is_file(follow_symlinks=False) else KIND_DEVICE
