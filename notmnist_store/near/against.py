"""The verb near-against: near copies of a split set in a source that stays outside.

The source is read into a store of its own, in a temporary folder that is gone afterwards; nothing
is written to this one.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.split_sets import find_split_set
from notmnist_store.engines.engine import Engine
from notmnist_store.errors import ChecksError, SourceError
from notmnist_store.ingest.ingest import ingest
from notmnist_store.ingest.options import IngestOptions
from notmnist_store.location.location import Location
from notmnist_store.machine import available_cores
from notmnist_store.near.kernels.join import CHUNK_PAIRS, Pairs, cross_join
from notmnist_store.near.kernels.moved import moved_join
from notmnist_store.near.kernels.nearest_pairs import nearest_pairs
from notmnist_store.near.kernels.transforms import Moves, nearest_move
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Ints, Pixels
from notmnist_store.schema.radius import GROUP, LARGEST_SQUARE, Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.schema.words import USED
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Tables
from notmnist_store.storage.temporary_folder import TemporaryFolder

_OTHER_STORE = "other_store"


def near_against(
    tables: Tables,
    split_set: str,
    path: Location,
    options: IngestOptions,
    progress: Progress,
    *,
    radius: Radius | None = None,
    transforms: Transforms = NONE,
) -> pa.Table:
    """For each image of the source its nearest picture within the radius, in each split.

    `options` say how to read the source, and to fit it to the store's shape. `radius` is 1.0 by
    default, scaled for other shapes; what moved by one of `transforms` counts as well.

    Returns rows of path and label, as the source has them, image_id, split, store_label, distance,
    squared_distance and transform (`b:` moves the store's picture, `a:` the source's), the nearest
    first. Equal pictures are at distance 0. An image that has nothing within the radius has no row.
    """
    catalog = Catalog(tables)
    progress.note(find_split_set(catalog, split_set).line)
    radius = Radius.of(radius, tables.marker.shape, GROUP)
    standing = catalog.query(load_queries("near")["standing"].sql, {"split_set": split_set})
    with TemporaryFolder() as folder:
        asked = ["notmnist-store", "near-against", str(path), "--split-set", split_set]
        asked += ["--radius", str(radius), *transforms.option]
        other = _read(folder / "other", path, tables.marker.shape, options, asked, progress)
        images = Catalog(other).query(load_queries("near")["copies"].sql)
        pictures = np.unique(images["picture_id"].to_numpy())
        flat = pixels_of(other, pictures)
        (run,) = other.runs().to_pylist()
    ids = standing["image_id"].to_numpy()
    distinct = ids[np.sort(np.unique(ids, return_index=True)[1])]  # still in the order of ingest
    with progress.during("comparing", 0, "pairs"):
        pixels = pixels_of(tables, distinct)
        threads = options.workers or available_cores()
        moves = Moves(transforms, tables.marker.shape)
        moved = moved_join(
            flat, pixels, moves, radius.squared, threads=threads, chunk_pairs=CHUNK_PAIRS
        )
        as_they_are = cross_join(flat, pixels, radius.squared, threads=threads)
        found = map(_unmoved_first, chain(as_they_are, moved))
        named = partial(_names, moves, flat, pixels)
        rows = _rows(images, pictures, distinct, standing, progress.counted(found), named)
    progress.note(_summary(path, images, rows, radius, run))
    return rows


def _read(
    root: Path,
    path: Location,
    shape: Shape,
    options: IngestOptions,
    asked: Sequence[str],
    progress: Progress,
) -> Tables:
    """The source in a store of its own, of the same shape; `asked` is what reads it into none."""
    try:
        chosen = replace(options, shape=shape, split="unused", unlabelled="keep")
        ingest(root, [path], chosen, Engine(), progress)
    except SourceError as error:
        ways = _ways(shape, options)
        if isinstance(error, ChecksError) and ways:
            told = error.message.removesuffix(f"; {error.advice}")
            error.message = f"{told}; {' and '.join(ways.values())}"
            error.hint = shlex.join([*asked, *_given(options), *" ".join(ways).split()])
        own = f"notmnist-store ingest --store {_OTHER_STORE}"
        if "--store" not in error.hint:
            error.hint = error.hint.replace("notmnist-store ingest", own)
        raise
    return Tables.open(root)


def _ways(shape: Shape, options: IngestOptions) -> dict[str, str]:
    """Options not given that bring images of other shapes to this one, and what each does."""
    ways = {}
    if options.fit is None:
        ways["--fit pad"] = f"--fit resize, pad or crop brings them to {shape}"
    if shape.channels == 1 and not options.to_grey:
        ways["--to-grey"] = "--to-grey takes colour in grey"
    return ways


def _given(options: IngestOptions) -> list[str]:
    """Options that say how pixels are read, as they were given."""
    fit = options.fit.options if options.fit else {}
    words = [word for name, value in fit.items() for word in (f"--{name}", value)]
    flags = {"--to-grey": options.to_grey, "--transpose": options.transpose}
    return words + [flag for flag, is_given in flags.items() if is_given]


def _rows(
    images: pa.Table,
    pictures: Ints,
    distinct: Ints,
    standing: pa.Table,
    found: Iterable[Pairs],
    named: Callable[[Iterable[tuple[int, int]]], pa.Array],
) -> pa.Table:
    """One row an image of the source and split in which it has something near.

    `found` pairs the source's pictures with the `distinct` ones that are `standing` in splits, as
    `_unmoved_first` gives them; of several at one distance the one ingested first counts. `named`
    tells the moves of such pairs.
    """
    ids, splits = standing["image_id"].to_numpy(), standing["split"].to_numpy(zero_copy_only=False)
    label = dict(zip(ids.tolist(), standing["label"].to_pylist(), strict=True))
    member = np.stack([np.isin(distinct, ids[splits == split]) for split in USED])
    row = np.searchsorted(pictures, images["picture_id"].to_numpy())
    parts = []
    for split, least, place in zip(USED, *nearest_pairs(found, len(pictures), member), strict=True):
        near = np.flatnonzero(place[row] >= 0)
        chosen, squared = images.take(pa.array(near)), least[row[near]] // 2
        twin = distinct[place[row[near]]]
        pairs = zip(row[near].tolist(), place[row[near]].tolist(), strict=True)
        parts.append(
            pa.table(
                {
                    "path": chosen["path"],
                    "label": chosen["label"],
                    "image_id": twin,
                    "split": pa.repeat(pa.scalar(split), len(near)),
                    "store_label": pa.array([label[i] for i in twin.tolist()], pa.string()),
                    "distance": np.sqrt(squared / LARGEST_SQUARE),
                    "squared_distance": squared,
                    "transform": named(pairs),
                }
            )
        )
    keys = [("squared_distance", "ascending"), ("path", "ascending"), ("split", "ascending")]
    return pa.concat_tables(parts).sort_by(keys)


def _unmoved_first(part: Pairs) -> Pairs:
    """The pairs with twice their squared distance, and one more for those that moved.

    So of several at one distance those that are near as they stand come first.
    """
    assert part.move is not None
    return replace(part, squared_distance=2 * part.squared_distance + (part.move > 0))


def _names(moves: Moves, a: Pixels, b: Pixels, rows: Iterable[tuple[int, int]]) -> pa.Array:
    """The nearest move of each pair of a row of a (n, d) and one of b (m, d)."""
    if not moves.moves:
        return pa.array([moves.names[0] for _ in rows], pa.string())
    return pa.array([moves.names[nearest_move(moves, a[i], b[j])[1]] for i, j in rows], pa.string())


def _summary(
    path: Location, images: pa.Table, rows: pa.Table, radius: Radius, run: dict[str, Any]
) -> str:
    """How many images are copies, near copies, and neither; each counts once, as its nearest."""
    nearest: dict[str, int] = {}
    for name, squared, transform in zip(
        *(rows[column].to_pylist() for column in ("path", "squared_distance", "transform")),
        strict=True,
    ):
        far = squared if transform == NONE.text else max(1, squared)  # moved is no exact copy
        nearest[name] = min(far, nearest.get(name, far))
    exact = sum(not squared for squared in nearest.values())
    near = len(nearest) - exact
    line = (
        f"of {len(images):,} images in {path}, {exact:,} are exact copies, {near:,} near copies "
        f"within {radius}, {len(images) - len(nearest):,} clean"
    )
    if run["members_rejected"]:
        line += f"; {run['members_rejected']:,} files were rejected and not compared"
    return line
