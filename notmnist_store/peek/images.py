"""The verb peek: images with their labels, chosen by id, label, query or audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.errors import QueryError, UsageError

_MOST = 10_000
_LABELS_NAMED = 20
_PAIRS_EXAMPLE = "notmnist-store peek --pairs --label A"
_SAMPLE = """
select image.image_id
from image
where ($label is null or image.label = $label) and not image.is_dropped
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
    *,
    images: Sequence[int] = (),
    label: str | None = None,
    sql: str | None = None,
    found: pa.Table | None = None,
    n: int,
    seed: int = 0,
) -> pa.Table:
    """Rows (image_id, label, split, path) of the chosen images.

    `found` holds rows that were asked for elsewhere, with a column image_id.

    Raises:
        QueryError: `sql` or `found` has no column image_id of whole numbers, or `sql` does not
            run; an unknown label or image.
    """
    ids = list(images)
    if sql is not None:
        found = catalog.query(sql)
    if found is not None:
        ids = _ids(found)[:n]
    elif not ids:
        if label is not None:
            check_label(catalog, label)
        values = {"label": label, "seed": str(seed), "n": n}
        ids = catalog.query(_SAMPLE, values)["image_id"].to_pylist()
    ids = list(dict.fromkeys(ids))
    chosen: dict[str, Any] = {"ids": ids, "ranks": list(range(len(ids)))}
    rows = catalog.query(_ROWS, chosen) if ids else _ROWS_SCHEMA.empty_table()
    missing = set(images) - set(rows["image_id"].to_pylist())
    if missing:
        raise unknown_image(min(missing))
    return rows


def check_choice(*, pairs: bool, ids: int, label: bool, sql: bool, audit: bool, n: int) -> None:
    """Refuse options of peek that do not go together; pairs may be limited to a label.

    Raises:
        UsageError: more than one way to choose, or a number that cannot be meant.
    """
    if sum((ids > 0, label and not pairs, sql, audit)) > 1:
        raise UsageError(
            "choose by ids, by --label, by --sql or by --audit, not by several",
            "notmnist-store peek --label A",
        )
    if pairs and ids:
        raise UsageError(
            "--pairs goes without ids; one id alone shows its neighbours", _PAIRS_EXAMPLE
        )
    if not 1 <= n <= _MOST:
        raise UsageError(f"-n lies between 1 and {_MOST:,}, not {n}", "notmnist-store peek -n 40")


def check_label(catalog: Catalog, label: str) -> None:
    """Raise QueryError where no image has this label."""
    known = catalog.query("select label from label order by label_id")["label"].to_pylist()
    if label not in known:
        raise QueryError(
            f"no image has the label {label!r}; there are: " + ", ".join(known[:_LABELS_NAMED]),
            "notmnist-store sql label_counts",
        )


def unknown_image(image_id: int) -> QueryError:
    """The error for an id that no image has."""
    return QueryError(
        f"the store has no image {image_id}",
        'notmnist-store sql "select image_id from image limit 5"',
    )


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
