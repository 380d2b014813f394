"""A radius as people write it, and the integer that decides: nothing in between is rounded.

Distance is Euclidean over pixels scaled to [0, 1]. What is compared is its square over the unscaled
pixels, the sum of the squared differences of uint8 values: an integer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from fractions import Fraction

from notmnist_store.errors import UsageError
from notmnist_store.schema.shape import DEFAULT_SHAPE, Shape

LARGEST_SQUARE = 255**2
"""The square of the largest difference of two pixels: 65,025 stands for distance 1."""

_MOST_DIGITS = 18
_HUNDREDTH = Decimal("0.01")


def _squared(text: str) -> int:
    wrong = UsageError(
        f"a radius is a number from 0 up, not {text[:40]}",
        "notmnist-store near-duplicates --radius 2.0",
    )
    try:
        radius = Decimal(text)
    except InvalidOperation:
        raise wrong from None
    if not radius.is_finite() or radius < 0 or radius.adjusted() > _MOST_DIGITS:
        raise wrong
    if radius.adjusted() < -_MOST_DIGITS:
        return 0  # and its digits, of which there may be millions, need not be squared
    return int(Fraction(radius) ** 2 * LARGEST_SQUARE // 1)


@dataclass(frozen=True, init=False)
class Radius:
    """A distance as it was written, and `squared`: the greatest squared distance within it.

    That is floor(radius^2 * 65,025), exactly: the text is read as a decimal. A float is what its
    shortest text says.

    Raises:
        UsageError: no number, negative, or not finite.
    """

    text: str
    squared: int

    def __init__(self, given: str | float | Radius) -> None:
        text = str(given).strip()
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "squared", _squared(text))

    @classmethod
    def read(cls, given: str | float | Radius | None) -> Radius | None:
        """What was given as a radius; None where nothing was."""
        return None if given is None else cls(given)

    @classmethod
    def of(cls, given: str | float | Radius | None, shape: Shape, default: Radius) -> Radius:
        """What was given, or else `default`, a radius for 28x28x1, for images of this shape."""
        return cls.read(given) or default.scaled(shape)

    def scaled(self, shape: Shape) -> Radius:
        """This radius for 28x28x1, for images of another shape: times sqrt(h w c / 784).

        Rounded to two decimals, so that it can be written down; for 28x28x1 it is the same.
        """
        if shape.size == DEFAULT_SHAPE.size:
            return self
        scale = (Decimal(shape.size) / Decimal(DEFAULT_SHAPE.size)).sqrt()
        return Radius(str((Decimal(self.text) * scale).quantize(_HUNDREDTH, ROUND_HALF_EVEN)))

    @property
    def shortest(self) -> Radius:
        """The same in the one text that equal radii share; 0 where only equal pixels are within."""
        return Radius(f"{Decimal(self.text).normalize():f}" if self.squared else "0")

    def __str__(self) -> str:
        return self.text


GROUP = Radius("1.0")
"""Up to where pictures are copies of each other, for 28x28x1, unless asked otherwise."""

SEARCH = Radius("2.0")
"""Up to where pairs are searched for, for 28x28x1, unless asked otherwise."""


def distance(squared: int) -> float:
    """The distance, over pixels scaled to [0, 1], of a squared one: for reading, not comparing."""
    return math.sqrt(squared / LARGEST_SQUARE)
