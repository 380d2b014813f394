"""All pairs of images that are near each other up to brightness and contrast, exactly.

An image x of d values stands for its direction: w(x), x less the mean of all its values, at unit
norm. A blank image (all values equal) has none and is in no pair. With the integers

    n(x) = d |x|^2 - sum(x)^2,    m(x, y) = d x.y - sum(x) sum(y)

the cosine of two directions is m / sqrt(n(x) n(y)), and their squared distance 2 - 2 cosine. Within
radius r is: cosine at least c = 1 - r^2 / 2, a rational number.

*No pair is lost.* Candidates are joined on images of bytes, q(x) = clip(rint(S w(x) + 128), 0, 255)
with S = 48 sqrt(d), so that S w(x) = 48 (d x - sum(x)) / sqrt(n(x)). Clipping to a convex set moves
no two images apart, and here it is the same before rint as after; rint moves a value by 1/2 at the
most. A magnitude of w is at most 1, so S w is wrong by less than 2^-48 S, which for d below 2^23 is
less than 2^-20. Hence |q(x) - q(y)| <= sqrt(d) (48 |w(x) - w(y)| + 1 + 2^-19), and what is beyond
`candidate_square` is farther than r. S is the same for every set of one shape: an index of new
images fits one of old ones.

*None is wrong.* n and m are below 2^16 d^2, exact in int64 for d below 2^23. The cosine in float64
carries at most 6 roundings of u = 2^-53, so what is farther than 2^-48 from c is decided by it; the
others by the signs and the squares of m and c, in integers of any size.

*Distance, for reading.* n(x) n(y) - m^2 is taken in integers before it is rounded. So where m >= 0
nothing cancels: 2 (n n - m^2) / (R (R + m)), R = sqrt(n n), is right to 12 u, and 0 where, and only
where, the directions are the same. Where m < 0, R + m would cancel, but 2 - 2 cosine, at least 2,
does not: it is right to 8 u.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from notmnist_store.errors import UsageError
from notmnist_store.schema.arrays import Floats, Ints, Pixels, Rows

_SCALE = 48
_LARGEST_SIZE = 1 << 23
_ROUNDING = Fraction(1, 1 << 19)
_DOUBT = 2.0**-48
_BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, eq=False)
class Moments:
    """What decides about images beside their products: sum of values, and n (0: a blank image)."""

    sums: Ints
    norms: Ints

    def take(self, rows: Rows | Ints) -> Moments:
        """Those of some rows."""
        return Moments(self.sums[rows], self.norms[rows])


def moments(pixels: Pixels) -> Moments:
    """Those of pixels (n, d) uint8.

    Raises:
        UsageError: an image has 2^23 values or more.
    """
    size = pixels.shape[1]
    if size >= _LARGEST_SIZE:
        raise UsageError(f"images of {size:,} values are too large to compare up to contrast")
    sums = pixels.sum(axis=1, dtype=np.int64)
    squares = np.empty(len(pixels), np.int64)
    for span in _spans(len(pixels), size):
        part = pixels[span].astype(np.int64)
        squares[span] = np.einsum("ij,ij->i", part, part)
    return Moments(sums, size * squares - sums * sums)


def directions(pixels: Pixels, of: Moments) -> Pixels:
    """Images of bytes, q(x) of each row of pixels (n, d), none blank: for candidates."""
    size = pixels.shape[1]
    made = np.empty_like(pixels)
    for span in _spans(len(pixels), size):
        wide = size * pixels[span].astype(np.int64) - of.sums[span, None]
        values = _SCALE * wide / np.sqrt(of.norms[span, None].astype(np.float64))
        made[span] = np.clip(np.rint(values + 128), 0, 255)
    return made


def brought_to(pixels: Pixels, other: Pixels) -> Pixels:
    """A picture at the mean of another and the norm about it, cut off at 0 and 255: for reading."""
    about, wanted = (each - each.mean(dtype=np.float64) for each in (pixels, other))
    norm = np.sqrt((about**2).sum())
    gain = np.sqrt((wanted**2).sum()) / norm if norm else 0
    brought: Pixels = np.clip(np.rint(other.mean() + about * gain), 0, 255).astype(np.uint8)
    return brought


def candidate_square(radius: Fraction, size: int) -> int:
    """The largest squared distance of two q whose directions can be within the radius."""
    return int(size * (_SCALE * radius + 1 + _ROUNDING) ** 2)


def products(pixels: Pixels, left: Rows | Ints, right: Rows | Ints) -> Ints:
    """x.y of the rows of pixels (n, d) that left and right (k,) name."""
    found = np.empty(len(left), np.int64)
    for span in _spans(len(left), pixels.shape[1]):
        one, other = (pixels[rows[span]].astype(np.int64) for rows in (left, right))
        found[span] = np.einsum("ij,ij->i", one, other)
    return found


def decide(
    dots: Ints, size: int, a: Moments, b: Moments, radius: Fraction
) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Which pairs, by x.y and the moments of both sides, are within the radius; their distances."""
    m = size * dots - a.sums * b.sums
    least = 1 - radius * radius / 2
    cosine = m / np.sqrt(a.norms.astype(np.float64) * b.norms.astype(np.float64))
    near = cosine >= float(least)
    for i in np.flatnonzero(np.abs(cosine - float(least)) <= _DOUBT):
        near[i] = _at_least(int(m[i]), int(a.norms[i]) * int(b.norms[i]), least)
    whole = a.norms.astype(object) * b.norms.astype(object)
    left = (whole - m.astype(object) ** 2).astype(np.float64)
    root = np.sqrt(whole.astype(np.float64))
    ahead = m >= 0
    squared = np.where(ahead, 2 * left / (root * (root + np.abs(m))), 2 - 2 * cosine)
    return near, np.sqrt(squared)


def _spans(rows: int, size: int) -> Iterator[slice]:
    """Slices of so many rows whose values fit into a few MB."""
    step = max(1, _BLOCK_VALUES // size)
    yield from (slice(start, start + step) for start in range(0, rows, step))


def _at_least(m: int, whole: int, least: Fraction) -> bool:
    """Whether m / sqrt(whole) >= least, in integers."""
    p, q = least.numerator, least.denominator
    if (m >= 0) != (p >= 0):
        return m >= 0
    beyond = m * m * q * q - p * p * whole
    return beyond >= 0 if p >= 0 else beyond <= 0
