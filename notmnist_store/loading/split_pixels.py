"""The pixels of a split's images, as a process gets them that does not have the store open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from notmnist_store.location.location import Location
from notmnist_store.schema.arrays import Ints, Pixels
from notmnist_store.storage.gather import Gatherer, pixels_of
from notmnist_store.storage.tables import Tables

_SPANS_EACH = 4
"""Row groups that each of several readers is to get, for them to be shared as they are."""


@dataclass(frozen=True)
class SplitPixels:
    """The images `ids` in data files `paths` of a store; it is small, and can be pickled.

    Of several that read at the same time each is given its `share` of so many `shares`: together
    they read every image once. Places are rows of `ids`.
    """

    tables: Tables
    ids: Ints
    paths: tuple[Location, ...]

    def in_order(self, rows: int, share: int = 0, shares: int = 1) -> Iterator[tuple[Ints, Pixels]]:
        """Places and pixels (m, size) in pieces of at most `rows`; of several, a stretch each."""
        first, last = (len(self.ids) * part // shares for part in (share, share + 1))
        for start in range(first, last, rows):
            places = np.arange(start, min(start + rows, last))
            yield places, pixels_of(self.tables, self.ids[places], self.paths)

    def shuffled(
        self, seed: int, epoch: int, buffer: int, share: int = 0, shares: int = 1
    ) -> Iterator[tuple[Ints, Pixels]]:
        """Places and pixels in the order of `Split.batches`, which a seed and an epoch have.

        Several share the row groups where there are enough of them, else the images.
        """
        random = np.random.default_rng([seed, epoch])
        gatherer = Gatherer(self.tables, self.ids, self.paths)
        mine = np.arange(len(self.ids))
        spans = gatherer.spans
        if shares > 1 and len(spans) < _SPANS_EACH * shares:
            mine = np.sort(random.permutation(len(self.ids))[share::shares])
            gatherer = Gatherer(self.tables, self.ids[mine], self.paths)
            spans = gatherer.spans
            order = random.permutation(len(spans))
        else:
            order = random.permutation(len(spans))[share::shares]
        places = np.empty(0, np.int64)
        flat = np.empty((0, self.tables.marker.shape.size), np.uint8)
        gathered = 0
        for at in order:
            pieces = list(gatherer.read(spans[at]))
            gathered += sum(len(some) for some, _ in pieces)
            places = np.concatenate([places, *(mine[some] for some, _ in pieces)])
            flat = np.concatenate([flat, *(some for _, some in pieces)])
            going_on = max(0, len(places) - buffer)
            if going_on:
                drawn = random.permutation(len(places))
                leaving, kept = drawn[:going_on], drawn[going_on:]
                yield places[leaving], flat[leaving]
                places, flat = places[kept], flat[kept]
        if len(order) == len(spans):  # else the others have the rest
            gatherer.check_found(gathered)
        drawn = random.permutation(len(places))
        yield places[drawn], flat[drawn]
