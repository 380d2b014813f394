"""The walk over tar headers: bytes of the decompressed stream in, members out.

Two walks lead to the same members: this one in plain Python, which starts at once, and the compiled
one of `tarloop`, which takes 0.4 s to load and then a fifth of the time. Both handle the plain case
(files, links, devices and directories in V7, ustar and GNU headers) and stop at anything else,
which `sources.tar_stream` then handles.

The format: POSIX.1-2017 pax, "ustar Interchange Format", and the GNU tar manual, "Basic Tar
Format". A header is 512 bytes; the sum of its bytes, with the checksum field taken as spaces, is
the checksum (some old writers summed signed bytes).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from notmnist_store.schema.tables import KIND_DEVICE, KIND_FILE, KIND_LINK

BLOCK = 512

MORE, SPECIAL, END = range(3)
"""Why a walk stopped: it needs more of the stream; a header it leaves to the caller (also one that
is wrong); a block of zeros."""

_ZEROS = bytes(BLOCK)
_PLAIN = {0: KIND_FILE, 48: KIND_FILE, 55: KIND_FILE, 49: KIND_LINK, 50: KIND_LINK}
_PLAIN |= {51: KIND_DEVICE, 52: KIND_DEVICE, 54: KIND_DEVICE}
_DIRECTORY = 53
_SUMMED_BLOCKS = 128


class Walked(NamedTuple):
    """Members as (path, kind, size, data); where and why the walk stopped; bytes it needs there.

    The compiled walk has its members in four columns instead.
    """

    members: list[tuple[bytes, int, int, bytes | None]]
    at: int
    status: int
    needed: int
    columns: list[pa.Array] | None = None


def number(field: bytes) -> int:
    """Return the value of a header's number field: octal text, or base 256 as GNU writes it.

    Raises:
        ValueError: neither.
    """
    if field[0] in (0o200, 0o377):
        return int.from_bytes(field[1:], "big", signed=False) - (
            256 ** (len(field) - 1) if field[0] == 0o377 else 0
        )
    text = field.split(b"\0", 1)[0].strip()
    if text.strip(b"01234567"):
        raise ValueError(f"no octal number: {text!r}")
    return int(text or b"0", 8)


def checksum_ok(header: bytes) -> bool:
    """Whether the 512 bytes of a header agree with the checksum in them."""
    try:
        expected = number(header[148:156])
    except ValueError:
        return False
    unsigned = sum(header) - sum(header[148:156]) + 8 * 32
    if unsigned == expected:
        return True
    rest = header[:148] + header[156:]
    return unsigned - 256 * sum(byte > 127 for byte in rest) == expected


def is_gnu(header: bytes) -> bool:
    """Whether GNU tar's own magic is there: then the prefix field holds other things."""
    return header[257:265] == b"ustar  \0"


def _sums(buffer: bytes, at: int, most: int) -> list[int]:
    """Sums of the next blocks, those of data too: one fast loop instead of a slow one a header."""
    count = min(most, _SUMMED_BLOCKS, (len(buffer) - at) // BLOCK)
    blocks = np.frombuffer(buffer, np.uint8, count * BLOCK, at).reshape(-1, BLOCK)
    sums: list[int] = blocks.sum(axis=1, dtype=np.uint32).tolist()
    return sums


def walk(buffer: bytes, at: int, max_member_bytes: int) -> Walked:
    """The members that stand whole in `buffer` from `at` on, a header."""
    members: list[tuple[bytes, int, int, bytes | None]] = []
    end = len(buffer)
    sums: list[int] = []
    summed = at
    while end - at >= BLOCK:
        header = buffer[at : at + BLOCK]
        if not header[0] and header == _ZEROS:
            return Walked(members, at, END, 0)
        if at >= summed + len(sums) * BLOCK:
            sums, summed = _sums(buffer, at, 2 * len(sums) or 2), at
        checksum = header[148:156]
        usual = b"%06o\0 " % (sums[(at - summed) // BLOCK] - sum(checksum) + 8 * 32)
        if checksum != usual and not checksum_ok(header):
            return Walked(members, at, SPECIAL, 0)
        flag = header[156]
        path = header[:100].split(b"\0", 1)[0]
        if flag == _DIRECTORY or (flag == 0 and path.endswith(b"/")):
            at += BLOCK
            continue
        kind = _PLAIN.get(flag)
        digits = header[124:135]
        try:
            size = (
                int(digits, 8) if digits.isdigit() and not header[135] else number(header[124:136])
            )
        except ValueError:
            kind = None
        if kind is None or not 0 <= size <= max_member_bytes:
            return Walked(members, at, SPECIAL, 0)
        if header[345] and not is_gnu(header):
            path = header[345:500].split(b"\0", 1)[0] + b"/" + path
        data_at = at + BLOCK
        stored = size if kind == KIND_FILE else 0
        following = data_at + (stored + BLOCK - 1) // BLOCK * BLOCK
        if following > end:
            return Walked(members, at, MORE, following - at)
        data = buffer[data_at : data_at + stored] if kind == KIND_FILE else None
        members.append((path, kind, size, data))
        at = following
    return Walked(members, at, MORE, BLOCK)
