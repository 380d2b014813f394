"""The compiled walk over tar headers: `tarwalk.walk` as one loop, its members as columns.

Beyond that it reads GNU long names, and pax headers whose records it understands: Python's own
`tarfile` writes one before every member with a fractional time, so they are common.

Importing this module imports numba. The compiled code is cached next to the source, or in the
user's cache folder, or, where neither can be written, not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from notmnist_store.schema.tables import KIND_DEVICE, KIND_FILE, KIND_LINK
from notmnist_store.sources.kernels.tarwalk import BLOCK, END, MORE, SPECIAL, Walked

Bytes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Offsets = npt.NDArray[np.int32]

_UNUSUAL = -1
_DIRECTORY = 3
_PAX, _LONG_NAME = 120, 76
_PATH = np.frombuffer(b"path=", np.uint8)
_SIZE = np.frombuffer(b"size=", np.uint8)
_SPARSE = np.frombuffer(b"GNU.sparse.", np.uint8)
_GNU_MAGIC = np.frombuffer(b"ustar  \0", np.uint8)

_F = TypeVar("_F", bound=Callable[..., int])


def _compiled(function: _F) -> _F:
    """Compile on first call, and keep the machine code on disk where that is possible."""
    try:
        compiled = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba found no folder it can write its cache to
        compiled = numba.njit(nogil=True)(function)
    return cast("_F", compiled)


@_compiled
def _octal(buffer: Bytes, at: int, width: int) -> int:
    """Value of a number field in octal text; _UNUSUAL for whatever is not plainly that."""
    stop = at + width
    while at < stop and buffer[at] == 32:
        at += 1
    value = 0
    while at < stop and 48 <= buffer[at] <= 55:
        value = value * 8 + (int(buffer[at]) - 48)
        at += 1
    while at < stop and buffer[at] == 32:
        at += 1
    return value if at == stop or buffer[at] == 0 else _UNUSUAL


@_compiled
def _header_ok(buffer: Bytes, at: int) -> int:
    """1 when the checksum of the header at ``at`` is right (bytes summed unsigned), else 0."""
    total = 0
    for k in range(at, at + BLOCK):
        total += buffer[k]
    for k in range(at + 148, at + 156):
        total += 32 - int(buffer[k])
    return 1 if total == _octal(buffer, at + 148, 8) else 0


@_compiled
def _text_end(buffer: Bytes, at: int, width: int) -> int:
    stop = at + width
    while at < stop and buffer[at] != 0:
        at += 1
    return at


@_compiled
def _starts(buffer: Bytes, at: int, stop: int, want: Bytes) -> int:
    if stop - at < want.size:
        return 0
    for k in range(want.size):
        if buffer[at + k] != want[k]:
            return 0
    return 1


@_compiled
def _pax_path(buffer: Bytes, at: int, stop: int, span: Integers) -> int:
    """Put the path that pax records set into ``span`` (start, end); _UNUSUAL to leave them."""
    while at < stop and buffer[at] != 0:
        length = 0
        k = at
        while k < stop and 48 <= buffer[k] <= 57 and k - at < 9:
            length = length * 10 + (int(buffer[k]) - 48)
            k += 1
        record_end = at + length
        if k == at or k >= stop or buffer[k] != 32 or record_end > stop or record_end < k + 3:
            return _UNUSUAL
        k += 1
        if _starts(buffer, k, record_end, _SIZE) or _starts(buffer, k, record_end, _SPARSE):
            return _UNUSUAL
        if _starts(buffer, k, record_end, _PATH):
            span[0] = k + 5
            span[1] = record_end - 1
            while span[1] > span[0] and buffer[span[1] - 1] == 47:
                span[1] -= 1
        else:
            while k < record_end and buffer[k] != 61:
                k += 1
            if k >= record_end - 1:
                return _UNUSUAL
        at = record_end
    return 0


@_compiled
def _walk(
    buffer: Bytes,
    cursor: Integers,
    max_member_bytes: int,
    max_header_bytes: int,
    names: Bytes,
    name_ends: Offsets,
    data: Bytes,
    data_ends: Offsets,
    kinds: npt.NDArray[np.int8],
    sizes: Integers,
) -> int:
    """Fill the columns from ``cursor[0]`` on, and say why it stopped.

    ``cursor`` is left at: the header where it stopped, bytes needed there, members.
    """
    at = cursor[0]
    end = buffer.size
    row, name_at, data_at = 0, 0, 0
    span = np.empty(2, np.int64)
    status = MORE
    while True:
        head = at
        span[0] = -1
        cursor[1] = BLOCK
        if end - at < BLOCK:
            break
        if buffer[at] == 0:
            k = at
            while k < at + BLOCK and buffer[k] == 0:
                k += 1
            if k == at + BLOCK:
                status = END
                break
        if not _header_ok(buffer, at):
            status = SPECIAL
            break
        first = buffer[at + 156]
        if first in (_PAX, _LONG_NAME):
            extended = _octal(buffer, at + 124, 12)
            if extended < 0 or extended > max_header_bytes:
                status = SPECIAL
                break
            head = at + BLOCK + (extended + BLOCK - 1) // BLOCK * BLOCK
            if end - head < BLOCK:
                cursor[1] = head + BLOCK - at
                break
            start = at + BLOCK
            if first == _LONG_NAME:
                span[0], span[1] = start, _text_end(buffer, start, extended)
            elif _pax_path(buffer, start, start + extended, span):
                status = SPECIAL
                break
            if not _header_ok(buffer, head):
                status = SPECIAL
                break
        flag = buffer[head + 156]
        name_start = head
        name_stop = _text_end(buffer, head, 100)
        kind = _UNUSUAL
        if flag == 0 and name_stop > name_start and buffer[name_stop - 1] == 47:
            kind = _DIRECTORY
        elif flag == 48 or flag == 0 or flag == 55:
            kind = KIND_FILE
        elif flag == 49 or flag == 50:
            kind = KIND_LINK
        elif flag == 51 or flag == 52 or flag == 54:
            kind = KIND_DEVICE
        elif flag == 53:
            kind = _DIRECTORY
        if kind == _DIRECTORY:
            at = head + BLOCK
            continue
        size = _octal(buffer, head + 124, 12)
        if kind == _UNUSUAL or size < 0 or size > max_member_bytes:
            status = SPECIAL
            break
        stored = size if kind == KIND_FILE else 0
        whole = head + BLOCK + (stored + BLOCK - 1) // BLOCK * BLOCK - at
        if end - at < whole:
            cursor[1] = whole
            break
        if span[0] >= 0:
            name_start, name_stop = span[0], span[1]
        elif buffer[head + 345] != 0 and not _starts(buffer, head + 257, end, _GNU_MAGIC):
            prefix = _text_end(buffer, head + 345, 155) - (head + 345)
            names[name_at : name_at + prefix] = buffer[head + 345 : head + 345 + prefix]
            names[name_at + prefix] = 47
            name_at += prefix + 1
        names[name_at : name_at + name_stop - name_start] = buffer[name_start:name_stop]
        data[data_at : data_at + stored] = buffer[head + BLOCK : head + BLOCK + stored]
        kinds[row] = kind
        sizes[row] = size
        row += 1
        name_at += name_stop - name_start
        data_at += stored
        name_ends[row] = name_at
        data_ends[row] = data_at
        at += whole
    cursor[0] = at
    cursor[2] = row
    return status


def walk(buffer: bytes, at: int, max_member_bytes: int, max_header_bytes: int) -> Walked:
    """Do what `tarwalk.walk` does, with the members as columns.

    ``max_header_bytes`` bounds the extended headers that it reads itself.
    """
    room = len(buffer) - at
    rows = room // BLOCK
    cursor = np.array([at, 0, 0], np.int64)
    names, data = np.empty(room, np.uint8), np.empty(room, np.uint8)
    name_ends, data_ends = np.zeros(rows + 1, np.int32), np.zeros(rows + 1, np.int32)
    kinds, sizes = np.empty(rows, np.int8), np.empty(rows, np.int64)
    status = _walk(
        np.frombuffer(buffer, np.uint8),
        cursor,
        max_member_bytes,
        max_header_bytes,
        names,
        name_ends,
        data,
        data_ends,
        kinds,
        sizes,
    )
    stop, needed, rows = cursor.tolist()
    if not rows:
        return Walked([], stop, status, needed)
    present = kinds[:rows] == KIND_FILE
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    columns = [
        _binary(rows, None, name_ends, names),
        pa.array(kinds[:rows]),
        pa.array(sizes[:rows]),
        _binary(rows, validity, data_ends, data),
    ]
    return Walked([], stop, status, needed, columns)


def _binary(rows: int, validity: pa.Buffer | None, ends: Offsets, values: Bytes) -> pa.Array:
    buffers = [validity, pa.py_buffer(ends[: rows + 1]), pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.binary(), rows, buffers)
