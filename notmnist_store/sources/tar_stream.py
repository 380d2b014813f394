"""The reading of a tar stream: its headers, its members as columns, and its files piece by piece.

Members, names, types, sizes and order are those of Python's ``tarfile``, with these differences,
each to lose nothing in silence:

- a wrong header checksum, an early end and data after the end marker are errors, where ``tarfile``
  stops as if the archive ended there. The end marker itself may be missing in a gzipped archive,
  whose own checksum proves it whole;
- the prefix field of a header with GNU tar's own magic is no part of the name, as in GNU tar;
- a global pax header that renames or resizes every member is refused;
- sparse members are refused: no writer makes one of an image file unasked;
- members of type D (a folder in a GNU incremental archive) are directories, and those of type V
  (a volume label) devices; any other unknown type is a file, as POSIX asks.

Only extended headers are kept in memory, up to a limit, and only one member at a time; the size in
a header is compared with the limits before anything of that size is read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NoReturn

import pyarrow as pa

from notmnist_store.errors import SourceError
from notmnist_store.schema.tables import KIND_DEVICE, KIND_FILE, KIND_LINK
from notmnist_store.sources.batches import Member, columns_of
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.gunzip import gunzip, plain, read_ahead
from notmnist_store.sources.kernels import tarwalk
from notmnist_store.sources.kernels.tarwalk import BLOCK, Walked
from notmnist_store.sources.limits import Meter

_LONG_NAME, _LONG_LINK = b"L", b"K"
_PAX, _SOLARIS_PAX, _PAX_GLOBAL = b"x", b"X", b"g"
_GNU_SPARSE, _GNU_FOLDER, _GNU_LABEL, _DIRECTORY = b"S", b"D", b"V", b"5"
_KINDS = {b"1": KIND_LINK, b"2": KIND_LINK}
_KINDS |= dict.fromkeys((b"3", b"4", b"6", _GNU_LABEL), KIND_DEVICE)
_LARGEST_SIZE = 1 << 62

_GATHERED_BYTES = 1 << 20
"""Bytes of the stream within which members that the walk left are made into columns together."""

Walk = Callable[[bytes, int, int, int], Walked]
"""A walk over a buffer from a byte on, with the most bytes of a member and of its headers."""


def plain_walk(buffer: bytes, at: int, max_member_bytes: int, _max_header_bytes: int) -> Walked:
    """The walk in Python, which reads no extended headers."""
    return tarwalk.walk(buffer, at, max_member_bytes)


def tar_members(
    file: BinaryIO, meter: Meter, progress: Callable[[int], None], *, gzipped: bool, walk: Walk
) -> Iterator[list[pa.Array]]:
    """Yield the members of the tar archive in ``file`` as columns of path, kind, size and data.

    Raises what ``Source.members`` raises.
    """
    pieces = (gunzip if gzipped else plain)(file, meter, progress)
    with contextlib.closing(read_ahead(pieces)) as ahead:
        yield from _Tar(ahead, meter, walk, marker=not gzipped).parts()


def tar_files(
    file: BinaryIO, meter: Meter, progress: Callable[[int], None], *, gzipped: bool
) -> Iterator[tuple[bytes, int, Iterator[bytes]]]:
    """Yield the files in the tar archive in ``file``, of any size: path, size, and the bytes.

    Those come piece by piece, before the next file; what is not taken of them is passed over.
    Raises what ``Source.members`` raises.
    """
    pieces = (gunzip if gzipped else plain)(file, meter, progress)
    yield from _Tar(pieces, meter, plain_walk, marker=not gzipped).files()


class _Stream:
    """The decompressed bytes, of which ``buffer[at:]`` is the next part."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        self._pieces = pieces
        self._name = name
        self._before = 0
        self.buffer = b""
        self.at = 0

    @property
    def position(self) -> int:
        """Bytes of the stream before the next one."""
        return self._before + self.at

    def require(self, size: int) -> bool:
        """Make ``size`` bytes stand in the buffer; False when the stream ends before."""
        have = len(self.buffer) - self.at
        if have >= size:
            return True
        parts = [self.buffer[self.at :]]
        self._before += self.at
        while have < size and (piece := next(self._pieces, b"")):
            parts.append(piece)
            have += len(piece)
        self.buffer, self.at = b"".join(parts), 0
        return have >= size

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        if not self.require(size):
            self.cut()
        self.at += size
        return self.buffer[self.at - size : self.at]

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes without keeping them."""
        while size > len(self.buffer) - self.at:
            size -= len(self.buffer) - self.at
            self._drop()
            if not self.require(1):
                self.cut()
        self.at += size

    def rest(self) -> Iterator[bytes]:
        """Yield everything that is left, piece by piece."""
        yield self.buffer[self.at :]
        self._drop()
        while self.require(1):
            yield self.buffer
            self._drop()

    def _drop(self) -> None:
        self._before += len(self.buffer)
        self.buffer, self.at = b"", 0

    def cut(self) -> NoReturn:
        raise damaged(
            f"{self._name} is cut off: its tar stream ends at byte "
            f"{self._before + len(self.buffer):,}, in the middle of a member"
        )

    def damaged(self, what: str) -> NoReturn:
        raise damaged(
            f"{self._name} is damaged at byte {self.position:,} of its tar stream: {what}"
        )


class _Content:
    """The bytes of a file that the stream stands at, as they come; ``left`` of them are to come."""

    def __init__(self, stream: _Stream, size: int) -> None:
        self._stream = stream
        self.left = size

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self.left:
            raise StopIteration
        stream = self._stream
        if not stream.require(1):
            stream.cut()
        piece = stream.take(min(self.left, len(stream.buffer) - stream.at))
        self.left -= len(piece)
        return piece


class _Tar:
    """One reading of one archive."""

    def __init__(self, pieces: Iterator[bytes], meter: Meter, walk: Walk, *, marker: bool) -> None:
        self._stream = _Stream(pieces, meter.name)
        self._meter = meter
        self._walk = walk
        self._marker = marker

    def parts(self) -> Iterator[list[pa.Array]]:
        stream, limits = self._stream, self._meter.limits
        waiting: list[Member] = []
        due = 0
        while True:
            walked = self._walk(
                stream.buffer, stream.at, limits.max_member_bytes, limits.max_header_bytes
            )
            stream.at = walked.at
            waiting += walked.members
            special = walked.status == tarwalk.SPECIAL
            if waiting and (walked.columns or not special or stream.position >= due):
                yield columns_of(waiting)
                waiting, due = [], stream.position + _GATHERED_BYTES
            if walked.columns:
                yield walked.columns
            if special:
                waiting += self._special()
            elif walked.status == tarwalk.END:
                self._only_zeros_left()
                return
            elif not stream.require(walked.needed):
                break
        self._ended()

    def _ended(self) -> None:
        """An end without the end marker, which only a gzipped archive may have."""
        if self._stream.require(1):
            self._stream.cut()
        if self._marker:
            raise damaged(
                f"{self._meter.name} is cut off: it ends at byte {self._stream.position:,} without "
                "the end marker of a tar archive"
            )

    def files(self) -> Iterator[tuple[bytes, int, Iterator[bytes]]]:
        stream = self._stream
        while stream.require(BLOCK):
            if not any(stream.buffer[stream.at : stream.at + BLOCK]):
                self._only_zeros_left()
                return
            path, kind, size, stored = self._entry()
            content = _Content(stream, stored)
            if kind == KIND_FILE:
                yield path, size, content
            stream.skip(content.left + _padded(stored) - stored)
        self._ended()

    def _special(self) -> Iterator[Member]:
        """One member that the walk left: extended headers, odd types, sizes or numbers."""
        path, kind, size, stored = self._entry()
        data = None
        if kind == KIND_FILE and size <= self._meter.limits.max_member_bytes:
            data = self._stream.take(_padded(size))[:size]
        else:
            self._stream.skip(_padded(stored))
        if kind is not None:
            yield path, kind, size, data

    def _entry(self) -> tuple[bytes, int | None, int, int]:
        """Path, kind (null for a folder) and size of the next member, and the bytes that follow."""
        header, path, size = self._resolve()
        flag = header[156:157]
        raw_name = header[:100].split(b"\0", 1)[0]
        if flag in (_DIRECTORY, _GNU_FOLDER) or (flag == b"\0" and raw_name.endswith(b"/")):
            return path, None, size, 0 if flag == _DIRECTORY else size
        if flag == _GNU_SPARSE:
            self._refuse_sparse(path)
        kind = _KINDS.get(flag, KIND_FILE)
        return path, kind, size, size if kind == KIND_FILE or flag == _GNU_LABEL else 0

    def _resolve(self) -> tuple[bytes, bytes, int]:
        """Read extended headers up to a member's own; return that, with its name and its size.

        Of two extended headers that say the same thing the first one counts, as in ``tarfile``.
        """
        stream = self._stream
        path: bytes | None = None
        size: int | None = None
        extended = 0
        while True:
            header = self._header()
            flag = header[156:157]
            length = self._size_field(header)
            if flag not in (_LONG_NAME, _LONG_LINK, _PAX, _SOLARIS_PAX, _PAX_GLOBAL):
                break
            extended += length
            self._meter.check_header(extended)
            body = stream.take(_padded(length))[:length]
            if flag == _LONG_NAME:
                path = path if path is not None else body.split(b"\0", 1)[0]
            elif flag != _LONG_LINK:
                fields = self._pax_fields(body)
                if flag == _PAX_GLOBAL and fields:
                    stream.damaged("a global header sets the name or size of every member")
                if any(key.startswith(b"GNU.sparse.") for key in fields):
                    self._refuse_sparse(fields.get(b"GNU.sparse.name", b""))
                if path is None and b"path" in fields:
                    path = fields[b"path"].rstrip(b"/")
                if size is None and b"size" in fields:
                    size = self._pax_size(fields[b"size"])
        return header, _own_name(header) if path is None else path, length if size is None else size

    def _header(self) -> bytes:
        if not self._stream.require(BLOCK):
            self._stream.cut()
        at = self._stream.at
        header = self._stream.buffer[at : at + BLOCK]
        if not tarwalk.checksum_ok(header):
            what = "the header of a member has a wrong checksum"
            self._stream.damaged(what if self._stream.position else "no tar archive begins here")
        self._stream.at += BLOCK
        return header

    def _size_field(self, header: bytes) -> int:
        try:
            size = tarwalk.number(header[124:136])
        except ValueError as error:
            self._stream.damaged(f"the size of a member is {error}")
        if not 0 <= size < _LARGEST_SIZE:
            self._stream.damaged(f"the size of a member is {size:,}")
        return size

    def _pax_size(self, text: bytes) -> int:
        if not text.isdigit() or len(text) > 18:
            self._stream.damaged("the size of a member in its pax header is no number")
        return int(text)

    def _pax_fields(self, body: bytes) -> dict[bytes, bytes]:
        """Return the records of a pax header that matter here: path, size and GNU.sparse.*."""
        fields = {}
        at = 0
        while at < len(body) and body[at]:
            space = body.find(b" ", at, at + 20)
            digits = body[at:space]
            if space < 0 or not digits.isdigit():
                break
            stop = at + int(digits)
            key, equals, value = body[space + 1 : stop - 1].partition(b"=")
            if stop > len(body) or stop <= space + 1 or not equals:
                self._stream.damaged("a pax header that is none")
            if key in (b"path", b"size") or key.startswith(b"GNU.sparse."):
                fields[key] = value
            at = stop
        return fields

    def _refuse_sparse(self, path: bytes) -> NoReturn:
        raise SourceError(
            f"{self._meter.name} holds a sparse member ({path!r}), which is not supported",
            advice="make the archive again without --sparse",
        )

    def _only_zeros_left(self) -> None:
        for piece in self._stream.rest():
            if piece.strip(b"\0"):
                raise SourceError(
                    f"{self._meter.name} goes on after the end of its archive, within the MiB "
                    f"before byte {self._stream.position + len(piece):,} of its tar stream",
                    advice="if archives were joined into it, ingest them one by one",
                )


def _padded(size: int) -> int:
    return (size + BLOCK - 1) // BLOCK * BLOCK


def _own_name(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    if header[345] and not tarwalk.is_gnu(header):
        return header[345:500].split(b"\0", 1)[0] + b"/" + name
    return name
