"""Pixels of single images: all that were asked for, wherever they lie."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import notmnist_store
from notmnist_store.catalog.run import Run
from notmnist_store.errors import StoreError
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage import gather
from notmnist_store.storage.pixels import pixels_by_id
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store


def truth(tables: Tables) -> dict[int, bytes]:
    parts = [pq.ParquetFile(path).read() for path in tables.live("image")]
    rows = pa.concat_tables(parts).select(["image_id", "pixels"]).to_pylist()
    return {row["image_id"]: row["pixels"] for row in rows}


def as_bytes(found: dict[int, np.ndarray]) -> dict[int, bytes]:
    return {image_id: pixels.tobytes() for image_id, pixels in found.items()}


@pytest.mark.parametrize("piece", [1, 2, 2_048])
def test_every_subset_is_found(
    shared_store: Store, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(gather, "_PIECE_ROWS", piece)
    tables = Tables.open(shared_store.path)
    wanted = truth(tables)
    random = np.random.default_rng(0)
    for images in range(len(wanted) + 1):
        ids = random.choice(list(wanted), images, replace=False).tolist()
        found = pixels_by_id(tables, [*ids, *ids, -1, 1 << 62])
        assert as_bytes(found) == {image_id: wanted[image_id] for image_id in ids}
        assert all(pixels.shape == (28, 28, 1) for pixels in found.values())


def test_a_file_whose_name_tells_of_another_block_is_read_too(store: Store) -> None:
    tables = Tables.open(store.path)
    (path,) = tables.live("image")
    old = pq.ParquetFile(path).read()
    rows = old.set_column(0, "image_id", pa.array(np.arange(old.num_rows) + (7 << 32)))
    rows = rows.cast(TABLES["image"])
    with Run(tables, "ingest", {}) as run:
        run.add([tables.write_rows("image", run.id, rows, part=9)])
    wanted = truth(tables)
    assert len(wanted) == 2 * old.num_rows
    assert as_bytes(pixels_by_id(tables, list(wanted))) == wanted


def test_only_files_that_are_likely_are_opened(store: Store) -> None:
    """A damaged file of another block does not matter to those who look for nothing in it."""
    tables = Tables.open(store.path)
    wanted = truth(tables)
    (path,) = tables.live("image")
    with Run(tables, "ingest", {}) as run:
        file = tables.write_rows("image", run.id, pq.ParquetFile(path).read(), part=3)
        run.add([file])
    tables.path("image", file.name).write_bytes(b"")
    assert as_bytes(pixels_by_id(tables, list(wanted))) == wanted
    with pytest.raises(StoreError, match="is damaged"):
        pixels_by_id(tables, [1])


def test_no_ids_no_files(store: Store) -> None:
    tables = Tables.open(store.path)
    for path in tables.live("image"):
        path.unlink()
    assert pixels_by_id(tables, []) == {}
    assert notmnist_store.open(store.path).thumbnails([]) == {}
