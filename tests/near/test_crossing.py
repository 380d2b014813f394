"""Pairs across the splits of a split set: against brute force, and what they do and do not answer.

The cases, each held by a test below: layouts (no valid, no test, nothing to cross, a picture in two
splits, `ingest`, an old version), orders of searches (across one set, across two, all pairs before
and after, farther ones, none needed), what comes between (new images, a set extended or replaced,
undo of each kind, decisions), transforms, and every question that near copies answer.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import notmnist_store
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.split_sets import find_split_set
from notmnist_store.cli.main import main
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.evidence import lacking
from notmnist_store.progress import Progress
from notmnist_store.schema.radius import Radius
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.near.test_certify import rewrite
from tests.near.test_search import (
    by_brute_force,
    groups,
    near_images,
    pairs,
    stars_by_brute_force,
)
from tests.support.distinct import archive_of

Triple = tuple[int, int, int]
MOST = Radius("2.0").squared
AT_ONCE = {"group_by": "image_id"}


def across(store: Store, split_set: str, most: int = MOST) -> set[Triple]:
    """The pairs of brute force of pictures that stand in different splits of the set."""
    rows = store.sql(
        f"select image_id, pixel_hash, placed.split from (select image_id, 'train' as split from"
        f" {split_set}.train union all select image_id, 'valid' from {split_set}.valid"
        f" union all select image_id, 'test' from {split_set}.test) as placed"
        " right join image using (image_id)"
    ).rows()
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row["pixel_hash"], set()).update({row["split"]} - {None})
    home = {row["image_id"]: splits[row["pixel_hash"]] for row in rows}
    return {
        (a, b, far)
        for a, b, far in by_brute_force(store, most)
        if any(one != other for one in home[a] for other in home[b])
    }


def leaks(store: Store, split_set: str) -> list[dict[str, Any]]:
    return store.audit("split_leak_near", split_set=split_set, fail_on="never").rows()


def status(store: Store, audit: str, split_set: str = "ingest") -> str:
    return store.audit(audit, split_set=split_set, fail_on="never").verdicts[0].status


def known(store: Store, *split_sets: str) -> list[str]:
    """Of these split sets, and `all`, those that are covered; what follows from it is checked."""
    found = pairs(store)
    catalog = Catalog(Tables.open(store.path))
    answered = []
    for name in split_sets:
        find_split_set(catalog, name)
        if not lacking(catalog, split_set=name, crossing=True):
            assert across(store, name) <= found
            answered.append(name)
    everything = by_brute_force(store, MOST)
    assert found <= everything
    if not lacking(catalog):
        assert found == everything
        assert groups(store) == stars_by_brute_force(store, Radius("1").squared)
        answered.append("all")
    return answered


def newest(store: Store, verb: str) -> str:
    (row,) = store.sql(
        f"select max_by(run_id, sequence) as run_id from run where verb = '{verb}'"
        " and state = 'live'"
    ).rows()
    return str(row["run_id"])


def searches(store: Store) -> int:
    return len(store.sql("select run_id from run where verb = 'near-duplicates'"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 pictures in 4 clusters, copies among them, and two split sets that leak everywhere."""
    folder = tmp_path_factory.mktemp("crossing")
    store = notmnist_store.open(folder / "store")
    store.ingest(archive_of(folder / "first.tar", near_images(1)))
    store.split("s", train=24, valid=10, test=10, **AT_ONCE)
    store.split("t", train=20, test=20, seed=5, **AT_ONCE)
    return store.path


@pytest.fixture
def store(tmp_path: Path, made: Path) -> Store:
    return notmnist_store.open(shutil.copytree(made, tmp_path / "store"))


@pytest.fixture(scope="module")
def crossed(tmp_path_factory: pytest.TempPathFactory, made: Path) -> Store:
    """The same with a search across `s`; to be read only."""
    copied = shutil.copytree(made, tmp_path_factory.mktemp("crossed") / "store")
    store = notmnist_store.open(copied)
    store.near_duplicates(crossing="s")
    return store


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, made: Path) -> Store:
    """The same with a search of all pairs; to be read only."""
    copied = shutil.copytree(made, tmp_path_factory.mktemp("whole") / "store")
    store = notmnist_store.open(copied)
    store.near_duplicates()
    return store


def test_the_pairs_are_those_of_brute_force_across_the_splits(crossed: Store) -> None:
    expected = across(crossed, "s")
    assert pairs(crossed) == expected
    assert 50 < len(expected) < len(by_brute_force(crossed, MOST))
    (join,) = crossed.sql("select * from radius_join").rows()
    (digest,) = crossed.sql("select digest from split_set where split_set = 's'").rows()
    assert (join["split_set"], join["digest"]) == ("s", digest["digest"])
    assert (join["images"], join["pairs"]) == (44, len(expected))
    assert join["group_radius"] is None
    (certificate,) = crossed.sql("select * from certificate").rows()
    assert certificate["is_current"]
    assert (certificate["split_set"], certificate["method"]) == ("s", "exhaustive")
    assert (certificate["pairs"], certificate["missed"]) == (len(expected), 0)
    assert known(crossed, "s", "t", "ingest") == ["s"]


def test_leaks_are_those_of_a_search_of_all_pairs(crossed: Store, whole: Store) -> None:
    assert leaks(crossed, "s") == leaks(whole, "s") != []
    for query in (
        "select * from leak where split_set = 's' order by all",
        "select * from near_leak where split_set = 's' order by all",
        "leaks",
        "nearest_in_train",
    ):
        given = {} if " " in query else {"params": {"split_set": "s"}}
        assert crossed.sql(query, **given).rows() == whole.sql(query, **given).rows() != []


@pytest.mark.parametrize(
    ("sizes", "any_cross"),
    [
        ({"train": 30, "test": 18}, True),
        ({"train": 30, "valid": 18}, True),
        ({"valid": 18, "test": 30}, True),
        ({"train": 48}, False),
        ({"train": 1, "test": 1}, None),
    ],
    ids=str,
)
def test_splits_of_any_layout(store: Store, sizes: dict[str, int], any_cross: bool | None) -> None:
    store.split("u", **sizes, **AT_ONCE)
    (row,) = store.near_duplicates(crossing="u").rows()
    expected = across(store, "u")
    assert pairs(store) == expected
    assert any_cross in (bool(expected), None)
    assert (row["split_set"], row["pairs"]) == ("u", len(expected))
    judged = "pass" if sizes.keys() > {"train"} else "empty"
    assert status(store, "split_leak_near", "u") == ("fail" if expected else judged)
    assert status(store, "duplicate_near") == "stale"
    assert store.certify().rows()[0]["missed"] == 0


def test_a_picture_may_stand_in_two_splits(tmp_path: Path) -> None:
    images = near_images(3)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive_of(tmp_path / "train.tar", images[:30]), split="train")
    store.ingest(archive_of(tmp_path / "test.tar", images[20:], "test"), split="test")
    store.ingest(archive_of(tmp_path / "valid.tar", images[10:25], "valid"), split="valid")
    store.near_duplicates(crossing="ingest", chunk_pairs=1024, workers=1)
    assert pairs(store) == across(store, "ingest")
    assert len(pairs(store)) > 100
    assert known(store, "ingest") == ["ingest"]
    store.near_duplicates()
    assert known(store, "ingest") == ["ingest", "all"]


def test_new_images_are_compared_with_the_others_alone(store: Store, tmp_path: Path) -> None:
    """A set that is extended, and `ingest`: each time only what is new is stored."""
    store.near_duplicates(crossing="s")
    store.split("r", recipe="hash", train="0.5", valid="0.25", test="0.25")
    store.near_duplicates(crossing="r")
    store.near_duplicates(crossing="ingest")
    assert known(store, "s", "r", "t", "ingest") == ["s", "r", "ingest"]
    before = pairs(store)
    later = near_images(1)[:24] ^ np.uint8(1)
    store.ingest(archive_of(tmp_path / "second.tar", later, "second"))
    assert known(store, "s", "r", "ingest") == ["s", "r"]
    store.split("r", extend=True)
    assert known(store, "s", "r", "ingest") == ["s"]
    (row,) = store.near_duplicates(crossing="r").rows()
    assert row["pairs"] == len(across(store, "r"))
    (stored,) = store.sql(
        f"select count(*) as n from stored_pair where run_id = '{row['run_id']}'"
    ).rows()
    assert before < pairs(store)
    assert stored["n"] == len(pairs(store)) - len(before)
    assert known(store, "s", "r", "ingest") == ["s", "r"]
    store.near_duplicates(crossing="ingest")
    assert known(store, "s", "r", "ingest") == ["s", "r", "ingest"]
    store.near_duplicates()
    assert known(store, "s", "r", "t", "ingest") == ["s", "r", "t", "ingest", "all"]


class Notes(Progress):
    """What a verb says."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_what_is_known_is_not_searched_for_again(store: Store) -> None:
    told = Notes()
    store = Store(store.path, progress=told)
    first = store.near_duplicates(crossing="s").rows()
    assert store.near_duplicates(crossing="s", radius="1.5").rows() == first
    assert told.notes[-1] == "nothing to do: all pairs up to 2.0 are there, across the splits of s"
    assert store.near_duplicates(crossing="s_v1").rows() == first
    assert searches(store) == 1
    second = store.near_duplicates(crossing="t").rows()
    assert store.near_duplicates(crossing="s").rows() == first
    assert store.near_duplicates(crossing="t").rows() == second
    assert known(store, "s", "t") == ["s", "t"]
    whole = store.near_duplicates().rows()
    assert known(store, "s", "t") == ["s", "t", "all"]
    (row,) = store.near_duplicates(crossing="s").rows()
    assert (row["run_id"], row["split_set"]) == (whole[0]["run_id"], None)
    assert told.notes[-1] == "nothing to do: all pairs up to 2.0 are there, of all images"
    assert store.near_duplicates().rows() == whole
    assert searches(store) == 3


def test_after_all_pairs_only_what_is_new_is_compared(store: Store, tmp_path: Path) -> None:
    store.near_duplicates()
    store.near_duplicates(crossing="s")
    assert searches(store) == 1
    store.ingest(archive_of(tmp_path / "second.tar", near_images(2), "second"))
    store.split("u", train=60, valid=10, test=20, **AT_ONCE)
    store.near_duplicates(crossing="u")
    assert known(store, "s", "u", "ingest") == ["s", "u"]
    store.near_duplicates()
    assert known(store, "s", "u", "ingest") == ["s", "u", "ingest", "all"]
    (row,) = store.sql("select pair_runs, group_radius from radius_join where is_current").rows()
    assert (len(json.loads(row["pair_runs"])), row["group_radius"]) == (3, "1.0")


def test_a_next_version_is_not_covered_and_an_old_one_still_is(store: Store) -> None:
    store.near_duplicates(crossing="s")
    store.split("s", train=20, valid=10, test=10, seed=9, replace=True, **AT_ONCE)
    assert known(store, "s", "s_v1") == ["s_v1"]
    verdict = store.audit("split_leak_near", split_set="s", fail_on="never").verdicts[0]
    assert verdict.next == "notmnist-store near-duplicates --crossing s"
    store.near_duplicates(crossing="s")
    assert known(store, "s", "s_v1") == ["s", "s_v1"]
    assert pairs(store) == across(store, "s") | across(store, "s_v1")
    store.undo(newest(store, "split"))
    assert known(store, "s") == ["s"]


@pytest.mark.slow
def test_what_is_undone_does_not_count(store: Store, tmp_path: Path) -> None:
    store.near_duplicates(crossing="s")
    first = newest(store, "near-duplicates")
    store.near_duplicates(crossing="t")
    (undone,) = store.undo().rows()
    assert known(store, "s", "t") == ["s"]
    store.undo(undone["run_id"])
    assert known(store, "s", "t") == ["s", "t"]
    (undone,) = store.undo(first).rows()
    assert known(store, "s", "t") == []  # t's search has stored only what that of s has not
    store.undo(undone["run_id"])
    store.ingest(archive_of(tmp_path / "second.tar", near_images(2), "second"))
    store.near_duplicates(crossing="ingest")
    assert known(store, "s", "t", "ingest") == ["s", "t", "ingest"]
    store.undo(newest(store, "ingest"))
    assert known(store, "s", "t", "ingest") == ["s", "t"]


@pytest.mark.slow
def test_a_split_set_that_is_gone_leaves_its_pairs(store: Store) -> None:
    made_s = store.sql("select run_id from split_set where split_set = 's'").rows()[0]["run_id"]
    store.near_duplicates(crossing="s")
    store.undo(made_s)
    store.near_duplicates(crossing="t")
    assert known(store, "t") == ["t"]
    store.near_duplicates()
    assert known(store, "t") == ["t", "all"]


def test_a_farther_search_says_what_it_sets_aside(store: Store) -> None:
    told = Notes()
    store = Store(store.path, progress=told)
    store.near_duplicates(radius="1.5")
    store.near_duplicates(crossing="s", radius="2.0")
    aside = "pairs known before, up to 1.5, do not count any more; to have them back: "
    assert told.notes[-1].startswith(f"{aside}notmnist-store undo ")
    run = told.notes[-1].rpartition(" ")[2]
    assert known(store, "s", "t") == ["s"]
    store.undo(run)
    assert status(store, "duplicate_near") == "fail"
    assert pairs(store) == by_brute_force(store, Radius("1.5").squared)


def test_all_pairs_are_searched_no_farther_than_is_asked(store: Store) -> None:
    store.near_duplicates(crossing="s", radius="3")
    (row,) = store.near_duplicates(radius="2.0").rows()
    assert row["radius"] == "2.0"
    assert known(store, "s") == ["s", "all"]


def test_an_earlier_source_that_is_restored_makes_it_stale(tmp_path: Path) -> None:
    """Its images would stand for pictures that the pairs name by others."""
    images = near_images(1)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive_of(tmp_path / "first.tar", images))
    first = newest(store, "ingest")
    store.ingest(archive_of(tmp_path / "second.tar", images ^ np.uint8(0), "second"))
    (undone,) = store.undo(first).rows()
    store.split("s", train=24, valid=10, test=10, **AT_ONCE)
    for search in ({"crossing": "s"}, {}):
        store.near_duplicates(**search)
        assert status(store, "split_leak_near", "s") == "fail"
        (again,) = store.undo(undone["run_id"]).rows()
        assert status(store, "split_leak_near", "s") == "stale"
        if search:
            (undone,) = store.undo(again["run_id"]).rows()
    store.near_duplicates(crossing="s")
    assert status(store, "split_leak_near", "s") == "fail"
    assert across(store, "s") <= pairs(store)


def test_decisions_count_as_they_do_for_all_pairs(store: Store) -> None:
    """A pair that is parted, and a dropped image of `ingest` that comes back."""
    dropped = store.sql("select min(image_id) as image_id from image").rows()[0]["image_id"]
    store.decide(sql=f"select {dropped} as image_id, 'drop' as action", by="ada", yes=True)
    store.near_duplicates(crossing="ingest")
    store.near_duplicates(crossing="s")
    store.decide(sql=f"select {dropped} as image_id, 'keep' as action", by="ada", yes=True)
    assert known(store, "s", "ingest") == ["s", "ingest"]
    a, b, _ = min(across(store, "s"), key=lambda pair: pair[2])
    (other,) = store.sql(f"select pixel_hash from image where image_id = {b}").rows()
    parted = f"select {a} as image_id, 'not_duplicate' as action, '{other['pixel_hash']}' as value"
    before = pairs(store)
    store.decide(sql=parted, by="ada", yes=True)
    assert {pair[:2] for pair in before - pairs(store)} == {(a, b)}
    assert store.certify("s").rows()[0]["missed"] == 0
    assert status(store, "split_leak_near", "s") == "fail"


@pytest.mark.parametrize("words", ["shift1", pytest.param("flips,shift2", marks=pytest.mark.slow)])
def test_pairs_that_moved_are_those_of_a_search_of_all_pairs(tmp_path: Path, words: str) -> None:
    random = np.random.default_rng(4)
    base = random.integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)
    moved = [np.roll(base, step, axis=(1, 2)) for step in ((0, 0), (1, 0), (0, 2), (1, 1))]
    images = np.concatenate([*moved, base[:, ::-1]])[random.permutation(30)]
    shown: list[Any] = []
    for name, crossing in (("across", "s"), ("all", None)):
        store = notmnist_store.open(tmp_path / name)
        store.ingest(archive_of(tmp_path / f"{name}.tar", images, "set"), shape="8x8x1")
        store.split("s", train=12, valid=6, test=12, **AT_ONCE)
        store.near_duplicates(crossing=crossing, radius="8", transforms=words)
        placed = store.sql("select image_id, split from split_image where split_set = 's'").rows()
        home = {row["image_id"]: row["split"] for row in placed}
        rows = store.sql(
            "select transforms, a, b, squared_distance, transform from near_pair order by all"
        ).rows()
        shown.append([row for row in rows if home[row["a"]] != home[row["b"]]])
        assert crossing is None or shown[-1] == rows
        assert store.certify("s").rows()[0]["missed"] == 0
    assert shown[0] == shown[1]
    assert {row["transforms"] for row in shown[0]} > {"none"}


QUESTIONS: dict[str, Callable[[Store], object]] = {
    "split --group-by near": lambda store: store.split("n", group_by="near"),
    "sanitize --refill": lambda store: store.sanitize("c", base="s", refill=True),
    "sanitize --conflicts": lambda store: store.sanitize("c", base="s", conflicts="majority"),
    "near-components": lambda store: store.near_components(),
    "certify a sample": lambda store: store.certify(sample=5),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_needs_all_pairs_is_refused_with_the_search_for_them(
    crossed: Store, question: str
) -> None:
    with pytest.raises(StoreError) as caught:
        QUESTIONS[question](crossed)
    assert caught.value.hint == "notmnist-store near-duplicates"


@pytest.mark.parametrize("policy", ["keep", "minimal"])
def test_sanitize_takes_what_was_searched(store: Store, whole: Store, policy: str) -> None:
    """Without refill only pairs across splits part anything: the set is that of all pairs."""
    store.near_duplicates(crossing="s")
    how: dict[str, Any] = {"radius": "1.0", "policy": policy, "keep": "test,valid,train"}
    told, expected = (each.sanitize("c", base="s", **how).rows() for each in (store, whole))
    assert told == expected
    assert sum(row["near"] for row in told) > 0
    store.sanitize("c", base="s", yes=True, **how)
    assert status(store, "split_leak_near", "c") == "stale"
    store.near_duplicates(crossing="c")
    assert status(store, "split_leak_near", "c") == "pass"
    with pytest.raises(StoreError) as caught:
        store.sanitize("d", base="t", **how)
    assert caught.value.hint == "notmnist-store near-duplicates --crossing t"


def test_stale_audits_name_the_search_that_they_need(crossed: Store) -> None:
    for audit, name, wanted in (
        ("duplicate_near", "s", ""),
        ("label_conflict_near", "s", ""),
        ("pair_certificate", "s", ""),
        ("split_leak_near", "t", " --crossing t"),
    ):
        (verdict,) = crossed.audit(audit, split_set=name, fail_on="never").verdicts
        assert verdict.status == "stale"
        assert verdict.next == f"notmnist-store near-duplicates{wanted}"
        assert "but across the splits of s; to know all takes about" in str(verdict.error)


def test_an_audit_of_ones_own_says_which_pairs_it_needs(crossed: Store, tmp_path: Path) -> None:
    sql = (
        "-- title: x\n-- grain: x\n-- severity: must\n-- tolerance: 0\n-- total: select 1\n"
        "-- needs: {}\n{}select 1 as one where {}\n"
    )
    of_set = "-- param split_set: split_set = ingest\n"
    for needs, more, wanted in (
        ("pair", of_set, "stale"),
        ("crossing", of_set, "pass"),
        ("crossing", "", "stale"),
    ):
        none = "$split_set = ''" if more else "false"
        (tmp_path / "own.sql").write_text(sql.format(needs, more, none))
        (verdict,) = crossed.audit("own", split_set="s", sql_dir=tmp_path, fail_on="never").verdicts
        assert verdict.status == wanted


def test_certify_takes_what_was_searched(store: Store) -> None:
    store.near_duplicates(crossing="s")
    (row,) = store.certify().rows()
    assert (row["split_set"], row["method"], row["pairs"]) == ("s", "exhaustive", len(pairs(store)))
    with pytest.raises(StoreError, match="nothing to certify") as caught:
        store.certify("t")
    assert caught.value.hint == "notmnist-store near-duplicates --crossing t"
    removed = min(pairs(store), key=lambda pair: pair[2])
    rewrite(store, sorted(pairs(store) - {removed}))
    with pytest.raises(StoreError, match="and no pair"):
        store.certify()
    (row,) = store.sql("certificates", params={"split_set": "s"}).rows()
    assert (row["split_set"], row["missed"]) == ("s", 1)


def test_the_overlap_of_a_split_with_itself_is_unknown(crossed: Store, whole: Store) -> None:
    for here, there in zip(
        crossed.sql("near_overlap_matrix", params={"split_set": "s"}).rows(),
        whole.sql("near_overlap_matrix", params={"split_set": "s"}).rows(),
        strict=True,
    ):
        if here["split"] == here["other_split"] and here["radius"] > 0:
            assert (here["images"], here["share"]) == (None, None)
        else:
            assert here == there


def test_an_image_tells_what_it_was_compared_with(crossed: Store) -> None:
    (row,) = crossed.sql(
        "select image_id from split_image where split_set = 's' and split = 'test'"
        " and image_id not in (select a from pair union all select b from pair) limit 1"
    ).rows() or [{"image_id": None}]
    if row["image_id"] is None:
        pytest.skip("every picture of test has a near copy")
    lines = {line["what"]: line["value"] for line in crossed.peek(row["image_id"]).rows()}
    assert "does not know this image" in lines["near group"]


def test_pages_and_papers_say_what_was_compared(crossed: Store, tmp_path: Path) -> None:
    page = crossed.report(split_set="s").content.decode()
    assert "not searched" in page
    assert "Near copies were not searched for among all images yet" in page
    crossed.report(split_set="t")
    paper = crossed.report(split_set="s", paper=True).content.decode()
    assert "distinct images that stand in different splits within Euclidean distance 2.0" in paper
    assert "Checked by all" in paper
    other = crossed.report(split_set="t", paper=True).content.decode()
    assert "Near copies were not searched for." in other


def test_near_leaks_are_scored_and_folds_say_that_copies_may_be_missing(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Notes()
    store = Store(store.path, progress=told)
    store.near_duplicates(crossing="s")
    store.baseline("s", sizes=[10])
    subsets = {row["subset"] for row in store.sql("scores", params={"split_set": "s"}).rows()}
    assert "leaked_near" in subsets
    store.suspects("s", folds=2)
    assert any("not all near copies of 44 images are known" in note for note in told.notes)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--crossing", "nope"], 2, "there is no split set 'nope'"),
        (["--crossing", "s", "--group-radius", "1"], 2, "makes no groups"),
        (["--crossing", "s", "--contrast"], 2, "--crossing does not go with --contrast"),
        (["--crossing", "s", "--limit", "3"], 2, "more than 3 pairs lie within this radius"),
        (["--crossing", "s", "--transforms", "turn"], 2, "there is no transform 'turn'"),
        (["--crossing", "s", "--radius", "x"], 2, "a radius is a number"),
    ],
)
def test_options_that_cannot_be_meant(
    store: Store, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert main(["near-duplicates", *arguments, "--store", str(store.path)]) == code
    assert message in capsys.readouterr().err
    assert searches(store) == 0


def test_the_command_says_how_to_go_on(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["near-duplicates", "--crossing", "s", "--store", str(store.path), "--format", "json"]
    assert main(given) == 0
    printed = capsys.readouterr()
    (row,) = json.loads(printed.out)
    assert (row["split_set"], row["pairs"]) == ("s", len(across(store, "s")))
    assert "audit" in printed.err
    assert "split_leak_near --split-set s" in printed.err


def test_a_radius_farther_than_was_searched_names_the_search_across(crossed: Store) -> None:
    with pytest.raises(UsageError) as caught:
        crossed.audit("split_leak_near", split_set="s", radius="3")
    assert caught.value.hint == "notmnist-store near-duplicates --crossing s --radius 3"


def test_all_orders_of_searches_end_alike(tmp_path: Path, made: Path) -> None:
    """Nothing is stored twice, whatever was searched for first."""
    for number, order in enumerate(itertools.permutations(["s", "t", None])):
        store = notmnist_store.open(shutil.copytree(made, tmp_path / f"store{number}"))
        for crossing in order:
            store.near_duplicates(crossing=crossing)
        assert known(store, "s", "t") == ["s", "t", "all"]
        assert searches(store) == 1 + order.index(None)
