"""Pairs of images as pairs of rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from notmnist_store.near.kernels.pair_rows import bands, pair_rows, pairs_among, rows_of
from notmnist_store.schema.radius import Radius

IDS = np.array([40, 10, 30, 20])
PAIRS = pa.table({"a": [10, 20, 99, 30], "b": [40, 30, 10, 41], "squared_distance": [5, 3, 1, 2]})


@pytest.mark.parametrize("ids", [IDS, IDS[:0], np.array([7])])
def test_a_row_is_where_the_id_stands(ids: np.ndarray) -> None:
    wanted = np.array([5, 10, 20, 25, 30, 40, 99])
    where = {image_id: row for row, image_id in enumerate(ids.tolist())}
    assert rows_of(ids, wanted).tolist() == [where.get(one, -1) for one in wanted.tolist()]


def test_pairs_come_as_they_are() -> None:
    rows = pair_rows(IDS, PAIRS)
    assert rows.left.tolist() == [1, 3, -1, 2]
    assert rows.right.tolist() == [0, 2, 1, -1]
    assert rows.squared_distance.tolist() == [5, 3, 1, 2]
    assert rows.left.dtype == rows.right.dtype == np.int32


def test_pairs_among_the_images_have_both_ends_and_the_lesser_row_on_the_left() -> None:
    rows = pairs_among(IDS, PAIRS)
    assert list(zip(rows.left.tolist(), rows.right.tolist(), strict=True)) == [(0, 1), (2, 3)]
    assert rows.squared_distance.tolist() == [5, 3]
    assert len(pairs_among(IDS[:0], PAIRS)) == 0


@pytest.mark.parametrize("radius", ["0", "0.01", "1", "2.5", "400"])
def test_bands_are_64_parts_of_the_squared_radius(radius: str) -> None:
    most = Radius(radius).squared
    squared = np.unique(np.linspace(0, most, 1_000).astype(np.int64))
    found = bands(Radius(radius), pa.table({"squared_distance": squared}))
    assert found.tolist() == [64 * each // (most + 1) for each in squared.tolist()]
    assert found[0] == 0
    assert found[-1] <= 63
