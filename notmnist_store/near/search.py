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
from notmnist_store.near.kernels.moved import MovedPairs, moved_pairs
from notmnist_store.near.kernels.pair_rows import pairs_among
from notmnist_store.near.kernels.transforms import Moves
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Ints, Pixels
from notmnist_store.schema.radius import GROUP, SEARCH, Radius
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Once, Tables

DEFAULT_LIMIT = 100_000_000
_FILE_PAIRS = 1 << 22
_SURELY_TOO_MANY = 2
_KNOWN = "select a, b, squared_distance from searched_pair where squared_distance <= $most"
_KNOWN_PLAIN = """select a, b, plain_squared_distance as squared_distance from searched_pair
where plain_squared_distance <= $most"""


@dataclass(frozen=True)
class _Plan:
    """A search: everything, or pictures of new runs against those of the runs of `base`."""

    radius: Radius
    group_radius: Radius
    transforms: Transforms
    runs: list[str]
    base: dict[str, Any] | None

    @property
    def grouped_under(self) -> list[Transforms]:
        """What groups are made under: no transform, and all of the search."""
        return list(dict.fromkeys((NONE, self.transforms)))

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
    transforms: Transforms | None = None,
    *,
    limit: int = DEFAULT_LIMIT,
    chunk_pairs: int = CHUNK_PAIRS,
    threads: int | None = None,
    progress: Progress,
) -> str:
    """Find all pairs of different pictures within the radius; one run, or none if there is no need.

    Pairs found before stay in use where they were found at this radius or a larger one, and under
    these transforms or more; without `transforms` under those of the current search. A sample of
    pictures is compared with all in another way, and the run holds the certificate of that. Returns
    the id of the run whose pairs are current.
    """
    started = datetime.now(UTC)
    catalog = Catalog(tables)
    current = current_join(catalog)
    plan = _plan(catalog, radius, group_radius, transforms, current)
    if plan is None:
        assert current is not None
        progress.note(
            f"nothing to do: all pairs up to {current['radius']} are there, of all images"
            + ("" if current["transforms"] == NONE.text else f", under {current['transforms']}")
        )
        show_runs(tables, progress)
        return str(current["run_id"])
    listed = pictures(catalog)
    ids = listed["image_id"].to_numpy()
    old = sum(run in plan.old_runs for run in listed["run_id"].to_pylist())
    grouped = {each: _known_pairs(catalog, ids, plan, each) for each in plan.grouped_under}
    arguments = {"radius": plan.radius.text, "group_radius": plan.group_radius.text}
    if plan.transforms != NONE:
        arguments["transforms"] = plan.transforms.text
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
            threads = threads or os.cpu_count() or 1
            if plan.transforms == NONE:
                parts = _search(flat, old, plan.radius.squared, limit, chunk_pairs, threads)
                kept = _kept(parts, grouped[NONE], plan.group_radius)
                _write_pairs(run, ids, progress.counted(kept))
            else:
                moves = Moves(plan.transforms, tables.marker.shape)
                moved = moved_pairs(
                    flat,
                    old,
                    moves,
                    plan.radius.squared,
                    limit=limit,
                    threads=threads,
                    chunk_pairs=chunk_pairs,
                )
                _write_moved(run, ids, moved, moves)
                _keep_moved(moved, grouped, plan)
                progress.advance(len(moved.pairs))
            files = run.files.get("pair", [])
            before = None if plan.base is None else catalog
            checked, seed = check_sample(
                tables, before, ids, flat, files, plan.radius.squared, plan.transforms, progress
            )
            join_row = _join_row(catalog, plan, run, len(ids))
            for under, within in grouped.items():
                run.write("star", _group_rows(ids, old, within, under))
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
        "transforms": plan.transforms.text,
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
    asked_transforms: Transforms | None,
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
    known_under = NONE if current is None else Transforms.read(current["transforms"]) or NONE
    transforms = known_under if asked_transforms is None else asked_transforms
    transforms.check(catalog.shape)
    whole = _Plan(radius, group_radius, transforms, runs, None)
    if current is None or radius.squared > current["threshold"]:
        return whole
    if not known_under.covers(transforms):
        return whole
    if asked_groups and group_radius.squared != current["group_threshold"]:
        return whole
    known = json.loads(current["image_runs"])
    fresh = [run for run in runs if run not in known]
    if not fresh:
        return None
    if max(map(runs.index, known)) > min(map(runs.index, fresh)):
        return whole  # a run that was restored comes before known ones, and so do its pictures
    known = (Radius(current["radius"]), Radius(current["group_radius"]), known_under)
    return _Plan(*known, runs, current)


def _search(
    flat: Pixels,
    old: int,
    most: int,
    limit: int,
    chunk_pairs: int,
    threads: int,
) -> Iterator[Pairs]:
    """Pairs of rows within `most`, left before right: all, or those with a row from `old` on."""
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


def _write_moved(run: Run, ids: Ints, moved: MovedPairs, moves: Moves) -> None:
    """Write the pairs, and the steps between, with the names of their moves."""
    names = pa.array(moves.names)
    for start in range(0, len(moved.pairs), _FILE_PAIRS):
        rows = slice(start, start + _FILE_PAIRS)
        part, plain = moved.pairs.take(rows), moved.plain[rows]
        run.write(
            "pair",
            pa.table(
                {
                    "a": ids[part.left],
                    "b": ids[part.right],
                    "squared_distance": part.squared_distance,
                    "transform": names.take(pa.array(part.move)),
                    "plain_squared_distance": pa.array(plain, mask=plain < 0),
                }
            ),
        )
    steps = moved.steps
    if len(steps):
        run.write(
            "pair_step",
            pa.table(
                {
                    "a": ids[steps.left],
                    "b": ids[steps.right],
                    "transforms": pa.array([each.text for each in moves.sets]).take(
                        pa.array(moved.sets)
                    ),
                    "squared_distance": steps.squared_distance,
                    "transform": names.take(pa.array(steps.move)),
                }
            ),
        )


def _keep_moved(moved: MovedPairs, grouped: dict[Transforms, list[Pairs]], plan: _Plan) -> None:
    """Put the pairs within the group radius into `grouped`: as they are, and under the set."""
    pairs, most = moved.pairs, plan.group_radius.squared
    grouped[plan.transforms].append(pairs.take(pairs.squared_distance <= most))
    near = (moved.plain >= 0) & (moved.plain <= most)
    grouped[NONE].append(Pairs(pairs.left[near], pairs.right[near], moved.plain[near]))


def _known_pairs(catalog: Catalog, ids: Ints, plan: _Plan, under: Transforms) -> list[Pairs]:
    """Pairs found before, within the group radius under no or all transforms, as rows of `ids`.

    Those that decisions part are among them: groups are made of all pairs, for a decision can be
    taken back, and must not move other pictures.
    """
    if plan.base is None:
        return []
    known = _KNOWN_PLAIN if under == NONE else _KNOWN
    return [pairs_among(ids, catalog.query(known, {"most": plan.group_radius.squared}))]


def _group_rows(ids: Ints, old: int, grouped: list[Pairs], under: Transforms) -> pa.Table:
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
            "transforms": pa.repeat(pa.scalar(under.text), len(member)),
        }
    )


def _distances_to(star: Ints, member: Ints, grouped: list[Pairs]) -> Ints:
    """Squared distance of each member to its representative."""
    squared = np.zeros(len(star), np.int64)
    for part in grouped:
        late = star[part.right] == part.left  # rows are in the order of ingest: left comes first
        squared[part.right[late]] = part.squared_distance[late]
    return squared[member]
