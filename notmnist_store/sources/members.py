"""What every source has in common: its limits, its interface, and the building of member batches.

A source yields its members as record batches of ``schema.MEMBER_SCHEMA``, in one fixed order. The
batches are cut by member position, so whoever consumes them does the same work for any batch size.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np
import pyarrow as pa

from notmnist_store.errors import BudgetError, SourceError, UsageError
from notmnist_store.schema.shape import ROW_GROUP_MEMBERS
from notmnist_store.schema.tables import MEMBER_SCHEMA

BATCH_MEMBERS = 4_096
BATCH_BYTES = 32 << 20

_RATIO_FROM_BYTES = 64 << 20
_LARGEST_MEMBER = 1 << 30


@dataclass(frozen=True)
class Limits:
    """How much of a source is read before it is refused; each is an option of ``ingest``.

    ``max_bytes``: decompressed bytes of one source. 64 GiB is fifty times notMNIST_large.
    ``max_ratio``: decompressed by compressed bytes, looked at past 64 MiB decompressed. Archives of
    empty files, which compress best, stay below 100; deflate itself ends at 1,032.
    ``max_header_bytes``: the extended headers (pax, GNU long name) of one tar member together.
    Names are a few KB; 1 MiB leaves room for extended attributes.
    ``max_members``: members of one source. Positions are 32 bits of the image id.
    ``max_member_bytes``: a larger member is yielded with null data; its bytes are skipped, and
    still count. At most 1 GiB.
    """

    max_bytes: int = 64 << 30
    max_ratio: float = 200.0
    max_header_bytes: int = 1 << 20
    max_members: int = 20_000_000
    max_member_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        for option, value in vars(self).items():
            if value < 1:
                flag = "--" + option.replace("_", "-")
                raise UsageError(
                    f"{flag} must be at least 1, not {value}", "notmnist-store ingest --help"
                )
        if self.max_member_bytes > _LARGEST_MEMBER:
            raise UsageError(
                f"--max-member-bytes is at most {_LARGEST_MEMBER:,}, not {self.max_member_bytes:,}",
                "notmnist-store ingest --help",
            )


class Meter:
    """Counts one reading of a source against its limits; every method raises ``BudgetError``."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.decompressed = 0

    def count_bytes(self, decompressed: int, compressed_so_far: int | None = None) -> None:
        """Count bytes that came out; ``compressed_so_far`` is what went in, where that differs."""
        self.decompressed += decompressed
        if self.decompressed > self.limits.max_bytes:
            raise BudgetError(
                f"{self.name} holds more than {self.limits.max_bytes:,} bytes",
                option=f"--max-bytes {self.limits.max_bytes * 4}",
            )
        if compressed_so_far is None or self.decompressed <= _RATIO_FROM_BYTES:
            return
        ratio = self.decompressed / max(compressed_so_far, 1)
        if ratio > self.limits.max_ratio:
            raise BudgetError(
                f"{self.name} grows {ratio:,.0f}-fold when decompressed, more than the limit of "
                f"{self.limits.max_ratio:g}: it looks like a decompression bomb",
                option="--max-ratio 1100",
            )

    def check_header(self, size: int) -> None:
        """Check the bytes of the extended headers of one member."""
        if size > self.limits.max_header_bytes:
            raise BudgetError(
                f"{self.name} has an extended header of {size:,} bytes, more than the limit of "
                f"{self.limits.max_header_bytes:,}",
                option=f"--max-header-bytes {size}",
            )

    def check_members(self, members: int) -> None:
        """Check the number of members seen so far."""
        if members > self.limits.max_members:
            raise BudgetError(
                f"{self.name} has more than {self.limits.max_members:,} members",
                option=f"--max-members {self.limits.max_members * 4}",
            )


class Source(ABC):
    """Something that holds members: an archive or a folder.

    ``name`` is the word that stands in column ``source``; ``kind`` says what it is, for people.
    ``bytes_read`` grows towards ``bytes_total`` (bytes on disk) while ``members`` is consumed, for
    a progress bar; ``bytes_total`` is null for a folder that was not yet listed. Of a source that
    ``gives_labels`` the paths tell nothing: label, split and group come with each member, and one
    whose label is null is none of its images.
    """

    kind: str
    gives_labels: bool = False

    def __init__(self, path: Path, name: str, limits: Limits) -> None:
        self.path = path
        self.name = name
        self.limits = limits
        self.bytes_read = 0
        self.bytes_total: int | None = None

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

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state = _state(readable_stat(path))

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self._state[0]

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
                f"cannot read {self.path}: {error.strerror}", f"ls -l {shlex.quote(str(self.path))}"
            ) from None
        with file:
            self._check_state(os.fstat(file.fileno()))
            yield file
            self._check_state(readable_stat(self.path))

    def _check_state(self, stat: os.stat_result) -> None:
        if _state(stat) != self._state:
            raise SourceError(
                f"{self.path} changed while being read",
                advice="run it again when nothing writes to it",
            )


def _state(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


class FilesSource(Source):
    """Several files, each with a word for what it is in the source, that are one source together.

    Its identity is the sha256 over lines ``word NUL sha256 LF``, one a file in the order given;
    that of a single file is the sha256 of its bytes.
    """

    def __init__(self, path: Path, name: str, limits: Limits, files: dict[str, Path]) -> None:
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

    def __init__(self, path: Path, name: str, limits: Limits) -> None:
        super().__init__(path, name, limits, {path.name: path})
        self.file = self.files[path.name]


Member = tuple[bytes, int, int, bytes | None]
"""Path, kind, size and data of one member; null data for one that is no file or too large."""


def batched(
    members: Iterable[Member], meter: Meter, batch_members: int, max_batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Cut members whose paths tell their labels into batches; raises what ``meter`` raises."""
    first, room, batch_bytes = 0, 0, 0
    batch: list[Member] = []
    for member in members:
        data = member[3]
        data_bytes = len(data) if data is not None else 0
        if not room or batch_bytes + data_bytes > max_batch_bytes:
            if batch:
                yield _batch(first, batch)
            first, batch, batch_bytes = first + len(batch), [], 0
            room = min(batch_members, ROW_GROUP_MEMBERS - first % ROW_GROUP_MEMBERS)
        batch.append(member)
        room -= 1
        batch_bytes += data_bytes
        meter.check_members(first + len(batch))
    if batch:
        yield _batch(first, batch)


def _batch(first: int, members: Sequence[Member]) -> pa.RecordBatch:
    columns = (np.arange(first, first + len(members)), *zip(*members, strict=True))
    nulls = (pa.nulls(len(members), pa.string()) for _ in ("label", "split", "group"))
    typed = (pa.array(c, f.type) for c, f in zip(columns, MEMBER_SCHEMA, strict=False))
    return pa.RecordBatch.from_arrays([*typed, *nulls], schema=MEMBER_SCHEMA)


def readable_stat(path: Path) -> os.stat_result:
    """Return the stat of a path that exists; ``SourceError`` says what is wrong with any other."""
    try:
        return path.stat()
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError as error:
        folder = shlex.quote(str(path.parent))
        raise SourceError(f"cannot read {path}: {error.strerror}", f"ls -l {folder}") from None


def _missing(path: Path) -> SourceError:
    """The error for a path that is not there, with the one that was perhaps meant."""
    import difflib

    folder = path.parent
    while not folder.is_dir():
        folder = folder.parent
    names = sorted(entry.name for entry in os.scandir(folder)) if folder == path.parent else []
    close = difflib.get_close_matches(path.name, names, n=1)
    if not close:
        return SourceError(f"there is no {path}", f"ls {shlex.quote(str(folder))}")
    meant = folder / close[0]
    return SourceError(
        f"there is no {path}; did you mean {meant}?",
        f"notmnist-store ingest {shlex.quote(str(meant))}",
    )
