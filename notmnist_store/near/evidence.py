"""What is known of near copies: the current search, how far it went, which images it lacks."""

from __future__ import annotations

import shlex
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.schema.radius import SEARCH, Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import NONE, Transforms

_SECONDS_AN_IMAGE = 25e-6
_START_SECONDS = 2.0


def current_join(catalog: Catalog) -> dict[str, Any] | None:
    """The row of view radius_join whose pairs the views show, or None where there is none."""
    rows = catalog.query("select * from radius_join where is_current").to_pylist()
    return rows[0] if rows else None


def check_radius(catalog: Catalog, radius: Radius | None) -> None:
    """Refuse a radius beyond the current search: pairs that were not looked for would be missed.

    Without a search nothing is refused here: whoever needs pairs is stale then.
    """
    if radius is None:
        return
    current = current_join(catalog)
    if current is not None and radius.squared > current["threshold"]:
        raise UsageError(
            f"pairs are known up to {current['radius']}, not to {radius}",
            f"notmnist-store near-duplicates --radius {radius}",
        )


def check_transforms(catalog: Catalog, transforms: Transforms | None) -> None:
    """Refuse transforms that the current search did not look under; see `check_radius`."""
    current = current_join(catalog)
    if transforms is None or current is None:
        return
    searched = Transforms.of(current["transforms"])
    if not searched.covers(transforms):
        raise UsageError(
            f"pairs were searched under {searched}, not under {transforms}",
            shlex.join(["notmnist-store", "near-duplicates", *transforms.option]),
        )


def pictures(catalog: Catalog) -> pa.Table:
    """Distinct pictures in the order of ingest: image_id of the one that stands for it, run_id."""
    return catalog.query(load_queries("near")["pictures"].sql)


def lacking(
    catalog: Catalog,
    image_ids: pa.Array | pa.ChunkedArray | None = None,
    *,
    split_set: str | None = None,
) -> int:
    """How many images the current search does not know; all of them, where there is none.

    Of these images, of those in train, valid and test of a split set, or of the whole store.
    """
    if split_set is not None:
        used = "select image_id from split_image where split_set = $split_set and split <> 'unused'"
        image_ids = catalog.query(used, {"split_set": split_set})["image_id"]
    elif image_ids is None:
        image_ids = catalog.query("select image_id from image")["image_id"]
    wanted = pa.table({"image_id": image_ids})
    unknown = catalog.query(load_queries("near")["lacking"].sql, rows={"wanted_image": wanted})
    return int(unknown["images"][0].as_py())


def not_known(catalog: Catalog, images: int, of: str = "") -> str:
    """What to say of so many images (`of` something) that the current search does not know."""
    every = catalog.query("select count(*) as images from image")["images"][0].as_py()
    seconds = _START_SECONDS + every * _SECONDS_AN_IMAGE
    return (
        f"{images:,} images{of and f' of {of}'} are not known to near-duplicates, which takes "
        f"about {seconds:,.0f} s here"
    )


def search_needed(catalog: Catalog, radius: Radius, transforms: Transforms = NONE) -> str:
    """The command that searches all images at least up to this radius, under these transforms."""
    beyond = radius.squared > SEARCH.scaled(catalog.shape).squared
    within = ["--radius", radius.text] if beyond else []
    return shlex.join(["notmnist-store", "near-duplicates", *within, *transforms.option])


def too_little_memory(
    pictures: int, shape: Shape, chunk_pairs: int, option: str = ""
) -> StoreError:
    """The error for a search that finds no memory; `option` says which search it was."""
    return StoreError(
        f"there is too little memory to compare {pictures:,} pictures of {shape.size:,} bytes in "
        f"chunks of {chunk_pairs:,} pairs",
        f"notmnist-store near-duplicates{option} --chunk-pairs 65536",
    )


def check_covered(
    catalog: Catalog, image_ids: pa.ChunkedArray, radius: Radius, transforms: Transforms
) -> None:
    """Refuse where the current search does not know all these images, or did not go that far."""
    check_radius(catalog, radius)
    check_transforms(catalog, transforms)
    if images := lacking(catalog, image_ids):
        raise StoreError(not_known(catalog, images), search_needed(catalog, radius, transforms))
