"""What identifies a file, an image, and an image's looks: hashes, difference hash, ink.

Every value is exact: the same bits on every machine, from integers or from floating point sums
that stay below the largest integer the type holds exactly.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from notmnist_store.schema.shape import Shape

_DHASH_ROWS, _DHASH_COLUMNS = 8, 9


def file_hashes(files: Sequence[bytes] | pa.BinaryArray | pa.LargeBinaryArray) -> list[str]:
    """XXH3-128 of each file's bytes, 32 hex digits each; a null raises TypeError."""
    digest = xxhash.xxh3_128_hexdigest
    if isinstance(files, pa.Array):
        files = files.to_pylist()
    return [digest(file) for file in files]


def pixel_hashes(pixels: npt.NDArray[np.uint8], shape: Shape) -> list[str]:
    """XXH3-128 of height, width and channels (uint32, little-endian) and the pixels, 32 hex digits.

    `pixels` is (n, shape.size) uint8. The shape is hashed too, so that a 14x56 image is never the
    same as a 28x28 one.
    """
    head = struct.pack("<III", shape.height, shape.width, shape.channels)
    width = len(head) + shape.size
    hashed = np.empty((len(pixels), width), np.uint8)
    hashed[:, : len(head)] = np.frombuffer(head, np.uint8)
    hashed[:, len(head) :] = pixels
    view = hashed.reshape(-1).data
    digest = xxhash.xxh3_128_hexdigest
    return [digest(view[at : at + width]) for at in range(0, len(view), width)]


def split_fraction(pixel_hash: Sequence[str]) -> npt.NDArray[np.uint64]:
    """The first 16 hex digits of each hash as uint64, (n,): where it stands in [0, 2^64)."""
    return np.frombuffer(bytes.fromhex("".join([h[:16] for h in pixel_hash])), ">u8").astype(
        np.uint64
    )


def _overlaps(cells: int, pixels: int) -> npt.NDArray[np.int64]:
    """(pixels, cells): how much of each cell each pixel covers; every cell's column sums to pixels.

    The unit is 1 / cells of a pixel, so that all overlaps are integers.
    """
    left = np.arange(pixels)[:, None] * cells
    start = np.arange(cells)[None, :] * pixels
    overlap = np.minimum(left + cells, start + pixels) - np.maximum(left, start)
    return overlap.clip(min=0)


def dhashes(pixels: npt.NDArray[np.uint8], shape: Shape) -> npt.NDArray[np.int64]:
    """64-bit difference hash of each image, (n,) int64 (two's complement).

    The image is reduced to 8 rows of 9 columns by exact area averages, channels summed; a bit is
    set where a cell is brighter than its left neighbour; row by row, the first bit is the highest.
    `pixels` is (n, shape.size) uint8.

    Method: dHash, N. Krawetz, "Kind of Like That", The Hacker Factor Blog, 2013-01-21.
    """
    # All cells have the same total weight, so their sums compare as their averages do. No partial
    # sum passes 255 * size: below 2**24 float32 is exact, below 2**53 float64.
    exact = np.float32 if 255 * shape.size < 2**24 else np.float64
    down = np.ascontiguousarray(_overlaps(_DHASH_ROWS, shape.height).T.astype(exact))
    rises = np.diff(_overlaps(_DHASH_COLUMNS, shape.width), axis=1)
    across = np.repeat(rises, shape.channels, axis=0).astype(exact)
    # One small product an image: large ones would start threads in every worker process.
    images = pixels.reshape(-1, shape.height, shape.width * shape.channels).astype(exact)
    rising = down @ images @ across > 0
    return np.packbits(rising.reshape(-1, 64), axis=1).reshape(-1).view(">i8").astype(np.int64)


def ink(
    pixels: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean and population standard deviation of each image, its pixels scaled to [0, 1].

    `pixels` is (n, size) uint8, size at least 1; returns two (n,) float64, each one or two
    roundings away from exact integers (of at most 64 bits up to images of 33 million bytes).
    """
    size = pixels.shape[1]
    wide: npt.NDArray[np.unsignedinteger[Any]]
    wide = pixels.astype(np.uint32 if size * 255**2 < 2**32 else np.uint64)
    total = wide.sum(axis=1, dtype=np.uint64)
    squares = np.einsum("ij,ij->i", wide, wide).astype(np.uint64)
    spread = np.uint64(size) * squares - total * total
    return total / (size * 255.0), np.sqrt(spread.astype(np.float64)) / (size * 255.0)
