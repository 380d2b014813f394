"""Near copies that moved, from the search to what is asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import notmnist_store
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.store import Store
from tests.support.archives import pack, png

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "notMNIST_t10k.tar.gz"


def drawn(seed: int, n: int, offset: int = 0) -> list[tuple[str, bytes]]:
    """Pictures of labels A and B: random blots, and each fifth one a blot shifted or flipped."""
    rng = np.random.default_rng(seed)
    files = []
    blots = rng.integers(0, 256, (n, 12, 12)).astype(np.uint8)
    for i in range(n):
        picture = blots[i]
        if i % 5 == 1:
            picture = np.roll(blots[i - 1], 1, axis=1)
            picture[:, 0] = picture[:, 1]
        elif i % 5 == 2:
            picture = blots[i - 2][:, ::-1].copy()
            picture[0, 0] ^= 8
        elif i % 5 == 3:
            picture = blots[i - 3].copy()
            picture[3, 3] ^= 8
        label = "AB"[(i // 5 + (i % 5 == 1)) % 2]
        files.append((f"set/{label}/{offset + i:04}.png", png(picture[:, :, None])))
    return files


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("moved") / "one.tar.gz", drawn(1, 100))


def searched(path: Path, source: Path, **options: Any) -> Store:
    store = notmnist_store.open(path)
    store.ingest(source, shape="12x12x1", fractions="0.6,0.2,0.2")
    store.near_duplicates(radius="1", **options)
    return store


def rows(store: Store, query: str) -> list[dict[str, Any]]:
    return list(store.sql(query).rows())


PAIRS = "select a, b, squared_distance, transform, plain_squared_distance from pair order by all"
NEAR = "select a, b, squared_distance from near_pair where transforms = '{}' order by all"


def test_pairs_say_what_moved_and_how_far_they_are_as_they_stand(
    tmp_path: Path, source: Path
) -> None:
    store = searched(tmp_path / "s", source, transforms="flip,shift1")
    found = rows(store, PAIRS)
    plain = searched(tmp_path / "p", source)
    moved = [row for row in found if row["transform"] != "none"]
    assert len([row for row in moved if row["squared_distance"] == 0]) >= 20
    assert {row["transform"] for row in moved} >= {"a:shift(0,1)", "b:flip_left_right"}
    for words, alone in (("none", plain), ("shift1", None), ("flip", None)):
        other = alone or searched(tmp_path / words, source, transforms=words)
        least = "select a, b, squared_distance from pair order by all"
        assert rows(store, NEAR.format(words)) == rows(other, least)
    assert rows(store, "select count(*) as n from pair_step") != [{"n": 0}]


def test_plain_audits_and_groups_are_those_of_a_plain_search(tmp_path: Path, source: Path) -> None:
    store = searched(tmp_path / "s", source, transforms="shift1")
    plain = searched(tmp_path / "p", source)
    for name in ("split_leak_near", "duplicate_near", "label_conflict_near"):
        assert store.audit(name, radius="1").rows() == plain.audit(name, radius="1").rows()
    assert store.sql("near_overlap_matrix").rows() == plain.sql("near_overlap_matrix").rows()
    groups = "select * from duplicate_image where kind = 'near' order by all"
    assert rows(store, groups) == rows(plain, groups)
    leaks = "select * from leak where kind in ('exact', 'near') order by all"
    assert rows(store, leaks) == rows(plain, leaks)
    assert rows(store, "select distinct transforms from duplicate_group where kind = 'moved'") == [
        {"transforms": "shift1"}
    ]


def test_audits_under_a_set_are_those_of_its_pairs(tmp_path: Path, source: Path) -> None:
    store = searched(tmp_path / "s", source, transforms="flip,shift1")
    place = {
        row["image_id"]: (row["split"], row["label"])
        for row in rows(store, "select image_id, split, label from image")
    }
    for words in ("none", "shift1", "flip,shift1"):
        leaking, conflicting, later = set(), set(), set()
        for row in rows(store, NEAR.format(words)):
            a, b = row["a"], row["b"]
            later.add(b)
            for one, other in ((a, b), (b, a)):
                splits = place[one][0], place[other][0]
                if splits in (("test", "train"), ("test", "valid"), ("valid", "train")):
                    leaking.add(one)
                if place[one][1] != place[other][1]:
                    conflicting.add(one)
        for name, wanted in (
            ("split_leak_near", leaking),
            ("label_conflict_near", conflicting),
            ("duplicate_near", later),
        ):
            found = store.audit(name, radius="1", transforms=words, fail_on="never").rows()
            assert {row["image_id"] for row in found} == wanted


def test_a_search_after_new_images_is_that_of_all(tmp_path: Path, source: Path) -> None:
    store = searched(tmp_path / "s", source, transforms="shift1")
    more = pack(tmp_path / "two.tar.gz", drawn(1, 40, 200) + drawn(2, 60, 300))
    store.ingest(more)
    with pytest.raises(StoreError):
        store.certify()
    store.near_duplicates()  # the set of the current search is kept
    whole = notmnist_store.open(tmp_path / "w")
    whole.ingest(source, shape="12x12x1", fractions="0.6,0.2,0.2")
    whole.ingest(more)
    whole.near_duplicates(radius="1", transforms="shift1")
    assert rows(store, PAIRS) == rows(whole, PAIRS)
    groups = "select * exclude (transforms) from duplicate_image where kind = 'moved' order by all"
    assert rows(store, groups) == rows(whole, groups)


def test_what_is_searched_under_answers_for_less_and_not_for_more(
    tmp_path: Path, source: Path
) -> None:
    store = searched(tmp_path / "s", source, transforms="shift1")
    runs = "select count(*) as n from run where verb = 'near-duplicates'"
    store.near_duplicates(transforms="none")
    store.near_duplicates(radius="0.5")
    assert rows(store, runs) == [{"n": 1}]
    for ask in (
        lambda: store.audit(transforms="flip"),
        lambda: store.sql("near_overlap_matrix", params={"transforms": "shift2"}),
        lambda: store.sanitize("c", base="ingest", transforms="flip,shift1"),
        lambda: store.split("c", train="0.5", test="0.5", group_by="near", transforms="flip"),
        lambda: store.near_components(transforms="flips"),
        lambda: store.peek(pairs=True, transforms="turns"),
    ):
        with pytest.raises(UsageError, match="searched under shift1, not under") as raised:
            ask()
        assert raised.value.hint.startswith("notmnist-store near-duplicates --transforms ")
    store.near_duplicates(transforms="flip,shift1")
    assert rows(store, runs) == [{"n": 2}]
    assert rows(store, "select transforms from radius_join where is_current") == [
        {"transforms": "flip,shift1"}
    ]


def test_splits_under_a_set_pass_their_audit(tmp_path: Path, source: Path) -> None:
    store = searched(tmp_path / "s", source, transforms="shift1")
    under = {"radius": "1", "transforms": "shift1"}
    assert store.audit("split_leak_near", **under).rows()  # type: ignore[arg-type]
    sizes = {"train": "0.6", "valid": "0.2", "test": "0.2"}
    store.split("apart", **sizes, group_by="near", **under)  # type: ignore[arg-type]
    store.sanitize("clean", base="ingest", **under, yes=True)  # type: ignore[arg-type]
    for name in ("apart", "clean"):
        found = store.audit("split_leak_near", split_set=name, **under)  # type: ignore[arg-type]
        assert found.passed
        assert not found.rows()
    with pytest.raises(UsageError, match="--transforms goes with --group-by near"):
        store.split("other", **sizes, transforms="shift1")  # type: ignore[arg-type]


def test_a_certificate_names_its_transforms(tmp_path: Path, source: Path) -> None:
    store = searched(tmp_path / "s", source, transforms="flips")
    store.certify("ingest")
    found = rows(store, "select transforms, missed, wrong from certificate where is_current")
    assert found == 2 * [{"transforms": "flips", "missed": 0, "wrong": 0}]


def test_a_source_outside_is_compared_under_the_set(tmp_path: Path, source: Path) -> None:
    store = searched(tmp_path / "s", source)
    other = pack(tmp_path / "other.tar.gz", [drawn(1, 5)[1]])
    near = store.near_against(other, radius="1", transforms="shift1").rows()
    own = [row for row in near if row["transform"] == "none"]
    assert [row["squared_distance"] for row in own] == [0]  # the very picture is there, too
    bare = notmnist_store.open(tmp_path / "bare")
    bare.ingest(pack(tmp_path / "x.tar.gz", [drawn(1, 5)[0]]), shape="12x12x1", split="train")
    assert not bare.near_against(other, radius="1").rows()
    (row,) = bare.near_against(other, radius="1", transforms="shift1").rows()
    assert (row["squared_distance"], row["transform"]) == (0, "b:shift(0,1)")


def test_pairs_are_shown_with_what_moved(tmp_path: Path, source: Path) -> None:
    store = searched(tmp_path / "s", source, transforms="shift1")
    shown = store.peek(pairs=True, transforms="shift1", n=10, output=tmp_path / "sheet.png")
    assert any(row["transform"] != "none" for row in shown.rows())
    assert (tmp_path / "sheet.png").stat().st_size > 0
    assert {row["transform"] for row in store.peek(pairs=True, n=10).rows()} == {"none"}


def test_the_page_says_what_its_audits_were_asked_under(tmp_path: Path, source: Path) -> None:
    store = searched(tmp_path / "s", source, transforms="shift1")
    plain, moved = (store.report(transforms=words).content.decode() for words in (None, "shift1"))
    assert "near copies under" not in plain
    assert "near copies under shift1" in moved
    assert "near_overlap_matrix --param split_set=ingest --param transforms=shift1" in moved
    with pytest.raises(UsageError, match="go without --paper"):
        store.report(paper=True, transforms="shift1")


@pytest.mark.skipif(not REAL.exists(), reason="the real sample is not here")
def test_real_images_have_the_pairs_that_were_counted(tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "s")
    store.ingest(REAL)
    store.near_duplicates(transforms="shift1")
    counted = """select transforms, count(*) filter (squared_distance <= 65025) as one,
        count(*) as two from near_pair group by transforms order by transforms"""
    assert rows(store, counted) == [
        {"transforms": "none", "one": 319, "two": 1_145},
        {"transforms": "shift1", "one": 467, "two": 1_513},
    ]
    labels = """select count(*) as pairs, count(*) filter (one.label <> other.label) as differ
        from pair
        inner join image as one on one.image_id = pair.a
        inner join image as other on other.image_id = pair.b
        where pair.squared_distance <= 65025
            and coalesce(pair.plain_squared_distance, 65026) > 65025"""
    assert rows(store, labels) == [{"pairs": 148, "differ": 0}]
