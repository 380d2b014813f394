"""Images to look at: those of some ids, those that rows name, or a sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.errors import QueryError


def chosen_images(
    catalog: Catalog,
    images: Sequence[int],
    named: pa.Table | None,
    *,
    label: str | None,
    n: int,
    seed: int,
) -> pa.Table:
    """Rows (image_id, label, split, path) of these images; of the first `n` that `named` names.

    Without either a sample, of one `label` or of all, drawn by the seed.
    """
    sql = load_queries("peek")
    if named is not None:
        ids = _ids(named)[:n]
    elif images:
        ids = list(images)
    else:
        values = {"label": label, "seed": str(seed), "n": n}
        ids = catalog.query(sql["sample"].sql, values)["image_id"].to_pylist()
    ids = list(dict.fromkeys(ids))
    chosen = pa.table({"image_id": pa.array(ids, pa.int64()), "place": np.arange(len(ids))})
    rows = catalog.query(sql["images"].sql, rows={"chosen_image": chosen})
    missing = set(images) - set(rows["image_id"].to_pylist())
    if missing:
        raise unknown_image(min(missing))
    return rows


def unknown_image(image_id: int) -> QueryError:
    """The error for an id that no image has."""
    return QueryError(
        f"the store has no image {image_id}",
        'notmnist-store sql "select image_id from image limit 5"',
    )


def _ids(rows: pa.Table) -> list[int]:
    if "image_id" not in rows.column_names or not pa.types.is_integer(rows["image_id"].type):
        raise QueryError(
            "its rows have no column image_id, so there are no pictures to show",
            "notmnist-store peek --sql \"select image_id from image where label = 'A' limit 40\"",
        )
    return [image_id for image_id in rows["image_id"].to_pylist() if image_id is not None]
