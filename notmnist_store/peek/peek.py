"""The verb peek: images, pairs of near copies or one image's story, and a sheet of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from notmnist_store.audits.audit import rows_found
from notmnist_store.audits.verdicts import Scope
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.split_sets import find_split_set
from notmnist_store.errors import QueryError, UsageError
from notmnist_store.peek.images import chosen_images
from notmnist_store.peek.pairs import near_pairs
from notmnist_store.peek.pictures import cell_pixels, pictures_of
from notmnist_store.peek.sheet import png_sheet
from notmnist_store.peek.story import image_story
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.storage.filesystem import replacing
from notmnist_store.storage.tables import Tables

_MOST = 10_000
_LABELS_NAMED = 20


def peek(
    tables: Tables,
    images: Sequence[int] = (),
    *,
    pairs: bool = False,
    label: str | None = None,
    sql: str | None = None,
    audit: str | None = None,
    split_set: str = "ingest",
    radius: Radius | None = None,
    transforms: Transforms = NONE,
    contrast: bool = False,
    sql_dir: str | Path | None = None,
    n: int = 40,
    seed: int = 0,
    output: Path | None = None,
) -> pa.Table:
    """The rows to look at, as `Store.peek` describes them; `output` is the file of their sheet."""
    _check_choice([images or None, None if pairs else label, sql, audit], pairs=pairs, n=n)
    if contrast:
        _check_contrast(pairs=pairs, audit=audit, transforms=transforms)
    catalog = Catalog(tables)
    if pairs or len(images) == 1:
        find_split_set(catalog, split_set)
    if label is not None:
        _check_label(catalog, label)
    named = None
    if audit is not None:
        named = rows_found(catalog, audit, Scope(split_set, radius, transforms), sql_dir)
    elif sql is not None:
        named = catalog.query(sql)
    if pairs:
        rows = near_pairs(
            tables,
            catalog,
            named,
            label=label,
            split_set=split_set,
            radius=radius,
            transforms=transforms,
            contrast=contrast,
            n=n,
            seed=seed,
        )
    elif len(images) == 1:
        rows = image_story(catalog, images[0], split_set)
    else:
        rows = chosen_images(catalog, images, named, label=label, n=n, seed=seed)
    if output is not None and rows.num_rows:
        sheet = png_sheet(*pictures_of(tables, rows), cell_pixels=cell_pixels(rows))
        with replacing(output) as beside:
            beside.write_bytes(sheet)
    return rows


def _check_choice(ways: list[Sequence[int] | str | None], *, pairs: bool, n: int) -> None:
    """Refuse several ways to choose at once (the first of them ids), and ids of pairs."""
    if sum(way is not None for way in ways) > 1:
        raise UsageError(
            "choose by ids, by --label, by --sql or by --audit, not by several",
            "notmnist-store peek --label A",
        )
    if pairs and ways[0] is not None:
        raise UsageError(
            "--pairs goes without ids; one id alone shows its neighbours",
            "notmnist-store peek --pairs --label A",
        )
    if not 1 <= n <= _MOST:
        raise UsageError(f"-n lies between 1 and {_MOST:,}, not {n}", "notmnist-store peek -n 40")


def _check_contrast(*, pairs: bool, audit: str | None, transforms: Transforms) -> None:
    """Refuse what says nothing of pairs that are near up to brightness and contrast."""
    for refused, what in (
        (not pairs, "--contrast goes with --pairs"),
        (audit is not None, "--audit does not go with --contrast: no audit asks those pairs"),
        (transforms != NONE, "--transforms does not go with --contrast"),
    ):
        if refused:
            raise UsageError(what, "notmnist-store peek --pairs --contrast")


def _check_label(catalog: Catalog, label: str) -> None:
    known = catalog.query("select label from label order by label_id")["label"].to_pylist()
    if label not in known:
        raise QueryError(
            f"no image has the label {label!r}; there are: " + ", ".join(known[:_LABELS_NAMED]),
            "notmnist-store sql label_counts",
        )
