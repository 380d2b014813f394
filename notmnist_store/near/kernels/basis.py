"""The map that makes the radius join fast, and the proof that it never loses a pair.

An image x, a vector of d integers 0 to 255, is mapped to k + 1 coordinates: k products with the
rows of an integer matrix W (about its principal components, times a scale) and one norm,

    f(x) = (W x / sqrt(B), sqrt(|x|^2 - |W x|^2 / B)).

*f shortens distances.* B is at least the largest eigenvalue of W W' (by Gershgorin's circles: the
greatest sum of magnitudes in a row of W W', which is computed in integers). So M = I - W'W / B has
no negative eigenvalue, r(x) = sqrt(x' M x) is a seminorm, and its triangle inequality gives
(r(x) - r(y))^2 <= r(x - y)^2 = |x - y|^2 - |W(x - y)|^2 / B, which is |f(x) - f(y)| <= |x - y|.
It holds for any integers W: how well they match the data is a matter of speed only.

*Rounding is covered.* Let N = 255 sqrt(d), no less than |x|, and u = 2^-53. W x is exact (integers
in int32: the scale keeps every sum below 2^31) and its scaled float64 value is wrong by less than
8 u N. |x|^2 is exact; |W x|^2 / B is a sum of k <= 60 squares, wrong by less than 64 u N^2, and a
square root moves by no more than the root of what moves under it: 8 sqrt(u) N < 2^-23 N. Rounding
to float32 adds 2^-24 N. So every coordinate stored is within e = 2^-22 N of the true one, and two
stored points are at most |x - y| + 2 e sqrt(k + 1) apart. Their squared distance is then summed in
float32: differences, squares and sums of terms that are not negative, so that whatever the order,
and whether or not products and sums are fused, it comes out at most (1 + 2^-17) times too large
(Higham, "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1: k + 3 roundings of
2^-24). A gap between boxes is a difference of stored coordinates that is no larger than that of any
two points in them, so the same holds for boxes. `search_limit` adds both up: what is above it is
farther than the radius, and what is not is settled on the pixels, in integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from notmnist_store.schema.arrays import Floats, Pixels

_COMPONENTS = 31
_GROUP = 8
_SAMPLE = 2_048
_ITERATIONS = 2
_OVERSAMPLING = 8
_LARGEST_WEIGHT = 8_192.0
_INT32_SUM = float(2**31 - 1) / 255


@dataclass(frozen=True, eq=False)
class Basis:
    """The integer matrix W of the map, and the bound B on the eigenvalues of W W'.

    weights  (k, d) int16, k <= 60, the magnitudes of a row summing to less than 2^31 / 255
    bound    at least 1
    """

    weights: npt.NDArray[np.int16]
    bound: float

    @property
    def coordinates(self) -> int:
        """Coordinates of a mapped image: k, zeros up to a multiple of 8, and the norm."""
        return -(-(len(self.weights) + 1) // _GROUP) * _GROUP


def fit_basis(pixels: Pixels) -> Basis:
    """About the first 31 principal components of pixels (n, d) uint8, or d where that is less.

    They are estimated on 2,048 rows at the most, by subspace iteration from a fixed random start:
    Halko, Martinsson and Tropp, "Finding structure with randomness" (SIAM Review 53, 2011),
    algorithm 4.4.
    """
    rows, size = pixels.shape
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(rows, _SAMPLE, replace=False)) if rows > _SAMPLE else slice(None)
    sample = pixels[chosen].astype(np.float32)
    if len(sample):
        sample -= sample.mean(axis=0)
    width = min(size, _COMPONENTS + _OVERSAMPLING)
    basis = rng.standard_normal((size, width)).astype(np.float32)
    for _ in range(_ITERATIONS):
        basis = np.linalg.qr(sample.T @ (sample @ basis))[0]
    image = sample @ basis
    vectors = np.linalg.eigh(image.T @ image)[1][:, ::-1][:, :_COMPONENTS]
    return in_integers((basis @ vectors).T.astype(np.float64))


def in_integers(vectors: Floats) -> Basis:
    """Unit vectors (k, d), scaled and rounded as fine as int16 and sums in int32 admit."""
    reach = np.abs(vectors).sum(axis=1).max(initial=1.0)
    # Rounding adds at most 1/2 to each of the d weights.
    scale = min(_LARGEST_WEIGHT, (_INT32_SUM - vectors.shape[1] / 2) / reach)
    weights = np.rint(vectors * scale).astype(np.int16)
    wide = weights.astype(np.float64)  # products and sums stay below 2^53: exact
    bound = np.abs(wide @ wide.T).sum(axis=1).max(initial=1.0)
    return Basis(np.ascontiguousarray(weights), max(1.0, float(bound)))


def search_limit(most: int, size: int, coordinates: int) -> np.float32:
    """What no computed squared distance exceeds of images of `size` whose true one is <= `most`."""
    error = 2.0**-22 * 255 * np.sqrt(size)
    limit = (np.sqrt(float(most)) + 2 * error * np.sqrt(coordinates)) ** 2 * (1 + 2.0**-16)
    above: np.float32 = np.nextafter(np.float32(limit), np.float32(np.inf))
    return above
