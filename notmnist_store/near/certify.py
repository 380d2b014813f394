"""The verb certify: check the current pairs by an independent method, and say so.

With a split set every picture that evaluates is compared with every picture that must not know it;
without one, a random sample of all pictures with all of them. What was compared, and whether all
agreed, is stored as a certificate.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.run import Run
from notmnist_store.catalog.split_sets import find_split_set
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.check import (
    Comparison,
    certificate_rows,
    check,
    disagreement,
    known_pairs,
    outcome_line,
)
from notmnist_store.near.evidence import current_join, lacking, not_known
from notmnist_store.progress import Progress
from notmnist_store.schema.transforms import Transforms
from notmnist_store.schema.words import USED
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Tables

DEFAULT_SAMPLE = 1_000


def certify(
    tables: Tables,
    split_set: str | None,
    *,
    sample: int | None = None,
    seed: int = 0,
    progress: Progress,
) -> str:
    """Check the current pairs and store a certificate; one run, whose id is returned.

    With `split_set` all its evaluation pictures are compared with all pictures that must not know
    them, else `sample` random ones (1,000) with all. Of a sample of everything the method is
    exhaustive, too.
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
    chosen = None if split_set is None else find_split_set(catalog, split_set)
    if chosen is not None:
        progress.note(chosen.line)
    join = current_join(catalog)
    images = lacking(catalog, split_set=split_set)
    if join is None or images:
        raise StoreError(
            f"{not_known(catalog, images)}: there is nothing to certify",
            "notmnist-store near-duplicates",
        )
    transforms = Transforms.of(join["transforms"])
    values = {"split_set": split_set or "ingest"}
    placed = catalog.query(load_queries("near")["placed"].sql, values)
    ids = placed["image_id"].to_numpy()
    if chosen is None:
        everything = np.ones(len(ids), np.bool_)
        drawn = np.random.default_rng(seed).permutation(len(ids))[: sample or DEFAULT_SAMPLE]
        asked = [(np.sort(drawn), everything)]
    else:
        train, valid, test = (placed[f"in_{split}"].to_numpy().astype(np.bool_) for split in USED)
        asked = [
            (np.flatnonzero(test), train | valid),
            (np.flatnonzero(valid), train),
        ]
    comparisons = [
        Comparison(rows, pixels_of(tables, ids[rows]), against) for rows, against in asked
    ]
    checked = check(
        ids,
        known_pairs(catalog, np.unique(np.concatenate([ids[rows] for rows, _ in asked]))),
        comparisons,
        lambda rows: pixels_of(tables, ids[rows]),
        join["threshold"],
        (transforms, tables.marker.shape),
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
