"""Near copies in split recipes: whether their groups fit, and what a left-out image is near to."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.errors import UsageError
from notmnist_store.near.components import near_graph
from notmnist_store.schema.arrays import Ints
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.words import USED
from notmnist_store.splits.plan import SplitOptions
from notmnist_store.splits.sizes import Sizes

_STEP = Decimal("0.05")
_NEAREST_FIRST = ("squared_distance", "split_place")


class _Group(NamedTuple):
    """A group that fits in no split: its images, their most frequent label, and the room there."""

    images: int
    label: str
    room: int


def check_fits(
    catalog: Catalog,
    options: SplitOptions,
    images: pa.Table,
    usable: pa.Table,
    sizes: Sizes,
    asked: Mapping[str, Mapping[str, int]],
) -> None:
    """Refuse near groups that no split has room for; the error names a radius that works.

    `usable` are the images to be placed, among all candidates `images`. Recipe stratified has room
    for a group of several images where the largest split takes as many of its class, the one that
    most of its images have (the first by name where two have as many). Recipe hash has no sizes by
    class: the largest share of all images has to hold it.
    """
    assert options.radius is not None
    labels = sorted(usable["label"].unique().to_pylist())
    most = {label: max(quotas.values()) for label, quotas in asked.items()}
    if not asked:
        most = dict.fromkeys(labels, int(max(sizes.sizes) * usable.num_rows))
    room = np.array([most[label] for label in labels], np.int64)
    limit = options.radius.squared
    graph = near_graph(catalog, images["image_id"].to_numpy(), limit, options.transforms)
    rows = pc.index_in(usable["image_id"], images["image_id"].combine_chunks())
    picture = graph.picture[rows.to_numpy()]
    label_of = pc.index_in(usable["label"], pa.array(labels)).to_numpy()

    def too_large(component: Ints) -> _Group | None:
        return _too_large(component[picture], label_of, room, labels, by_class=bool(asked))

    found = too_large(graph.components(-1, limit))
    if found is None:
        return
    works, above, component = None, -1, None
    for step in _steps(options.radius):
        component = graph.components(above, step.squared, component)
        above = step.squared
        if too_large(component) is None:
            works = step
    largest = (
        f"the largest group of near copies at radius {options.radius} has {found.images:,} images"
    )
    takes = f"no split takes more than {found.room:,}" + (f" of {found.label}" if asked else "")
    if works is None:  # so many are equal; of distinct images each is a group of one at radius 0
        raise UsageError(
            f"{largest}, and {takes}; no radius works, for so many are equal: --distinct takes one "
            "image of each picture",
            _command(replace(options, radius=Radius("0"), distinct=True)),
        )
    raise UsageError(
        f"{largest}, and {takes}; the largest radius that works, in steps of {_STEP}, is {works}",
        _command(replace(options, radius=works)),
    )


def _steps(radius: Radius) -> Iterator[Radius]:
    """0, 0.05, 0.10, … below a radius."""
    step = Decimal(0)
    while step < Decimal(radius.text):
        yield Radius(str(step))
        step += _STEP


def _too_large(
    component: Ints, label: Ints, room: Ints, labels: Sequence[str], *, by_class: bool
) -> _Group | None:
    """The largest component of two images or more that is larger than the room of its class."""
    sizes = np.bincount(component)
    parts, counts = np.unique(component * len(labels) + label, return_counts=True)
    owner, of_label = np.divmod(parts, len(labels))
    order = np.lexsort((of_label, -counts, owner))
    owner, first = np.unique(owner[order], return_index=True)
    home = of_label[order][first]
    bad = np.flatnonzero((sizes[owner] > 1) & (sizes[owner] > room[home]))
    if not len(bad):
        return None
    worst = bad[np.argmax(sizes[owner[bad]])]
    return _Group(int(sizes[owner[worst]]), labels[home[worst]], int(room[home[worst]]))


def _command(options: SplitOptions) -> str:
    """A command line with these options."""
    words = []
    for name, value in json.loads(options.to_json()).items():
        if (name, value) != ("recipe", "stratified"):
            option = f"--{name.replace('_', '-')}"
            words.append(option if value is True else f"{option} {shlex.quote(str(value))}")
    return f"notmnist-store split my_split {' '.join(words)}"


def nearest_used(catalog: Catalog, name: str, image_ids: pa.ChunkedArray) -> pa.Table:
    """For images the nearest one that split set `name` uses: image_id, twin_id, squared_distance.

    As far as the current search went: an image that only a chain of near copies joins to the set,
    and that is near to none of it, is left out.
    """
    wanted = pa.table({"image_id": image_ids})
    rows = catalog.query(
        load_queries("near")["neighbours"].sql,
        {"split_set": name, "most": 1},
        rows={"wanted_image": wanted},
    )
    place = pc.index_in(rows["split"], pa.array(USED))
    rows = rows.append_column("split_place", place).filter(pc.is_valid(place))
    by_distance = rows.sort_by([(name, "ascending") for name in _NEAREST_FIRST])
    _, first = np.unique(by_distance["image_id"].to_numpy(), return_index=True)
    return by_distance.take(first)
