"""How what was learned from a split set is written: one run, or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.run import Run
from notmnist_store.catalog.split_sets import SplitSet
from notmnist_store.learning.classifiers import package_versions
from notmnist_store.progress import Progress
from notmnist_store.storage.tables import Tables


def save_learned(
    tables: Tables,
    verb: str,
    split_set: SplitSet,
    parts: dict[str, pa.Table],
    constants: dict[str, Any],
    started: datetime,
    progress: Progress,
    image_runs: Iterable[str] = (),
) -> str:
    """Write `parts`, rows by table, as one run of `verb`; returns its id.

    `constants` are the run's arguments. Columns that a part lacks are those of the split set, or
    constants of the same name. `image_runs` are those whose images it knows.
    """
    arguments = {**constants, "split_set": split_set.name, "version": split_set.version}
    columns = {**arguments, "digest": split_set.digest}
    with Run(tables, verb, arguments, columns=columns, started=started, progress=progress) as run:
        run.row["versions"] = json.dumps(package_versions(), sort_keys=True)
        run.reads("image", image_runs)
        for table, rows in parts.items():
            run.write(table, rows)
    return run.id
