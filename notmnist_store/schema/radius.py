"""A radius as people write it, and the integer that decides: nothing in between is rounded.

Distance is Euclidean over pixels scaled to [0, 1]. What is compared is its square over the unscaled
pixels, the sum of the squared differences of uint8 values: an integer.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from fractions import Fraction

from notmnist_store.errors import UsageError
from notmnist_store.schema.tables import DEFAULT_SHAPE, Shape

LARGEST_SQUARE = 255**2
"""The square of the largest difference of two pixels: 65,025 stands for distance 1."""

_MOST_DIGITS = 18
_HUNDREDTH = Decimal("0.01")


def threshold(radius: str | int | Decimal | Fraction) -> int:
    """The greatest squared distance within `radius`: floor(radius^2 * 65,025), exactly.

    `radius` is a distance over pixels scaled to [0, 1]; text is read as a decimal. No float: it
    would not be the number that was written.

    Raises:
        UsageError: no number, negative, or not finite.
    """
    if isinstance(radius, str):
        try:
            radius = Decimal(radius.strip())
        except InvalidOperation:
            raise _not_a_radius(radius) from None
    if isinstance(radius, Decimal):
        if not radius.is_finite() or radius < 0 or radius.adjusted() > _MOST_DIGITS:
            raise _not_a_radius(radius)
        if radius.adjusted() < -_MOST_DIGITS:
            return 0  # and its digits, of which there may be millions, need not be squared
    elif isinstance(radius, bool) or not isinstance(radius, int | Fraction) or radius < 0:
        raise _not_a_radius(radius)
    return int(Fraction(radius) ** 2 * LARGEST_SQUARE // 1)


def default_radius(base: str, shape: Shape) -> str:
    """`base`, a radius for 28x28x1, for images of another shape: times sqrt(h w c / 784).

    Rounded to two decimals, so that it can be written down; for 28x28x1 it is `base` itself.
    """
    if shape.size == DEFAULT_SHAPE.size:
        return base
    scaled = Decimal(base) * (Decimal(shape.size) / Decimal(DEFAULT_SHAPE.size)).sqrt()
    return str(scaled.quantize(_HUNDREDTH, ROUND_HALF_EVEN))


def distance(squared: int) -> float:
    """The distance, over pixels scaled to [0, 1], of a squared one: for reading, not comparing."""
    return math.sqrt(squared / LARGEST_SQUARE)


def _not_a_radius(radius: object) -> UsageError:
    return UsageError(
        f"a radius is a number from 0 up, not {str(radius)[:40]}",
        "notmnist-store near-duplicates --radius 2.0",
    )
