"""What is known of near copies: the current search, how far it went, which images it lacks."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.schema.radius import SEARCH, Radius

_SECONDS_AN_IMAGE = 25e-6
_START_SECONDS = 2.0
_UNCOVERED = """
select count(*) as images
from wanted_image
inner join image on image.image_id = wanted_image.image_id
left join coverage on coverage.image_run = image.run_id and coverage.evidence = 'pair'
where coverage.image_run is null
"""


def current_join(catalog: Catalog) -> dict[str, Any] | None:
    """The row of view radius_join whose pairs the views show, or None where there is none."""
    rows = catalog.query("select * from radius_join where is_current").to_pylist()
    return rows[0] if rows else None


def check_radius(catalog: Catalog, radius: Radius | None) -> None:
    """Refuse a radius beyond the current search: pairs that were not looked for would be missed.

    Without a search nothing is refused here: whoever needs pairs is stale then.

    Raises:
        UsageError: a radius beyond it.
    """
    if radius is None:
        return
    current = current_join(catalog)
    if current is not None and radius.squared > current["threshold"]:
        raise UsageError(
            f"pairs are known up to {current['radius']}, not to {radius}",
            f"notmnist-store near-duplicates --radius {radius}",
        )


def pictures(catalog: Catalog) -> pa.Table:
    """Distinct pictures in the order of ingest: image_id of the one that stands for it, run_id."""
    return catalog.query(load_queries("near")["pictures"].sql)


def seconds_needed(images: int) -> float:
    """About how long a search of so many images takes on two cores."""
    return _START_SECONDS + images * _SECONDS_AN_IMAGE


def unknown_images(catalog: Catalog, image_ids: pa.ChunkedArray) -> int:
    """How many of these images the current search does not know; all, where there is none."""
    wanted = pa.table({"image_id": image_ids})
    return int(catalog.query(_UNCOVERED, rows={"wanted_image": wanted})["images"][0].as_py())


def check_covered(catalog: Catalog, image_ids: pa.ChunkedArray, radius: Radius) -> None:
    """Refuse where the current search does not know all these images, or did not go that far.

    Raises:
        UsageError: a radius beyond that of the current search.
        StoreError: images are not known to it, or there is none; the message counts them.
    """
    check_radius(catalog, radius)
    unknown = unknown_images(catalog, image_ids)
    if not unknown:
        return
    images = catalog.query("select count(*) as images from image")["images"][0].as_py()
    searched = SEARCH.scaled(catalog.shape)
    beyond = current_join(catalog) is None and radius.squared > searched.squared
    raise StoreError(
        f"{unknown:,} images are not known to near-duplicates, which takes about "
        f"{seconds_needed(images):,.0f} s here",
        f"notmnist-store near-duplicates{f' --radius {radius}' if beyond else ''}",
    )
