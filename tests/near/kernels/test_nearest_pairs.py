"""The nearest of each row against a minimum over all pairs, however they are cut into chunks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.near.kernels.join import Pairs
from notmnist_store.near.kernels.nearest_pairs import nearest_pairs

LEFT, RIGHT = 4, 6
pairs = st.tuples(
    st.integers(0, LEFT - 1), st.integers(0, RIGHT - 1), st.sampled_from([0, 1, 7, 2**40])
)


@given(
    chunks=st.lists(st.lists(pairs, max_size=6), max_size=6),
    member=st.lists(st.lists(st.booleans(), min_size=RIGHT, max_size=RIGHT), max_size=3),
)
def test_the_nearest_is_the_minimum(
    chunks: list[list[tuple[int, int, int]]], member: list[list[bool]]
) -> None:
    parts = []
    for chunk in chunks:
        left, right, squared = np.array(chunk, np.int64).reshape(-1, 3).T
        parts.append(Pairs(left.astype(np.int32), right.astype(np.int32), squared))
    masks = np.array(member, np.bool_).reshape(-1, RIGHT)
    least, place = nearest_pairs(parts, LEFT, masks)
    assert least.shape == place.shape == (len(masks), LEFT)
    for number, inside in enumerate(masks):
        for row in range(LEFT):
            there = [(d, b) for chunk in chunks for a, b, d in chunk if a == row and inside[b]]
            assert (least[number, row], place[number, row]) == min(there, default=(-1, -1))
