"""Compiled loops for the one PNG layout that nearly every file of such a data set has.

The layout: signature, IHDR, one IDAT, IEND and nothing else; 8 bits a sample, grey or RGB, not
interlaced. For a store's shape everything but the IDAT is then a constant, so that finding the
IDATs of a whole batch is two comparisons and a CRC-32 a file. Inflating stays outside (ISA-L or
zlib does it better); undoing the row filters of the whole batch is one loop again.

Importing this module imports numba. The compiled code is cached next to the source, or in the
user's cache folder, or, where neither can be written, not at all.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import TypeVar, cast

import numba  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import numpy.typing as npt

from notmnist_store.schema.shape import Shape

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2

_Int = int | np.int64
_F = TypeVar("_F", bound=Callable[..., None] | Callable[..., _Int])


def _compiled(function: _F) -> _F:
    """Compile on first call, and keep the machine code on disk where that is possible."""
    try:
        return cast(_F, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:  # numba found no folder it can write its cache to
        return cast(_F, numba.njit(nogil=True)(function))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _crc_tables() -> npt.NDArray[np.int64]:
    """Eight tables for CRC-32 taken eight bytes at a time, (8, 256) of 0 to 2**32 - 1.

    Kounavis and Berry, "A Systematic Approach to Building High Performance, Software-based, CRC
    Generators" (ISCC 2005), known as slicing-by-8.
    """
    tables = np.zeros((8, 256), np.int64)
    first = np.arange(256)
    for _ in range(8):
        first = np.where(first & 1, (first >> 1) ^ 0xEDB88320, first >> 1)
    tables[0] = first
    for k in range(1, 8):
        tables[k] = (tables[k - 1] >> 8) ^ first[tables[k - 1] & 0xFF]
    return tables


_CRC = _crc_tables()
_LENGTH_CODE_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15])
# What a symbol says, packed: extra bits << 3 | least repeat << 6 | length << 10, where length 16
# is the one before.
_LENGTH_CODE_MEANING = np.array(
    [1 << 6 | length << 10 for length in range(16)]
    + [2 << 3 | 3 << 6 | 16 << 10, 3 << 3 | 3 << 6, 7 << 3 | 11 << 6]
)
_REVERSED = np.array([int(f"{k:07b}"[::-1], 2) for k in range(128)])
_CRC_AFTER_IDAT_NAME = zlib.crc32(b"IDAT") ^ 0xFFFFFFFF


@_compiled
def _crc32(data: npt.NDArray[np.uint8], start: _Int, stop: _Int, crc: _Int) -> _Int:
    """CRC-32 register after data[start:stop], from register `crc`; invert it to compare."""
    p = start
    while stop - p >= 8:
        low = crc ^ (
            np.int64(data[p])
            | np.int64(data[p + 1]) << 8
            | np.int64(data[p + 2]) << 16
            | np.int64(data[p + 3]) << 24
        )
        crc = (
            _CRC[7, low & 0xFF]
            ^ _CRC[6, (low >> 8) & 0xFF]
            ^ _CRC[5, (low >> 16) & 0xFF]
            ^ _CRC[4, low >> 24]
            ^ _CRC[3, data[p + 4]]
            ^ _CRC[2, data[p + 5]]
            ^ _CRC[1, data[p + 6]]
            ^ _CRC[0, data[p + 7]]
        )
        p += 8
    while p < stop:
        crc = _CRC[0, (crc ^ np.int64(data[p])) & 0xFF] ^ (crc >> 8)
        p += 1
    return crc


@_compiled
def _equal(data: npt.NDArray[np.uint8], start: _Int, want: npt.NDArray[np.uint8]) -> _Int:
    for k in range(want.size):
        if data[start + k] != want[k]:
            return 0
    return 1


@_compiled
def _big_endian(data: npt.NDArray[np.uint8], p: _Int) -> _Int:
    return (
        np.int64(data[p]) << 24
        | np.int64(data[p + 1]) << 16
        | np.int64(data[p + 2]) << 8
        | np.int64(data[p + 3])
    )


@_compiled
def _bits(data: npt.NDArray[np.uint8], at: _Int, count: _Int) -> _Int:
    """The `count` bits, at most 16, from bit `at` on; the lowest bit of a byte comes first."""
    p = at >> 3
    word = np.int64(data[p]) | np.int64(data[p + 1]) << 8 | np.int64(data[p + 2]) << 16
    return (word >> (at & 7)) & ((1 << count) - 1)


@_compiled
def _read_length_code(
    data: npt.NDArray[np.uint8],
    at: _Int,
    table: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    next_slot: npt.NDArray[np.int64],
) -> _Int:
    """Read the code of the code lengths (RFC 1951, 3.2.7) from bit `at`; 0 if it is incomplete.

    Afterwards table[next 7 bits] is the meaning of the symbol they begin with + the bits it takes.
    """
    lengths[:] = 0
    next_slot[:] = 0  # by length: codes are given out by length, then symbol, highest bit first
    for k in range(_bits(data, at - 4, 4) + 4):
        bits = _bits(data, at + 3 * k, 3)
        lengths[_LENGTH_CODE_ORDER[k]] = bits
        if bits > 0:
            next_slot[bits + 1] += 128 >> bits
    for bits in range(1, 9):
        next_slot[bits] += next_slot[bits - 1]
    if next_slot[8] != 128:
        return 0
    for symbol in range(19):
        bits = lengths[symbol]
        if bits > 0:
            for k in range(next_slot[bits], next_slot[bits] + (128 >> bits)):
                table[_REVERSED[k]] = _LENGTH_CODE_MEANING[symbol] + bits
            next_slot[bits] += 128 >> bits
    return 1


@_compiled
def _one_sound_block(
    data: npt.NDArray[np.uint8],
    start: _Int,
    stop: _Int,
    table: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    next_slot: npt.NDArray[np.int64],
) -> _Int:
    """1 where the deflate stream data[start:stop] is one block whose Huffman codes are complete.

    RFC 1951, section 3.2.7. zlib refuses incomplete codes, ISA-L does not.
    """
    at = start * 8
    if _bits(data, at, 1) == 0:
        return 0
    if _bits(data, at + 1, 2) != 2:
        return 1
    literals = _bits(data, at + 3, 5) + 257
    total = literals + _bits(data, at + 8, 5) + 1
    at += 17
    if literals > 286 or total - literals > 30 or at + 19 * 3 > stop * 8:
        return 0
    if not _read_length_code(data, at, table, lengths, next_slot):
        return 0
    at += 3 * (_bits(data, at - 4, 4) + 4)
    free_literals = free_distances = 1 << 15  # what is left of each code space
    length = one_bit_distances = ends = 0
    k: _Int = 0
    while k < total:  # few branches: which symbol comes next cannot be foreseen
        if at > stop * 8:
            return 0
        word = _bits(data, at, 14)
        entry = table[word & 127]
        bits, extra, repeat, symbol = entry & 7, entry >> 3 & 7, entry >> 6 & 15, entry >> 10
        repeat += (word >> bits) & ((1 << extra) - 1)
        at += bits + extra
        if symbol != 16:
            length = symbol
        elif k == 0:
            return 0
        end = k + repeat
        if end > total:
            return 0
        space = (1 << 15 >> length) * (length > 0)
        among_literals = max(min(end, literals) - k, 0)
        free_literals -= among_literals * space
        free_distances -= (repeat - among_literals) * space
        one_bit_distances += (repeat - among_literals) * (length == 1)
        ends += (k <= 256) * (end > 256) * (length > 0)
        k = end
    if ends == 0 or free_literals != 0:
        return 0
    # zlib allows exceptions: no distance code at all, or a single one of one bit.
    return int(
        free_distances == 0
        or free_distances == 1 << 15
        or (free_distances == 1 << 14 and one_bit_distances == 1)
    )


@_compiled
def _find(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    head: npt.NDArray[np.uint8],
    tail: npt.NDArray[np.uint8],
    longest: int,
    one_block: bool,
    spans: npt.NDArray[np.int64],
) -> None:
    table = np.zeros(128, np.int64)
    lengths = np.zeros(19, np.int64)
    next_slot = np.zeros(9, np.int64)
    for i in range(offsets.size - 1):
        start = offsets[i]
        length = offsets[i + 1] - start - head.size - 12 - tail.size
        spans[i, 0] = spans[i, 1] = 0
        if length < 6 or length > longest:
            continue
        body = start + head.size + 8
        if not (
            _equal(data, start, head)
            and _big_endian(data, body - 8) == length
            and _big_endian(data, body - 4) == 0x49444154  # IDAT
            and _equal(data, body + length + 4, tail)
            # The zlib header: deflate, a window of at most 32 KiB, check bits, no dictionary.
            and data[body] & 0x8F == 8
            and data[body + 1] & 0x20 == 0
            and (np.int64(data[body]) << 8 | np.int64(data[body + 1])) % 31 == 0
        ):
            continue
        crc = _crc32(data, body, body + length, _CRC_AFTER_IDAT_NAME) ^ 0xFFFFFFFF
        if crc == _big_endian(data, body + length) and (
            not one_block
            or _one_sound_block(data, body + 2, body + length, table, lengths, next_slot)
        ):
            spans[i, 0], spans[i, 1] = body, body + length


def find_idats(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    shape: Shape,
    *,
    one_block: bool,
) -> npt.NDArray[np.int64]:
    """Where the image data of each plain PNG of the shape stands.

    `data` (bytes,) uint8 holds all files; file i is data[offsets[i]:offsets[i + 1]]. Returns
    (files, 2) int64, start and stop in `data` of the body of the IDAT; 0, 0 where the file is
    not of the one layout, or longer than an encoder has reason to make it, or its CRC-32 differs.
    With `one_block` also where the IDAT is more than one deflate block (small images are one), or
    its Huffman codes are not complete: what then remains, ISA-L and zlib judge alike.
    """
    colour = {1: _GREY, 3: _RGB}[shape.channels]
    header = struct.pack(">IIBBBBB", shape.width, shape.height, 8, colour, 0, 0, 0)
    head = np.frombuffer(_SIGNATURE + _chunk(b"IHDR", header), np.uint8)
    tail = np.frombuffer(_chunk(b"IEND", b""), np.uint8)
    filtered = shape.height * (shape.width * shape.channels + 1)
    spans = np.zeros((len(offsets) - 1, 2), np.int64)
    _find(data, offsets, head, tail, filtered + filtered // 8 + 64, one_block, spans)
    return spans


@_compiled
def _unfilter(
    filtered: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.int64],
    height: int,
    stride: int,
    step: int,
    pixels: npt.NDArray[np.uint8],
    known: npt.NDArray[np.bool_],
) -> None:
    p = 0
    for k in range(rows.size):
        out = pixels[rows[k]]
        known[k] = True
        for y in range(height):
            kind = filtered[p]
            p += 1
            here = y * stride
            above = here - stride
            if kind > 4:
                known[k] = False
            elif kind == 0 or (kind == 2 and y == 0):
                for x in range(stride):
                    out[here + x] = filtered[p + x]
            elif kind == 2:
                for x in range(stride):
                    out[here + x] = filtered[p + x] + out[above + x]
            else:
                for c in range(step):  # one channel at a time: left and corner stay in registers
                    left = np.int64(0)
                    corner = np.int64(0)
                    for x in range(c, stride, step):
                        up = np.int64(out[above + x]) if y > 0 else np.int64(0)
                        if kind == 1:
                            best = left
                        elif kind == 3:
                            best = (left + up) >> 1
                        else:
                            to_left = abs(up - corner)
                            to_up = abs(left - corner)
                            to_corner = abs(left + up - 2 * corner)
                            best = corner
                            if to_up <= to_corner:
                                best = up
                            if to_left <= to_up and to_left <= to_corner:
                                best = left
                        left = (np.int64(filtered[p + x]) + best) & 0xFF
                        corner = up
                        out[here + x] = left
            p += stride


def unfilter(
    filtered: npt.NDArray[np.uint8],
    rows: npt.NDArray[np.int64],
    shape: Shape,
    pixels: npt.NDArray[np.uint8],
) -> npt.NDArray[np.bool_]:
    """Undo the row filters of a batch of inflated images (PNG specification, section 9).

    `filtered` (len(rows) * height * (width * channels + 1),) uint8: the images one after the
    other, each row led by its filter type. Image k goes to pixels[rows[k]], a row of shape.size
    uint8. Returns (len(rows),) bool: False where a filter type is none of the five; that row of
    `pixels` then holds nothing of use.
    """
    known = np.zeros(len(rows), np.bool_)
    stride = shape.width * shape.channels
    _unfilter(filtered, rows, shape.height, stride, shape.channels, pixels, known)
    return known
