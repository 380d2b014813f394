"""The verb near-duplicates: all pairs of pictures within a radius, and the groups they make.

Images with equal pixels are one picture, and the one ingested first stands for it. So pictures
that come later change no earlier pair and no earlier group: after new images only what is new is
compared, and the result is that of a search of everything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.run import Run, show_runs
from notmnist_store.catalog.split_sets import ingest_runs
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.check import certificate_rows, check_sample, disagreement
from notmnist_store.near.evidence import current_join, pictures
from notmnist_store.near.kernels.basis import fit_basis
from notmnist_store.near.kernels.groups import stars
from notmnist_store.near.kernels.join import (
    CHUNK_PAIRS,
    Pairs,
    RadiusIndex,
    estimate_pairs,
    join,
    too_many_pairs,
)
from notmnist_store.near.kernels.pair_rows import pairs_among
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Ints, Pixels
from notmnist_store.schema.radius import GROUP, SEARCH, Radius
from notmnist_store.schema.transforms import NONE
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Once, Tables

DEFAULT_LIMIT = 100_000_000
_FILE_PAIRS = 1 << 22
_SURELY_TOO_MANY = 2
_KNOWN = "select a, b, squared_distance from searched_pair where squared_distance <= $most"


@dataclass(frozen=True)
class _Plan:
    """A search: everything, or pictures of new runs against those of the runs of `base`."""

    radius: Radius
    group_radius: Radius
    runs: list[str]
    base: dict[str, Any] | None

    @property
    def old_runs(self) -> list[str]:
        return [] if self.base is None else list(json.loads(self.base["image_runs"]))

    @property
    def pair_runs(self) -> list[str]:
        return [] if self.base is None else list(json.loads(self.base["pair_runs"]))


def near_duplicates(
    tables: Tables,
    radius: Radius | None = None,
    group_radius: Radius | None = None,
    *,
    limit: int = DEFAULT_LIMIT,
    chunk_pairs: int = CHUNK_PAIRS,
    threads: int | None = None,
    progress: Progress,
) -> str:
    """Find all pairs of different pictures within the radius; one run, or none if there is no need.

    Pairs found before stay in use where they were found at this radius or a larger one. A sample of
    pictures is compared with all in another way, and the run holds the certificate of that. Returns
    the id of the run whose pairs are current.
    """
    started = datetime.now(UTC)
    catalog = Catalog(tables)
    current = current_join(catalog)
    plan = _plan(catalog, radius, group_radius, current)
    if plan is None:
        assert current is not None
        progress.note(
            f"nothing to do: all pairs up to {current['radius']} are there, of all images"
        )
        show_runs(tables, progress)
        return str(current["run_id"])
    listed = pictures(catalog)
    ids = listed["image_id"].to_numpy()
    old = sum(run in plan.old_runs for run in listed["run_id"].to_pylist())
    grouped = [] if plan.base is None else [_known_pairs(catalog, ids, plan.group_radius)]
    arguments = {"radius": plan.radius.text, "group_radius": plan.group_radius.text}
    try:
        with Run(
            tables,
            "near-duplicates",
            arguments,
            once=_once(catalog),
            started=started,
            progress=progress,
        ) as run:
            flat = pixels_of(tables, ids)
            progress.stage("comparing", 0, "pairs")
            parts = _search(flat, old, plan.radius.squared, limit, chunk_pairs, threads)
            _write_pairs(run, ids, progress.counted(_kept(parts, grouped, plan.group_radius)))
            files = run.files.get("pair", [])
            before = None if plan.base is None else catalog
            checked, seed = check_sample(
                tables, before, ids, flat, files, plan.radius.squared, progress
            )
            join_row = _join_row(catalog, plan, run, len(ids))
            run.write("star", _group_rows(ids, old, grouped))
            run.write("radius_join", [join_row])
            run.write("certificate", certificate_rows(join_row, ids, checked, seed=seed))
    except MemoryError as error:
        raise StoreError(
            f"there is too little memory to compare {len(ids):,} pictures of "
            f"{catalog.shape.size:,} bytes in chunks of {chunk_pairs:,} pairs",
            "notmnist-store near-duplicates --chunk-pairs 65536",
        ) from error
    finally:
        progress.end()
    if checked.disagreements:
        raise disagreement((plan.pair_runs or [run.id])[0], ids, checked)
    return run.id


def _join_row(catalog: Catalog, plan: _Plan, run: Run, pictures: int) -> dict[str, Any]:
    """The row of table radius_join for a search whose pairs are written."""
    run.reads("image", plan.runs)
    run.reads("pair", [*plan.pair_runs, run.id])
    counted = catalog.query("select count(*) as images from image")["images"][0].as_py()
    pairs_before = 0 if plan.base is None else int(plan.base["pairs"])
    return {
        "run_id": run.id,
        "radius": plan.radius.text,
        "threshold": plan.radius.squared,
        "group_radius": plan.group_radius.text,
        "group_threshold": plan.group_radius.squared,
        "transforms": NONE.text,
        "image_size": catalog.shape.size,
        "images": counted,
        "distinct_images": pictures,
        "pairs": pairs_before + sum(file.rows for file in run.files.get("pair", ())),
    }


def _once(catalog: Catalog) -> Once:
    """Of two searches at the same time the second one to finish is refused."""
    rows = catalog.query("select count(*) as n from run where verb = 'near-duplicates'")
    return Once(
        "near_duplicates",
        int(rows["n"][0].as_py()) + 1,
        "another process has searched for near duplicates meanwhile",
        "notmnist-store info",
    )


def _plan(
    catalog: Catalog,
    asked: Radius | None,
    asked_groups: Radius | None,
    current: dict[str, Any] | None,
) -> _Plan | None:
    """What has to be searched, or None where all is known already."""
    runs = ingest_runs(catalog)
    if not runs:
        raise StoreError("there are no images to compare", "notmnist-store ingest")
    radius = Radius.of(asked, catalog.shape, SEARCH)
    group_radius = Radius.of(asked_groups, catalog.shape, GROUP)
    if asked_groups is None and group_radius.squared > radius.squared:
        group_radius = radius
    if group_radius.squared > radius.squared:
        raise UsageError(
            f"groups of radius {group_radius} need pairs up to it, not to {radius}",
            f"notmnist-store near-duplicates --radius {group_radius} --group-radius {group_radius}",
        )
    whole = _Plan(radius, group_radius, runs, None)
    if current is None or radius.squared > current["threshold"]:
        return whole
    if asked_groups and group_radius.squared != current["group_threshold"]:
        return whole
    known = json.loads(current["image_runs"])
    fresh = [run for run in runs if run not in known]
    if not fresh:
        return None
    if max(map(runs.index, known)) > min(map(runs.index, fresh)):
        return whole  # a run that was restored comes before known ones, and so do its pictures
    return _Plan(Radius(current["radius"]), Radius(current["group_radius"]), runs, current)


def _search(
    flat: Pixels,
    old: int,
    most: int,
    limit: int,
    chunk_pairs: int,
    threads: int | None,
) -> Iterator[Pairs]:
    """Pairs of rows within `most`, left before right: all, or those with a row from `old` on."""
    threads = threads or os.cpu_count() or 1
    settings: dict[str, Any] = {"threads": threads, "chunk_pairs": chunk_pairs}
    basis = fit_basis(flat)
    fresh = RadiusIndex.build(flat[old:], basis, threads=threads)
    known = RadiusIndex.build(flat[:old], basis, threads=threads) if old else None
    left = limit
    estimate = estimate_pairs(fresh, None, most, threads=threads)
    if estimate > _SURELY_TOO_MANY * limit:  # else the search itself stops at the limit
        raise too_many_pairs(limit, estimate)
    if known is not None:
        for part in join(known, fresh, most, limit=left, **settings):
            left -= len(part)
            yield Pairs(part.left, part.right + np.int32(old), part.squared_distance)
    for part in join(fresh, None, most, limit=max(0, left), **settings):
        yield Pairs(part.left + np.int32(old), part.right + np.int32(old), part.squared_distance)


def _kept(parts: Iterable[Pairs], grouped: list[Pairs], radius: Radius) -> Iterator[Pairs]:
    """The same pairs; those within the radius are kept in `grouped` as well."""
    for part in parts:
        grouped.append(part.take(part.squared_distance <= radius.squared))
        yield part


def _write_pairs(run: Run, ids: Ints, found: Iterable[Pairs]) -> None:
    """Write the pairs as data files of a few million rows each, in the order they come."""
    parts: list[pa.Table] = []
    held = 0
    for part in found:
        parts.append(
            pa.table(
                {
                    "a": ids[part.left],
                    "b": ids[part.right],
                    "squared_distance": part.squared_distance,
                    "transform": pa.repeat(pa.scalar(NONE.text), len(part)),
                    "plain_squared_distance": part.squared_distance,
                }
            )
        )
        held += len(part)
        if held >= _FILE_PAIRS:
            run.write("pair", pa.concat_tables(parts))
            parts, held = [], 0
    if held:
        run.write("pair", pa.concat_tables(parts))


def _known_pairs(catalog: Catalog, ids: Ints, radius: Radius) -> Pairs:
    """Pairs found before, within the radius, as rows of `ids`.

    Those that decisions part are among them: groups are made of all pairs, for a decision can be
    taken back, and must not move other pictures.
    """
    return pairs_among(ids, catalog.query(_KNOWN, {"most": radius.squared}))


def _group_rows(ids: Ints, old: int, grouped: list[Pairs]) -> pa.Table:
    """Pictures from row `old` on that belong to an earlier one, and how far they are from it."""
    star = stars(len(ids), None, grouped)
    member = np.flatnonzero(star != np.arange(len(ids)))
    member = member[member >= old]
    squared = _distances_to(star, member, grouped)
    return pa.table(
        {
            "image_id": ids[member],
            "group_id": ids[star[member]],
            "squared_distance": squared,
            "transforms": pa.repeat(pa.scalar(NONE.text), len(member)),
        }
    )


def _distances_to(star: Ints, member: Ints, grouped: list[Pairs]) -> Ints:
    """Squared distance of each member to its representative."""
    squared = np.zeros(len(star), np.int64)
    for part in grouped:
        late = star[part.right] == part.left  # rows are in the order of ingest: left comes first
        squared[part.right[late]] = part.squared_distance[late]
    return squared[member]
