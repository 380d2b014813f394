"""One Arrow or Parquet file a split, a row an image, the columns of `Split.to_arrow`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from notmnist_store.export.plan import ExportPlan

_DESCRIBED = ("image_id", "position", "label", "label_id", "pixel_hash", "source", "path")


def write_arrow(folder: Path, plan: ExportPlan) -> None:
    """``train.arrow``, …: Arrow IPC files, not compressed, so that they can be memory-mapped."""
    for name in plan.splits:
        tables = plan.tables(name)
        first = next(tables).replace_schema_metadata(_meaning(plan))
        with pa.ipc.new_file(folder / f"{name}.arrow", first.schema) as writer:
            for table in chain((first,), tables):
                writer.write_table(table)


def write_parquet(folder: Path, plan: ExportPlan) -> None:
    """``train.parquet``, …: zstd, with page checksums, in row groups as in the store."""
    for name in plan.splits:
        write_parquet_file(
            folder / f"{name}.parquet",
            plan.tables(name),
            plan.shape.group_members,
            _meaning(plan),
            compression="zstd",
            compression_level=2,
            use_dictionary=["label", "source"],
            write_statistics=list(_DESCRIBED),
            store_schema=False,
        )


def write_parquet_file(
    path: Path,
    tables: Iterator[pa.Table],
    group_rows: int,
    meaning: dict[str, str],
    **options: Any,
) -> None:
    """A file of these rows in row groups of `group_rows`; `meaning` goes to its metadata."""
    import pyarrow.parquet as pq

    first = next(tables)
    with pq.ParquetWriter(path, first.schema, write_page_checksum=True, **options) as writer:
        for table in chain((first,), tables):
            writer.write_table(table, row_group_size=group_rows)
        if meaning:
            writer.add_key_value_metadata(meaning)


def _meaning(plan: ExportPlan) -> dict[str, str]:
    """What a file says of its bytes: the images' shape, and the labels in order."""
    return {"shape": str(plan.shape), "labels": json.dumps(plan.labels)}
