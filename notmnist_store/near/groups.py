"""Which copies are known: near ones up to a radius, and the groups that copies make."""

from __future__ import annotations

import shlex

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.near.evidence import check_radius, current_join, lacking, search_words
from notmnist_store.near.kernels.groups import components, stars
from notmnist_store.near.kernels.pair_rows import pairs_among
from notmnist_store.schema.arrays import Ints
from notmnist_store.schema.radius import GROUP, Radius
from notmnist_store.schema.transforms import NONE


def known_near(
    catalog: Catalog, ids: Ints, radius: Radius | None, crossing: str | None = None
) -> tuple[Radius | None, list[str]]:
    """The radius up to which the near copies of these images are known, or None; and notes.

    `radius` is what was asked for, None for 1.0 at 28x28x1. None is what a store without a
    near-duplicates run gives, and one whose run does not know some of the images. With `crossing`,
    the split set that they are of, copies across its splits are enough.
    """
    check_radius(catalog, radius)
    join = current_join(catalog)
    if join is None:
        return None, [
            "near copies are not known, so only exact ones count; to find them: "
            "notmnist-store near-duplicates"
        ]
    images = lacking(catalog, pa.array(ids), split_set=crossing, crossing=crossing is not None)
    if images:
        search = shlex.join(search_words(catalog, crossing))
        return None, [
            f"not all near copies of {images:,} images are known, so only exact ones count; to "
            f"find them: {search}"
        ]
    wanted = Radius.of(radius, catalog.shape, GROUP)
    if wanted.squared > join["threshold"]:
        note = f"near copies are known up to {join['radius']} only, and count up to there"
        return Radius(join["radius"]), [note]
    return wanted, []


def copy_groups(
    catalog: Catalog, ids: Ints, near: Radius | None, most: int
) -> tuple[Ints, list[str]]:
    """A group for each image, int64 (n,): the same for all of its copies; and notes.

    Equal images are always in one group. With `near`, so are images that a chain of near copies
    connects; a chain that joins more than `most` images is cut into stars, each of images near its
    own centre.
    """
    sql = load_queries("near")
    wanted = {"wanted_id": pa.table({"image_id": ids, "place": np.arange(len(ids))})}
    standing = catalog.query(sql["representatives"].sql, rows=wanted)
    exact = standing["group_id"].to_numpy()
    if near is None:
        return exact, []
    pictures, picture, images = np.unique(exact, return_inverse=True, return_counts=True)
    rows = catalog.query(sql["pairs_within"].sql, {"most": near.squared, "transforms": NONE.text})
    pairs = pairs_among(pictures, rows)
    group = components(len(pictures), [pairs])
    joined = np.bincount(group, weights=images, minlength=len(pictures))
    large = joined[group] > most
    if not large.any():
        return group[picture], []
    inner = large[pairs.left]  # both ends of a pair are in one component
    star = stars(len(pictures), None, [pairs.take(inner)])
    group = np.where(large, star, group)
    note = (
        f"{int(images[large].sum()):,} images are joined by chains of near copies too long for a "
        "fold; there only images near the same one stay together"
    )
    return group[picture], [note]
