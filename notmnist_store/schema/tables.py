"""The vocabulary: names, Arrow schemas, and the words that stand in columns.

Only portable types: string, int64, int32, bool, double, binary, timestamp[us, UTC].
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa

from notmnist_store.schema.learning_tables import LEARNING_TABLES

FORMAT_VERSION = 1
FORMAT_REVISION = 1
"""Raised with every change of a table until 0.1.0 is out; no store of another one is read."""

SPLITS = ("train", "valid", "test", "unused")

ROW_GROUP_MEMBERS = 16_384
"""Members a Parquet row group covers at the most; no member batch crosses a multiple of it."""

_GROUP_BYTES = 16 << 20
_GROUPS_PER_BLOCK = 4
_LARGEST_IMAGE = 16 << 20


@dataclass(frozen=True)
class Shape:
    """Height, width and channels of every image of a store, for instance 28x28x1."""

    height: int
    width: int
    channels: int

    @property
    def size(self) -> int:
        """Bytes of one image: height * width * channels."""
        return self.height * self.width * self.channels

    @property
    def sides(self) -> tuple[int, ...]:
        """Of one image as an array: (height, width), for colour (height, width, 3)."""
        return (self.height, self.width) + ((self.channels,) if self.channels > 1 else ())

    @classmethod
    def parse(cls, text: str) -> Shape:
        """Read '28x28x1' or '28x28' (one channel); ValueError with the reason otherwise."""
        match = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})(?:x([0-9]))?", text.strip().lower())
        if not match:
            raise ValueError(f"a shape is HEIGHTxWIDTHxCHANNELS, for instance 28x28x1, not {text}")
        shape = cls(int(match[1]), int(match[2]), int(match[3] or 1))
        if shape.channels not in (1, 3) or not 0 < shape.size <= _LARGEST_IMAGE:
            raise ValueError(
                f"a shape has 1 or 3 channels and 1 to {_LARGEST_IMAGE:,} bytes, not {text}"
            )
        return shape

    @property
    def group_members(self) -> int:
        """Members one Parquet row group covers: a power of two, at most 16,384, about 16 MiB."""
        fitting = max(1, min(ROW_GROUP_MEMBERS, _GROUP_BYTES // self.size))
        return 1 << (fitting.bit_length() - 1)

    @property
    def block_members(self) -> int:
        """Members one data file covers, by position: 65,536 for small images."""
        return _GROUPS_PER_BLOCK * self.group_members

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"


DEFAULT_SHAPE = Shape(28, 28, 1)

# What a source yields. `data` is null where `kind` is not a file, and where the member is larger
# than the member budget (then `size` says how large). `path` is the raw name, not yet checked.
# `label`, `split` and `group` are null where the path tells them. In a source that knows them from
# elsewhere (an IDX label file, metadata.csv), a file with a null label is none of its images.
KIND_FILE, KIND_LINK, KIND_DEVICE = 0, 1, 2
MEMBER_SCHEMA = pa.schema(
    [
        pa.field("position", pa.int64(), nullable=False),
        pa.field("path", pa.binary(), nullable=False),
        pa.field("kind", pa.int8(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("data", pa.binary()),
        pa.field("label", pa.string()),
        pa.field("split", pa.string()),
        pa.field("group", pa.string()),
    ]
)

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

_IMAGE = pa.schema(
    [
        pa.field("image_id", pa.int64(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("file_hash", pa.string(), nullable=False),
        pa.field("pixel_hash", pa.string(), nullable=False),
        pa.field("dhash", pa.int64(), nullable=False),
        pa.field("mode", pa.string(), nullable=False),
        pa.field("file_bytes", pa.int64(), nullable=False),
        pa.field("ink_mean", pa.float64(), nullable=False),
        pa.field("ink_std", pa.float64(), nullable=False),
        pa.field("font", pa.string()),
        pa.field("family", pa.string()),
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("pixels", pa.binary(), nullable=False),
    ]
)

_REJECT = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string()),
        pa.field("file_bytes", pa.int64(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
    ]
)

_LEDGER = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("seen", pa.int64(), nullable=False),
        pa.field("stored", pa.int64(), nullable=False),
        pa.field("rejected", pa.int64(), nullable=False),
        pa.field("ignored_hidden", pa.int64(), nullable=False),
        pa.field("ignored_link", pa.int64(), nullable=False),
        pa.field("ignored_device", pa.int64(), nullable=False),
        pa.field("ignored_outside", pa.int64(), nullable=False),
    ]
)

_RUN = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("sequence", pa.int64(), nullable=False),
        pa.field("verb", pa.string(), nullable=False),
        pa.field("arguments", pa.string(), nullable=False),
        pa.field("source", pa.string()),
        pa.field("source_sha256", pa.string()),
        pa.field("source_bytes", pa.int64()),
        pa.field("members_seen", pa.int64(), nullable=False),
        pa.field("members_stored", pa.int64(), nullable=False),
        pa.field("members_rejected", pa.int64(), nullable=False),
        pa.field("members_ignored", pa.int64(), nullable=False),
        pa.field("withdraws", pa.string()),
        pa.field("restores", pa.string()),
        pa.field("started_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("versions", pa.string(), nullable=False),
        pa.field("wrote", pa.string(), nullable=False),
    ]
)

_RUN_INPUT = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("input_run", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
    ]
)

_SPLIT_SET = pa.schema(
    [
        pa.field("split_set", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("recipe", pa.string(), nullable=False),
        pa.field("arguments", pa.string(), nullable=False),
        pa.field("seed", pa.int64()),
        pa.field("labels", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("train", pa.int64(), nullable=False),
        pa.field("valid", pa.int64(), nullable=False),
        pa.field("test", pa.int64(), nullable=False),
        pa.field("unused", pa.int64(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
    ]
)

_SPLIT_IMAGE = pa.schema(
    [
        pa.field("split_set", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("image_id", pa.int64(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("position", pa.int64()),
        pa.field("label", pa.string(), nullable=False),
        pa.field("label_id", pa.int64(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
    ]
)

_SPLIT_DROP = pa.schema(
    [
        pa.field("split_set", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("image_id", pa.int64(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("twin_id", pa.int64()),
        pa.field("squared_distance", pa.int64()),
        pa.field("run_id", pa.string(), nullable=False),
    ]
)

_RADIUS_JOIN = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("radius", pa.string(), nullable=False),
        pa.field("threshold", pa.int64(), nullable=False),
        pa.field("group_radius", pa.string(), nullable=False),
        pa.field("group_threshold", pa.int64(), nullable=False),
        pa.field("image_size", pa.int64(), nullable=False),
        pa.field("images", pa.int64(), nullable=False),
        pa.field("distinct_images", pa.int64(), nullable=False),
        pa.field("pairs", pa.int64(), nullable=False),
    ]
)

_PAIR = pa.schema(
    [
        pa.field("a", pa.int64(), nullable=False),
        pa.field("b", pa.int64(), nullable=False),
        pa.field("squared_distance", pa.int64(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
    ]
)

_STAR = pa.schema(
    [
        pa.field("image_id", pa.int64(), nullable=False),
        pa.field("group_id", pa.int64(), nullable=False),
        pa.field("squared_distance", pa.int64(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
    ]
)

_CERTIFICATE = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("join_run", pa.string(), nullable=False),
        pa.field("split_set", pa.string()),
        pa.field("version", pa.int64()),
        pa.field("digest", pa.string()),
        pa.field("radius", pa.string(), nullable=False),
        pa.field("threshold", pa.int64(), nullable=False),
        pa.field("method", pa.string(), nullable=False),
        pa.field("left_images", pa.int64(), nullable=False),
        pa.field("right_images", pa.int64(), nullable=False),
        pa.field("compared", pa.int64(), nullable=False),
        pa.field("pairs", pa.int64(), nullable=False),
        pa.field("missed", pa.int64(), nullable=False),
        pa.field("wrong", pa.int64(), nullable=False),
        pa.field("bound", pa.float64(), nullable=False),
        pa.field("seed", pa.int64()),
        pa.field("a", pa.int64()),
        pa.field("b", pa.int64()),
    ]
)

_DECISION = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("place", pa.int64(), nullable=False),
        pa.field("pixel_hash", pa.string(), nullable=False),
        pa.field("image_id", pa.int64()),
        pa.field("action", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("note", pa.string()),
        pa.field("decided_by", pa.string(), nullable=False),
        pa.field("decided_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)

TABLES: dict[str, pa.Schema] = {
    "image": _IMAGE,
    "reject": _REJECT,
    "ledger": _LEDGER,
    "run": _RUN,
    "run_input": _RUN_INPUT,
    "split_set": _SPLIT_SET,
    "split_image": _SPLIT_IMAGE,
    "split_drop": _SPLIT_DROP,
    "radius_join": _RADIUS_JOIN,
    "pair": _PAIR,
    "star": _STAR,
    **LEARNING_TABLES,
    "certificate": _CERTIFICATE,
    "decision": _DECISION,
}
"""Arrow schema of every table, by name; the folder of the same name in a store holds it."""
