"""Of many pairs, the nearest one of each image: chunk by chunk, so that they need not be held."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from notmnist_store.near.kernels.join import Pairs
from notmnist_store.schema.arrays import Bools, Ints


def nearest_pairs(parts: Iterable[Pairs], rows: int, member: Bools) -> tuple[Ints, Ints]:
    """The nearest right row of each left row, in each of k sets of right rows.

    `member` is (k, right rows) bool. Returns the squared distance and the right row, each
    (k, rows) int64, -1 where there is none; of several at one distance the least row. Pairs may
    come in any order, in chunks of any size.
    """
    count = member.shape[1]
    least = np.full((len(member), rows), np.iinfo(np.int64).max)
    place = np.full((len(member), rows), count, np.int64)
    for part in parts:
        order = np.lexsort((part.right, part.squared_distance, part.left))
        left, right, squared = (
            column[order] for column in (part.left, part.right, part.squared_distance)
        )
        for inside, far, here in zip(member, least, place, strict=True):
            among = np.flatnonzero(inside[right])
            first = among[np.unique(left[among], return_index=True)[1]]
            row = left[first]
            nearer = (squared[first] < far[row]) | (
                (squared[first] == far[row]) & (right[first] < here[row])
            )
            far[row[nearer]] = squared[first][nearer]
            here[row[nearer]] = right[first][nearer]
    found = place < count
    return np.where(found, least, -1), np.where(found, place, -1)
