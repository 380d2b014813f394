"""Which pixels of a source the store has already."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.blocks.writer import Block
from notmnist_store.location.location import Location
from notmnist_store.storage.datafile import open_checked
from notmnist_store.storage.tables import Tables


def known_pixels(tables: Tables, blocks: Sequence[Block]) -> pa.Array:
    """Pixel hashes of the images in these blocks that images of the store have as well."""
    files = [file for block in blocks for file in block.files if file.table == "image"]
    new = _distinct([_hashes(tables.path("image", file.name)) for file in files])
    held = map(_hashes, tables.live("image"))
    return _distinct([hashes.filter(pc.is_in(hashes, new)) for hashes in held])


def _hashes(file: Location) -> pa.Array:
    with open_checked(file) as parquet:
        return parquet.read(["pixel_hash"])["pixel_hash"].combine_chunks()


def _distinct(parts: Sequence[pa.Array]) -> pa.Array:
    return pc.unique(pa.concat_arrays([pa.array([], pa.string()), *parts]))
