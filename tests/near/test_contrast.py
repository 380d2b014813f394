"""The search up to brightness and contrast: its pairs against fractions, runs, undo, errors."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import notmnist_store
from notmnist_store.cli.main import main
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near import contrast
from notmnist_store.store import Store
from tests.support.archives import pack, png
from tests.support.distinct import archive_of, distinct_pictures

RADII = ["0", "0.1", "0.5", "1.9", "2", "1e-30"]


def archive(path: Path, seed: int, root: str = "set") -> Path:
    """Pictures as they are, again, brighter, darker, noisy, nudged, inverted, and blank ones."""
    random = np.random.default_rng(seed)
    images = [np.full((28, 28, 1), value) for value in (0, 9)]
    for _ in range(4):
        image = random.integers(0, 60, (28, 28, 1))
        noisy = np.maximum(image + random.integers(-1, 2, image.shape), 0)
        nudged = image * 3 + 7
        nudged[0, 0] += 1  # a candidate at every radius, and no pair at the smallest
        images += [image * 2, image * 2, image * 3 + 7, image, noisy, nudged, 250 - image]
    return archive_of(path, (image.astype(np.uint8) for image in images), f"{root}{seed}")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = notmnist_store.open(tmp_path / "store")
    made.ingest(archive(tmp_path / "first.tar", 1))
    return made


def found(store: Store) -> dict[tuple[int, int], float]:
    rows = store.sql("select a, b, distance from contrast_pair").rows()
    pairs = {(row["a"], row["b"]): row["distance"] for row in rows}
    assert len(pairs) == len(rows)
    return pairs


def newest(store: Store) -> list[str]:
    """Runs, the newest first."""
    rows = store.sql("select run_id from run order by sequence desc").rows()
    return [row["run_id"] for row in rows]


def by_brute_force(store: Store, radius: str) -> set[tuple[int, int]]:
    """Every two pictures within the radius, the one ingested first before the other."""
    centred = {}
    for image_id, pixels in distinct_pictures(store).items():
        wide = pixels.astype(object)
        centred[image_id] = len(wide) * wide - wide.sum()
    least = 1 - Fraction(radius) ** 2 / 2
    near = set()
    for a, b in itertools.combinations(centred, 2):
        x, y = centred[a], centred[b]
        m, whole = int(x @ y), int(x @ x) * int(y @ y)
        if whole and Fraction(m * abs(m), whole) >= least * abs(least):  # cosine |cosine|
            near.add((a, b))
    return near


@pytest.mark.parametrize("radius", RADII)
def test_the_pairs_are_those_of_fractions(store: Store, radius: str) -> None:
    (row,) = store.near_duplicates(contrast=True, radius=radius).rows()
    expected = by_brute_force(store, radius)
    assert set(found(store)) == expected
    assert row["pairs"] == len(expected) > 0
    assert (row["images"], row["distinct_images"], row["blank"]) == (30, 26, 2)
    assert list(row) == ["run_id", "radius", "images", "distinct_images", "blank", "pairs"]


def test_brighter_and_darker_copies_are_at_0_and_inverted_ones_at_2(store: Store) -> None:
    store.near_duplicates(contrast=True, radius="2")
    distances = list(found(store).values())
    assert distances.count(0.0) == 4 * 3
    assert distances.count(2.0) == 4 * 3


def test_the_numbers_that_decided_are_stored(store: Store) -> None:
    store.near_duplicates(contrast=True)
    for row in store.sql("select m, n_a, n_b, distance from stored_contrast_pair").rows():
        cosine = row["m"] / (row["n_a"] ** 0.5 * row["n_b"] ** 0.5)
        assert row["distance"] ** 2 == pytest.approx(2 - 2 * cosine, abs=1e-12)


def test_plain_pairs_stay_and_are_not_mixed(store: Store) -> None:
    store.near_duplicates(radius="3")
    asked = ("select * from pair order by a, b", "select * from radius_join", "near_groups")
    before = [store.sql(query).rows() for query in asked]
    store.near_duplicates(contrast=True)
    assert [store.sql(query).rows() for query in asked] == before
    pairs = found(store)
    store.near_duplicates(radius="4")
    assert found(store) == pairs


def test_undo_brings_back_the_search_before_and_an_undone_source_takes_it_away(
    store: Store, tmp_path: Path
) -> None:
    store.near_duplicates(contrast=True)
    first = found(store)
    store.ingest(archive(tmp_path / "second.tar", 2))
    ingested, *_ = newest(store)
    assert found(store) == first
    store.near_duplicates(contrast=True)
    both = found(store)
    assert set(both) == by_brute_force(store, "0.1") > set(first)
    store.undo()
    assert found(store) == first
    store.undo(newest(store)[0])
    assert found(store) == both
    store.undo(ingested)
    assert found(store) == first


def test_an_earlier_source_that_is_restored_is_searched_in_full(
    store: Store, tmp_path: Path
) -> None:
    """Its images stand for pictures that the second source has, too, and pairs name by its own."""
    (first,) = newest(store)
    store.ingest(archive(tmp_path / "again.tar", 1, "again"))
    store.ingest(archive(tmp_path / "second.tar", 2))
    (undone,) = store.undo(first).rows()
    store.near_duplicates(contrast=True)
    without = found(store)
    store.undo(undone["run_id"])
    assert not found(store)
    store.near_duplicates(contrast=True)
    assert set(found(store)) == by_brute_force(store, "0.1") != set(without)
    assert len(found(store)) == len(without)


def test_the_same_search_again_makes_no_run(store: Store) -> None:
    (first,) = store.near_duplicates(contrast=True, radius="0.10").rows()
    assert store.near_duplicates(contrast=True).rows() == [first]
    assert store.near_duplicates(contrast=True, radius="0.2").rows() != [first]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transforms": "none"}, "--transforms does not go with --contrast"),
        ({"group_radius": "0.1"}, "--group-radius does not go with --contrast"),
        ({"engine": "spark"}, "--engine spark does not go with --contrast"),
        ({"radius": "2.01"}, "from 0 to 2, not 2.01"),
        ({"radius": "-1"}, "a radius is a number"),
        ({"radius": "2", "limit": 3}, "more than 3 pairs"),
    ],
)
def test_what_does_not_go_is_said_with_a_command_that_works(
    store: Store, options: dict[str, str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        store.near_duplicates(contrast=True, **options)  # type: ignore[arg-type]
    assert not store.sql("select * from run where verb = 'near-duplicates'").rows()
    hint = refused.value.hint.removeprefix("notmnist-store ").split()
    assert main([*hint, "--store", str(store.path)]) == 0


def test_the_limit_counts_pairs_not_candidates(store: Store) -> None:
    (row,) = store.near_duplicates(contrast=True, radius="0").rows()
    with pytest.raises(UsageError, match="more than 11 pairs"):
        store.near_duplicates(contrast=True, radius="1e-9", limit=row["pairs"] - 1)
    store.near_duplicates(contrast=True, radius="1e-9", limit=row["pairs"])


@pytest.mark.parametrize("wrong", ["missed", "added", "moved"])
def test_a_sample_is_checked_and_where_it_disagrees_nothing_is_stored(
    store: Store, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = contrast.decide

    def decide(*given: object) -> tuple[np.ndarray, np.ndarray]:
        near, distance = right(*given)  # type: ignore[arg-type]
        if wrong == "moved":
            return near, distance + 0.01
        changed = near.copy()
        changed[np.flatnonzero(near == (wrong == "missed"))[0]] ^= True
        return changed, distance

    monkeypatch.setattr(contrast, "decide", decide)
    monkeypatch.setattr(contrast, "candidate_square", lambda *_: 1 << 40)
    with pytest.raises(StoreError, match="the pairs are not right"):
        store.near_duplicates(contrast=True)
    assert not store.sql("select * from run where verb = 'near-duplicates'").rows()
    assert not found(store)


def test_a_store_of_blank_pictures_has_no_pairs(tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    files = [(f"set/A/{n}.png", png(np.full((28, 28, 1), n, np.uint8))) for n in range(3)]
    store.ingest(pack(tmp_path / "blank.tar", files))
    (row,) = store.near_duplicates(contrast=True, radius="2").rows()
    assert (row["distinct_images"], row["blank"], row["pairs"]) == (3, 3, 0)


def test_an_empty_store_says_what_to_do(tmp_path: Path, store: Store) -> None:
    store.undo()
    with pytest.raises(StoreError, match="no images to compare"):
        store.near_duplicates(contrast=True)


def test_pairs_that_a_decision_parts_are_left_out_of_the_view(store: Store) -> None:
    store.near_duplicates(contrast=True)
    first = found(store)
    (a, b), (c, _), *_ = first
    store.decide(
        sql=f"select {a}::bigint as image_id, 'not_duplicate' as action, '{b}' as value"
        f" union all select {c}, 'not_duplicate', null",
        yes=True,
    )
    left = {pair for pair in first if pair != (a, b) and c not in pair}
    assert set(found(store)) == left < set(first)
    store.near_duplicates(contrast=True, radius="0.2")
    assert (a, b) not in found(store)
    store.undo()
    store.undo()
    assert found(store) == first


@pytest.mark.slow
def test_real_pairs_are_as_many_as_counted(tmp_path: Path, data_folder: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(data_folder / "notMNIST_t10k.tar.gz")
    (row,) = store.near_duplicates(contrast=True).rows()
    assert (row["distinct_images"], row["blank"], row["pairs"]) == (9_804, 1, 271)
