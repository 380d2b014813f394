"""Certificates: right pairs pass in every way of checking, and damaged ones are found by each."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import notmnist_store
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.run import Run
from notmnist_store.cli.main import main
from notmnist_store.errors import StoreError
from notmnist_store.near.check import sample_size
from notmnist_store.near.evidence import current_join
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.near.test_search import by_brute_force, near_images, pairs
from tests.support.archives import pack, png
from tests.support.distinct import archive_of

Triple = tuple[int, int, int]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 pictures in 4 clusters, searched, with a split set that leaks everywhere."""
    folder = tmp_path_factory.mktemp("certificates")
    made = notmnist_store.open(folder / "store")
    made.ingest(archive_of(folder / "first.tar", near_images(1)))
    made.split("s", train=24, valid=12, test=12, group_by="image_id")
    made.near_duplicates()
    return made.path


@pytest.fixture
def store(tmp_path: Path, searched: Path) -> Store:
    return notmnist_store.open(shutil.copytree(searched, tmp_path / "store"))


def certificates(store: Store) -> list[dict[str, Any]]:
    return store.sql(
        "select certificate.* from certificate"
        " inner join run on run.run_id = certificate.run_id order by run.sequence"
    ).rows()


def plain_pair(a: int, b: int, squared: int) -> dict[str, object]:
    far = {"squared_distance": squared, "plain_squared_distance": squared}
    return {"a": a, "b": b, **far, "transform": "none"}


def rewrite(store: Store, rows: list[Triple]) -> str:
    """A search whose pairs are these, written past all checks; returns its run."""
    tables = Tables.open(store.path)
    join = current_join(Catalog(tables))
    assert join is not None
    row = {name: join[name] for name in TABLES["radius_join"].names if name != "run_id"}
    with Run(tables, "near-duplicates", {}) as run:
        run.write("pair", [plain_pair(*row) for row in rows])
        run.write("radius_join", [row | {"pairs": len(rows)}])
        run.reads("image", json.loads(join["image_runs"]))
        run.reads("pair", [run.id])
    return run.id


def crossing(store: Store) -> set[Triple]:
    """The pairs of brute force between pictures of splits that must not know each other."""
    rows = store.sql(
        "select split_image.split, image.pixel_hash, image.image_id % 4294967296 as place,"
        " image.image_id from split_image inner join image on image.image_id = split_image.image_id"
        " where split_image.split_set = 's' order by place"
    ).rows()
    first: dict[str, int] = {}
    splits: dict[int, set[str]] = {}
    for row in rows:
        picture = first.setdefault(row["pixel_hash"], row["image_id"])
        splits.setdefault(picture, set()).add(row["split"])
    asked = [("test", "train"), ("test", "valid"), ("valid", "train")]
    return {
        (a, b, squared)
        for a, b, squared in by_brute_force(store, Radius("2.0").squared)
        for one, other in asked
        if (one in splits[a] and other in splits[b]) or (one in splits[b] and other in splits[a])
    }


def test_a_search_leaves_a_certificate(store: Store) -> None:
    (row,) = certificates(store)
    (join,) = store.sql("select * from radius_join").rows()
    assert row["is_current"]
    assert row["run_id"] == row["join_run"] == join["run_id"]
    assert (row["method"], row["missed"], row["wrong"], row["bound"]) == ("exhaustive", 0, 0, 0)
    assert row["pairs"] == join["pairs"] == len(by_brute_force(store, Radius("2.0").squared))
    distinct = join["distinct_images"]
    assert (row["left_images"], row["right_images"]) == (distinct, distinct)
    assert row["compared"] == distinct * (distinct - 1)


def test_a_split_set_is_certified_in_full(store: Store) -> None:
    (row,) = store.certify("s").rows()
    expected = crossing(store)
    assert expected
    assert (row["pairs"], row["missed"], row["wrong"], row["bound"]) == (len(expected), 0, 0, 0)
    assert (row["split_set"], row["version"], row["method"]) == ("s", 1, "exhaustive")
    assert row["digest"] == store.sql("select digest from split_set").rows()[0]["digest"]
    (whole,) = store.certify("ingest").rows()
    assert (whole["version"], whole["digest"], whole["missed"]) == (0, None, 0)


@pytest.mark.slow
def test_a_sample_is_repeatable_and_has_a_bound(store: Store) -> None:
    one, same, other = (store.certify(sample=5, seed=seed).rows()[0] for seed in (3, 3, 4))
    assert {**one, "run_id": ""} == {**same, "run_id": ""}
    assert (one["method"], one["left_images"], one["seed"]) == ("sample", 5, 3)
    assert one["bound"] == pytest.approx(1 - 0.05 ** (1 / one["pairs"]))
    assert other["seed"] == 4
    (all_of_it,) = store.certify(sample=10_000).rows()
    assert (all_of_it["method"], all_of_it["seed"]) == ("exhaustive", None)


def test_the_sample_of_a_search_takes_about_as_long_at_any_size() -> None:
    assert sample_size(100, 784) == 100
    assert sample_size(529_114, 784) == 64
    assert sample_size(100_000, 784) == 338
    assert sample_size(529_114, 128 * 128 * 3) == 16


@pytest.mark.slow
@pytest.mark.parametrize("split_set", ["s", None])
def test_a_pair_that_was_removed_is_found(store: Store, split_set: str | None) -> None:
    removed = sorted(crossing(store), key=lambda pair: pair[2])[3]
    rewrite(store, sorted(pairs(store) - {removed}))
    with pytest.raises(StoreError, match="and no pair") as caught:
        store.certify(split_set)
    assert f"images {removed[0]} and {removed[1]} are" in caught.value.message
    row = certificates(store)[-1]
    assert (row["missed"], row["wrong"], row["a"], row["b"]) == (1, 0, *removed[:2])
    assert row["bound"] == 1 / row["pairs"]
    assert caught.value.hint.startswith("notmnist-store undo ")
    (verdict,) = store.audit("pair_certificate").verdicts
    assert (verdict.status, verdict.violating, verdict.total) == ("fail", 1, 1)
    store.undo(caught.value.hint.rpartition(" ")[2])
    assert store.certify(split_set).rows()[0]["missed"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("split_set", ["s", None])
@pytest.mark.parametrize("damage", ["altered", "added", "twice", "turned", "no picture"])
def test_a_pair_that_is_wrong_is_found(store: Store, split_set: str | None, damage: str) -> None:
    (a, b, squared), *_ = sorted(crossing(store))
    rest = pairs(store) - {(a, b, squared)}
    good = [*rest, (a, b, squared)]
    placed = store.sql(
        "select image_id, split from split_image where split_set = 's' order by image_id"
    ).rows()
    test = next(row["image_id"] for row in placed if row["split"] == "test")
    apart = next(
        (min(row["image_id"], test), max(row["image_id"], test), 9)
        for row in placed
        if row["split"] == "train"
        and {(min(row["image_id"], test), max(row["image_id"], test))}.isdisjoint(
            pair[:2] for pair in good
        )
    )
    damaged = {
        "altered": [*rest, (a, b, squared + 1)],
        "added": [*good, apart],
        "twice": [*good, (a, b, squared)],
        "turned": [*rest, (b, a, squared)],
        "no picture": [*good, (a, 5, 9), (b, 5, 9)],
    }
    rewrite(store, damaged[damage])
    with pytest.raises(StoreError, match="the pairs are not right"):
        store.certify(split_set)
    row = certificates(store)[-1]
    assert row["missed"] == (damage == "turned")
    assert row["wrong"] >= 1
    if damage == "altered":
        assert (row["wrong"], row["a"], row["b"]) == (1, a, b)


def test_a_search_that_finds_other_pairs_than_its_check_is_stored_and_says_so(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pairs it adds to are checked along with its own."""
    rewrite(store, sorted(pairs(store))[1:])
    store.ingest(archive_of(tmp_path / "second.tar", near_images(2, each=3), "second"))
    assert main(["near-duplicates", "--store", str(store.path)]) == 3
    said = capsys.readouterr().err
    assert "the pairs are not right" in said
    assert "1 missed, 0 wrong" in said
    (join,) = store.sql("select * from radius_join where is_current").rows()
    row = certificates(store)[-1]
    assert (row["join_run"], row["missed"], row["is_current"]) == (join["run_id"], 1, True)
    (verdict,) = store.audit("pair_certificate").verdicts
    assert (verdict.status, verdict.violating) == ("fail", 1)


@pytest.mark.slow
def test_a_certificate_counts_as_long_as_what_it_covers(store: Store, tmp_path: Path) -> None:
    store.certify("s")
    assert [row["is_current"] for row in certificates(store)] == [True, True]
    store.split("s", train=20, valid=12, test=12, replace=True)
    assert [row["is_current"] for row in certificates(store)] == [True, False]
    store.near_duplicates(radius="2.5")
    assert [row["is_current"] for row in certificates(store)] == [False, False, True]
    store.undo()
    assert [row["is_current"] for row in certificates(store)] == [True, False]
    store.undo(certificates(store)[0]["join_run"])
    assert [row["is_current"] for row in certificates(store)] == [False]


def test_stale_pairs_are_not_certified(store: Store, tmp_path: Path) -> None:
    store.ingest(archive_of(tmp_path / "second.tar", near_images(7), "second"))
    assert store.certify("s").rows()[0]["missed"] == 0
    for split_set in (None, "ingest"):
        with pytest.raises(StoreError, match="48 images are not known") as caught:
            store.certify(split_set)
        assert caught.value.hint == "notmnist-store near-duplicates"
    assert store.audit("pair_certificate").verdicts[0].status == "stale"


def test_without_a_search_there_is_nothing_to_certify(tmp_path: Path) -> None:
    made = notmnist_store.open(tmp_path / "store")
    made.ingest(archive_of(tmp_path / "set.tar", near_images(1)))
    with pytest.raises(StoreError, match="nothing to certify"):
        made.certify()


def test_one_picture_is_certified_too(tmp_path: Path) -> None:
    made = notmnist_store.open(tmp_path / "store")
    made.ingest(archive_of(tmp_path / "set.tar", np.zeros((3, 28, 28, 1), np.uint8)))
    made.near_duplicates()
    for row in certificates(made), made.certify("ingest").rows():
        assert (row[0]["pairs"], row[0]["missed"], row[0]["bound"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["near-duplicates", "--sample", "5"], "--sample belongs to certify"),
        (["certify", "--sample", "0"], "--sample is at least 1"),
        (["certify", "--sample", "5", "--split-set", "s"], "a split set is checked in full"),
        (["certify", "--radius", "1"], "unrecognized arguments: --radius"),
        (["certify", "--split-set", "t"], "there is no split set 't'"),
    ],
)
def test_options_that_cannot_be_meant(
    store: Store, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main([*arguments, "--store", str(store.path)]) == 2
    assert message in capsys.readouterr().err
    assert len(certificates(store)) == 1


def test_the_command_shows_the_certificate(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["certify", "--split-set", "s", "--format", "json"]
    assert main([*command, "--store", str(store.path)]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)[0]["missed"] == 0
    assert "0 missed, 0 wrong" in printed.err


def test_what_the_sample_finds_is_a_share_that_it_bounds(store: Store) -> None:
    """A sample that sees some of many missing pairs: the share seen is within the bound."""
    found = sorted(pairs(store))
    rewrite(store, found[::2])
    with pytest.raises(StoreError, match="are missing"):
        store.certify(sample=8)
    row = certificates(store)[-1]
    assert 0 < row["missed"] / row["pairs"] < row["bound"] < 1


@pytest.mark.slow
def test_sums_beyond_31_bits_hold_from_end_to_end(tmp_path: Path) -> None:
    """128x128x3: the farthest two pictures are 3,196,108,800 apart, and so SQL says."""
    black, white = np.zeros((128, 128, 3), np.uint8), np.full((128, 128, 3), 255, np.uint8)
    grey = white.copy()
    grey[0, 0] -= np.array([0, 1, 2], np.uint8)
    images = [black, white, grey, black]
    files = [(f"set/{'AB'[n % 2]}/{n}.png", png(image)) for n, image in enumerate(images)]
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "set.tar", files), shape="128x128x3")
    store.near_duplicates(radius="222")
    found = pairs(store)
    assert found == by_brute_force(store, Radius("222").squared)
    assert sorted(squared for *_, squared in found) == [5, 3_196_107_275, 3_196_108_800]
    assert store.certify().rows()[0]["missed"] == 0
    (row,) = store.sql("select max(distance) as far, sum(squared_distance) as sum from pair").rows()
    assert row["far"] == pytest.approx((3_196_108_800 / 65_025) ** 0.5)
    assert row["sum"] == sum(squared for *_, squared in found)
    assert len(store.audit("label_conflict_near", radius="222")) == 3
    assert len(store.audit("label_conflict_near", radius="1")) == 2
