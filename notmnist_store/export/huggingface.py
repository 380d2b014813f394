"""A folder that Hugging Face's ``datasets`` opens as it is, with its features and labels.

Parquet files of PNG images, their features in the Parquet metadata and in the front matter of
README.md, which also says which file is which split.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from notmnist_store.export.columns import write_parquet_file
from notmnist_store.export.pictures import png_file
from notmnist_store.export.plan import ExportPlan

_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_EVALUATIONS = (("test", "train"), ("valid", "train"), ("test", "valid"))


def write_huggingface(folder: Path, plan: ExportPlan) -> None:
    """``data/train.parquet``, …: image, and where they are told label and image_id; pixel_hash."""
    features = _features(plan)
    described = {"huggingface": json.dumps({"info": {"features": features}})}
    (folder / "data").mkdir()
    for name in plan.splits:
        write_parquet_file(
            folder / "data" / f"{name}.parquet",
            (_rows(table, plan).replace_schema_metadata(described) for table in plan.tables(name)),
            plan.shape.group_members,
            {},
            compression="none",
            use_dictionary=False,
        )
    plan.told |= {"front_matter": _front_matter(plan, features), "leaks": _leaks(plan)}


def _features(plan: ExportPlan) -> dict[str, dict[str, Any]]:
    """The features in the words of ``datasets``."""
    features: dict[str, dict[str, Any]] = {"image": {"_type": "Image"}}
    if plan.with_labels:
        features["label"] = {"names": plan.labels, "_type": "ClassLabel"}
        features["image_id"] = {"dtype": "int64", "_type": "Value"}
    features["pixel_hash"] = {"dtype": "string", "_type": "Value"}
    return features


def _rows(table: pa.Table, plan: ExportPlan) -> pa.Table:
    sides = plan.shape.sides
    files = [
        {"bytes": png_file(np.frombuffer(pixels.as_buffer(), np.uint8).reshape(sides))}
        for pixels in table["pixels"]
    ]
    columns = {"image": pa.array(files, _IMAGE)}
    if plan.with_labels:
        columns |= {"label": table["label_id"], "image_id": table["image_id"]}
    return pa.table({**columns, "pixel_hash": table["pixel_hash"]})


def _front_matter(plan: ExportPlan, features: dict[str, dict[str, Any]]) -> str:
    lines = ["---", "configs:", "- config_name: default", "  data_files:"]
    for name in plan.splits:
        lines += [f"  - split: {name}", f"    path: data/{name}.parquet"]
    lines += ["dataset_info:", "  config_name: default", "  features:"]
    for name, feature in features.items():
        lines.append(f"  - name: {name}")
        if feature["_type"] == "ClassLabel":
            lines += ["    dtype:", "      class_label:", "        names:"]
            lines += [f"          '{n}': {_yaml(text)}" for n, text in enumerate(plan.labels)]
        else:
            lines.append(f"    dtype: {feature.get('dtype', 'image')}")
    return "\n".join([*lines, "---", "", ""])


def _yaml(text: str) -> str:
    """`text` as a double-quoted YAML scalar; what is not printable is escaped."""
    shown = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{shown}"'


def _leaks(plan: ExportPlan) -> str:
    """Queries that count evaluation rows whose pixels stand in what a model learns from."""
    queries = [
        f"select count(*) as {rows}_rows_in_{other}\nfrom 'data/{rows}.parquet'\n"
        f"where pixel_hash in (select pixel_hash from 'data/{other}.parquet');"
        for rows, other in _EVALUATIONS
        if {rows, other} <= set(plan.splits)
    ]
    if not queries:
        return ""
    return (
        "\n\n## Leaks\n\nHow many rows of one split have pixels that stand in another, in DuckDB. "
        "Each row counts once, however many copies it has there.\n\n```sql\n"
        + "\n\n".join(queries)
        + "\n```"
    )
