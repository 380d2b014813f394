"""Keyed hashes of images: two partners find what they have in common without showing pixels.

Each hash is BLAKE2b (RFC 7693) with a secret key over height, width, channels and the pixels, so
equal images have equal hashes and nothing else is told. What that is worth:

- Without the key the hashes cannot be tested against guesses. With a plain hash they could: small
  images of known fonts are few enough to draw and hash them all. So the key must be random, at
  least 32 bytes, and sent on another way than the hashes.
- A partner, who has the key, can test any image that he has or can draw; that is the purpose, and
  the limit. Give hashes only to who may know whether an image he holds is among yours.
- The number of images, of splits, and of copies among them is visible. Rows are sorted by hash, so
  that their order says nothing.
- Only copies that are equal in every pixel are found.
"""

from __future__ import annotations

import hashlib
import shlex
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.split_sets import find_split_set, split_rows
from notmnist_store.errors import SourceError, StoreError, UsageError
from notmnist_store.export.columns import write_parquet_file
from notmnist_store.export.plan import ExportPlan
from notmnist_store.loading.split import Split
from notmnist_store.schema.arrays import Pixels
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.words import USED
from notmnist_store.sources.foreign_parquet import foreign_parquet
from notmnist_store.storage.tables import Tables

_PERSON = b"notmnist_store"
_DIGEST_BYTES = 32
_LEAST_KEY, _MOST_KEY = 32, 64
_NEW_KEY = "head -c 32 /dev/urandom > partners.key"
_COLUMNS = ("split", "keyed_hash")
_GROUP_ROWS = 1 << 20
_HASHES_AT_ONCE = 1 << 16


def read_key(path: Path) -> bytes:
    """The partners' key: all bytes of a file of 32 to 64."""
    try:
        with path.open("rb") as file:
            key = file.read(_MOST_KEY + 1)
    except OSError as error:
        raise UsageError(f"the key {path} cannot be read: {error.strerror}", _NEW_KEY) from error
    if not _LEAST_KEY <= len(key) <= _MOST_KEY or len(set(key)) == 1:
        raise UsageError(
            f"a key is {_LEAST_KEY} to {_MOST_KEY} random bytes; {path} is not", _NEW_KEY
        )
    return key


def keyed_hashes(images: Pixels, shape: Shape, key: bytes) -> list[str]:
    """BLAKE2b-256 with `key` of each image, (n, …) uint8 C-contiguous, as 64 hex digits."""
    head = struct.pack("<III", shape.height, shape.width, shape.channels)
    start = hashlib.blake2b(head, digest_size=_DIGEST_BYTES, key=key, person=_PERSON)
    data = images.reshape(-1).data
    hashes = []
    for at in range(0, len(data), shape.size):
        image_hash = start.copy()
        image_hash.update(data[at : at + shape.size])
        hashes.append(image_hash.hexdigest())
    return hashes


def _key_check(key: bytes) -> str:
    """What tells two keys apart and nothing about either: a hash of no image."""
    return hashlib.blake2b(b"", digest_size=8, key=key, person=_PERSON).hexdigest()


def write_hashes(folder: Path, plan: ExportPlan) -> None:
    """``hashes.parquet``: split and keyed_hash, a row an image, sorted by the hash."""
    assert plan.key is not None
    parts = []
    for name in plan.splits:
        for window in plan.windows(name):
            hashes = keyed_hashes(window.images, plan.shape, plan.key)
            parts.append(pa.table({"split": [name] * len(hashes), "keyed_hash": hashes}))
    rows = pa.concat_tables(parts).sort_by([("keyed_hash", "ascending"), ("split", "ascending")])
    write_parquet_file(
        folder / "hashes.parquet",
        iter((rows,)),
        _GROUP_ROWS,
        {"shape": str(plan.shape), "key_check": _key_check(plan.key)},
        compression="zstd",
        use_dictionary=["split"],
        store_schema=False,
    )


def match_hashes(tables: Tables, name: str, path: Path, key: bytes) -> pa.Table:
    """Images of split set `name` whose pixels a partner's ``hashes.parquet`` has, too.

    Returns one row an image of train, valid and test, in this order and by position: split,
    position, image_id, label, their_split (all of theirs that have it, with commas), their_copies.
    """
    theirs = _read_hashes(path, tables.marker.shape, key)
    known = theirs["keyed_hash"].combine_chunks()
    catalog = Catalog(tables)
    split_set = find_split_set(catalog, name)
    parts = [_NO_MATCHES.empty_table()]
    for split in USED:
        if split_set.counts[split]:
            images = Split(tables, catalog, split_set, split, split_rows(catalog, split_set, split))
            parts += _matches(images, known, key)
    matches = pa.concat_tables(parts)
    sql = load_queries("export")["matches"].sql
    return catalog.query(sql, rows={"match": matches, "theirs": theirs})


_NO_MATCHES = pa.schema(
    [
        ("rank", pa.int64()),
        ("split", pa.string()),
        ("position", pa.int64()),
        ("image_id", pa.int64()),
        ("label", pa.string()),
        ("keyed_hash", pa.string()),
    ]
)


def _matches(images: Split, known: pa.Array, key: bytes) -> Iterator[pa.Table]:
    start = 0
    for window in images.windows():
        hashes = pa.array(keyed_hashes(window.images, images.shape, key))
        shared = pc.indices_nonzero(pc.is_in(hashes, known)).to_numpy().astype(np.int64)
        yield pa.table(
            {
                "rank": pa.repeat(pa.scalar(USED.index(images.split), pa.int64()), len(shared)),
                "split": pa.repeat(pa.scalar(images.split), len(shared)),
                "position": shared + start,
                "image_id": window.ids[shared],
                "label": pa.array(images.labels, pa.string()).take(pa.array(window.labels[shared])),
                "keyed_hash": hashes.take(pa.array(shared)),
            }
        )
        start += len(window.ids)


def _read_hashes(path: Path, shape: Shape, key: bytes) -> pa.Table:
    try:
        with foreign_parquet(path, str(path)) as parquet:
            metadata = parquet.schema.metadata or {}
            names = [name for name in _COLUMNS if name in parquet.schema.names]
            sizes = [_HASHES_AT_ONCE] * len(parquet.group_rows)
            batches = [batch for batch, _ in parquet.batches(names, sizes)]
            schema = batches[0].schema if batches else parquet.schema
            rows = pa.Table.from_batches(batches, schema)
    except SourceError as error:
        raise StoreError(error.message, f"ls -l {shlex.quote(str(path))}") from error
    meaning = {
        k.decode("utf-8", "replace"): v.decode("utf-8", "replace") for k, v in metadata.items()
    }
    is_ours = {"shape", "key_check"} <= set(meaning) and rows.column_names == list(_COLUMNS)
    if not is_ours or any(field.type != pa.string() for field in rows.schema):
        raise StoreError(
            f"{path} holds no keyed hashes of images",
            "notmnist-store export ingest hashed --as hashes --key-file partners.key",
        )
    if meaning["key_check"] != _key_check(key):
        raise UsageError(
            f"{path} was made with another key than this one", "sha256sum partners.key"
        )
    if meaning["shape"] != str(shape):
        raise UsageError(
            f"{path} is of images of {meaning['shape']}, and this store's are {shape}",
            "notmnist-store info",
        )
    return rows
