"""What every recipe starts from and ends with: its options, its candidates, and placed images."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from dataclasses import dataclass, field, replace
from string import Template

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.statements import quoted_text
from notmnist_store.errors import QueryError, UsageError
from notmnist_store.near.components import component_keys
from notmnist_store.schema.radius import GROUP, Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.tables import columns
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.schema.words import USED
from notmnist_store.text import printable

_GROUP_COLUMNS = {"pixels": "pixel_hash", "near": "pixel_hash"}

DROPPED = "decision"
"""The rule, in table split_drop, of images that a decision dropped."""

NO_DROPS = columns("image_id int?, rule text?, twin_id int?, squared_distance int?").empty_table()
"""No images left out: the columns of table split_drop that a recipe fills."""


def flags(options: object, default: object) -> list[str]:
    """Words of a command line that give the values of `options` where `default` has others."""
    words: list[str] = []
    for name, value in vars(options).items():
        if value != getattr(default, name):
            words.append(f"--{name.replace('_', '-')}")
            if value is not True:
                words.append(",".join(value) if isinstance(value, tuple) else str(value))
    return words


@dataclass(frozen=True)
class SplitOptions:
    """A recipe and its arguments; sizes are kept as text, exactly as they were given."""

    recipe: str = "stratified"
    train: str | float | None = None
    valid: str | float | None = None
    test: str | float | None = None
    seed: int = 0
    where: str | None = None
    group_by: str = "pixels"
    keep_ratio: bool = False
    distinct: bool = False
    train_source: str | None = None
    test_source: str | None = None
    order: str = "name"
    radius: Radius | None = None
    transforms: Transforms = NONE

    def __post_init__(self) -> None:
        for split in USED:
            if getattr(self, split) is not None:
                object.__setattr__(self, split, str(getattr(self, split)))

    def to_json(self) -> str:
        """The arguments that differ from the defaults, as JSON with sorted keys."""
        default = vars(SplitOptions())
        given = {k: v for k, v in vars(self).items() if k == "recipe" or v != default[k]}
        return json.dumps(given, sort_keys=True, default=str)

    def with_radius(self, shape: Shape) -> SplitOptions:
        """The same with the radius of near groups of this shape, where none is given."""
        if self.group_by != "near":
            for option in ("radius", "transforms"):
                if getattr(self, option) not in (None, NONE):
                    raise UsageError(
                        f"--{option} goes with --group-by near",
                        replace(self, group_by="near").command("my_split"),
                    )
            return self
        return replace(self, radius=Radius.of(self.radius, shape, GROUP))

    def command(self, name: str) -> str:
        """The command that makes split set `name` with these options."""
        return shlex.join(["notmnist-store", "split", name, *flags(self, SplitOptions())])

    @classmethod
    def from_json(cls, text: str) -> SplitOptions:
        """The options that `to_json` wrote."""
        given = json.loads(text)
        if "radius" in given:
            given["radius"] = Radius(given["radius"])
        given["transforms"] = Transforms.of(given.get("transforms"))
        return cls(**given)


@dataclass(frozen=True)
class Placed:
    """Images with their place: `rows` (image_id, split, position, label, label_id, pixel_hash)."""

    rows: pa.Table
    drops: pa.Table
    labels: list[str]
    new_images: int
    notes: tuple[str, ...] = field(default=())

    def counts(self) -> Counter[tuple[str, str]]:
        """Images by (split, label)."""
        counted = self.rows.group_by(["split", "label"]).aggregate([([], "count_all")])
        ordered = counted.sort_by([("split", "ascending"), ("label", "ascending")])
        parts = (ordered[name].to_pylist() for name in ("split", "label", "count_all"))
        return Counter({(split, label): n for split, label, n in zip(*parts, strict=True)})

    def digest_rows(self) -> pa.Table:
        """split, label, pixel_hash of train, valid and test in order."""
        parts = [
            self.rows.filter(pc.equal(self.rows["split"], split)).sort_by("position")
            for split in USED
        ]
        return pa.concat_tables(parts).select(["split", "label", "pixel_hash"])


def candidates(catalog: Catalog, options: SplitOptions) -> pa.Table:
    """Images to place: image_id, label, pixel_hash, is_dropped, group_key, is_representative.

    In the order in which they were ingested; a group's first is its representative. Of near copies
    the groups are the connected components of pairs within the radius. Those that a decision
    dropped are not to be placed: `dropped` tells of them.
    """
    group_key = _group_key(catalog, options.group_by)
    if options.where:
        catalog.check_steady(options.where)
    sql = Template(load_queries("splits")["candidates"].sql).substitute(
        group_key=group_key,
        condition=f"({options.where}\n)" if options.where else "true",
    )
    rows = catalog.query(sql)
    if pc.all(rows["is_dropped"], min_count=0).as_py():
        raise QueryError(
            "there are no images to split" + (f" where {options.where}" if options.where else ""),
            "notmnist-store sql label_counts",
        )
    if options.group_by == "near" and options.radius is not None:
        keys = component_keys(catalog, rows, options.radius, options.transforms)
        place = rows.column_names.index("group_key")
        rows = rows.set_column(place, "group_key", keys)
    return rows


def _group_key(catalog: Catalog, group_by: str) -> str:
    """The SQL of an image's group: a column of view image, or what view attribute has of it."""
    column = _GROUP_COLUMNS.get(group_by, group_by)
    columns = catalog.query("select * from image limit 0").column_names
    if column in columns:
        return f'image."{column}"'
    found = catalog.query("select distinct name from attribute order by name")["name"].to_pylist()
    if group_by in found:
        return (
            "(select max(attribute.value) from attribute where attribute.image_id = image.image_id "
            f"and attribute.name = {quoted_text(group_by)})"
        )
    raise UsageError(
        f"view image has no column {group_by!r} to group by, nor has an image an attribute of that "
        f"name; there are the columns {', '.join(columns)}"
        + (f" and the attributes {printable(', '.join(found)[:500])}" if found else ""),
        "notmnist-store split my_split --group-by family",
    )


def dropped(images: pa.Table) -> pa.Table:
    """Rows for table split_drop: those of these images that a decision dropped."""
    ids = images.filter(images["is_dropped"])["image_id"]
    none = pa.nulls(len(ids), pa.int64())
    return pa.table([ids, pa.repeat(DROPPED, len(ids)), none, none], schema=NO_DROPS.schema)


def labels_of(catalog: Catalog, rows: pa.Table) -> list[str]:
    """The labels that a source numbers or that stand in these rows, in the store's order."""
    present = set(rows["label"].unique().to_pylist())
    ordered = catalog.query("select label, is_numbered from label order by label_id").to_pylist()
    return [row["label"] for row in ordered if row["is_numbered"] or row["label"] in present]


def counts_of(column: pa.ChunkedArray) -> Counter[str]:
    """How often each value stands in a column."""
    counted = column.combine_chunks().value_counts()
    values, counts = (counted.field(name).to_pylist() for name in ("values", "counts"))
    return Counter(dict(zip(values, counts, strict=True)))


def split_of(image_ids: pa.ChunkedArray, placed: pa.Table) -> pa.ChunkedArray:
    """The split of each of these images in `placed` (image_id, split); unused where it has none."""
    row = pc.index_in(image_ids, placed["image_id"].combine_chunks())
    return placed["split"].combine_chunks().take(row).fill_null("unused")


def placed_rows(
    images: pa.Table, splits: pa.Array | pa.ChunkedArray, labels: list[str]
) -> pa.Table:
    """The rows of `Placed`: images (image_id, label, pixel_hash), each split's in their order."""
    place = pc.index_in(splits, pa.array(USED)).fill_null(-1).to_numpy()
    position = np.zeros(len(place), np.int64)
    for number in range(len(USED)):
        at = np.flatnonzero(place == number)
        position[at] = np.arange(len(at))
    return pa.table(
        {
            "image_id": images["image_id"],
            "split": splits,
            "position": pa.array(position, mask=place < 0),
            "label": images["label"],
            "label_id": pc.index_in(images["label"], pa.array(labels, pa.string())).cast(
                pa.int64()
            ),
            "pixel_hash": images["pixel_hash"],
        }
    )
