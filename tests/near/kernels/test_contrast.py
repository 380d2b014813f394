"""Near up to brightness and contrast: against exact rationals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from notmnist_store.near.kernels import contrast
from notmnist_store.near.kernels.join import self_join

SIZES = [2, 3, 12, 49, 784]
RADII = [Fraction(0), Fraction("0.1"), Fraction(1), Fraction("1.5"), Fraction(2)]


def clustered(size: int) -> np.ndarray:
    rng = np.random.default_rng(size)
    seeds = rng.integers(0, 60, (12, size))
    rows = [
        seeds,
        seeds * 3 + 7,
        250 - seeds,
        np.minimum(seeds + rng.integers(0, 3, seeds.shape), 255),
    ]
    rows += [(seeds > 30) * 255, np.full((2, size), 9), np.eye(size, dtype=int)[:8] * 200]
    return np.concatenate(rows).astype(np.uint8)


def oracle(pixels: np.ndarray, radius: Fraction) -> set[tuple[int, int]]:
    d = pixels.shape[1]
    rows = [[d * int(v) - int(row.sum()) for v in row] for row in pixels]
    least, found = 1 - radius**2 / 2, set()
    for i, u in enumerate(rows):
        for j in range(i + 1, len(rows)):
            v = rows[j]
            m = sum(x * y for x, y in zip(u, v, strict=True))
            n = sum(x * x for x in u) * sum(x * x for x in v)
            signed = Fraction(m * abs(m), n) if n else None  # cosine |cosine| keeps the order
            if signed is not None and signed >= least * abs(least):
                found.add((i, j))
    return found


def search(pixels: np.ndarray, radius: Fraction) -> dict[tuple[int, int], float]:
    d, every = pixels.shape[1], contrast.moments(pixels)
    keep = np.flatnonzero(every.norms)
    kept, of = pixels[keep], every.take(keep)
    found = {}
    for chunk in self_join(contrast.directions(kept, of), contrast.candidate_square(radius, d)):
        dots = contrast.products(kept, chunk.left, chunk.right)
        a, b = of.take(chunk.left), of.take(chunk.right)
        near, distance = contrast.decide(dots, d, a, b, radius)
        pairs = zip(keep[chunk.left[near]], keep[chunk.right[near]], distance[near], strict=True)
        found |= {(int(i), int(j)): float(x) for i, j, x in pairs}
    return found


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("size", SIZES)
def test_pairs_are_those_of_exact_rationals(size: int, radius: Fraction) -> None:
    pixels = clustered(size)
    assert set(search(pixels, radius)) == oracle(pixels, radius)


def test_a_brighter_copy_is_at_0_and_an_inverse_at_2() -> None:
    row = np.random.default_rng(0).integers(0, 60, 784)
    found = search(np.array([row, 3 * row + 7, 250 - row], np.uint8), Fraction(2))
    assert found == {(0, 1): 0.0, (0, 2): 2.0, (1, 2): 2.0}


def test_blank_images_have_no_direction() -> None:
    assert not contrast.moments(np.array([[5], [9]], np.uint8)).norms.any()


@pytest.mark.parametrize(
    ("radius", "m", "near"),
    [("1.41421356237309504880", -1, False), ("1.41421356237309504881", 1, True)],
)
def test_on_either_side_of_a_right_angle_the_sign_decides(radius: str, m: int, near: bool) -> None:
    of = contrast.Moments(np.array([0]), np.array([1 << 60]))
    found, _ = contrast.decide(np.array([m]), 1, of, of, Fraction(radius))
    assert found.tolist() == [near]
