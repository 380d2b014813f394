"""Splits and sanitized sets made on Spark: the same rows as those made here."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import notmnist_store
from notmnist_store.store import Store
from tests.support.archives import class_files, pack, picture, png

pytestmark = pytest.mark.spark

SIZES = {"train": "0.5", "valid": "0.25", "test": "0.25"}
SPLITS: dict[str, dict[str, Any]] = {
    "stratified": SIZES,
    "counts": {"train": 6, "test": 3, "seed": 7, "distinct": True},
    "near": {**SIZES, "group_by": "near", "radius": "1"},
    "family": {**SIZES, "group_by": "family", "keep_ratio": True},
    "hashed": {**SIZES, "recipe": "hash", "where": "label <> 'C'"},
    "notebook": {
        **{"recipe": "notebook", "train_source": "first", "test_source": "second"},
        **{"train": 6, "valid": 3, "test": 3},
    },
}


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    """Two copies of a store with equal and near pictures, some of them dropped."""
    folder = tmp_path_factory.mktemp("splits")
    here = notmnist_store.open(folder / "here")
    near = np.clip(picture(1).astype(np.int16) + 1, 0, 255).astype(np.uint8)
    more = [("set/A/copy.png", png(picture(0))), ("set/B/near.png", png(near))]
    here.ingest(pack(folder / "first.zip", [*class_files(each=6), *more]))
    here.ingest(pack(folder / "second.zip", class_files(each=3, start=50)), split="test")
    here.near_duplicates(radius="1")
    here.decide(sql="select min(image_id) + 2 as image_id, 'drop' as action from image", yes=True)
    return here, notmnist_store.open(shutil.copytree(here.path, folder / "there"))


def made(store: Store, name: str) -> tuple[object, ...]:
    """What a split set is: its digest, its rows, and what it left out and why."""
    rows = [
        store.sql(f"select * from {view} where split_set = '{name}' order by all")
        for view in ("split_image", "split_drop")
    ]
    digest = store.sql("select digest from split_set where split_set = $n", params={"n": name})
    return digest.rows(), *(each.rows() for each in rows)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.spark_jvm] if name == "stratified" else [])
        for name in SPLITS
    ],
)
def test_a_split_set(copies: tuple[Store, Store], spark_url: str, name: str) -> None:
    here, there = copies
    here.split(name, **SPLITS[name])
    there.split(name, **SPLITS[name], engine="spark", spark_url=spark_url)
    assert made(here, name) == made(there, name)
    assert made(here, name)[1]


def test_an_extended_and_a_sanitized_one(
    copies: tuple[Store, Store], spark_url: str, tmp_path: Path
) -> None:
    on_spark = {"engine": "spark", "spark_url": spark_url}
    late = pack(tmp_path / "late.zip", class_files(each=2, start=80))
    for store, engine in zip(copies, ({}, on_spark), strict=True):
        store.split("grown", **SIZES)
        store.ingest(late)
        store.near_duplicates(radius="1")
        store.split("grown", extend=True, **engine)
        store.sanitize("clean", base="ingest", yes=True, refill=True, **engine)
    here, there = copies
    for name in ("grown", "clean"):
        assert made(here, name) == made(there, name)
    assert made(here, "clean")[2]
