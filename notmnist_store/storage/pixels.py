"""Pixels of single images, by id."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from notmnist_store.location.location import Location
from notmnist_store.schema.arrays import Ints, Pixels
from notmnist_store.schema.shape import Shape
from notmnist_store.storage.gather import Gatherer
from notmnist_store.storage.tables import Tables


def pixels_by_id(tables: Tables, ids: Sequence[int]) -> dict[int, Pixels]:
    """Pixels of these images, each uint8 (height, width, channels); unknown ids are left out.

    Only row groups whose range of ids holds a wanted one are read, up to the last one wanted,
    checksums verified; files that are unlikely to hold any are opened only for ids not yet found.

    Raises:
        StoreError: a data file is missing or damaged.
    """
    shape = tables.marker.shape
    missing = np.unique(np.array(list(ids), np.int64))
    found: dict[int, Pixels] = {}
    for paths in _likely_first(tables, missing, shape) if len(missing) else ():
        gatherer = Gatherer(tables, missing, paths)
        images = np.empty((len(missing), shape.size), np.uint8)
        places = gatherer.fill_found(images)
        pictures = images[places].reshape(-1, shape.height, shape.width, shape.channels)
        found.update(zip(missing[places].tolist(), pictures, strict=True))
        missing = np.delete(missing, places)
        if not len(missing):
            break
    return found


def _likely_first(tables: Tables, ids: Ints, shape: Shape) -> tuple[list[Location], list[Location]]:
    """Data files of the blocks that the ids' positions stand in, by their names; all others."""
    blocks = {f"{number:06d}" for number in np.unique((ids & 0xFFFFFFFF) // shape.block_members)}
    likely: list[Location] = []
    others: list[Location] = []
    for path in tables.live("image"):
        (likely if blocks.intersection(path.stem.split("-")) else others).append(path)
    return likely, others
