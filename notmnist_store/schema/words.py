"""The words that stand in columns and on the command line; this module imports nothing."""

from __future__ import annotations

SPLITS = ("train", "valid", "test", "unused")

USED = ("train", "valid", "test")
"""The splits whose images are used."""

TEST_FIRST = ("test", "valid", "train")
"""The order in which `sanitize` keeps them where a source names its test images."""

EVALUATED = ("valid", "test")
"""The splits that a model is evaluated on."""

SPLIT_RULES = ("option", "folder", "name", "column", "published", "hash")
"""What put an image into its split: --split, a folder, the name of the archive, file or array, a
column of a table, the rule of a published archive, or the hash of its pixels."""

UNLABELLED = ("keep", "ignore")
"""What becomes of images of a split that have no label."""

REJECT_REASONS = {
    "empty": "zero bytes",
    "unreadable": "Pillow cannot read it",
    "shape": "an image of another height or width than the store's",
    "colour": "an image whose red, green and blue differ, in a grey store (see --to-grey)",
    "transparent": "an image that is not fully opaque",
    "too_large": "a file larger than the member limit (see --max-member-bytes)",
    "unsafe_name": "a name with .., an absolute path, NUL, or more than 1,024 bytes",
    "duplicate_path": "a second member of the same path",
}

ACTIONS = ("drop", "relabel", "not_duplicate", "keep")
"""What a decision may do with a picture."""

JUDGEMENTS = ("copy", "nearly", "different")
"""What a person may say of a pair of near copies, for a radius to be chosen by."""

SEVERITIES = ("must", "should", "info")
"""How much an audit weighs."""

FAIL_ON = ("must", "should", "never")
"""The least severity that fails a gate of audits."""

RECIPES = ("stratified", "hash", "notebook")
"""How a split set is made of images."""

RESULT_FORMATS = ("table", "csv", "json", "markdown", "arrow", "parquet")
"""How the rows of a result are written."""

CI_FORMATS = ("junit", "github")
"""How the verdicts of audits are written, beside these, for continuous integration."""

EXPORT_FORMATS = (
    "npz",
    "npy",
    "arrow",
    "parquet",
    "notebook-pickle",
    "idx",
    "huggingface",
    "image-folder",
    "hashes",
)
"""How a split set is exported."""
