"""A search in boxes: the tables that a search of all at once makes of the same store.

Cases: everything at once, what is new only, a lower limit, transforms, across the splits of a set
(before all pairs, and after); tests/engines/spark/test_near.py runs them on Spark.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import notmnist_store
from notmnist_store.errors import UsageError
from notmnist_store.store import Store
from tests.near.test_search import near_images
from tests.support.distinct import archive_of
from tests.support.same_store import assert_same_store, rows_of

FEW = 25
"""Pictures of a box: of about a hundred, that makes some."""

Search = Callable[[Store, dict[str, Any]], object]


def asked(**words: Any) -> Search:
    return lambda store, how: store.near_duplicates(**words, **how)


ORDERS: dict[str, list[Search]] = {
    "all": [asked()],
    "far": [asked(radius="3", group_radius="2")],
    "transforms": [asked(radius="3", transforms="shift1,flip")],
    "across, then all": [asked(crossing="s"), asked()],
}


def two_archives(folder: Path) -> list[Path]:
    """Of clusters of pictures, some of the first again in the second, as they are or moved."""
    images = near_images(5, each=25)
    moved = np.roll(images[10:14], 1, axis=1)
    moved[:, 0] = moved[:, 1]  # the edge comes in again, as it does in a shift
    images = np.concatenate([images, moved, images[20:24, :, ::-1]])
    parts = [images[:60], np.concatenate([images[60:], images[:4]])]
    return [archive_of(folder / f"p{n}.tar", part, f"p{n}") for n, part in enumerate(parts)]


def searched_twice(store: Store, order: str, later: Path, how: dict[str, Any]) -> Store:
    """The store after searches, an ingest, and the last search again."""
    for search in ORDERS[order]:
        search(store, how)
    store.ingest(later)
    ORDERS[order][-1](store, how)
    return store


def check_same(here: Store, there: Store, order: str) -> None:
    """Both hold the same rows, and some of each kind that the order of searches makes."""
    assert_same_store(here, there)
    found = rows_of(there)
    assert len(found["pair"]) > 100
    assert found["star"]
    assert found["certificate"][-1]["missed"] == 0
    assert {row["status"] for row in there.verify(full=True).rows()} == {"ok"}
    assert bool(found["pair_step"]) == (order == "transforms")


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return two_archives(tmp_path_factory.mktemp("archives"))


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, archives: list[Path]) -> Store:
    """A store of the first archive, with a split set."""
    store = notmnist_store.open(tmp_path_factory.mktemp("one") / "store")
    store.ingest(archives[0])
    store.split("s", train="0.5", valid="0.25", test="0.25")
    return store


def copied(store: Store, target: Path) -> Store:
    return notmnist_store.open(shutil.copytree(str(store.path), target))


@pytest.mark.parametrize("order", ORDERS)
def test_the_tables_are_those_of_one_search(
    tmp_path: Path, one: Store, archives: list[Path], order: str
) -> None:
    here, there = (copied(one, tmp_path / name) for name in ("here", "there"))
    searched_twice(here, order, archives[1], {})
    searched_twice(there, order, archives[1], {"box_pictures": FEW})
    check_same(here, there, order)


def test_too_many_pairs_are_refused_and_leave_nothing(tmp_path: Path, one: Store) -> None:
    store = copied(one, tmp_path / "store")
    with pytest.raises(UsageError, match="more than 10 pairs lie within this radius"):
        store.near_duplicates(limit=10, box_pictures=FEW)
    assert not list((tmp_path / "store" / "pair").glob("*.parquet"))
    assert [row["verb"] for row in store.sql("select verb from run").rows()] == ["ingest", "split"]
