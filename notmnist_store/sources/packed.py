"""Sets of a few large files that are published in one tar archive, and read in it or unpacked."""

from __future__ import annotations

import contextlib
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from notmnist_store.errors import StoreError
from notmnist_store.sources.arrays import ByteStream
from notmnist_store.sources.base import Request, SourceFile
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.gunzip import plain
from notmnist_store.sources.kernels.provenance import text_path
from notmnist_store.sources.limits import Meter
from notmnist_store.sources.stacks import StackSource
from notmnist_store.sources.tar import TAR_SUFFIXES, is_gzipped, may_be_tar
from notmnist_store.sources.tar_stream import tar_files

_LOOKED_AT, _LOOKED_THROUGH = 16, 2 << 20
"""Files of an archive whose names are looked at, as far as they begin in these first bytes."""

_LARGEST_TEXT = 64 << 10


class NamedFile(NamedTuple):
    """One file of a set: its path in it, its bytes, and the stream of them."""

    path: str
    size: int
    stream: ByteStream

    @property
    def name(self) -> str:
        """The path without its folders."""
        return self.path.rpartition("/")[2]

    def lines(self) -> list[str]:
        """The lines of a small text, without those that are blank."""
        if self.size > _LARGEST_TEXT:
            raise damaged(f"{self.stream.what} has {self.size:,} bytes")
        try:
            text = self.stream.take(self.size).decode()
        except UnicodeDecodeError:
            raise damaged(f"{self.stream.what} is no text in UTF-8") from None
        return [line.strip() for line in text.splitlines() if line.strip()]


class PackedSource(StackSource):
    """A set of named files in a tar archive or in a folder; a subclass says what is in them."""

    suffixes = TAR_SUFFIXES

    def __init__(self, request: Request) -> None:
        files = None
        if request.folder is not None:
            files = {file.name: file for file in _regular(request.folder) if self.is_own(file.name)}
        super().__init__(request, files)
        self._gzipped = None if request.is_folder else is_gzipped(request)

    @abstractmethod
    def is_own(self, name: str) -> bool:
        """Whether a file of this name belongs to such a set."""

    def named_files(self, meter: Meter | None = None) -> Iterator[NamedFile]:
        """Yield the files of the set, in one order; each is to be read before the next one.

        ``meter`` counts them, where it is not another round that does.
        """
        meter = meter or Meter(self.name, self.limits)
        if self._gzipped is None:
            yield from self._of_folder(meter)
            return
        with self.file.open() as file:
            found = tar_files(file, meter, self._progress, gzipped=self._gzipped)
            for raw, size, pieces in found:
                path = text_path(raw)
                if self.is_own(path.rpartition("/")[2]):
                    stream = ByteStream(pieces, f"{self.path}, {path},")
                    yield NamedFile(path, size, stream)

    def _of_folder(self, meter: Meter) -> Iterator[NamedFile]:
        root, before = self.path.resolve().name, 0
        for word, source_file in self.files.items():
            with source_file.open() as file:
                stream = ByteStream(plain(file, meter, _no_progress), str(source_file.path))
                yield NamedFile(f"{root}/{word}", source_file.size, stream)
            before += source_file.size
            self._progress(before)

    def _progress(self, done: int) -> None:
        self.bytes_read = done


def _no_progress(_done: int) -> None:
    pass


@lru_cache(maxsize=1)
def first_files(request: Request) -> list[tuple[str, int]]:
    """Paths and sizes of a folder's own files, or of the first ones of a tar archive."""
    if request.folder is not None:
        return [(file.name, file.stat().st_size) for file in _regular(request.folder)]
    found: list[tuple[str, int]] = []
    if not may_be_tar(request):
        return found
    meter = Meter(request.path.name, replace(request.limits, max_bytes=_LOOKED_THROUGH))
    with contextlib.suppress(StoreError), SourceFile(request.path).open() as file:
        seen = tar_files(file, meter, _no_progress, gzipped=is_gzipped(request))
        for path, size, _ in islice(seen, _LOOKED_AT):
            found.append((text_path(path), size))
    return found


def _regular(folder: Path) -> list[Path]:
    found = (file for file in folder.iterdir() if file.is_file() and not file.is_symlink())
    return sorted(found)
