"""A column for each pixel: which columns those are, the shape they make, and the images in rows.

Known are ``pixel0``, ``pixel_1``, ``px2`` or plain numbers, counted from 0 or 1, which make a
square of one channel, or of three whose values alternate; and ``1x1``, which is row x column.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from notmnist_store.errors import SourceError
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.stacks import image_files

_NUMBERED = re.compile(r"(?:pixel|px)?[_ -]?([0-9]{1,8})", re.IGNORECASE)
_PLACED = re.compile(r"([0-9]{1,4})x([0-9]{1,4})")
_FEWEST = 4


@dataclass(frozen=True)
class PixelColumns:
    """The names of the columns in the order of the pixels, and the shape of the images.

    ``transposed``: the pixels are column by column.
    """

    names: tuple[str, ...]
    shape: Shape
    transposed: bool = False

    def files(self, batch: pa.RecordBatch, what: str) -> pa.BinaryArray:
        """A file of each row's image.

        Raises:
            SourceError: a value is no pixel.
        """
        pixels = np.empty((len(batch), len(self.names)), np.uint8)
        for place, name in enumerate(self.names):
            column = batch[name]
            try:
                if column.null_count:
                    raise ValueError("one is missing")
                pixels[:, place] = column.cast(pa.uint8()).to_numpy()
            except ValueError as error:
                raise SourceError(
                    f"{what}, column {name}, has what is no whole number from 0 to 255: {error}",
                    advice="pixels are 0 to 255",
                ) from None
        shape = self.shape
        if self.transposed:
            sides = (len(batch), shape.width, shape.height, shape.channels)
            pixels = pixels.reshape(sides).transpose(0, 2, 1, 3).reshape(len(batch), shape.size)
        return image_files(pixels, shape)


def is_pixel_name(name: str) -> bool:
    """Whether a column of this name may have a pixel."""
    return bool(_NUMBERED.fullmatch(name) or _PLACED.fullmatch(name))


def find_pixels(
    names: Sequence[str], what: str, asked: Shape | None = None, *, transpose: bool = False
) -> PixelColumns | None:
    """The columns of pixels, null where there are none; ``asked`` is the shape they may have.

    Raises:
        SourceError: one of them is missing, or their number makes no image.
    """
    placed = {name: (int(m[1]), int(m[2])) for name in names if (m := _PLACED.fullmatch(name))}
    numbered = {name: (int(m[1]), 0) for name in names if (m := _NUMBERED.fullmatch(name))}
    found = placed or numbered
    if len(found) < _FEWEST:
        return None
    ordered = sorted(found, key=lambda name: found[name])
    numbers = [found[name] for name in ordered]
    (first, low), (last, high) = numbers[0], numbers[-1]
    whole = [(n, k) for n in range(first, last + 1) for k in range(low, high + 1)]
    if first > 1 or low > 1 or numbers != whole:
        raise SourceError(
            f"{what} has {len(found):,} columns of pixels, {ordered[0]} to {ordered[-1]}, of which "
            "some are missing or there twice",
            advice="write it with a column for each pixel",
        )
    shape = Shape(last - first + 1, high - low + 1, 1)
    if not placed:
        shape = _shape(len(found), what, asked)
    if transpose:
        shape = Shape(shape.width, shape.height, shape.channels)
    return PixelColumns(tuple(ordered), shape, transpose)


def _shape(pixels: int, what: str, asked: Shape | None) -> Shape:
    """The shape of so many pixels: as asked, or a square."""
    if asked is not None and asked.size == pixels:
        return asked
    for channels in (1, 3):
        side = math.isqrt(pixels // channels)
        if side * side * channels == pixels:
            return Shape(side, side, channels)
    raise SourceError(
        f"{what} has {pixels:,} pixels an image, which make no square"
        + (f" and no {asked}" if asked else ""),
        advice="--shape HEIGHTxWIDTHxCHANNELS says what they make",
    )
