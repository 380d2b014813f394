"""Arrow schemas of the store's tables, and of the members that sources yield.

Only portable types: string, int64, int32, bool, double, binary, timestamp[us, UTC].
"""

from __future__ import annotations

import pyarrow as pa

FORMAT_VERSION = 1
FORMAT_REVISION = 11
"""Raised with every change of a table until 0.1.0 is out; no store of another one is read."""

_KINDS = {
    "text": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "bytes": pa.binary(),
    "time": pa.timestamp("us", tz="UTC"),
    "byte": pa.int8(),
}


def columns(*declared: str) -> pa.Schema:
    """A schema of columns written as ``name kind, name kind``; a ``kind?`` may be null."""
    fields = (column.split() for column in ", ".join(declared).split(","))
    return pa.schema(
        [
            pa.field(name, _KINDS[kind.removesuffix("?")], nullable=kind.endswith("?"))
            for name, kind in fields
        ]
    )


# What a source yields. `data` is null where `kind` is not a file, and where the member is larger
# than the member budget (then `size` says how large). `path` is the raw name, not yet checked.
# `label`, `split` and `group` are null where the path tells them. In a source that knows them from
# elsewhere (an IDX label file, metadata.csv), a file with a null label is none of its images, or an
# unlabelled one where it has a split. `split_rule` says what told the split. `origin_image_id` is
# the image's id in the store that exported the source, where it says so. `attributes` is a JSON
# object of what else is said of it, names and texts.
KIND_FILE, KIND_LINK, KIND_DEVICE = 0, 1, 2
MEMBER_SCHEMA = columns(
    "position int, path bytes, kind byte, size int, data bytes?, label text?, split text?",
    "group text?, origin_image_id int?, split_rule text?, attributes text?",
)

_OF_SPLIT_SET = "run_id text, split_set text, version int"
_OF_MODEL = "model text, size int"

TABLES: dict[str, pa.Schema] = {
    "image": columns(
        "image_id int, source text, path text, label text?, split text",
        "file_hash text, pixel_hash text, dhash int, mode text",
        "height int, width int, orientation int, fit text?, file_bytes int",
        "ink_mean float, ink_std float, font text?, family text?, origin_image_id int?",
        "run_id text, pixels bytes",
    ),
    "attribute": columns("image_id int, name text, value text, run_id text"),
    "reject": columns(
        "source text, path text, label text?, reason text, detail text?, file_bytes int",
        "position int, run_id text",
    ),
    "ledger": columns(
        "run_id text, source text, label text?, split_rule text?",
        "seen int, stored int, rejected int",
        "ignored_hidden int, ignored_link int, ignored_device int, ignored_outside int",
        "ignored_known int",
        "train int, valid int, test int, unused int",
    ),
    "label_order": columns("label text, label_id int, run_id text"),
    "run": columns(
        "run_id text, sequence int, verb text, arguments text",
        "source text?, source_sha256 text?, source_bytes int?",
        "members_seen int, members_stored int, members_rejected int, members_ignored int",
        "withdraws text?, restores text?, started_at time, seconds float, versions text",
        "wrote text",
    ),
    "run_input": columns("run_id text, input_run text, role text"),
    "split_set": columns(
        "split_set text, version int, recipe text, arguments text, seed int?, labels text",
        "digest text, train int, valid int, test int, unused int, run_id text",
    ),
    "split_image": columns(
        "split_set text, version int, image_id int, split text, position int?, label text",
        "label_id int, run_id text",
    ),
    "split_drop": columns(
        "split_set text, version int, image_id int, rule text, twin_id int?",
        "squared_distance int?, run_id text",
    ),
    "radius_join": columns(
        "run_id text, split_set text?, digest text?, radius text, threshold int",
        "group_radius text?, group_threshold int?, transforms text, image_size int",
        "images int, distinct_images int, pairs int",
    ),
    "pair": columns(
        "a int, b int, squared_distance int, transform text, plain_squared_distance int?",
        "run_id text",
    ),
    "pair_step": columns(
        "a int, b int, transforms text, squared_distance int, transform text, run_id text"
    ),
    "star": columns(
        "image_id int, group_id int, squared_distance int, transforms text, run_id text"
    ),
    "contrast_join": columns(
        "run_id text, radius text, images int, distinct_images int, blank int, pairs int"
    ),
    "contrast_pair": columns("a int, b int, m int, n_a int, n_b int, distance float, run_id text"),
    "score": columns(
        f"{_OF_SPLIT_SET}, digest text?, {_OF_MODEL}, seed int, repeat int",
        "eval_set text, eval_split text, subset text, radius text?, n int, correct int",
        "accuracy float, low float, high float, iterations int, converged bool, seconds float",
    ),
    "leak_price": columns(
        f"{_OF_SPLIT_SET}, digest text?, {_OF_MODEL}, seed int, repeats int",
        "eval_set text, eval_split text, versus_set text, versus_subset text, radius text?",
        "n int, versus_n int, accuracy float, versus_accuracy float",
        "points float, low float, high float, resamples int",
    ),
    "prediction": columns(
        f"{_OF_SPLIT_SET}, {_OF_MODEL}, repeat int, eval_split text, subset text",
        "image_id int, label text, predicted text, self_confidence float, confidence float",
    ),
    "suspect_search": columns(
        f"{_OF_SPLIT_SET}, digest text?, folds int, seed int, radius text?",
        "images int, judged int, trained int, suspects int, accuracy float",
    ),
    "suspect": columns(
        f"{_OF_SPLIT_SET}, image_id int, label text, suggested_label text",
        "self_confidence float, margin float",
    ),
    "outlier": columns(
        f"{_OF_SPLIT_SET}, image_id int, label text, nearest_id int, squared_distance int"
    ),
    "telling_image": columns(
        f"{_OF_SPLIT_SET}, digest text?, folds int, seed int, radius text?",
        "images int, auc float, low float, high float",
        "image_id int, split text, label text, probability float",
    ),
    "certificate": columns(
        "run_id text, join_run text, split_set text?, version int?, digest text?",
        "radius text, threshold int, transforms text, method text",
        "left_images int, right_images int, compared int, pairs int, missed int, wrong int",
        "bound float, seed int?, a int?, b int?",
    ),
    "decision": columns(
        "run_id text, place int, pixel_hash text, image_id int?, action text, value text?",
        "note text?, decided_by text, decided_at time",
    ),
    "verdict": columns(
        "run_id text, place int, image_id int, twin_id int, squared_distance int",
        "transforms text, transform text, judgement text, judged_by text, judged_at time",
    ),
}
"""Arrow schema of every table, by name; the folder of the same name in a store holds it."""
