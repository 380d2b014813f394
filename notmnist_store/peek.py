"""The verb peek: images with their labels, on a sheet or in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from notmnist_store.contact_sheet import png_sheet
from notmnist_store.errors import QueryError, UsageError
from notmnist_store.storage.catalog import Catalog
from notmnist_store.storage.pixels import pixels_by_id
from notmnist_store.storage.tables import Tables

__all__ = ["peek"]

_MOST = 10_000
_SAMPLE = """
select image.image_id
from image
where $label is null or image.label = $label
order by md5($seed || ':' || image.image_id), image.image_id
limit $n
"""
_ROWS = """
select image.image_id, image.label, image.split, image.path
from image
inner join (select unnest($ids) as image_id, unnest($ranks) as rank) as wanted
    on wanted.image_id = image.image_id
order by wanted.rank
"""


def peek(
    catalog: Catalog,
    tables: Tables,
    *,
    images: Sequence[int],
    label: str | None,
    sql: str | None,
    found: pa.Table | None = None,
    n: int,
    seed: int,
    png: bool,
) -> tuple[pa.Table, bytes | None]:
    """Rows (image_id, label, split, path) of the chosen images, and their sheet where wanted.

    `found` holds rows that were asked for elsewhere, with a column image_id.

    Raises:
        UsageError: more than one way to choose, or a number that cannot be meant.
        QueryError: `sql` or `found` has no column image_id of whole numbers, or `sql` does not
            run; an unknown label or image.
    """
    if sum((bool(images), label is not None, sql is not None, found is not None)) > 1:
        raise UsageError(
            "choose by ids, by --label, by --sql or by --audit, not by several",
            "notmnist-store peek --label A",
        )
    if not 1 <= n <= _MOST:
        raise UsageError(f"-n lies between 1 and {_MOST:,}, not {n}", "notmnist-store peek -n 40")
    ids = list(images)
    if sql is not None:
        found = catalog.query(sql)
    if found is not None:
        ids = _ids(found)[:n]
    elif not ids:
        values = {"label": label, "seed": str(seed), "n": n}
        ids = catalog.query(_SAMPLE, values)["image_id"].to_pylist()
        if label is not None and not ids:
            known = catalog.query("select label from label order by label_id limit 20")
            raise QueryError(
                f"no image has the label {label!r}; there are: "
                + ", ".join(known["label"].to_pylist()),
                "notmnist-store sql label_counts",
            )
    ids = list(dict.fromkeys(ids))
    chosen: dict[str, Any] = {"ids": ids, "ranks": list(range(len(ids)))}
    rows = catalog.query(_ROWS, chosen) if ids else _ROWS_SCHEMA.empty_table()
    missing = set(images) - set(rows["image_id"].to_pylist())
    if missing:
        raise QueryError(
            f"the store has no image {min(missing)}",
            'notmnist-store sql "select image_id from image limit 5"',
        )
    if not png or not rows.num_rows:
        return rows, None
    found = pixels_by_id(tables, ids)
    captions = [row["label"] for row in rows.to_pylist()]
    return rows, png_sheet([found[i] for i in rows["image_id"].to_pylist()], captions)


_ROWS_SCHEMA = pa.schema(
    [
        ("image_id", pa.int64()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("path", pa.string()),
    ]
)


def _ids(rows: pa.Table) -> list[int]:
    if "image_id" not in rows.column_names or not pa.types.is_integer(rows["image_id"].type):
        raise QueryError(
            "its rows have no column image_id, so there are no pictures to show",
            "notmnist-store peek --sql \"select image_id from image where label = 'A' limit 40\"",
        )
    return [image_id for image_id in rows["image_id"].to_pylist() if image_id is not None]
