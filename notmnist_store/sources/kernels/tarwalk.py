"""The walk over tar headers: a buffer of the decompressed stream in, columns of members out.

Two walks lead to the same members: this one in plain Python, which starts at once, and the
compiled one of ``tarloop``, which takes 0.4 s to load and then about one microsecond a member. Both
handle the plain case (files, links, devices and directories in V7, ustar and GNU headers) and stop
at anything else, which ``storage.tar`` then handles.

The format: POSIX.1-2017 pax, "ustar Interchange Format", and the GNU tar manual, "Basic Tar
Format". A header is 512 bytes; the sum of its bytes, with the checksum field taken as spaces, is
the checksum (some old writers summed signed bytes).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from notmnist_store.schema.tables import KIND_DEVICE, KIND_FILE, KIND_LINK

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int32]
Integers = npt.NDArray[np.int64]

BLOCK = 512

MORE, FULL, SPECIAL, END = range(4)
"""Why a walk stopped: it needs more of the stream (``cursor[1]`` bytes from ``cursor[0]``); the
batch has no room (for a member that takes ``cursor[1]`` bytes with its headers); a header it leaves
to the caller (also one that is wrong); a block of zeros."""

_ZEROS = bytes(BLOCK)
_PLAIN = {0: KIND_FILE, 48: KIND_FILE, 55: KIND_FILE, 49: KIND_LINK, 50: KIND_LINK}
_PLAIN |= {51: KIND_DEVICE, 52: KIND_DEVICE, 54: KIND_DEVICE}
_DIRECTORY = 53


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


def walk_python(
    buffer: bytes,
    cursor: Integers,
    max_member_bytes: int,
    max_header_bytes: int,
    names: Bytes,
    name_ends: Offsets,
    data: Bytes,
    data_ends: Offsets,
    kinds: npt.NDArray[np.int8],
    sizes: Integers,
    has_data: Bytes,
    used: Integers,
) -> int:
    """Append the members that stand whole in ``buffer`` from ``cursor[0]`` on; say why it stopped.

    ``max_header_bytes`` bounds the extended headers that a walk reads itself (this one none).
    ``cursor`` (int64 [2]) is left at the header where it stopped. The other arrays are those of
    ``storage.members.MemberBatch``; ``used`` counts members, bytes of names and bytes of data.
    """
    at = int(cursor[0])
    end = len(buffer)
    row, name_at, data_at = used.tolist()
    name_view, data_view = names.data, data.data
    name_room, data_room, rows = len(names), len(data), len(kinds)
    status = MORE
    while True:
        cursor[1] = BLOCK
        if end - at < BLOCK:
            break
        header = buffer[at : at + BLOCK]
        if not header[0] and header == _ZEROS:
            status = END
            break
        if not checksum_ok(header):
            status = SPECIAL
            break
        kind_byte = header[156]
        raw_name = header[:100].split(b"\0", 1)[0]
        if kind_byte == _DIRECTORY or (kind_byte == 0 and raw_name.endswith(b"/")):
            at += BLOCK
            continue
        kind = _PLAIN.get(kind_byte)
        if kind is None:
            status = SPECIAL
            break
        try:
            size = number(header[124:136])
        except ValueError:
            status = SPECIAL
            break
        if size < 0 or size > max_member_bytes:
            status = SPECIAL
            break
        stored = size if kind == KIND_FILE else 0
        if header[345] and not is_gnu(header):
            raw_name = header[345:500].split(b"\0", 1)[0] + b"/" + raw_name
        whole = BLOCK + (stored + BLOCK - 1) // BLOCK * BLOCK
        if end - at < whole:
            cursor[1] = whole
            break
        name_end = name_at + len(raw_name)
        data_end = data_at + stored
        if row == rows or name_end > name_room or data_end > data_room:
            cursor[1] = whole
            status = FULL
            break
        name_view[name_at:name_end] = raw_name
        data_view[data_at:data_end] = buffer[at + BLOCK : at + BLOCK + stored]
        kinds[row] = kind
        sizes[row] = size
        has_data[row] = kind == KIND_FILE
        row += 1
        name_ends[row] = name_at = name_end
        data_ends[row] = data_at = data_end
        at += whole
    cursor[0] = at
    used[:] = (row, name_at, data_at)
    return status
