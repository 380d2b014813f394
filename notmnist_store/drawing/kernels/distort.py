"""Cheap variations of a drawn letter, the same bits on every machine.

Pixels are moved, added and shifted as integers; floating point only decides, rounded, from which
column or how far they move.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


def sheared(ink: NDArray[np.uint8], slant: int, stretch: int) -> NDArray[np.uint8]:
    """Ink uint8[height, width] sheared and stretched, each pixel taken from its nearest source.

    The upper rows move right by `slant` degrees (left below 0), over as many added columns as that
    takes; before that, column x of [0, 1] takes the ink at `x ** (stretch / 100)`.
    """
    height, width = ink.shape
    lean = round(math.tan(math.radians(abs(slant))) * 65536)
    rows = np.arange(height)
    shifts = ((rows[::-1] if slant >= 0 else rows) * lean) >> 16
    out = np.zeros((height, width + int(shifts.max())), np.uint8)
    columns = _stretched_columns(width, stretch)
    out[rows[:, None], np.arange(width) + shifts[:, None]] = ink[:, columns]
    return out


@lru_cache(maxsize=4096)
def _stretched_columns(width: int, stretch: int) -> NDArray[np.intp]:
    """The source column of every column: `x ** (stretch / 100)` over [0, 1]."""
    if width == 1:
        return np.zeros(1, np.intp)
    x = np.arange(width) / (width - 1)
    return np.rint(np.round(x ** (stretch / 100) * (width - 1), 6)).astype(np.intp)


def blurred(pixels: NDArray[np.uint8], strengths: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Images uint8[n, height, width], each blurred by [b, 64 - 2b, b] / 64 along both axes.

    `strengths` int32[n] holds each image's b, 0 to 32; outside the frame its edge goes on.
    """
    b = strengths[:, None, None]
    rows = np.pad(pixels.astype(np.int32), ((0, 0), (1, 1), (0, 0)), mode="edge")
    down = b * (rows[:, :-2] + rows[:, 2:]) + (64 - 2 * b) * rows[:, 1:-1]
    columns = np.pad(down, ((0, 0), (0, 0), (1, 1)), mode="edge")
    both = b * (columns[:, :, :-2] + columns[:, :, 2:]) + (64 - 2 * b) * columns[:, :, 1:-1]
    blurred: NDArray[np.uint8] = ((both + 2048) >> 12).astype(np.uint8)
    return blurred
