"""Arrow schemas of what baselines and the search for suspect labels write."""

from __future__ import annotations

import pyarrow as pa


def _field(name: str, kind: pa.DataType, *, null: bool = False) -> pa.Field:
    return pa.field(name, kind, nullable=null)


_SPLIT_SET = [
    _field("run_id", pa.string()),
    _field("split_set", pa.string()),
    _field("version", pa.int64()),
    _field("digest", pa.string(), null=True),
]
_MODEL = [_field("model", pa.string()), _field("size", pa.int64())]
_SHARES = [_field(name, pa.float64()) for name in ("accuracy", "low", "high")]

LEARNING_TABLES: dict[str, pa.Schema] = {
    "score": pa.schema(
        [
            *_SPLIT_SET,
            *_MODEL,
            _field("seed", pa.int64()),
            _field("repeat", pa.int64()),
            _field("eval_set", pa.string()),
            _field("eval_split", pa.string()),
            _field("subset", pa.string()),
            _field("radius", pa.string(), null=True),
            _field("n", pa.int64()),
            _field("correct", pa.int64()),
            *_SHARES,
            _field("iterations", pa.int64()),
            _field("converged", pa.bool_()),
            _field("seconds", pa.float64()),
        ]
    ),
    "leak_price": pa.schema(
        [
            *_SPLIT_SET,
            *_MODEL,
            _field("seed", pa.int64()),
            _field("repeats", pa.int64()),
            _field("eval_set", pa.string()),
            _field("eval_split", pa.string()),
            _field("versus_set", pa.string()),
            _field("versus_subset", pa.string()),
            _field("radius", pa.string(), null=True),
            _field("n", pa.int64()),
            _field("versus_n", pa.int64()),
            _field("accuracy", pa.float64()),
            _field("versus_accuracy", pa.float64()),
            _field("points", pa.float64()),
            _field("low", pa.float64()),
            _field("high", pa.float64()),
            _field("resamples", pa.int64()),
        ]
    ),
    "prediction": pa.schema(
        [
            *_SPLIT_SET[:3],
            *_MODEL,
            _field("repeat", pa.int64()),
            _field("eval_split", pa.string()),
            _field("subset", pa.string()),
            _field("image_id", pa.int64()),
            _field("label", pa.string()),
            _field("predicted", pa.string()),
            _field("self_confidence", pa.float64()),
            _field("confidence", pa.float64()),
        ]
    ),
    "suspect_search": pa.schema(
        [
            *_SPLIT_SET,
            _field("folds", pa.int64()),
            _field("seed", pa.int64()),
            _field("radius", pa.string(), null=True),
            _field("images", pa.int64()),
            _field("judged", pa.int64()),
            _field("trained", pa.int64()),
            _field("suspects", pa.int64()),
            _field("accuracy", pa.float64()),
        ]
    ),
    "suspect": pa.schema(
        [
            *_SPLIT_SET[:3],
            _field("image_id", pa.int64()),
            _field("label", pa.string()),
            _field("suggested_label", pa.string()),
            _field("self_confidence", pa.float64()),
            _field("margin", pa.float64()),
        ]
    ),
    "outlier": pa.schema(
        [
            *_SPLIT_SET[:3],
            _field("image_id", pa.int64()),
            _field("label", pa.string()),
            _field("nearest_id", pa.int64()),
            _field("squared_distance", pa.int64()),
        ]
    ),
}
"""Schema of each table, by name; they are tables of the store like those of `schema.TABLES`."""
