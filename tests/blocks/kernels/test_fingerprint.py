from __future__ import annotations

import hashlib
import math
import statistics
import struct
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.blocks.kernels.fingerprint import (
    dhashes,
    file_hashes,
    ink,
    pixel_hashes,
    split_fraction,
)
from notmnist_store.schema.shape import Shape
from tests.support.nasty_pictures import glyph

SHAPES = st.builds(Shape, st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 3]))


def images(shape: Shape, count: int, seed: int) -> npt.NDArray[np.uint8]:
    """Few levels, so that equal neighbours are common."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, rng.integers(1, 5))
    return rng.choice(levels, (count, shape.size)).astype(np.uint8)


def dhash_by_fractions(row: npt.NDArray[np.uint8], shape: Shape) -> int:
    """The definition: area averages over an 8 x 9 grid in exact fractions, bit by bit."""
    image = row.reshape(shape.height, shape.width, shape.channels).sum(axis=2).tolist()

    def covered(cell: int, cells: int, pixels: int) -> list[tuple[int, Fraction]]:
        low, high = Fraction(cell * pixels, cells), Fraction((cell + 1) * pixels, cells)
        shares = [(p, min(high, Fraction(p + 1)) - max(low, Fraction(p))) for p in range(pixels)]
        return [(p, share) for p, share in shares if share > 0]

    bits = ""
    for r in range(8):
        means = []
        for c in range(9):
            total = Fraction(0)
            for y, tall in covered(r, 8, shape.height):
                for x, wide in covered(c, 9, shape.width):
                    total += tall * wide * image[y][x]
            means.append(total)
        bits += "".join("1" if right > left else "0" for left, right in pairwise(means))
    value = int(bits, 2)
    return value - 2**64 if value >= 2**63 else value


@given(SHAPES, st.integers(0, 2**32))
def test_dhash_is_its_definition(shape: Shape, seed: int) -> None:
    pixels = images(shape, 2, seed)
    assert dhashes(pixels, shape).tolist() == [dhash_by_fractions(row, shape) for row in pixels]


def test_dhash_where_float32_would_not_do() -> None:
    shape = Shape(149, 151, 3)
    pixels = np.full((1, shape.size), 254, np.uint8)
    assert dhashes(pixels, shape).tolist() == [0]
    pixels[0, -1] = 255
    assert dhashes(pixels, shape).tolist() == [1]


def test_dhash_known_answers() -> None:
    shape = Shape(28, 28, 1)
    rising = np.tile(np.arange(28, dtype=np.uint8), 28)
    rows = np.stack([rising, rising[::-1], np.zeros(784, np.uint8), glyph().reshape(-1)])
    assert dhashes(rows, shape).tolist()[:3] == [-1, 0, 0]
    assert dhashes(rows[:0], shape).shape == (0,)


@given(SHAPES, st.integers(0, 2**32))
def test_ink_is_its_definition(shape: Shape, seed: int) -> None:
    pixels = images(shape, 3, seed)
    means, deviations = ink(pixels)
    for row, mean, deviation in zip(pixels.tolist(), means, deviations, strict=True):
        exact = [Fraction(value, 255) for value in row]
        assert mean == pytest.approx(float(statistics.mean(exact)), rel=1e-15, abs=0)
        variance = statistics.pvariance(exact)
        assert deviation == pytest.approx(math.sqrt(variance), rel=1e-15, abs=0)


@pytest.mark.parametrize("size", [1, 784, 66_051, 66_052, 3_000_000])
def test_ink_of_extremes(size: int) -> None:
    pixels = np.zeros((2, size), np.uint8)
    pixels[0] = 255
    pixels[1, : size // 2] = 255
    share = (size // 2) / size
    means, deviations = ink(pixels)
    assert means.tolist() == [1.0, pytest.approx(share, rel=1e-15)]
    assert deviations.tolist() == [0.0, pytest.approx(math.sqrt(share * (1 - share)), rel=1e-15)]


def test_hash_known_answers() -> None:
    # The first is the published XXH3-128 of no bytes with seed 0.
    assert file_hashes([b"", b"a"]) == [
        "99aa06d3014798d86001c324468d497f",
        "a96faf705af16834e6c632b61e964e1f",
    ]
    assert pixel_hashes(np.arange(4, dtype=np.uint8)[None], Shape(2, 2, 1)) == [KNOWN_PIXELS]


KNOWN_PIXELS = xxhash.xxh3_128_hexdigest(bytes.fromhex("02000000020000000100000000010203"))


def test_arrow_files_hash_alike() -> None:
    files = [b"one", b"", b"three"]
    for kind in (pa.binary(), pa.large_binary()):
        assert file_hashes(pa.array(files, kind)) == file_hashes(files)
        assert file_hashes(pa.array(files, kind).slice(1, 1)) == file_hashes([b""])


@given(SHAPES, st.integers(0, 5), st.integers(0, 2**32))
def test_pixel_hash_covers_shape_and_pixels(shape: Shape, count: int, seed: int) -> None:
    pixels = images(shape, count, seed)
    head = struct.pack("<3I", shape.height, shape.width, shape.channels)
    expected = [xxhash.xxh3_128_hexdigest(head + row.tobytes()) for row in pixels]
    assert pixel_hashes(pixels, shape) == expected


def test_equal_bytes_of_two_shapes_differ() -> None:
    pixels = glyph().reshape(1, -1)
    shapes = [Shape(28, 28, 1), Shape(14, 56, 1), Shape(56, 14, 1), Shape(784, 1, 1)]
    assert len({pixel_hashes(pixels, shape)[0] for shape in shapes}) == len(shapes)


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_split_fraction_is_the_first_half_of_the_hash(seeds: list[bytes]) -> None:
    hashes = [hashlib.md5(seed).hexdigest() for seed in seeds]
    fractions = split_fraction(hashes)
    assert fractions.dtype == np.uint64
    assert fractions.tolist() == [int(h[:16], 16) for h in hashes]
