"""What is known of near copies: the current search, how far it went, which images it lacks."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.split_sets import ingest_runs
from notmnist_store.engines.engine import Engine
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.schema.radius import SEARCH, Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.storage.tables import Tables

_SECONDS_AN_IMAGE = 25e-6
_START_SECONDS = 2.0
_COVERING = """select * from radius_join where run_id in (
    select run_id from coverage
    where evidence = 'pair' and (split_set is null or split_set = $crossing)
)"""


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
        search = search_words(catalog, current["split_set"])
        raise UsageError(
            f"pairs are known up to {current['radius']}, not to {radius}",
            shlex.join([*search, "--radius", radius.text]),
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
            shlex.join([*search_words(catalog, current["split_set"]), *transforms.option]),
        )


def covering_join(catalog: Catalog, crossing: str | None = None) -> dict[str, Any] | None:
    """The row of view radius_join that covers all pairs, or else those across the splits of a set.

    `crossing` names the split set. A search of all pairs goes first where it knows all images of
    that, and where nothing else does. None where there is none.
    """
    rows: list[dict[str, Any]] = catalog.query(_COVERING, {"crossing": crossing}).to_pylist()
    of_all = [row for row in rows if row["split_set"] is None]
    across = [row for row in rows if row["split_set"] is not None]
    if across and (not of_all or lacking(catalog, split_set=crossing)):
        return across[0]
    return of_all[0] if of_all else None


def is_of_all(join: dict[str, Any]) -> bool:
    """Whether a search, or one that it added to, has compared all pictures, and made groups."""
    return join["group_threshold"] is not None


def pictures(
    catalog: Catalog, split_set: str | None = None, runs: Sequence[str] | None = None
) -> pa.Table:
    """Distinct pictures in the order of ingest: image_id, stands, images, placed, is_known.

    See `sql/near/pictures.sql`; they stand in the splits of this split set, as far as these ingest
    runs have them: all, unless it is said.
    """
    seen = pa.table({"run_id": pa.array(ingest_runs(catalog) if runs is None else runs)})
    values = {"split_set": split_set}
    return catalog.query(load_queries("near")["pictures"].sql, values, rows={"seen_run": seen})


def catalog_of_pictures(
    engine: Engine, tables: Tables, catalog: Catalog, most: int | None
) -> Catalog:
    """Whose `pictures` to ask for: the engine's, where there are more than so many images."""
    if most is None:
        return catalog
    images = sum(file.rows for file in tables.files("image") if file.state == "live")
    return engine.catalog(tables) if images > most else catalog


def lacking(
    catalog: Catalog,
    image_ids: pa.Array | pa.ChunkedArray | None = None,
    *,
    split_set: str | None = None,
    crossing: bool = False,
) -> int:
    """How many images the current search does not know; all of them, where there is none.

    Of these images, or else of those in train, valid and test of a split set, or of the whole
    store. With `crossing` it is enough that they were compared across the splits of that set.
    """
    sql, crossed = load_queries("near"), split_set if crossing else None
    if image_ids is None:
        values = {"split_set": split_set, "crossed": crossed}
        unknown = catalog.query(sql["lacking"].sql, values)
    else:
        wanted = {"wanted_image": pa.table({"image_id": image_ids})}
        unknown = catalog.query(sql["lacking_of"].sql, {"crossed": crossed}, rows=wanted)
    return int(unknown["images"][0].as_py())


def not_known(catalog: Catalog, images: int, of: str = "") -> str:
    """What to say of so many images (`of` something) that the current search does not know."""
    every = catalog.query("select count(*) as images from image")["images"][0].as_py()
    seconds = _START_SECONDS + every * _SECONDS_AN_IMAGE
    current = current_join(catalog)
    how = "near-duplicates, which takes"
    if current is not None and not is_of_all(current):
        how = f"near-duplicates but across the splits of {current['split_set']}; to know all takes"
    return (
        f"{images:,} images{of and f' of {of}'} are not known to {how} about {seconds:,.0f} s here"
    )


def search_words(catalog: Catalog, crossing: str | None = None) -> list[str]:
    """How the command line begins that searches all images.

    With `crossing`, a split set, and where only such searches were made, that of one across its
    splits.
    """
    current = current_join(catalog)
    alone = crossing is not None and current is not None and not is_of_all(current)
    across = ["--crossing", str(crossing)] if alone else []
    return ["notmnist-store", "near-duplicates", *across]


def search_needed(
    catalog: Catalog, radius: Radius, transforms: Transforms = NONE, crossing: str | None = None
) -> str:
    """The command that searches at least up to this radius, under these transforms.

    With `crossing`, a split set, see `search_words`.
    """
    beyond = radius.squared > SEARCH.scaled(catalog.shape).squared
    within = ["--radius", radius.text] if beyond else []
    return shlex.join([*search_words(catalog, crossing), *within, *transforms.option])


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
