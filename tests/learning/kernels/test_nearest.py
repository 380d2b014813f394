"""The nearest of a sample against loops over exact integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.errors import UsageError
from notmnist_store.learning.kernels.nearest import nearest_of_sample


@given(st.integers(1, 12), st.integers(1, 20), st.sampled_from([1, 3, 784, 3072]), st.integers(0))
def test_distances_are_exact(m: int, n: int, size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    # Black and white: the largest distances there are, and many ties where the images are small.
    # Black alone: the largest sums of products, which float32 could not hold if all were one sum.
    values = np.array([0, 1, 254, 255] if seed % 2 else [0, 1, 2], np.uint8)
    sample, pixels = random.choice(values, (m, size)), random.choice(values, (n, size))
    sample_groups, groups = random.integers(0, 3, m), random.integers(0, 3, n)
    places, squared = nearest_of_sample(pixels, groups, sample, sample_groups)
    for row in range(n):
        distances = {
            place: sum((int(a) - int(b)) ** 2 for a, b in zip(pixels[row], one, strict=True))
            for place, one in enumerate(sample)
            if sample_groups[place] != groups[row]
        }
        if not distances:
            assert (places[row], squared[row]) == (-1, -1)
        else:
            nearest = min(distances, key=lambda place: (distances[place], place))
            assert (places[row], squared[row]) == (nearest, distances[nearest])


def test_an_empty_sample_is_an_error() -> None:
    none = np.zeros((0, 4), np.uint8), np.zeros(0, np.int64)
    with pytest.raises(UsageError) as caught:
        nearest_of_sample(*none, *none)
    assert not caught.value.hint  # a kernel knows of no command
