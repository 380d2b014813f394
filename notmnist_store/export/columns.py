"""One Arrow or Parquet file a split, a row an image, the columns of `Split.to_arrow`."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa

from notmnist_store.export.plan import ExportPlan


def write_arrow(folder: Path, plan: ExportPlan) -> str:
    """``train.arrow``, …: Arrow IPC files, not compressed, so that they can be memory-mapped."""
    for name in plan.splits:
        writer = None
        for table in plan.tables(name):
            described = table.replace_schema_metadata(_meaning(plan))
            writer = writer or pa.ipc.new_file(folder / f"{name}.arrow", described.schema)
            writer.write_table(described)
        assert writer is not None
        writer.close()
    first = next(iter(plan.splits))
    return (
        "```python\nimport pyarrow as pa\n\n"
        f'rows = pa.ipc.open_file(pa.memory_map("{first}.arrow")).read_all()\n```'
    )


def write_parquet(folder: Path, plan: ExportPlan) -> str:
    """``train.parquet``, …: zstd, with page checksums, in row groups as in the store."""
    import pyarrow.parquet as pq

    for name in plan.splits:
        writer = None
        for table in plan.tables(name):
            writer = writer or pq.ParquetWriter(
                folder / f"{name}.parquet",
                table.schema,
                compression="zstd",
                compression_level=2,
                use_dictionary=[c for c in ("label", "source") if c in table.column_names],
                write_statistics=[c for c in table.column_names if c != "pixels"],
                write_page_checksum=True,
                store_schema=False,
            )
            writer.write_table(table, row_group_size=plan.shape.group_members)
        assert writer is not None
        writer.add_key_value_metadata(_meaning(plan))
        writer.close()
    first = next(iter(plan.splits))
    return f"```sql\nselect * from '{first}.parquet' order by position;\n```"


def _meaning(plan: ExportPlan) -> dict[str, str]:
    """What a file says of its bytes: the images' shape, and the labels in order."""
    return {"shape": str(plan.shape), "labels": json.dumps(plan.labels)}
