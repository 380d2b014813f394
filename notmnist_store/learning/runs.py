"""How what was learned from a split set is written: one run, or nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import refresh_views_file
from notmnist_store.catalog.split_sets import SplitSetVersion
from notmnist_store.learning.classifiers import package_versions
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.tables import Tables, new_run_id


def finish_learning_run(
    tables: Tables,
    verb: str,
    split_set: SplitSetVersion,
    parts: dict[str, pa.Table],
    constants: dict[str, Any],
    started: datetime,
) -> str:
    """Write `parts`, rows by table, as one run of `verb`; returns its id.

    `constants` are the run's arguments. Columns that a part lacks are those of the split set, or
    constants of the same name.

    Raises:
        StoreError: the store cannot be written; then it is as it was.
    """
    run_id = new_run_id()
    values = {
        **constants,
        "run_id": run_id,
        "split_set": split_set.name,
        "version": split_set.version,
        "digest": split_set.digest,
    }
    try:
        for table, rows in parts.items():
            if rows.num_rows:
                whole = _with_constants(rows, values, TABLES[table])
                tables.append(table, [tables.write_rows(table, run_id, whole)])
        tables.finish(
            {
                "run_id": run_id,
                "verb": verb,
                "arguments": json.dumps(
                    {**constants, "split_set": split_set.name, "version": split_set.version},
                    sort_keys=True,
                ),
                "versions": json.dumps(package_versions(), sort_keys=True),
                "started_at": started,
                "seconds": (datetime.now(UTC) - started).total_seconds(),
            }
        )
    except BaseException:
        tables.discard(run_id)
        raise
    refresh_views_file(tables)
    return run_id


def _with_constants(rows: pa.Table, values: dict[str, Any], schema: pa.Schema) -> pa.Table:
    columns = [
        rows[field.name]
        if field.name in rows.column_names
        else pa.repeat(pa.scalar(values[field.name], field.type), rows.num_rows)
        for field in schema
    ]
    return pa.table(columns, names=schema.names).cast(schema)
