"""What a source says of its images beyond label, split and group: rows of table attribute."""

from __future__ import annotations

import json

import pyarrow as pa

from notmnist_store.schema.tables import TABLES


def attribute_rows(said: pa.Array, image_ids: pa.ChunkedArray, run_id: str) -> pa.Table:
    """A row an image and name of what is said: JSON objects of texts, null where there is none."""
    ids: list[int] = []
    names: list[str] = []
    values: list[str] = []
    if said.null_count < len(said):
        for image_id, text in zip(image_ids.to_pylist(), said.to_pylist(), strict=True):
            for name, value in json.loads(text or "{}").items():
                ids.append(image_id)
                names.append(name)
                values.append(value)
    runs = pa.repeat(pa.scalar(run_id, pa.string()), len(ids))
    return pa.table([ids, names, values, runs], schema=TABLES["attribute"])
