"""The pictures of rows that peek gives, with captions: images, pairs, or one image's story."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from notmnist_store.near.kernels.contrast import brought_to
from notmnist_store.near.kernels.transforms import moved_picture
from notmnist_store.peek.contrast import BROUGHT
from notmnist_store.peek.sheet import CELL_PIXELS
from notmnist_store.schema.arrays import Pixels
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import NONE
from notmnist_store.storage.pixels import pixels_by_id
from notmnist_store.storage.tables import Tables

IMAGE = "image"
"""What the row of the image itself says in one image's story."""

NEAREST = "nearest in "
"""How the rows of its neighbours begin there."""


def pictures_of(tables: Tables, rows: pa.Table) -> tuple[list[list[Pixels]], list[str]]:
    """Strips of uint8 pictures (height, width, channels), and a caption for each.

    Of pairs (a column twin_id) a strip is image, twin and their absolute difference, in that order.
    Where one that moved is among them, the twin moved back stands before the difference, or the
    image moved onto the twin where that is nearer, or the twin brought to the image's brightness
    and contrast. Of one image's story (a column what) there is
    the image and its neighbours; of other rows the image of each, with its label.
    """
    listed = rows.to_pylist()
    if "twin_id" in rows.column_names:
        found = pixels_by_id(tables, [row[k] for row in listed for k in ("image_id", "twin_id")])
        names = [row.get("transform", NONE.text) for row in listed]
        any_moved = any(name != NONE.text for name in names)
        strips, captions = [], []
        for row, name in zip(listed, names, strict=True):
            image, twin = found[row["image_id"]], found[row["twin_id"]]
            one, other = compared(image, twin, name, tables.marker.shape)
            moved = [other if one is image else one] if any_moved else []
            strips.append([image, twin, *moved, np.maximum(one, other) - np.minimum(one, other)])
            said = "" if name == NONE.text else f"  {name}"
            captions.append(f"{row['distance']:.3f}  {row['label']} | {row['twin_label']}{said}")
        return strips, captions
    if "what" in rows.column_names:
        listed = [row for row in listed if _has_picture(row["what"], row["image_id"])]
        captions = [f"{row['what'].removeprefix(NEAREST)}: {row['value']}" for row in listed]
    else:
        captions = [row["label"] for row in listed]
    found = pixels_by_id(tables, [row["image_id"] for row in listed])
    return [[found[row["image_id"]]] for row in listed], captions


def compared(image: Pixels, twin: Pixels, name: str, shape: Shape) -> tuple[Pixels, Pixels]:
    """The two as they are compared: `b:` and a transform moves the twin, `a:` the image."""
    if name == NONE.text:
        return image, twin
    if name == BROUGHT:
        return image, brought_to(twin, image)
    which, _, transform = name.partition(":")
    given = twin if which == "b" else image
    moved = moved_picture(transform, given.reshape(-1), shape).reshape(given.shape)
    return (image, moved) if which == "b" else (moved, twin)


def _has_picture(what: str, image_id: int | None) -> bool:
    return image_id is not None and (what == IMAGE or what.startswith(NEAREST))


def cell_pixels(rows: pa.Table) -> int:
    """About how wide each picture of these rows should be on a sheet: a story has few."""
    return 3 * CELL_PIXELS if "what" in rows.column_names else CELL_PIXELS
