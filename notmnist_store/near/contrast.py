"""The search of near-duplicates --contrast: pictures near each other up to brightness and contrast.

A search of its own: it reads no pair of another one and writes none, and compares everything each
time. What decides is in `kernels.contrast`. Images with equal pixels are one picture, and the one
ingested first stands for it; blank pictures have no direction, and are counted only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.run import Run, show_runs
from notmnist_store.catalog.split_sets import ingest_runs
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.check import sample_size
from notmnist_store.near.evidence import pictures, too_little_memory
from notmnist_store.near.kernels.contrast import (
    Moments,
    candidate_square,
    decide,
    directions,
    moments,
    products,
)
from notmnist_store.near.kernels.join import RadiusIndex, estimate_pairs, join
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Bools, Floats, Ints, Pixels
from notmnist_store.schema.radius import Radius
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Tables

CONTRAST = Radius("0.1")
"""Up to where pairs are searched for unless asked otherwise, at every shape."""

_COMMAND = "notmnist-store near-duplicates --contrast"
_LARGEST = 2
_LEAST_EXPONENT = -20  # directions that are not the same are at least 2^-61 apart
_BLOCK_VALUES = 1 << 24
_BLOCK_COSINES = 1 << 22
_DOUBT = 2.0**-40
_SLACK = 1e-12
_SEED = 0
_FOUND = pa.schema(
    [
        *((side, pa.int32()) for side in ("left", "right")),
        *((name, pa.int64()) for name in ("m", "n_a", "n_b")),
        ("distance", pa.float64()),
    ]
)


def contrast_pairs(
    tables: Tables,
    radius: Radius | None = None,
    *,
    refused: Mapping[str, object | None],
    limit: int,
    chunk_pairs: int,
    threads: int | None = None,
    progress: Progress,
) -> str:
    """Find all pairs of pictures whose directions are within the radius; one run.

    None, where the current search is that of all images at this radius. `refused` are options that
    do not go with it, None where they are not given. A sample of pictures is compared with all in
    another way; where that disagrees, nothing is stored. Returns the id of the current run.
    """
    started = datetime.now(UTC)
    for option, given in refused.items():
        if given is not None:
            raise UsageError(f"{option} does not go with --contrast", _COMMAND)
    radius = radius or CONTRAST
    within = exact_radius(radius)
    catalog = Catalog(tables)
    runs = ingest_runs(catalog)
    if not runs:
        raise StoreError("there are no images to compare", "notmnist-store ingest")
    for row in catalog.query("select * from contrast_join where is_current").to_pylist():
        known = Radius(row["radius"])
        if exact_radius(known) == within and json.loads(row["image_runs"]) == runs:
            progress.note(f"nothing to do: all pairs up to {known} are there, of all images")
            show_runs(tables, progress)
            return str(row["run_id"])
    ids = pictures(catalog)["image_id"].to_numpy()
    arguments = {"contrast": True, "radius": radius.text}
    try:
        with Run(tables, "near-duplicates", arguments, started=started, progress=progress) as run:
            flat = pixels_of(tables, ids)
            of = moments(flat)
            lit = np.flatnonzero(of.norms)
            if len(lit) < len(ids):
                flat, of = flat[lit], of.take(lit)
            progress.stage("comparing", 0, "pairs")
            drawn = np.random.default_rng(_SEED).permutation(len(lit))
            sample = np.sort(drawn[: sample_size(len(lit), flat.shape[1])])
            held = [_FOUND.empty_table()]
            threads = threads or os.cpu_count() or 1
            parts = _search(flat, of, radius, limit, chunk_pairs, threads)
            rows = _rows(ids[lit], progress.counted(_kept(parts, sample, held)))
            run.write_parts("contrast_pair", rows)
            _check_sample(flat, of, sample, within, pa.concat_tables(held), ids[lit])
            run.reads("image", runs)
            images = catalog.query("select count(*) as images from image")["images"][0].as_py()
            run.write(
                "contrast_join",
                [
                    {
                        "run_id": run.id,
                        "radius": radius.text,
                        "images": images,
                        "distinct_images": len(ids),
                        "blank": len(ids) - len(lit),
                        "pairs": sum(file.rows for file in run.files.get("contrast_pair", ())),
                    }
                ],
            )
    except MemoryError as error:
        raise too_little_memory(len(ids), catalog.shape, chunk_pairs, " --contrast") from error
    finally:
        progress.end()
    return run.id


def exact_radius(radius: Radius) -> Fraction:
    """A radius between directions as an exact number.

    Raises:
        UsageError: it is more than 2.
    """
    number = Decimal(radius.text)
    if number > _LARGEST:
        raise UsageError(
            f"directions are 2 apart at the most: a radius with --contrast is from 0 to 2, "
            f"not {radius}",
            f"{_COMMAND} --radius {CONTRAST}",
        )
    return Fraction(0) if number.adjusted() < _LEAST_EXPONENT else Fraction(number)


def _search(
    flat: Pixels, of: Moments, radius: Radius, limit: int, chunk_pairs: int, threads: int
) -> Iterator[pa.Table]:
    """Pairs of rows within the radius, left before right, in tables of schema `_FOUND`."""
    size, found, within = flat.shape[1], 0, exact_radius(radius)
    most = candidate_square(within, size)
    index = RadiusIndex.build(directions(flat, of), threads=threads)
    for chunk in join(index, None, most, threads=threads, chunk_pairs=chunk_pairs):
        dots = products(flat, chunk.left, chunk.right)
        a, b = of.take(chunk.left), of.take(chunk.right)
        near, distance = decide(dots, size, a, b, within)
        found += int(near.sum())
        if found > limit:
            candidates = max(found, estimate_pairs(index, None, most, threads=threads))
            raise UsageError(
                f"more than {limit:,} pairs lie within this radius, of about {candidates:,} that "
                "may: take a smaller --radius, or a higher --limit",
                f"{_COMMAND} --radius {radius} --limit {2 * candidates}",
            )
        m = size * dots - a.sums * b.sums
        columns = (chunk.left, chunk.right, m, a.norms, b.norms, distance)
        yield pa.table([column[near] for column in columns], schema=_FOUND)


def _rows(ids: Ints, found: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Rows of table contrast_pair for tables of schema `_FOUND`."""
    for part in found:
        sides = {side: ids[part[row].to_numpy()] for side, row in (("a", "left"), ("b", "right"))}
        yield pa.table(sides | {name: part[name] for name in _FOUND.names[2:]})


def _kept(found: Iterable[pa.Table], sample: Ints, held: list[pa.Table]) -> Iterator[pa.Table]:
    """The same pairs; those of sampled rows are kept in `held` as well."""
    for part in found:
        sides = (part[name].to_numpy() for name in ("left", "right"))
        held.append(part.filter(np.logical_or(*(np.isin(side, sample) for side in sides))))
        yield part


def _check_sample(
    flat: Pixels, of: Moments, sample: Ints, radius: Fraction, held: pa.Table, ids: Ints
) -> None:
    """Hold the pairs of sampled rows, `held`, against their cosines with all rows.

    Cosines come from matrix products, exact in float64; those next to that of the radius are
    decided by fractions.

    Raises:
        StoreError: a pair is missed, is none, or lies at another distance.
    """
    size, rows = flat.shape[1], len(flat)
    step = max(1, min(_BLOCK_VALUES // size, _BLOCK_COSINES // max(1, len(sample))))
    chosen = flat[sample].astype(np.float64)
    keys, squares = [np.empty(0, np.int64)], [np.empty(0)]
    for start in range(0, rows, step):
        span = slice(start, start + step)
        dots = (chosen @ flat[span].T.astype(np.float64)).astype(np.int64)
        m = size * dots - np.outer(of.sums[sample], of.sums[span])
        cosine = m / np.outer(np.sqrt(of.norms[sample]), np.sqrt(of.norms[span]))
        i, j = np.nonzero(_near(m, cosine, of.norms[sample], of.norms[span], radius))
        a, b = sample[i], start + j
        two = a != b
        keys.append((np.minimum(a, b) * rows + np.maximum(a, b))[two])
        squares.append((2 - 2 * cosine[i, j])[two])
    expected, place = np.unique(np.concatenate(keys), return_index=True)
    stored = held["left"].to_numpy().astype(np.int64) * rows + held["right"].to_numpy()
    order = np.argsort(stored)
    differing = np.setxor1d(stored, expected)
    if not len(differing) and len(stored) == len(expected):
        far = held["distance"].to_numpy()[order] ** 2 - np.concatenate(squares)[place]
        differing = expected[np.abs(far) > _SLACK]
    if len(differing) or len(stored) != len(expected):
        one, other = divmod(int((differing if len(differing) else stored)[0]), rows)
        raise StoreError(
            f"the pairs are not right: of {len(expected):,} pairs of a sample, "
            f"{len(differing):,} are missed or wrong, images {ids[one]} and {ids[other]} among "
            "them; nothing was stored. The pixels may be damaged",
            "notmnist-store verify --full",
        )


def _near(m: Ints, cosine: Floats, n_a: Ints, n_b: Ints, radius: Fraction) -> Bools:
    """Which cosines m / sqrt(n_a n_b), of all rows with all, are those of pairs within radius."""
    least = 1 - radius * radius / 2
    near: Bools = cosine >= float(least)
    for i, j in np.argwhere(np.abs(cosine - float(least)) <= _DOUBT):
        signed = Fraction(int(m[i, j]) * abs(int(m[i, j])), int(n_a[i]) * int(n_b[j]))
        near[i, j] = signed >= least * abs(least)
    return near
