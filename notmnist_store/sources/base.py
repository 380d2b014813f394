"""What every source has in common: its interface, its files, and how it is asked for.

A source yields its members as record batches of ``MEMBER_SCHEMA``, in one fixed order.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from notmnist_store.errors import SourceError
from notmnist_store.location.bucket import BucketPath, ObjectFile, Stat
from notmnist_store.location.location import Location, look_at
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.batches import BATCH_BYTES, BATCH_MEMBERS
from notmnist_store.sources.class_order import Names
from notmnist_store.sources.kernels.provenance import exact_split_word
from notmnist_store.sources.limits import Limits
from notmnist_store.text import closest

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")


class AskedColumns(NamedTuple):
    """Which columns the user says have the files and the labels; null leaves it to their names."""

    file: str | None = None
    label: str | None = None

    @property
    def are_asked(self) -> bool:
        """Whether either is given."""
        return self != AskedColumns()


@dataclass(frozen=True, eq=False)
class Request:
    """What a user asks to open; each format looks whether it is one of its own.

    ``head``: the first bytes of a file, null for a folder. ``name``: the source's name where one
    is given. ``labels`` names the classes and ``transpose`` swaps rows and columns.
    ``columns`` are those of a metadata file, null where none is to be read. ``shape`` is that of
    the images, where it is told.
    """

    path: Location
    head: bytes | None
    name: str | None
    limits: Limits
    labels: Names | None = None
    transpose: bool = False
    columns: AskedColumns | None = None
    shape: Shape | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, not a file."""
        return self.head is None

    @property
    def folder(self) -> Path | None:
        """The path where it is a folder, which only this machine has; null for a file."""
        return self.path if self.head is None and isinstance(self.path, Path) else None

    def begins(self, *magics: bytes) -> bool:
        """Whether it is a file that begins with one of these."""
        return self.head is not None and self.head.startswith(magics)

    def named(self, *suffixes: str) -> str:
        """The name given, else the folder's, or the file's without one of these suffixes."""
        if self.name:
            return self.name
        if self.folder is not None:
            return self.folder.resolve().name or "root"
        name = self.path.name
        fitting = (s for s in suffixes if name.lower().endswith(s) and len(name) > len(s))
        return name[: len(name) - len(next(fitting, ""))]


class Source(ABC):
    """Something that holds members: an archive or a folder.

    ``name`` is the word that stands in column ``source``; ``kind`` says what it is, for people.
    ``bytes_read`` grows towards ``bytes_total`` (bytes on disk) while ``members`` is consumed, for
    a progress bar; ``bytes_total`` is null for a folder that was not yet listed. Of a source that
    ``gives_labels`` the paths tell nothing: label, split and group come with each member, and one
    whose label is null is none of its images. ``label_order`` has its labels by the numbers that it
    gives them, also those without images, when ``members`` has ended; null where it gives none.
    ``takes_labels``, ``takes_transpose`` and ``takes_columns`` say which options of a request it
    has a use for. ``notes`` say, when ``members`` has ended, how it was read where that is unusual.
    ``named_split`` is the split that its own name tells, of what nothing in it tells.
    """

    kind: str
    gives_labels: bool = False
    takes_labels: bool = False
    takes_transpose: bool = False
    takes_columns: bool = False

    def __init__(self, path: Location, name: str, limits: Limits) -> None:
        self.path = path
        self.name = name
        self.limits = limits
        self.bytes_read = 0
        self.bytes_total: int | None = None
        self.label_order: tuple[str, ...] | None = None
        self.named_split: str | None = None
        self.notes: list[str] = []

    @abstractmethod
    def identity(self) -> tuple[str, int]:
        """Sha256 (hex) and bytes of the source: what makes it the same source elsewhere.

        Raises:
            SourceError: it cannot be read, or changed while being read.
        """

    @abstractmethod
    def members(
        self, batch_members: int = BATCH_MEMBERS, max_batch_bytes: int = BATCH_BYTES
    ) -> Iterator[pa.RecordBatch]:
        """Yield every member that is not a directory, as batches of ``MEMBER_SCHEMA``.

        Positions run 0, 1, 2, … in order. A batch has at most ``batch_members`` rows, at most
        ``max_batch_bytes`` of data unless one member alone has more, and never crosses a multiple
        of ``ROW_GROUP_MEMBERS``. Only one iteration at a time.

        Raises:
            SourceError: the source is damaged, or changed while being read.
            BudgetError: it passed one of its limits.
        """


class SourceFile:
    """One file of a source; it must not change from when this was made."""

    def __init__(self, path: Location) -> None:
        self.path = path
        stat = readable_stat(path)
        self._size, self._state = stat.st_size, _state(stat)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._size

    def sha256(self) -> str:
        """Sha256 (hex) of the file's bytes; raises what ``open`` raises."""
        with self.open() as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextlib.contextmanager
    def open(self) -> Iterator[BufferedReader]:
        """Open the file; raise ``SourceError`` if it is, or has become, another one."""
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise SourceError(
                f"cannot read {self.path}: {error.strerror}", look_at(self.path)
            ) from None
        with file:
            self._check_state(_stat(file))
            yield file
            self._check_state(readable_stat(self.path))

    def _check_state(self, stat: os.stat_result | Stat) -> None:
        if _state(stat) != self._state:
            raise SourceError(
                f"{self.path} changed while being read",
                advice="run it again when nothing writes to it",
            )


def _stat(file: BufferedReader) -> os.stat_result | Stat:
    return file.raw.stat if isinstance(file.raw, ObjectFile) else os.fstat(file.fileno())


def _state(stat: os.stat_result | Stat) -> tuple[int | str | None, ...]:
    if isinstance(stat, Stat):
        return stat.st_size, stat.e_tag
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


class FilesSource(Source):
    """Several files, each with a word for what it is in the source, that are one source together.

    Its identity is the sha256 over lines ``word NUL sha256 LF``, one a file in the order given;
    that of a single file is the sha256 of its bytes.
    """

    def __init__(
        self, path: Location, name: str, limits: Limits, files: Mapping[str, Location]
    ) -> None:
        super().__init__(path, name, limits)
        self.files = {word: SourceFile(file) for word, file in files.items()}
        self.bytes_total = sum(file.size for file in self.files.values())

    def identity(self) -> tuple[str, int]:
        """See ``Source.identity``: bytes are those of all files together."""
        size = sum(file.size for file in self.files.values())
        if len(self.files) == 1:
            (only,) = self.files.values()
            return only.sha256(), size
        digest = hashlib.sha256()
        for word, file in self.files.items():
            digest.update(os.fsencode(word) + b"\0" + file.sha256().encode() + b"\n")
        return digest.hexdigest(), size


class ArchiveSource(FilesSource):
    """One file whose bytes are the source."""

    def __init__(self, path: Location, name: str, limits: Limits) -> None:
        super().__init__(path, name, limits, {path.name: path})
        self.file = self.files[path.name]
        self.named_split = exact_split_word(_without_suffix(path.name))


def _without_suffix(name: str) -> str:
    """An archive's name as a word."""
    suffix = next((s for s in ARCHIVE_SUFFIXES if name.lower().endswith(s)), "")
    return name[: len(name) - len(suffix)]


def readable_stat(path: Location) -> os.stat_result | Stat:
    """Return the stat of a path that exists; ``SourceError`` says what is wrong with any other."""
    try:
        return path.stat()
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}", look_at(path.parent)) from None


def _missing(path: Location) -> SourceError:
    """The error for a path that is not there, with the one that was perhaps meant."""
    if isinstance(path, BucketPath):
        if not path.is_dir():
            return SourceError(f"there is no {path}", look_at(path.parent))
        return SourceError(
            f"{path} is a prefix, not an object; of a bucket, archives and single files are read",
            f"notmnist-store ingest {shlex.quote(f'{path}/*.tar.gz')}",
        )
    folder = path.parent
    while not folder.is_dir():
        folder = folder.parent
    names = sorted(entry.name for entry in os.scandir(folder)) if folder == path.parent else []
    close = closest(path.name, names)
    if close is None:
        return SourceError(f"there is no {path}", f"ls {shlex.quote(str(folder))}")
    meant = folder / close
    return SourceError(
        f"there is no {path}; did you mean {meant}?",
        f"notmnist-store ingest {shlex.quote(str(meant))}",
    )
