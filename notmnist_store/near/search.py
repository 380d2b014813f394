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
import numpy.typing as npt
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.run import Run, show_runs
from notmnist_store.catalog.split_sets import ingest_runs
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.check import certificate_rows, check_sample, disagreement
from notmnist_store.near.evidence import (
    current_join,
    pictures,
)
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
from notmnist_store.progress import Progress
from notmnist_store.schema.radius import GROUP, SEARCH, Radius
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Once, Tables

DEFAULT_LIMIT = 100_000_000
_FILE_PAIRS = 1 << 22
_SURELY_TOO_MANY = 2
_KNOWN_PAIRS = """
select a, b, squared_distance
from searched_pair
where squared_distance <= $limit
"""

_Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NearOptions:
    """What to search for; None for the radius by default."""

    radius: Radius | None = None
    group_radius: Radius | None = None
    limit: int = DEFAULT_LIMIT
    chunk_pairs: int = CHUNK_PAIRS
    threads: int | None = None


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


def near_duplicates(tables: Tables, options: NearOptions, progress: Progress) -> str:
    """Find all pairs of different pictures within the radius; one run, or none if there is no need.

    Pairs found before stay in use where they were found at this radius or a larger one. A sample of
    pictures is compared with all in another way, and the run holds the certificate of that. Returns
    the id of the run whose pairs are current.

    Raises:
        UsageError: a group radius above the radius, more pairs than the limit.
        StoreError: there are no images, too little memory, a data file is damaged; or the sample
            has other pairs, and then the run is stored all the same.
    """
    started = datetime.now(UTC)
    catalog = Catalog(tables)
    current = current_join(catalog)
    plan = _plan(tables, catalog, options, current)
    if plan is None:
        assert current is not None
        progress.note(
            f"nothing to do: all pairs up to {current['radius']} are there, of all images"
        )
        show_runs(tables, progress)
        return str(current["run_id"])
    found = pictures(catalog)
    ids = found["image_id"].to_numpy()
    old_runs = plan.old_runs
    old = sum(run in old_runs for run in found["run_id"].to_pylist())
    limit = plan.group_radius.squared
    grouped: list[Pairs] = _known_pairs(catalog, ids, limit) if plan.base is not None else []
    arguments = {"radius": plan.radius.text, "group_radius": plan.group_radius.text}
    once = Once(
        "near_duplicates",
        _searches(catalog) + 1,
        "another process has searched for near duplicates meanwhile",
        "notmnist-store info",
    )
    try:
        with Run(
            tables, "near-duplicates", arguments, once=once, started=started, progress=progress
        ) as run:
            flat = pixels_of(tables, ids)
            progress.stage("comparing", 0, "pairs")
            search = _search(flat, old, plan.radius.squared, options)
            _write_pairs(run, ids, _watched(search, grouped, limit, progress))
            files = run.files.get("pair", [])
            before = None if plan.base is None else catalog
            checked, seed = check_sample(
                tables, before, ids, flat, files, plan.radius.squared, progress
            )
            join = _join_row(catalog, plan, run, len(ids))
            run.write("star", _group_rows(ids, old, grouped))
            run.write("radius_join", [join])
            run.write("certificate", certificate_rows(join, ids, checked, seed=seed))
    except MemoryError as error:
        raise StoreError(
            f"there is too little memory to compare {len(ids):,} pictures of "
            f"{tables.marker.shape.size:,} bytes in chunks of {options.chunk_pairs:,} pairs",
            "notmnist-store near-duplicates --chunk-pairs 65536",
        ) from error
    finally:
        progress.end()
    if checked.disagreements:
        raise disagreement(plan.pair_runs[0] if plan.pair_runs else run.id, ids, checked)
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
        "image_size": catalog.shape.size,
        "images": counted,
        "distinct_images": pictures,
        "pairs": pairs_before + sum(file.rows for file in run.files.get("pair", ())),
    }


def _searches(catalog: Catalog) -> int:
    rows = catalog.query("select count(*) as n from run where verb = 'near-duplicates'")
    return int(rows["n"][0].as_py())


def _plan(
    tables: Tables, catalog: Catalog, options: NearOptions, current: dict[str, Any] | None
) -> _Plan | None:
    """What has to be searched, or None where all is known already."""
    runs = ingest_runs(catalog)
    if not runs:
        raise StoreError("there are no images to compare", "notmnist-store ingest")
    shape = tables.marker.shape
    radius = Radius.of(options.radius, shape, SEARCH)
    group_radius = Radius.of(options.group_radius, shape, GROUP)
    if options.group_radius is None and group_radius.squared > radius.squared:
        group_radius = radius
    if group_radius.squared > radius.squared:
        raise UsageError(
            f"groups of radius {group_radius} need pairs up to it, not to {radius}",
            f"notmnist-store near-duplicates --radius {group_radius} --group-radius {group_radius}",
        )
    whole = _Plan(radius, group_radius, runs, None)
    if current is None or radius.squared > current["threshold"]:
        return whole
    if options.group_radius and group_radius.squared != current["group_threshold"]:
        return whole
    known = json.loads(current["image_runs"])
    fresh = [run for run in runs if run not in known]
    if not fresh:
        return None
    if max(map(runs.index, known)) > min(map(runs.index, fresh)):
        return whole  # a run that was restored comes before known ones, and so do its pictures
    return _Plan(Radius(current["radius"]), Radius(current["group_radius"]), runs, current)


def _search(
    flat: npt.NDArray[np.uint8], old: int, most: int, options: NearOptions
) -> Iterator[Pairs]:
    """Pairs of rows within `most`, left before right: all, or those with a row from `old` on."""
    threads = options.threads or os.cpu_count() or 1
    settings: dict[str, Any] = {"threads": threads, "chunk_pairs": options.chunk_pairs}
    basis = fit_basis(flat)
    fresh = RadiusIndex.build(flat[old:], basis, threads=threads)
    known = RadiusIndex.build(flat[:old], basis, threads=threads) if old else None
    left = options.limit
    estimate = estimate_pairs(fresh, None, most, threads=threads)
    if estimate > _SURELY_TOO_MANY * options.limit:  # else the search itself stops at the limit
        raise too_many_pairs(options.limit, estimate)
    if known is not None:
        for part in join(known, fresh, most, limit=left, **settings):
            left -= len(part)
            yield Pairs(part.left, part.right + np.int32(old), part.squared_distance)
    for part in join(fresh, None, most, limit=max(0, left), **settings):
        yield Pairs(part.left + np.int32(old), part.right + np.int32(old), part.squared_distance)


def _watched(
    found: Iterable[Pairs], grouped: list[Pairs], limit: int, progress: Progress
) -> Iterator[Pairs]:
    """The same pairs; those within `limit` are kept in `grouped` as well."""
    done = 0
    for part in found:
        near = part.squared_distance <= limit
        grouped.append(Pairs(part.left[near], part.right[near], part.squared_distance[near]))
        done += len(part)
        progress.advance(done)
        yield part


def _write_pairs(run: Run, ids: _Ids, found: Iterable[Pairs]) -> None:
    """Write the pairs as data files of a few million rows each, in the order they come."""
    parts: list[pa.Table] = []
    held = 0
    for part in found:
        columns = (ids[part.left], ids[part.right], part.squared_distance)
        parts.append(pa.table(list(columns), names=["a", "b", "squared_distance"]))
        held += len(part)
        if held >= _FILE_PAIRS:
            run.write("pair", pa.concat_tables(parts))
            parts, held = [], 0
    if held:
        run.write("pair", pa.concat_tables(parts))


def _known_pairs(catalog: Catalog, ids: _Ids, limit: int) -> list[Pairs]:
    """Pairs found before, within `limit`, as rows of `ids`.

    Those that decisions part are among them: groups are made of all pairs, for a decision can be
    taken back, and must not move other pictures.
    """
    rows = catalog.query(_KNOWN_PAIRS, {"limit": limit})
    order = np.argsort(ids)
    left, right = (
        order[np.searchsorted(ids, rows[name].to_numpy(), sorter=order)].astype(np.int32)
        for name in ("a", "b")
    )
    return [Pairs(left, right, rows["squared_distance"].to_numpy())]


def _group_rows(ids: _Ids, old: int, grouped: list[Pairs]) -> pa.Table:
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
        }
    )


def _distances_to(star: _Ids, member: _Ids, grouped: list[Pairs]) -> _Ids:
    """Squared distance of each member to its representative."""
    squared = np.zeros(len(star), np.int64)
    for part in grouped:
        late = star[part.right] == part.left  # rows are in the order of ingest: left comes first
        squared[part.right[late]] = part.squared_distance[late]
    return squared[member]
