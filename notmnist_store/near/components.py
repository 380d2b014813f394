"""Connected components of near copies: groups that no split may cut, and a look at their chains.

In a component every image is near some other one, not near all of them: chains of small steps join
images that have nothing in common. So a component says what must stay together, never what is a
copy of what; `near_components` shows how far the chains go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.errors import StoreError
from notmnist_store.near.evidence import (
    check_covered,
    check_radius,
    check_transforms,
    current_join,
    is_of_all,
    pictures,
)
from notmnist_store.near.kernels.groups import components
from notmnist_store.near.kernels.join import Pairs
from notmnist_store.near.kernels.pair_rows import pairs_among, rows_of
from notmnist_store.near.kernels.scan import squared_distances
from notmnist_store.schema.arrays import Ints
from notmnist_store.schema.radius import Radius, distance
from notmnist_store.schema.tables import columns
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Tables

SAMPLED = 256
"""Pictures of a component that its diameter is measured on, at the most."""

_RADII = tuple(map(Radius, ("0.5", "1", "1.5", "2")))
_SCHEMA = columns(
    "radius text, components int, largest int, share float, diameter float, sampled int",
    "image_id int",
)


@dataclass(frozen=True, eq=False)
class NearGraph:
    """Images and the near pairs of their pictures.

    picture  (n,) int64: number of each image's picture, in the order of their first images
    first    (m,) int64: for each picture the row of its first image
    pairs    of pictures, by squared distance
    """

    picture: Ints
    first: Ints
    pairs: Pairs

    def components(self, above: int, limit: int, start: Ints | None = None) -> Ints:
        """(m,) for each picture the first one of its component.

        Pairs of a squared distance over `above` and up to `limit` count, and those of `start`.
        """
        low, high = np.searchsorted(self.pairs.squared_distance, [above, limit], side="right")
        return components(len(self.first), [self.pairs.take(slice(low, high))], start)


def near_graph(
    catalog: Catalog, image_ids: Ints, limit: int, transforms: Transforms = NONE
) -> NearGraph:
    """The graph of these images, given in the order of ingest, of pairs within `limit`."""
    copies = catalog.query(
        "select image_id, group_id from duplicate_image where kind = 'exact' and copy_number > 1"
    )
    copy = rows_of(copies["image_id"].to_numpy(), image_ids)
    groups = np.append(copies["group_id"].to_numpy(), 0)  # the last is that of row -1: no copy
    standing = np.where(copy >= 0, groups[copy], image_ids)
    known, first, inverse = np.unique(standing, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(known), np.int64)
    number[order] = np.arange(len(known))
    within = {"most": limit, "transforms": transforms.text}
    rows = catalog.query(load_queries("near")["pairs_within"].sql, within)
    return NearGraph(number[inverse], first[order], pairs_among(known[order], rows))


def component_keys(
    catalog: Catalog, images: pa.Table, radius: Radius, transforms: Transforms
) -> pa.Array:
    """A key for each image (image_id, pixel_hash; in the order of ingest): its component's.

    It is the pixel hash of the component's first ingested image among these, and so the same
    whatever comes later, unless that joins the component to an earlier one.
    """
    check_covered(catalog, images["image_id"], radius, transforms)
    limit = radius.squared
    graph = near_graph(catalog, images["image_id"].to_numpy(), limit, transforms)
    rows = graph.first[graph.components(0, limit)[graph.picture]]
    return images["pixel_hash"].combine_chunks().take(pa.array(rows))


def near_components(
    tables: Tables,
    catalog: Catalog,
    radius: Radius | None,
    transforms: Transforms,
    *,
    sampled: int = SAMPLED,
    seed: int = 0,
) -> pa.Table:
    """The components of the pairs known under `transforms` at `radius`; without one at several.

    Those are 0.5, 1, 1.5 and 2, scaled as the search's for other shapes than 28x28x1, as far as the
    search went, and its own. One row a radius: components of two pictures or more, pictures of the
    largest, their share of all, and its diameter: the largest distance among `sampled` of its
    pictures, drawn by `seed`, from their pixels; image_id is the first of them.
    """
    current = current_join(catalog)
    if current is None or not is_of_all(current):
        raise StoreError(
            "not all pairs of near copies are known yet", "notmnist-store near-duplicates"
        )
    check_radius(catalog, radius)
    check_transforms(catalog, transforms)
    scaled = [step.scaled(catalog.shape) for step in _RADII]
    known_steps = [step for step in scaled if step.squared < current["threshold"]]
    wanted = [*known_steps, Radius(current["radius"])] if radius is None else [radius]
    found = pictures(catalog)
    ids = found["image_id"].to_numpy()[found["is_known"].to_numpy()]
    graph = near_graph(catalog, ids, current["threshold"], transforms)
    random = np.random.default_rng(seed)
    label: Ints | None = None
    rows, above = [], -1
    for step in wanted:
        label = graph.components(above, step.squared, label)
        above = step.squared
        sizes = np.bincount(label, minlength=len(ids))
        members = np.flatnonzero(label == np.argmax(sizes))
        chosen = members
        if len(members) > sampled:
            chosen = np.sort(random.choice(members, sampled, replace=False))
        rows.append(
            {
                "radius": step.text,
                "components": int(np.count_nonzero(sizes > 1)),
                "largest": len(members),
                "share": len(members) / len(ids),
                "diameter": distance(_diameter(tables, ids[chosen])),
                "sampled": len(chosen),
                "image_id": int(ids[members[0]]),
            }
        )
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _diameter(tables: Tables, ids: Ints) -> int:
    """The largest squared distance of two of these images."""
    pixels = pixels_of(tables, ids)
    return int(squared_distances(pixels, pixels).max())
