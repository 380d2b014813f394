"""The verb near-duplicates: pairs of pictures within a radius, and the groups they make.

All pairs, or only those of pictures that stand in different splits of a split set. Images with
equal pixels are one picture, and the one ingested first stands for it. So pictures that come later
change no earlier pair and no earlier group: only what was not compared before is compared, and the
result is that of a search of everything.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.run import Run, show_runs
from notmnist_store.engines.engine import Engine
from notmnist_store.near.boxed import boxed_pairs
from notmnist_store.near.check import (
    all_asked,
    asked_across,
    certificate_rows,
    check_sample,
    disagreement,
)
from notmnist_store.near.compare import whole_pairs
from notmnist_store.near.evidence import (
    catalog_of_pictures,
    covering_join,
    too_little_memory,
)
from notmnist_store.near.kernels.groups import stars
from notmnist_store.near.kernels.join import (
    CHUNK_PAIRS,
    Pairs,
    TooManyPairsError,
)
from notmnist_store.near.kernels.pair_rows import pairs_among
from notmnist_store.near.plan import (
    Asked,
    Plan,
    Scope,
    count_known,
    make_plan,
    make_scope,
)
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Ints
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.storage.once import Once
from notmnist_store.storage.tables import Tables

DEFAULT_LIMIT = 100_000_000
_KNOWN = "select a, b, squared_distance from searched_pair where squared_distance <= $most"
_KNOWN_PLAIN = """select a, b, plain_squared_distance as squared_distance from searched_pair
where plain_squared_distance <= $most"""


def near_duplicates(
    tables: Tables,
    asked: Asked | None = None,
    *,
    engine: Engine | None = None,
    box_pictures: int | None = None,
    limit: int = DEFAULT_LIMIT,
    chunk_pairs: int = CHUNK_PAIRS,
    threads: int | None = None,
    progress: Progress,
) -> str:
    """Find all pairs of different pictures within the radius, or those that cross the splits asked.

    One run, or none if there is no need. Pairs found before stay in use where they were found at
    this radius or a larger one, and under these transforms or more; without transforms under those
    of the current search. A sample of pictures is compared with all in another way, and the run
    holds the certificate of that. Returns the id of the run that covers what was asked for.
    Comparing is the engine's, in boxes of so many pictures where that is its way, or asked for.
    """
    started = datetime.now(UTC)
    catalog = Catalog(tables)
    asked = asked or Asked()
    engine = engine or Engine()
    fit = box_pictures or engine.box_pictures
    plan = make_plan(catalog, asked)
    if plan is None:
        known = covering_join(catalog, asked.crossing)
        assert known is not None
        of = (
            "of all images"
            if known["split_set"] is None
            else f"across the splits of {asked.crossing}"
        )
        under = Transforms.of(known["transforms"])
        progress.note(
            f"nothing to do: all pairs up to {known['radius']} are there, {of}{under.said}"
        )
        show_runs(tables, progress)
        return str(known["run_id"])
    if plan.split_set is not None:
        progress.note(plan.split_set.line)
    scope = make_scope(catalog_of_pictures(engine, tables, catalog, fit), plan)
    ids = scope.ids
    grouped = {each: _known_pairs(catalog, ids, plan, each) for each in plan.grouped_under}
    try:
        with Run(
            tables,
            "near-duplicates",
            plan.arguments,
            once=_once(catalog),
            started=started,
            progress=progress,
        ) as run:
            compare = whole_pairs if fit is None else partial(boxed_pairs, engine, fit=fit)
            read = compare(
                tables,
                run,
                plan,
                scope,
                grouped,
                limit=limit,
                threads=threads or engine.threads,
                chunk_pairs=chunk_pairs,
                progress=progress,
            )
            of_all = all_asked(len(scope.every))
            checked, seed = check_sample(
                engine,
                tables,
                None if plan.base is None else catalog,
                scope.every,
                of_all if plan.split_set is None else asked_across(scope.stands),
                read,
                run.files.get("pair", []),
                plan.radius.squared,
                plan.transforms,
                progress,
            )
            join_row = _join_row(catalog, plan, scope, run)
            for under, within in grouped.items():
                run.write("star", _group_rows(ids, scope.old, within, under))
            run.write("radius_join", [join_row])
            run.write(
                "certificate",
                certificate_rows(
                    join_row, scope.every, checked, split_set=plan.split_set, seed=seed
                ),
            )
    except TooManyPairsError as error:
        words = ["--radius", plan.radius.text, *plan.transforms.option]
        for option, given in (
            ("--group-radius", asked.group_radius),
            ("--crossing", plan.crossing),
        ):
            words += [] if given is None else [option, str(given)]
        raise error.asked_with(*words) from None
    except MemoryError as error:
        raise too_little_memory(len(ids), catalog.shape, chunk_pairs) from error
    finally:
        progress.end()
    if plan.aside is not None:
        back = f"to have them back: notmnist-store undo {run.id}"
        progress.note(f"{plan.aside}, do not count any more; {back}")
    if checked.disagreements:
        raise disagreement((plan.pair_runs or [run.id])[0], scope.every, checked)
    return run.id


def _join_row(catalog: Catalog, plan: Plan, scope: Scope, run: Run) -> dict[str, Any]:
    """The row of table radius_join for a search whose pairs are written."""
    run.reads("image", plan.runs)
    run.reads("pair", [*plan.pair_runs, run.id])
    made = plan.split_set
    groups = plan.group_radius
    return {
        "run_id": run.id,
        "split_set": None if made is None else made.name,
        "digest": None if made is None else made.digest,
        "radius": plan.radius.text,
        "threshold": plan.radius.squared,
        "group_radius": None if groups is None else groups.text,
        "group_threshold": None if groups is None else groups.squared,
        "transforms": plan.transforms.text,
        "image_size": catalog.shape.size,
        "images": scope.images,
        "distinct_images": len(scope.ids),
        "pairs": count_known(catalog, plan, scope)
        + sum(file.rows for file in run.files.get("pair", ())),
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


def _known_pairs(catalog: Catalog, ids: Ints, plan: Plan, under: Transforms) -> list[Pairs]:
    """Pairs found before, within the group radius under no or all transforms, as rows of `ids`.

    Those that decisions part are among them: groups are made of all pairs, for a decision can be
    taken back, and must not move other pictures.
    """
    if plan.base is None or plan.group_radius is None:
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
