"""A search on Spark: the tables that the local engine makes of the same store; see test_boxed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import notmnist_store
from notmnist_store.errors import UsageError
from notmnist_store.location.bucket import BucketPath
from notmnist_store.near import check_blocks
from notmnist_store.store import Store
from tests.near.test_boxed import (
    FEW,
    check_same,
    copied,
    searched_twice,
    two_archives,
)
from tests.support.same_store import assert_same_store
from tests.support.spark_server import sail_server

pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return two_archives(tmp_path_factory.mktemp("archives"))


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, archives: list[Path]) -> Store:
    store = notmnist_store.open(tmp_path_factory.mktemp("one") / "store")
    store.ingest(archives[0])
    store.split("s", train="0.5", valid="0.25", test="0.25")
    return store


@pytest.mark.parametrize(
    "order",
    [pytest.param("all", marks=pytest.mark.spark_jvm), "transforms", "across, then all"],
)
def test_the_tables_are_those_of_one_machine(
    tmp_path: Path, one: Store, archives: list[Path], spark_url: str, order: str
) -> None:
    here, there = (copied(one, tmp_path / name) for name in ("here", "there"))
    searched_twice(here, order, archives[1], {})
    how = {"engine": "spark", "spark_url": spark_url, "box_pictures": FEW}
    searched_twice(there, order, archives[1], how)
    check_same(here, there, order)


@pytest.mark.parametrize(
    "asked",
    [
        {"split_set": "s"},
        pytest.param({"sample": 7, "seed": 3}, marks=pytest.mark.spark_jvm),
        {},
    ],
)
def test_the_certificate_is_that_of_one_machine(
    tmp_path: Path,
    one: Store,
    spark_url: str,
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, Any],
) -> None:
    store = copied(one, tmp_path / "store")
    store.near_duplicates(radius="3", transforms="flip")
    if "sample" not in asked:  # in several blocks, of pictures that are not sent along
        monkeypatch.setattr(check_blocks, "BLOCK_ROWS", 20)
        monkeypatch.setattr(check_blocks, "SENT_ROWS", 10)
    made = [
        store.certify(**asked, **how).rows()[0]
        for how in ({}, {"engine": "spark", "spark_url": spark_url})
    ]
    varying = ("run_id", "started_at", "seconds", "certified_at")
    here, there = ({n: v for n, v in row.items() if n not in varying} for row in made)
    assert there == here
    assert there["pairs"] > 0
    assert there["missed"] == there["wrong"] == 0


def test_too_many_pairs_are_refused_and_leave_nothing(
    tmp_path: Path, one: Store, spark_url: str
) -> None:
    store = copied(one, tmp_path / "store")
    with pytest.raises(UsageError, match="more than 10 pairs lie within this radius"):
        store.near_duplicates(limit=10, engine="spark", spark_url=spark_url, box_pictures=FEW)
    assert not list((tmp_path / "store" / "pair").glob("*.parquet"))


def test_a_store_in_a_bucket(bucket: str, one: Store, tmp_path: Path) -> None:
    root = Path(str(one.path))
    for file in (file for file in root.rglob("*") if file.is_file()):
        (BucketPath.parse(bucket) / "store" / file.relative_to(root).as_posix()).upload(file)
    here, there = copied(one, tmp_path / "here"), notmnist_store.open(f"{bucket}/store")
    here.near_duplicates()
    with sail_server() as (own, _):  # which is told of the bucket's server
        there.near_duplicates(engine="spark", spark_url=own, box_pictures=FEW)
    assert_same_store(here, there)
