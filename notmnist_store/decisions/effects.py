"""What decisions would change in a split set that was made before them."""

from __future__ import annotations

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.split_sets import SplitSet


def decision_note(catalog: Catalog, split_set: SplitSet) -> str | None:
    """What decisions would change in a version of a split set, or None where that is nothing.

    Decisions never change a split set; `ingest` is none (version 0) and follows them.
    """
    taken = catalog.query("select count(*) as runs from run where verb = 'decide'")
    if split_set.is_ingest or not taken["runs"][0].as_py():
        return None
    (found,) = catalog.query(
        load_queries("decisions")["effects"].sql,
        {"name": split_set.name, "version": split_set.version},
    ).to_pylist()
    told = [f"{images:,} {what}" for what, images in found.items() if images]
    if not told:
        return None
    images = sum(found.values())
    return (
        f"decisions since would touch {images:,} images of {split_set.name} ({', '.join(told)}); "
        "a split set stays as it was made"
    )
