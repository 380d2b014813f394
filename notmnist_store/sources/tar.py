"""A tar archive of images, plain or gzipped, as a source; nothing is ever extracted."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from notmnist_store.location.location import Location
from notmnist_store.sources.base import ArchiveSource, Request, Source
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS, joined
from notmnist_store.sources.kernels import tarwalk
from notmnist_store.sources.kernels.tarwalk import BLOCK
from notmnist_store.sources.limits import Limits, Meter
from notmnist_store.sources.tar_stream import Walk, plain_walk, tar_members

TAR_SUFFIXES = (".tar.gz", ".tgz", ".tar")
_COMPILED_FROM_BYTES = 32 << 20
"""Size of an archive from which loading the compiled walk is worth it."""


class TarSource(ArchiveSource):
    """A ``.tar``, ``.tar.gz`` or ``.tgz`` file."""

    def __init__(self, path: Location, name: str, limits: Limits, *, gzipped: bool) -> None:
        super().__init__(path, name, limits)
        self.kind = "tar.gz" if gzipped else "tar"

    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """See ``Source.members``."""
        meter = Meter(self.name, self.limits)

        def progress(read: int) -> None:
            self.bytes_read = read

        with self.file.open() as file:
            parts = tar_members(
                file,
                meter,
                progress,
                gzipped=self.kind == "tar.gz",
                walk=compiled_walk() if self.file.size >= _COMPILED_FROM_BYTES else plain_walk,
            )
            yield from joined(parts, meter, batch_members, max_batch_bytes)


def compiled_walk() -> Walk:
    """The compiled walk, or the one in Python where numba is not installed."""
    try:
        from notmnist_store.sources.kernels.tarloop import walk
    except ImportError:
        return plain_walk
    return walk


def open_tar(request: Request) -> Source | None:
    """A tar archive, or whatever is gzipped, if it is one."""
    if not may_be_tar(request):
        return None
    name = request.named(*TAR_SUFFIXES)
    return TarSource(request.path, name, request.limits, gzipped=is_gzipped(request))


def may_be_tar(request: Request) -> bool:
    """Whether it is a tar archive, or gzipped, whatever is in it."""
    block = (request.head or b"")[:BLOCK]
    is_tar = len(block) == BLOCK and (
        not any(block) or block[257:262] == b"ustar" or tarwalk.checksum_ok(block)
    )
    return is_gzipped(request) or is_tar


def is_gzipped(request: Request) -> bool:
    """Whether it is a gzip file."""
    return request.begins(b"\x1f\x8b")
