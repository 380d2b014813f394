"""The search for pairs in boxes, each a task of an engine: what one machine would not hold.

A sample says where boxes are cut. Each data file of images is read by a task, which sends each
picture to its boxes; each box is joined by a task as a whole search is, and writes the data files
of its pairs. The rows of a file are in one order, so that a task that runs twice writes the same
file under the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.run import Run
from notmnist_store.engines.engine import Engine
from notmnist_store.errors import StoreError
from notmnist_store.location.location import Location
from notmnist_store.near.compare import (
    SURELY_TOO_MANY,
    Grouped,
    found_pairs,
    is_grouped,
    pair_table,
    step_table,
)
from notmnist_store.near.kernels.basis import fit_basis
from notmnist_store.near.kernels.boxes import Boxes, one_box, plan_boxes, task_sides
from notmnist_store.near.kernels.join import Pairs, RadiusIndex, TooManyPairsError, estimate_pairs
from notmnist_store.near.kernels.pair_rows import bands, pairs_among, rows_of
from notmnist_store.near.kernels.sides import KnownPairs, Sides
from notmnist_store.near.kernels.transforms import Moves
from notmnist_store.near.plan import Plan, Scope
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Ints, Pixels
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.tables import TABLES
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.storage.datafile import DataFile, open_checked
from notmnist_store.storage.gather import Gatherer, binary_column, flat_pixels, pixels_of
from notmnist_store.storage.tables import Tables

_SAMPLE = 65_536
_SEED = 0
_SENT_ROWS = 4_096
_FILE_ROWS = 1 << 22
_MOST_FILES = 10_000
SENT = pa.schema(
    [
        *((name, pa.int64()) for name in ("task", "row", "image_id")),
        *((name, pa.int64()) for name in ("side", "part")),
        ("at_home", pa.bool_()),
        ("pixels", pa.binary()),
    ]
)
"""A picture as it goes to a task: its row among those of the search, and where it stands there."""


@dataclass(frozen=True, eq=False)
class Slice:
    """The pictures of a search that are in one data file: rows, image ids and sides, (k,) each."""

    path: Location
    rows: Ints
    ids: Ints
    sides: Ints


@dataclass(frozen=True, eq=False)
class Search:
    """What all tasks of a search know."""

    root: Location
    run_id: str
    radius: str
    transforms: str
    shape: Shape
    boxes: Boxes
    joins: Sequence[tuple[int, int]]
    known: KnownPairs
    limit: int
    chunk_pairs: int
    threads: int


@dataclass(frozen=True)
class Joined:
    """What a task found: the data files of its pairs, or about how many pairs are too many."""

    files: tuple[DataFile, ...] = ()
    pairs: int = 0
    too_many: int | None = None


def boxed_pairs(
    engine: Engine,
    tables: Tables,
    run: Run,
    plan: Plan,
    scope: Scope,
    grouped: Grouped,
    *,
    fit: int,
    limit: int,
    chunk_pairs: int,
    threads: int,
    progress: Progress,
) -> Callable[[Ints], Pixels]:
    """As `whole_pairs` does, in boxes of about `fit` pictures.

    Raises:
        TooManyPairsError: there are more than `limit`.
        StoreError: a task failed.
    """
    ids = scope.ids
    side = scope.sides.numbers(len(ids))
    compared = np.flatnonzero(side >= 0)
    every = partial(_pixels_of_rows, tables, scope)
    if not len(compared):
        return every
    search = Search(
        engine.reached(tables.root),
        run.id,
        plan.radius.text,
        plan.transforms.text,
        tables.marker.shape,
        _boxes(tables, plan, ids[compared], fit, limit, threads),
        scope.sides.joins,
        scope.known,
        limit,
        chunk_pairs,
        threads,
    )
    files = Gatherer(tables, ids[compared])
    slices = []
    for path, places in files.by_file():
        here: Ints = np.sort(compared[places])
        slices.append(Slice(engine.reached(path), here, ids[here], side[here]))
    files.check_found(sum(len(each.rows) for each in slices))
    answers = engine.shuffle(
        partial(_sent, search),
        slices,
        SENT,
        partial(_joined, search),
        Joined,
        progress,
        f"{len(search.boxes.tasks):,} boxes of pictures",
    )
    pairs = 0
    for answer in answers:
        if isinstance(answer, StoreError):
            raise answer
        pairs += answer.pairs
        if answer.too_many is not None or pairs > limit:
            raise TooManyPairsError(limit, max(pairs, answer.too_many or 0))
        run.add(sorted(answer.files, key=lambda file: file.name))
    for file in run.files.get("pair", ()) if grouped else ():
        for under, kept in grouped.items():
            kept += _near_in_file(tables.path("pair", file.name), ids, plan, under)
    return every


def _pixels_of_rows(tables: Tables, scope: Scope, rows: Ints) -> Pixels:
    pixels: Pixels = pixels_of(tables, scope.every[rows])
    return pixels


def _near_in_file(path: Location, ids: Ints, plan: Plan, under: Transforms) -> Iterator[Pairs]:
    """The pairs of a data file within the group radius, as rows of `ids`."""
    name = "plain_squared_distance" if under == NONE else "squared_distance"
    with open_checked(path) as parquet:
        for group in range(parquet.num_row_groups):
            rows = parquet.read_row_group(group, ["a", "b", name])
            squared = rows[name].fill_null(-1).to_numpy()
            near = rows.filter(pa.array(is_grouped(plan, squared)))
            yield pairs_among(ids, near.rename_columns(["a", "b", "squared_distance"]))


def _boxes(tables: Tables, plan: Plan, ids: Ints, fit: int, limit: int, threads: int) -> Boxes:
    """Boxes for these pictures; under transforms their parts only, for pictures move in space."""
    number = -(-len(ids) // fit)
    size = tables.marker.shape.size
    if number < 2:
        return one_box(size, 1)
    if plan.transforms != NONE:
        return one_box(size, -(-2 * len(ids) // fit))
    drawn = np.random.default_rng(_SEED).permutation(len(ids))[:_SAMPLE]
    sample = pixels_of(tables, np.sort(ids[drawn]))
    index = RadiusIndex.build(sample, threads=threads)
    found = estimate_pairs(index, None, plan.radius.squared, threads=threads)
    estimate = round(found * (len(ids) / len(sample)) ** 2)
    if plan.base is None and estimate > SURELY_TOO_MANY * limit:
        raise TooManyPairsError(limit, estimate)
    return plan_boxes(sample, fit_basis(sample), plan.radius.squared, number, len(ids), fit)


def _sent(search: Search, job: Slice) -> Iterator[pa.RecordBatch]:
    """The pictures of a data file, each once for each task that it belongs to."""
    pixels = pixels_of(Tables.open(search.root), job.ids, [job.path])
    places, boxes, at_home = search.boxes.stand(pixels)
    rows = job.rows[places]
    for here, tasks in search.boxes.spread(rows, boxes):
        for start in range(0, len(here), _SENT_ROWS):
            chosen = here[start : start + _SENT_ROWS]
            columns = [
                tasks[start : start + _SENT_ROWS],
                rows[chosen],
                job.ids[places[chosen]],
                job.sides[places[chosen]],
                rows[chosen] % search.boxes.parts[boxes[chosen]],
                at_home[chosen],
            ]
            content = binary_column(np.ascontiguousarray(pixels[places[chosen]]))
            yield pa.record_batch([*map(pa.array, columns), content], schema=SENT)


def _joined(search: Search, task: int, sent: pa.Table) -> Joined:
    """Join the pictures of a task, and write what is found."""
    order = np.argsort(sent["row"].to_numpy())
    rows, ids, side, part = (
        sent[name].to_numpy()[order] for name in ("row", "image_id", "side", "part")
    )
    at_home = sent["at_home"].to_numpy()[order]
    flat = _pixels(search.shape, sent["pixels"], order)
    sides = task_sides(Sides([], list(search.joins)), search.boxes.tasks[task], side, part, at_home)
    moves = Moves(Transforms.of(search.transforms), search.shape)
    radius = Radius(search.radius)
    tables = Tables.open(search.root)
    files: list[DataFile] = []

    def write(table: str, content: pa.Table) -> None:
        run_id = pa.repeat(pa.scalar(search.run_id), content.num_rows)
        content = content.append_column("run_id", run_id).cast(TABLES[table])
        for start in range(0, content.num_rows, _FILE_ROWS):
            part = content.slice(start, _FILE_ROWS)
            number = task * _MOST_FILES + len(files)
            files.append(tables.write_rows(table, search.run_id, part, number))

    try:
        found, moved = found_pairs(
            flat,
            sides,
            _known_here(search.known, rows),
            moves,
            radius.squared,
            limit=search.limit,
            chunk_pairs=search.chunk_pairs,
            threads=search.threads,
        )
        tables_found = [pair_table(ids, pairs, plain, moves) for pairs, plain in found]
    except TooManyPairsError as error:
        return Joined(too_many=error.estimate)
    pairs = sum(content.num_rows for content in tables_found)
    if tables_found:
        whole = pa.concat_tables(tables_found)
        by = [whole["b"].to_numpy(), whole["a"].to_numpy(), bands(radius, whole)]
        write("pair", whole.take(np.lexsort(by)))
    if moved is not None:
        write("pair_step", step_table(ids, moved, moves))
    return Joined(tuple(files), pairs)


def _pixels(shape: Shape, column: pa.ChunkedArray, order: Ints) -> Pixels:
    """Pixels (n, d) of a column, in this order of its rows."""
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    flat = np.empty((len(order), shape.size), np.uint8)
    start = 0
    for chunk in column.chunks:
        flat[place[start : start + len(chunk)]] = flat_pixels(chunk, shape, "a task's input")
        start += len(chunk)
    return flat


def _known_here(known: KnownPairs, rows: Ints) -> KnownPairs:
    """What is known of these rows (n,), ascending, by their places."""
    old = int(np.searchsorted(rows, known.old))
    if not len(known.keys):
        return KnownPairs.of(len(rows), old)
    left, right = (rows_of(rows, side) for side in np.divmod(known.keys, known.n))
    both = (left >= 0) & (right >= 0)
    here = Pairs(
        left[both].astype(np.int32), right[both].astype(np.int32), np.zeros(both.sum(), np.int64)
    )
    return KnownPairs.of(len(rows), old, here)
