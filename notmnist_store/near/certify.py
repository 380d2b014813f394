"""The verb certify: check the current pairs by an independent method, and say so.

With a split set every picture that evaluates is compared with every picture that must not know it;
without one, a random sample of all pictures with all of them. What was compared, and whether all
agreed, is stored as a certificate.
"""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime

import numpy as np

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.run import Run
from notmnist_store.catalog.split_sets import find_split_set
from notmnist_store.engines.engine import Engine
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.check import (
    Asked,
    asked_across,
    certificate_rows,
    check,
    compared_with,
    disagreement,
    known_pairs,
    outcome_line,
)
from notmnist_store.near.evidence import (
    catalog_of_pictures,
    current_join,
    is_of_all,
    lacking,
    not_known,
    pictures,
    search_words,
)
from notmnist_store.progress import Progress
from notmnist_store.schema.transforms import Transforms
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Tables

DEFAULT_SAMPLE = 1_000


def certify(
    tables: Tables,
    split_set: str | None,
    *,
    sample: int | None = None,
    seed: int = 0,
    engine: Engine,
    progress: Progress,
) -> str:
    """Check the current pairs and store a certificate; one run, whose id is returned.

    With `split_set` all its evaluation pictures are compared with all pictures that must not know
    them, else `sample` random ones (1,000) with all. Of a sample of everything the method is
    exhaustive, too. Where pictures were compared across the splits of a split set alone, that is
    the split set unless another is given.
    """
    started = datetime.now(UTC)
    if sample is not None and (sample < 1 or split_set is not None):
        raise UsageError(
            "a split set is checked in full: --sample does not go with it"
            if sample >= 1
            else f"--sample is at least 1, not {sample}",
            "notmnist-store certify --sample 1000",
        )
    catalog = Catalog(tables)
    join = current_join(catalog)
    if split_set is None and sample is None and join is not None and not is_of_all(join):
        split_set = str(join["split_set"])
    chosen = None if split_set is None else find_split_set(catalog, split_set)
    if chosen is not None:
        progress.note(chosen.line)
    images = lacking(catalog, split_set=split_set, crossing=True)
    if join is None or images:
        raise StoreError(
            f"{not_known(catalog, images)}: there is nothing to certify",
            shlex.join(search_words(catalog, split_set)),
        )
    transforms = Transforms.of(join["transforms"])
    asked_of = catalog_of_pictures(engine, tables, catalog, engine.box_pictures)
    listed = pictures(asked_of, split_set)
    ids = listed["image_id"].to_numpy()
    if chosen is None:
        drawn = np.random.default_rng(seed).permutation(len(ids))[: sample or DEFAULT_SAMPLE]
        is_drawn = np.zeros(len(ids), np.bool_)
        is_drawn[drawn] = True
        asked: Asked = [(is_drawn, np.ones(len(ids), np.bool_))]
    else:
        asked = asked_across(listed["stands"].to_numpy())
    comparisons = compared_with(asked)
    checked = check(
        engine,
        tables,
        ids,
        known_pairs(catalog, ids[np.any([of for of, _ in asked], axis=0)]),
        comparisons,
        lambda rows: pixels_of(tables, ids[rows]),
        join["threshold"],
        transforms,
        progress,
    )
    is_sample = chosen is None and checked.left < len(ids)
    arguments = {"join_run": join["run_id"]}
    if chosen is not None:
        arguments |= {"split_set": chosen.name, "version": chosen.version}
    with Run(tables, "certify", arguments, started=started, progress=progress) as run:
        rows = certificate_rows(
            join, ids, checked, split_set=chosen, seed=seed if is_sample else None
        )
        run.write("certificate", rows)
    progress.note(outcome_line(checked, len(ids) if is_sample else 0, transforms))
    if checked.disagreements:
        raise disagreement(json.loads(join["pair_runs"])[0], ids, checked)
    return run.id
