"""Rows of single splits, straight from the files of table split_image."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.catalog.relations import split_members
from notmnist_store.errors import StoreError
from notmnist_store.schema.tables import TABLES
from notmnist_store.schema.words import SPLITS
from notmnist_store.storage import tables as tables_module
from notmnist_store.storage.tables import Tables, new_run_id
from notmnist_store.store import Store


def split_image(splits: list[str]) -> pa.Table:
    rows = len(splits)
    columns = {
        "split_set": pa.array(["x"] * rows),
        "version": pa.array([1] * rows, pa.int64()),
        "image_id": pa.array(np.arange(rows) * 7),
        "split": pa.array(splits, pa.string()),
        "position": pa.array([None if s == "unused" else i for i, s in enumerate(splits)], "int64"),
        "label": pa.array(["A"] * rows),
        "label_id": pa.array(np.arange(rows) % 3),
        "run_id": pa.array(["r"] * rows),
    }
    return pa.table(columns).cast(TABLES["split_image"])


@pytest.mark.slow
@given(splits=st.lists(st.sampled_from(SPLITS), max_size=40), group=st.integers(1, 9))
def test_each_split_has_its_rows_in_their_order(
    shared_store: Store, splits: list[str], group: int
) -> None:
    rows = split_image(splits)
    tables = Tables.open(shared_store.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables_module, "_GROUP_ROWS", group)
        file = tables.write_rows("split_image", new_run_id(), rows)
    path = tables.path("split_image", file.name)
    for split in SPLITS:
        wanted = rows.filter(pc.equal(rows["split"], split))
        found = split_members([path, path], split)
        assert found.to_pylist() == 2 * wanted.select(found.column_names).to_pylist()
    path.unlink()


def test_no_files_no_rows() -> None:
    found = split_members([], "train")
    assert (found.num_rows, found.column_names) == (0, ["image_id", "label_id", "position"])


def test_a_damaged_file_is_told(store: Store) -> None:
    tables = Tables.open(store.path)
    file = tables.write_rows("split_image", new_run_id(), split_image(["train"] * 500))
    path = tables.path("split_image", file.name)
    content = bytearray(path.read_bytes())
    at = pq.ParquetFile(path).metadata.row_group(0).column(2)
    content[at.data_page_offset + at.total_compressed_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        split_members([path], "train")
    path.unlink()
    with pytest.raises(StoreError, match="missing"):
        split_members([path], "train")
