"""One image's story: where it came from, what it is a copy of, where split sets put it, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.near.evidence import current_join
from notmnist_store.peek.images import unknown_image
from notmnist_store.peek.pictures import IMAGE, NEAREST
from notmnist_store.schema.radius import distance
from notmnist_store.schema.words import SPLITS, USED
from notmnist_store.text import number_text

_NEIGHBOURS = 3
_UNKNOWN = "the last near-duplicates run does not know this image"
_NOT_COMPARED = "near-duplicates has not compared it with these"
_STANDS = "select split from split_image where image_id = $image_id and split_set = $split_set"
_COVERED = """select split_set from coverage where evidence = 'pair' and image_run = $run_id
and (split_set is null or split_set = $split_set)"""
_SHOWN_APART = ("image_id", "label", "label_id", "dhash", "run_id")
_SCHEMA = pa.schema([("what", pa.string()), ("value", pa.string()), ("image_id", pa.int64())])

_Line = tuple[str, str, int | None]


def image_story(catalog: Catalog, image_id: int, split_set: str) -> pa.Table:
    """What the store knows of an image, as rows (what, value, image_id).

    First the image with its label, its columns of view image, and its run; its groups, each with
    the image that stands for it; up to three nearest pictures in each split of `split_set`, as far
    as the current search for near copies went; and its place in every split set, or why it was left
    out, with the image it collided with.
    """
    values = {"image_id": image_id}
    rows = catalog.query("select * from image where image_id = $image_id", values).to_pylist()
    if not rows:
        raise unknown_image(image_id)
    image = rows[0]
    lines = [
        *_origin(catalog, image),
        *_groups(catalog, image),
        *_neighbours(catalog, image, split_set),
        *_places(catalog, image_id),
    ]
    named = [dict(zip(_SCHEMA.names, line, strict=True)) for line in lines]
    return pa.Table.from_pylist(named, schema=_SCHEMA)


def _origin(catalog: Catalog, image: dict[str, Any]) -> Iterator[_Line]:
    yield IMAGE, image["label"], image["image_id"]
    for name, value in image.items():
        if name not in _SHOWN_APART and value is not None:
            yield name, number_text(value, 4) if isinstance(value, float) else str(value), None
    (run,) = catalog.query(
        "select verb, started_at from run where run_id = $run_id", {"run_id": image["run_id"]}
    ).to_pylist()
    yield "run", f"{image['run_id']}: {run['verb']}, {run['started_at']:%Y-%m-%d %H:%M} UTC", None


def _compared(catalog: Catalog, image: dict[str, Any], split_set: str) -> tuple[bool, bool]:
    """Whether this image was compared with all others, and across the splits of a split set."""
    values = {"run_id": image["run_id"], "split_set": split_set}
    covered = catalog.query(_COVERED, values)["split_set"].to_pylist()
    return None in covered, split_set in covered


def _groups(catalog: Catalog, image: dict[str, Any]) -> Iterator[_Line]:
    rows = catalog.query(
        load_queries("peek")["groups"].sql, {"image_id": image["image_id"]}
    ).to_pylist()
    groups = {row["kind"]: row for row in rows}
    with_all, _ = _compared(catalog, image, "")
    for kind in ("exact", "near"):
        group = groups.get(kind)
        if group is not None:
            value = f"{group['images']:,} images, labels {group['labels']}"
            yield f"{kind} group", value, group["group_id"]
        elif kind == "exact" or with_all:
            yield f"{kind} group", "none", None
        else:
            yield f"{kind} group", _UNKNOWN, None


def _neighbours(catalog: Catalog, image: dict[str, Any], split_set: str) -> Iterator[_Line]:
    wanted = pa.table({"image_id": pa.array([image["image_id"]], pa.int64())})
    rows = catalog.query(
        load_queries("near")["neighbours"].sql,
        {"split_set": split_set, "most": _NEIGHBOURS},
        rows={"wanted_image": wanted},
    )
    current = current_join(catalog)
    with_all, across = _compared(catalog, image, split_set)
    stands = catalog.query(_STANDS, {"image_id": image["image_id"], "split_set": split_set})
    homes = [split for split in stands["split"].to_pylist() if split in USED]
    for split in SPLITS:
        what = f"{NEAREST}{split_set}.{split}"
        near = [row for row in rows.to_pylist() if row["split"] == split]
        for row in near:
            apart = distance(row["squared_distance"])
            value = f"{apart:.3f}" if apart else "equal"
            yield what, f"{value} {row['twin_label']}", row["twin_id"]
        if not near and split != "unused":
            if current is not None and (with_all or (across and {*homes} - {split})):
                yield what, f"none within {current['radius']}", None
            else:
                yield what, f"no equal one; {_NOT_COMPARED if across else _UNKNOWN}", None


def _places(catalog: Catalog, image_id: int) -> Iterator[_Line]:
    places = catalog.query(load_queries("peek")["places"].sql, {"image_id": image_id})
    for row in places.to_pylist():
        if row["split"] is None:
            value = "not in it"
        elif row["position"] is None:
            value = row["split"]
        else:
            value = f"{row['split']}, position {row['position']:,}"
        if row["rule"] is not None:
            value = f"left out: {row['rule']}"
            if row["squared_distance"] is not None:
                value += f", {distance(row['squared_distance']):.3f} from its twin"
        yield f"split set {row['split_set']}", f"{value} (version {row['version']})", row["twin_id"]
