"""Slant, stretch and blur against the definition, pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from notmnist_store.drawing.kernels.distort import blurred, sheared

INK = arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20)))


@given(INK)
def test_no_slant_and_no_stretch_change_nothing(ink: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(sheared(ink, 0, 100), ink)


@given(INK, st.integers(-20, 20))
def test_a_slant_moves_each_row_as_a_whole(ink: NDArray[np.uint8], slant: int) -> None:
    height, width = ink.shape
    out = sheared(ink, slant, 100)
    for row in range(height):
        above_base = height - 1 - row if slant >= 0 else row
        shift = math.floor(above_base * math.tan(math.radians(abs(slant))) + 1e-3)
        np.testing.assert_array_equal(out[row, shift : shift + width], ink[row])
        assert not out[row, :shift].any()
        assert not out[row, shift + width :].any()


@pytest.mark.parametrize("stretch", [84, 92, 108, 116])
def test_a_stretch_moves_the_middle_and_keeps_the_ends(stretch: int) -> None:
    ramp = np.arange(101, dtype=np.uint8)[None]
    out = sheared(ramp, 0, stretch)[0]
    assert (out[0], out[-1]) == (0, 100)
    assert out[50] == round(100 * 0.5 ** (stretch / 100))
    assert (np.diff(out.astype(int)) >= 0).all()


@given(
    arrays(np.uint8, st.tuples(st.just(2), st.integers(1, 8), st.integers(1, 8))),
    st.integers(0, 32),
)
def test_a_blur_is_the_weighted_mean_of_nine(pixels: NDArray[np.uint8], strength: int) -> None:
    weights = np.array([strength, 64 - 2 * strength, strength])
    out = blurred(pixels, np.array([0, strength], np.int32))
    np.testing.assert_array_equal(out[0], pixels[0])
    framed = np.pad(pixels[1].astype(int), 1, mode="edge")
    for (row, column), value in np.ndenumerate(out[1]):
        around = framed[row : row + 3, column : column + 3]
        assert value == ((np.outer(weights, weights) * around).sum() + 2048) // 4096
