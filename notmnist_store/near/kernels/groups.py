"""Groups of images from pairs: stars for decisions, connected components for a look at the chains.

In a star every image is within the radius of the one that stands for it. In a component only
neighbours are: chains of small steps can join images that have nothing in common.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from notmnist_store.errors import UsageError
from notmnist_store.near.kernels.join import Pairs
from notmnist_store.schema.arrays import Ints, Rows


def stars(n: int, order: npt.ArrayLike | None, pairs: Iterable[Pairs]) -> Ints:
    """The representative (n,) of each of n images: itself, or the first one that it is close to.

    `order` lists the n rows, the first to count first; None stands for their own order. In that
    order each image belongs to the first representative it makes a pair with, and is one itself if
    there is none: the lexicographically first maximal independent set. `pairs` may come in chunks
    in any order, each pair once or more; about 20 bytes are held for each.
    """
    sequence = np.arange(n) if order is None else np.asarray(order, np.int64)
    if len(sequence) != n or not np.array_equal(np.sort(sequence), np.arange(n)):
        raise UsageError(f"the order is not one of rows 0 to {n - 1}")
    rank = np.empty(n, np.int64)
    rank[sequence] = np.arange(n)
    early, late = _ranked(n, rank, pairs)
    by_early = np.argsort(early, kind="stable")
    early, late = early[by_early], late[by_early]
    heads, starts = np.unique(early, return_index=True)
    star = np.full(n, -1, np.int64)
    ends = np.searchsorted(early, heads, side="right")
    for head, start, end in zip(heads.tolist(), starts.tolist(), ends.tolist(), strict=True):
        if star[head] < 0:  # no earlier representative is close: it is one, and takes what is free
            close = late[start:end]
            star[close[star[close] < 0]] = head
    alone = star < 0
    star[alone] = np.flatnonzero(alone)
    result = np.empty(n, np.int64)
    result[sequence] = sequence[star]
    return result


def _ranked(n: int, rank: Ints, pairs: Iterable[Pairs]) -> tuple[Rows, Rows]:
    """Ranks of the two images of every pair, the earlier one first."""
    early: list[Rows] = [np.zeros(0, np.int32)]
    late: list[Rows] = [np.zeros(0, np.int32)]
    for part in pairs:
        _check_rows(n, part)
        one, other = rank[part.left], rank[part.right]
        early.append(np.minimum(one, other).astype(np.int32))
        late.append(np.maximum(one, other).astype(np.int32))
    return np.concatenate(early), np.concatenate(late)


def components(n: int, pairs: Iterable[Pairs], start: Ints | None = None) -> Ints:
    """The least row (n,) of the connected component of each of n images.

    `pairs` are taken chunk by chunk: memory is that of n images and one chunk. `start` is what this
    function gave for other pairs, which then count as well. Needs scipy.
    """
    from scipy.sparse import coo_array  # type: ignore[import-untyped, unused-ignore]
    from scipy.sparse.csgraph import (  # type: ignore[import-untyped, unused-ignore]
        connected_components,
    )

    label = np.arange(n) if start is None else start
    for part in pairs:
        _check_rows(n, part)
        edges = (np.ones(len(part), np.bool_), (label[part.left], label[part.right]))
        graph = coo_array(edges, shape=(n, n))
        merged = connected_components(graph, directed=False)[1]
        least = np.full(n, n)
        np.minimum.at(least, merged, np.arange(n))
        label = least[merged[label]]
    return label


def _check_rows(n: int, part: Pairs) -> None:
    for rows in (part.left, part.right):
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < n:
            raise UsageError(f"a pair names a row that is none of the {n:,}: join the same images")
