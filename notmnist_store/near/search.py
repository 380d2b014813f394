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
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.run import Run, show_runs
from notmnist_store.catalog.split_sets import ingest_runs
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.check import certificate_rows, check_sample, disagreement
from notmnist_store.near.evidence import current_join, pictures, too_little_memory
from notmnist_store.near.kernels.basis import fit_basis
from notmnist_store.near.kernels.groups import stars
from notmnist_store.near.kernels.join import (
    CHUNK_PAIRS,
    Pairs,
    RadiusIndex,
    TooManyPairsError,
    estimate_pairs,
    join,
)
from notmnist_store.near.kernels.moved import MovedPairs, moved_pairs
from notmnist_store.near.kernels.pair_rows import bands, pairs_among
from notmnist_store.near.kernels.transforms import Moves
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Ints, Pixels
from notmnist_store.schema.radius import GROUP, SEARCH, Radius
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Once, Tables

DEFAULT_LIMIT = 100_000_000
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
        under = Transforms.of(current["transforms"])
        progress.note(
            f"nothing to do: all pairs up to {current['radius']} are there, of all images"
            f"{under.said}"
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
            moves = Moves(plan.transforms, tables.marker.shape)
            how: dict[str, Any] = {
                "limit": limit,
                "threads": threads or os.cpu_count() or 1,
                "chunk_pairs": chunk_pairs,
            }
            found: Iterable[tuple[Pairs, Ints]]
            if moves.moves:
                moved = moved_pairs(flat, old, moves, plan.radius.squared, **how)
                run.write("pair_step", _step_rows(ids, moved, moves))
                found = moved.parts(chunk_pairs)
            else:
                parts = _search(flat, old, plan.radius.squared, **how)
                found = ((part, part.squared_distance) for part in parts)
            rows = _pair_rows(ids, _kept(found, grouped, plan.group_radius), moves)
            run.write_parts("pair", progress.counted(rows), partial(bands, plan.radius))
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
    except TooManyPairsError as error:
        words = ["--radius", plan.radius.text, *plan.transforms.option]
        if group_radius is not None:
            words += ["--group-radius", group_radius.text]
        raise error.asked_with(*words) from None
    except MemoryError as error:
        raise too_little_memory(len(ids), catalog.shape, chunk_pairs) from error
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
    known_under = Transforms.of(None if current is None else current["transforms"])
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
    *,
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
        raise TooManyPairsError(limit, estimate)
    if known is not None:
        for part in join(known, fresh, most, limit=left, **settings):
            left -= len(part)
            yield part.counted_from(0, old)
    for part in join(fresh, None, most, limit=max(0, left), **settings):
        yield part.counted_from(old, old)


def _kept(
    found: Iterable[tuple[Pairs, Ints]], grouped: dict[Transforms, list[Pairs]], radius: Radius
) -> Iterator[tuple[Pairs, Ints]]:
    """The same pairs; those within the radius are kept in `grouped` as well."""
    for part, plain in found:
        for under, kept in grouped.items():
            squared = plain if under == NONE else part.squared_distance
            near = (squared >= 0) & (squared <= radius.squared)
            kept.append(Pairs(part.left[near], part.right[near], squared[near]))
        yield part, plain


def _pair_rows(ids: Ints, found: Iterable[tuple[Pairs, Ints]], moves: Moves) -> Iterator[pa.Table]:
    """Rows of table pair for pairs and their plain squared distances, -1 beyond the radius."""
    names = pa.array(moves.names)
    for part, plain in found:
        yield pa.table(
            {
                "a": ids[part.left],
                "b": ids[part.right],
                "squared_distance": part.squared_distance,
                "transform": names.take(pa.array(part.move)),
                "plain_squared_distance": pa.array(plain, mask=plain < 0),
            }
        )


def _step_rows(ids: Ints, moved: MovedPairs, moves: Moves) -> pa.Table:
    """Rows of table pair_step."""
    steps = moved.steps
    words = pa.array([each.text for each in moves.sets])
    return pa.table(
        {
            "a": ids[steps.left],
            "b": ids[steps.right],
            "transforms": words.take(pa.array(moved.sets)),
            "squared_distance": steps.squared_distance,
            "transform": pa.array(moves.names).take(pa.array(steps.move)),
        }
    )


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
