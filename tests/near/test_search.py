"""The search for near duplicates: its pairs against brute force, runs, undo, and what is stale."""

from __future__ import annotations

import itertools
import json
import math
import shlex
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import notmnist_store
from notmnist_store.cli.main import main
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.storage.pixels import pixels_by_id
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from notmnist_store.testing import make_bad_store
from tests.support.archives import class_files, pack, png
from tests.support.distinct import archive_of, distinct_pictures
from tests.support.properties import examples

Images = npt.NDArray[np.uint8]


def near_images(seed: int, each: int = 12) -> Images:
    """Clusters of pictures a little apart, and copies: (4 * each, 28, 28, 1)."""
    random = np.random.default_rng(seed)
    centres = random.integers(0, 256, (4, 28, 28, 1), dtype=np.uint8)
    images = np.repeat(centres, each, axis=0)
    for number, image in enumerate(images):
        if number % 5:
            places = random.integers(0, 28, (random.integers(1, 12), 2))
            image[places[:, 0], places[:, 1]] ^= np.uint8(127)
    return images[random.permutation(len(images))]


def squared(a: Images, b: Images) -> int:
    return int(((a.astype(np.int64) - b) ** 2).sum())


def by_brute_force(store: Store, most: int) -> set[tuple[int, int, int]]:
    """(a, b, squared distance) of every two pictures within `most`, a ingested first."""
    arrays = distinct_pictures(store)
    return {
        (a, b, distance)
        for a, b in itertools.combinations(arrays, 2)
        if (distance := squared(arrays[a], arrays[b])) <= most
    }


def pairs(store: Store) -> set[tuple[int, int, int]]:
    rows = store.sql("select a, b, squared_distance from pair").rows()
    found = [tuple(row.values()) for row in rows]
    assert len(found) == len(set(found))
    return set(found)


def groups(store: Store) -> dict[int, int]:
    rows = store.sql("select image_id, group_id from duplicate_image where kind = 'near'").rows()
    return {row["image_id"]: row["group_id"] for row in rows}


def stars_by_brute_force(store: Store, most: int) -> dict[int, int]:
    """Group of every image in a near group, from the pictures in their order."""
    rows = store.sql(
        "select image.image_id, image.pixel_hash from image"
        " inner join run on run.run_id = image.run_id"
        " order by run.sequence, image.image_id % 4294967296"
    ).rows()
    picture: dict[str, int] = {}
    for row in rows:
        picture.setdefault(row["pixel_hash"], row["image_id"])
    near = {(a, b) for a, b, _ in by_brute_force(store, most)}
    heads: list[int] = []
    group: dict[int, int] = {}
    for image_id in picture.values():
        group[image_id] = next((head for head in heads if (head, image_id) in near), image_id)
        if group[image_id] == image_id:
            heads.append(image_id)
    shared = {head for image_id, head in group.items() if image_id != head}
    of_image = {row["image_id"]: group[picture[row["pixel_hash"]]] for row in rows}
    return {image_id: head for image_id, head in of_image.items() if head in shared}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = notmnist_store.open(tmp_path / "store")
    made.ingest(archive_of(tmp_path / "first.tar", near_images(1)))
    return made


@pytest.mark.parametrize("radius", ["0", "0.5", "1", "1.41", "2.0", "3"])
def test_the_pairs_are_those_of_brute_force(store: Store, radius: str) -> None:
    (row,) = store.near_duplicates(radius=radius).rows()
    expected = by_brute_force(store, Radius(radius).squared)
    assert pairs(store) == expected
    assert row["pairs"] == len(expected)
    assert expected or radius == "0"
    assert groups(store) == stars_by_brute_force(store, Radius(min(radius, "1")).squared)


@pytest.mark.slow
@examples(2)
@given(seed=st.integers(0, 10**6), chunks=st.sampled_from([1024, 1 << 18]))
def test_new_images_are_compared_with_all_and_the_result_is_that_of_a_full_search(
    tmp_path_factory: pytest.TempPathFactory, seed: int, chunks: int
) -> None:
    folder = tmp_path_factory.mktemp("near")
    images = near_images(seed, each=15)
    parts = [images[:30], np.concatenate([images[30:45], images[:4]]), images[45:]]
    archives = [archive_of(folder / f"part{n}.tar", part, f"p{n}") for n, part in enumerate(parts)]
    grown, whole = (notmnist_store.open(folder / name) for name in ("grown", "whole"))
    for path in archives:
        grown.ingest(path)
        grown.near_duplicates(chunk_pairs=chunks, workers=1)
    whole.ingest(*archives)
    whole.near_duplicates()
    assert len(grown.sql("select * from radius_join")) == 3
    assert pairs(grown) == pairs(whole) == by_brute_force(whole, Radius("2.0").squared)
    assert groups(grown) == groups(whole)
    assert len(pairs(whole)) > 20


@pytest.mark.slow
def test_a_smaller_radius_is_known_already_and_a_larger_one_searches_anew(store: Store) -> None:
    store.near_duplicates(radius="1.5")
    first = store.near_duplicates(radius="1").rows()
    assert first[0]["radius"] == "1.5"
    assert len(store.sql("select * from run where verb = 'near-duplicates'")) == 1
    store.near_duplicates(radius="2.5")
    assert pairs(store) == by_brute_force(store, Radius("2.5").squared)
    store.near_duplicates(group_radius="2")
    (row,) = store.sql("select * from radius_join where is_current").rows()
    assert (row["radius"], row["group_radius"]) == ("2.0", "2")


@pytest.mark.slow
def test_undone_images_take_the_search_that_knew_them_along(store: Store, tmp_path: Path) -> None:
    store.near_duplicates()
    before = pairs(store)
    store.ingest(archive_of(tmp_path / "second.tar", near_images(1)[:9], "second"))
    second = store.sql("select max_by(run_id, sequence) as run_id from run").rows()[0]["run_id"]
    store.near_duplicates()
    (undone,) = store.undo(second).rows()
    assert pairs(store) == before
    assert len(store.sql("select * from radius_join")) == 1
    store.undo(undone["run_id"])
    assert len(store.sql("select * from radius_join")) == 2
    (searched,) = store.sql("select run_id from radius_join where is_current").rows()
    store.undo(searched["run_id"])
    assert pairs(store) == before


@pytest.mark.slow
def test_an_earlier_source_that_is_restored_is_searched_in_full(
    store: Store, tmp_path: Path
) -> None:
    """Its pictures come before known ones, so that other images stand for equal pictures."""
    first = store.sql("select run_id from run").rows()[0]["run_id"]
    store.ingest(archive_of(tmp_path / "second.tar", near_images(1)[5:], "second"))
    (undone,) = store.undo(first).rows()
    store.near_duplicates()
    store.undo(undone["run_id"])
    store.near_duplicates()
    assert pairs(store) == by_brute_force(store, Radius("2.0").squared)
    (row,) = store.sql("select pair_runs from radius_join where is_current").rows()
    assert len(json.loads(row["pair_runs"])) == 1


def test_stale_is_not_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ingest, search, pass; ingest one near copy, and it passes no more."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 28, 28, 1), dtype=np.uint8)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive_of(tmp_path / "train.tar", images[:40]), split="train")
    store.ingest(archive_of(tmp_path / "test.tar", images[40:], "test"), split="test")

    def status() -> tuple[str, int]:
        result = store.audit("split_leak_near")
        return result.verdicts[0].status, main(
            ["audit", "split_leak_near", "label_conflict_near", "--store", str(store.path)]
        )

    assert status() == ("stale", 1)
    store.near_duplicates()
    assert status() == ("pass", 0)
    near = images[:1].copy()
    near[0, 3, 3] ^= np.uint8(255)
    store.ingest(archive_of(tmp_path / "one.tar", near, "one"), split="test")
    capsys.readouterr()
    assert status() == ("stale", 1)
    said = capsys.readouterr()
    assert "1 images are not known to near-duplicates, which takes about" in said.err
    assert "near-duplicates --store" in said.err
    store.near_duplicates()
    assert status() == ("fail", 1)
    assert store.audit("duplicate_near").verdicts[0].violating == 1


@pytest.mark.slow
def test_a_split_set_without_the_new_images_is_not_stale(store: Store, tmp_path: Path) -> None:
    store.split("old")
    store.near_duplicates()
    store.ingest(archive_of(tmp_path / "second.tar", near_images(7), "second"))
    assert store.audit("split_leak_near", split_set="old").verdicts[0].status != "stale"
    assert store.audit("split_leak_near").verdicts[0].status == "stale"


@pytest.mark.parametrize("radius", ["-1", "nan", "inf", "x", ""])
def test_what_is_no_radius(store: Store, radius: str) -> None:
    with pytest.raises(UsageError, match="a radius is a number"):
        store.near_duplicates(radius=radius or " ")
    assert not len(store.sql("select * from radius_join"))


def test_groups_beyond_the_pairs_are_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="need pairs up to it"):
        store.near_duplicates(radius="1", group_radius="2")


def test_audits_beyond_the_pairs_are_refused(store: Store) -> None:
    store.near_duplicates(radius="1.5")
    for call in (
        lambda: store.audit("split_leak_near", radius="1.6"),
        lambda: store.audit(radius="2"),
        lambda: store.peek(audit="duplicate_near", radius="2"),
    ):
        with pytest.raises(UsageError, match="pairs are known up to") as caught:
            call()
        assert "near-duplicates --radius" in caught.value.hint


def test_too_many_pairs_are_an_error_with_an_estimate(store: Store) -> None:
    with pytest.raises(UsageError, match=r"more than 10 pairs .* about [0-9,]+") as caught:
        store.near_duplicates(radius="2", limit=10)
    assert "--limit" in caught.value.hint
    assert not list(store.path.glob("pair/*.parquet"))
    limit = caught.value.hint.rpartition(" ")[2]
    assert len(store.near_duplicates(radius="2", limit=int(limit))) == 1


@pytest.mark.parametrize("transforms", ["none", "shift1", "flip,shift1"])
def test_the_command_after_too_many_pairs_is_the_same_search_with_a_limit_that_does(
    store: Store, transforms: str
) -> None:
    asked = {"radius": "3.5", "group_radius": "0.5", "transforms": transforms}
    with pytest.raises(UsageError, match=r"more than 10 pairs .* about [0-9,]+") as caught:
        store.near_duplicates(**asked, limit=10)
    words = shlex.split(caught.value.hint)[1:]
    assert main([*words, "--store", str(store.path)]) == 0
    assert caught.value.hint.count("--transforms") == (transforms != "none")
    (row,) = store.sql("select * from radius_join").rows()
    assert {name: row[name] for name in asked} == asked
    assert row["pairs"] <= int(words[-1]) <= 8 * row["pairs"]


@pytest.mark.parametrize("transforms", ["none", "shift1"])
def test_pairs_lie_on_disk_by_distance_so_that_near_ones_are_read_alone(
    store: Store, transforms: str
) -> None:
    store.near_duplicates(radius="4", transforms=transforms)
    (file,) = store.path.glob("pair/*.parquet")
    squared = pq.read_table(file)["squared_distance"].to_numpy()
    part = squared * 64 // (Radius("4").squared + 1)
    assert len(set(part.tolist())) > 4
    assert (np.diff(part) >= 0).all()


def test_too_little_memory_is_an_error_that_says_what_to_do(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chunk no machine can hold: the arrays are asked for, and refused, for real."""
    with pytest.raises(StoreError, match="too little memory") as caught:
        store.near_duplicates(chunk_pairs=1 << 45)
    assert "--chunk-pairs" in caught.value.hint
    assert not list(store.path.glob("pair/*.parquet"))
    assert not len(store.sql("select * from radius_join"))


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_images(tmp_path: Path, count: int) -> None:
    store = notmnist_store.open(tmp_path / "store")
    images = np.zeros((count, 28, 28, 1), np.uint8)
    images[-1, 0, 0] = 255 * (count - 1)
    store.ingest(archive_of(tmp_path / "set.tar", images))
    (row,) = store.near_duplicates().rows()
    assert (row["distinct_images"], row["pairs"]) == (count, count - 1)


def test_all_images_equal_are_one_picture_and_no_pair(tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive_of(tmp_path / "set.tar", np.full((500, 28, 28, 1), 255, np.uint8)))
    (row,) = store.near_duplicates().rows()
    assert (row["images"], row["distinct_images"], row["pairs"]) == (500, 1, 0)


def test_a_store_without_images(tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "set.tar", class_files(each=1)))
    store.undo()
    with pytest.raises(StoreError, match="no images"):
        store.near_duplicates()


@pytest.mark.slow
def test_other_shapes_have_a_radius_of_their_own(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    image = random.integers(0, 200, (32, 32, 3), dtype=np.uint8)
    images = [image, image + np.uint8(9), image + np.uint8(30)]
    files = [(f"set/cat/{n}.png", png(each)) for n, each in enumerate(images)]
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "set.tar", files), shape="32x32x3")
    (row,) = store.near_duplicates().rows()
    assert row["radius"] == Radius("2.0").scaled(Shape(32, 32, 3)).text == "3.96"
    assert pairs(store) == by_brute_force(store, Radius("3.96").squared)
    assert [distance for *_, distance in pairs(store)] == [81 * 3072]
    assert store.audit("duplicate_near").verdicts[0].violating == 1


def test_a_search_that_is_stopped_leaves_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between the data files and the commit of the run."""
    from notmnist_store.storage.tables import Tables

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tables, "finish_together", stop)
    with pytest.raises(KeyboardInterrupt):
        store.near_duplicates()
    monkeypatch.undo()
    assert not pairs(store)
    assert not groups(store)
    store.near_duplicates()
    assert pairs(store) == by_brute_force(store, Radius("2.0").squared)


def test_near_leaks_are_those_of_brute_force(store: Store) -> None:
    """The nearest near copy in each split that must not know it, first ingested of equals."""
    store.split("s", train=24, valid=12, test=12, group_by="image_id")
    store.near_duplicates()
    near = {(a, b): d for a, b, d in by_brute_force(store, Radius("2.0").squared)}
    placed = store.sql(
        "select split_image.image_id, split_image.split, image.pixel_hash,"
        " image.image_id % 4294967296 as position from split_image"
        " inner join image on image.image_id = split_image.image_id"
        " where split_set = 's' order by position"
    ).rows()
    picture: dict[str, int] = {}
    for row in placed:
        picture.setdefault(row["pixel_hash"], row["image_id"])
    expected = set()
    for row in placed:
        for twin_split in {"test": ("train", "valid"), "valid": ("train",)}.get(row["split"], ()):
            here = picture[row["pixel_hash"]]
            twins = [
                (near[key], other["position"], other["image_id"])
                for other in placed
                if other["split"] == twin_split
                and (key := tuple(sorted((here, picture[other["pixel_hash"]])))) in near
            ]
            if twins:
                distance, _, twin = min(twins)
                expected.add((row["image_id"], row["split"], twin, twin_split, distance))
    found = store.sql(
        "select image_id, split, twin_id, twin_split, squared_distance from leak"
        " where split_set = 's' and kind = 'near'"
    ).rows()
    assert expected
    by_distance = {row[:2] + row[3:] for row in expected}
    assert {(r["image_id"], r["split"], r["twin_split"], r["squared_distance"]) for r in found} == (
        by_distance
    )
    assert len(found) == len(expected)


@pytest.mark.slow
def test_the_matrix_counts_rows_at_each_radius(tmp_path: Path) -> None:
    make_bad_store(tmp_path / "bad")
    store = notmnist_store.open(tmp_path / "bad")
    rows = store.sql("near_overlap_matrix", params={"split_set": "bad"}).rows()
    counted = {(r["split"], r["other_split"], r["radius"]): r["images"] for r in rows}
    exact = {
        (r["split"], r["other_split"]): r["images"]
        for r in store.sql("overlap_matrix", params={"split_set": "bad"}).rows()
    }
    assert {key[:2]: images for key, images in counted.items() if key[2] == 0} == exact
    assert counted["valid", "train", 0.5] == exact["valid", "train"] + 1
    assert {key[2] for key in counted} == {0, 0.5, 1, 1.5, 2}


@pytest.mark.slow
@pytest.mark.parametrize("radius", ["0.4", "2.97", "7.8"])
def test_the_matrix_follows_the_radius_of_the_search(tmp_path: Path, radius: str) -> None:
    """Of images of any shape: at each quarter as many rows as have a pair of that distance."""
    random = np.random.default_rng(5)
    images = random.integers(0, 256, (40, 9, 7, 3), dtype=np.uint8)
    steps = random.integers(0, 12, (20, 9, 7, 3), dtype=np.uint8) * np.uint8(6)
    images[20:] = images[:20] ^ (steps * (np.arange(20) % 7 == 0)[:, None, None, None])
    images[20:24] = images[:4] // 2 * 2 + 1
    np.savez(tmp_path / "set.npz", train_images=images, train_labels=np.arange(40) % 2)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(tmp_path / "set.npz", shape="9x7x3")
    store.near_duplicates(radius=radius)
    store.split("s", train=0.5, valid=0.25, test=0.25)
    rows = store.sql("near_overlap_matrix", params={"split_set": "s"}).rows()
    quarters = [float(Fraction(radius) * number / 4) for number in range(5)]
    assert sorted({row["radius"] for row in rows}) == pytest.approx(quarters)
    placed = {
        row["image_id"]: row["split"]
        for row in store.sql("select image_id, split from split_image where split_set = 's'").rows()
    }
    pixels = pixels_by_id(Tables.open(store.path), list(placed))
    squared = {
        (a, b): int(np.sum((pixels[a].astype(int) - pixels[b]) ** 2))
        for a, b in itertools.permutations(placed, 2)
    }
    for row in rows:
        number = round(row["radius"] / float(radius) * 4)
        most = math.floor((Fraction(radius) * number / 4) ** 2 * 65025)
        expected = {
            a
            for (a, b), apart in squared.items()
            if apart <= most and (placed[a], placed[b]) == (row["split"], row["other_split"])
        }
        assert row["images"] == len(expected)


def test_the_real_images_have_the_published_pairs(data_folder: Path, tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(data_folder / "notMNIST_t10k.tar.gz")
    (row,) = store.near_duplicates().rows()
    assert (row["distinct_images"], row["pairs"]) == (9804, 1145)
    rows = store.sql("distance_histogram").rows()
    total = {round(row["distance"] * 10): row["total"] for row in rows}
    assert (total[4], total[9], total[19]) == (127, 319, 1145)
