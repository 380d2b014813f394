"""PNG files made from arrays: what Pillow reads is what went in, in notMNIST's own layout."""

from __future__ import annotations

import io
import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from notmnist_store.drawing.kernels.encode import png_files

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 30), st.integers(1, 30))


@given(arrays(np.uint8, SHAPES))
def test_pillow_reads_the_same_pixels(pixels: NDArray[np.uint8]) -> None:
    files = list(png_files(pixels))
    assert len(files) == len(pixels)
    for file, expected in zip(files, pixels, strict=True):
        with Image.open(io.BytesIO(file)) as image:
            assert image.mode == "L"
            np.testing.assert_array_equal(np.asarray(image), expected)


def test_one_idat_not_interlaced() -> None:
    (file,) = png_files(np.arange(784, dtype=np.uint8).reshape(1, 28, 28))
    kinds, position = [], 8
    while position < len(file):
        (size,) = struct.unpack_from(">I", file, position)
        kinds.append(file[position + 4 : position + 8])
        position += size + 12
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack_from(">IIBBBBB", file, 16) == (28, 28, 8, 0, 0, 0, 0)


def test_filters_are_chosen_row_by_row() -> None:
    """A ramp costs almost nothing under the right filter: without filters it would not shrink."""
    down, across = np.mgrid[:28, :28]
    ramps = np.stack([down * 5 + across * 3, across * 9, down * 9]).astype(np.uint8)
    assert max(len(file) for file in png_files(ramps)) < 110
