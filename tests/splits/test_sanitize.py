"""Sanitized split sets against brute force over the pixels, and what is refused."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import notmnist_store
from notmnist_store.catalog.connection import Catalog
from notmnist_store.cli.main import main
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.schema.radius import Radius
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from notmnist_store.testing import make_bad_store
from tests.support.archives import pack, png
from tests.support.leak_oracle import Row, brute_force, leaks

Images = npt.NDArray[np.uint8]
SPLITS = ("train", "valid", "test")
RULES = ("", "exact_copy", "near_copy", "label_conflict")


def clustered(random: np.random.Generator, clusters: int, count: int) -> Images:
    """Pictures a few pixels away from one of some, copies among them: (count, 28, 28, 1)."""
    centres = random.integers(0, 256, (clusters, 28, 28, 1), dtype=np.uint8)
    images = centres[random.integers(0, clusters, count)]
    for image in images:
        for _ in range(random.integers(0, 3)):
            image[random.integers(0, 2), random.integers(0, 3)] ^= np.uint8(127)
    return images


def archive(path: Path, images: Images) -> Path:
    """A tar file of the images under labels A, B and C in turn."""
    files = [
        (f"{path.stem}/{'ABC'[number % 3]}/{number:04d}.png", png(image))
        for number, image in enumerate(images)
    ]
    return pack(path, files)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """90 images in two archives, three split sets, pairs up to 2.0; to be read only."""
    folder = tmp_path_factory.mktemp("sanitize")
    images = clustered(np.random.default_rng(5), 14, 90)
    store = notmnist_store.open(folder / "store")
    store.ingest(archive(folder / "one.tar", images[:50]), archive(folder / "two.tar", images[50:]))
    sizes = {"first": (30, 15, 15), "halves": (42, 42, 0), "small": (24, 6, 6)}
    for name, (train, valid, test) in sizes.items():
        store.split(name, train=train, valid=valid, test=test, group_by="image_id")
    store.near_duplicates()
    return store


@pytest.fixture(scope="module")
def grown(made: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A copy for tests that only add to it."""
    folder = tmp_path_factory.mktemp("grown")
    return notmnist_store.open(shutil.copytree(made.path, folder / "store"))


@pytest.fixture
def store(made: Store, tmp_path: Path) -> Store:
    """A copy that a test may change."""
    return notmnist_store.open(shutil.copytree(made.path, tmp_path / "store"))


class Look:
    """The store as it is now: one catalog for many questions, since making one takes a while."""

    def __init__(self, store: Store) -> None:
        self.catalog = Catalog(Tables.open(store.path))

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Rows of a split set with their pixels, in the order of ingest."""
        return self.catalog.query(
            "select split_image.image_id, split_image.split, split_image.position,"
            " split_image.label, split_image.label_id, image_pixels.pixels from split_image"
            " inner join image_pixels on image_pixels.image_id = split_image.image_id"
            " inner join image on image.image_id = split_image.image_id"
            " inner join run on run.run_id = image.run_id where split_image.split_set = $name"
            " order by run.sequence, image.image_id % 4294967296",
            {"name": name},
        ).to_pylist()

    def draws(self, rows: list[dict[str, Any]], seed: int) -> list[int]:
        """The order in which unused images are drawn, by DuckDB's md5."""
        ordered = self.catalog.query(
            "select image_id from image order by md5($seed || ':' || image_id), image_id",
            {"seed": str(seed)},
        )["image_id"].to_pylist()
        rank = {image_id: at for at, image_id in enumerate(ordered)}
        return [rank[row["image_id"]] for row in rows]

    def drops(self, name: str) -> dict[int, tuple[str, int, int]]:
        """Rule, twin and squared distance by image."""
        rows = self.catalog.query(
            "select image_id, rule, twin_id, squared_distance from split_drop"
            " where split_set = $name",
            {"name": name},
        ).to_pylist()
        found = {r["image_id"]: (r["rule"], r["twin_id"], r["squared_distance"]) for r in rows}
        assert len(found) == len(rows)
        return found


def as_oracle_rows(rows: list[dict[str, Any]], keep: tuple[str, ...]) -> list[Row]:
    place = {split: at for at, split in enumerate((*keep, "unused"))}
    return [(place[row["split"]], tuple(row["pixels"]), row["label_id"]) for row in rows]


def in_order(rows: list[dict[str, Any]], split: str) -> list[int]:
    """Ids of a split by position, which must count from 0."""
    placed = sorted((row["position"], row["image_id"]) for row in rows if row["split"] == split)
    assert [position for position, _ in placed] == list(range(len(placed)))
    return [image_id for _, image_id in placed]


@pytest.mark.parametrize("transforms", ["none", "shift1"])
@pytest.mark.parametrize(("home", "other"), [("train", "test"), ("valid", "test")])
def test_a_near_copy_of_a_picture_that_stands_in_two_splits_leaks_into_neither(
    tmp_path: Path, home: str, other: str, transforms: str
) -> None:
    """The fewest drops are those of `home` where only copies count, and two more with near ones.

    `home` has the picture once, a near copy of it twice; `other` has the picture twice.
    """
    picture = np.random.default_rng(0).integers(0, 256, (28, 28, 1), dtype=np.uint8)
    near = picture.copy()
    if transforms == "shift1":
        near[1:] = picture[:-1]
    near[0, 0] ^= 64
    source = tmp_path / "source"
    source.mkdir()
    lines = ["file_name,label,split"]
    for number, (image, split) in enumerate(
        [(picture, home), (near, home), (near, home), (picture, other), (picture, other)]
    ):
        (source / f"{number}.png").write_bytes(png(image))
        lines.append(f"{number}.png,A,{split}")
    (source / "metadata.csv").write_text("\n".join(lines) + "\n")
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(source)
    store.near_duplicates(transforms=transforms)
    (third,) = set(SPLITS) - {home, other}
    options = {"keep": f"{home},{other},{third}", "transforms": transforms}
    store.sanitize("s", base="ingest", policy="minimal", yes=True, **options)  # type: ignore[arg-type]
    left = store.sql("select split from split_image where split_set = 's' and split <> 'unused'")
    assert {row["split"] for row in left.rows()} == {home}
    audit = store.audit("split_leak_near", split_set="s", transforms=transforms, fail_on="never")
    assert len(audit) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "keep", "radius", "conflicts", "refill", "seed"),
    [
        ("first", "train,valid,test", "1.0", "keep", True, 1),
        ("first", "test,valid,train", "0.9", "drop", True, 0),
        ("halves", "valid,test,train", "2", "majority", False, 0),
        ("ingest", "train,test,valid", "0.5", "majority", True, 2),
        ("first", "valid,train,test", "0", "keep", False, 3),
        ("first", "train,valid,test", "1.0", "keep", False, 4),
        ("halves", "train,valid,test", "2", "keep", False, 5),
    ],
)
def test_rows_and_drops_are_those_of_brute_force(
    grown: Store, base: str, keep: str, radius: str, conflicts: str, refill: bool, seed: int
) -> None:
    order, name = tuple(keep.split(",")), f"from_{base}_{seed}"
    grown.sanitize(
        name,
        base=base,
        keep=keep,
        radius=radius,
        conflicts=conflicts,
        refill=refill,
        seed=seed,
        yes=True,
    )
    look = Look(grown)
    before, after = look.rows(base), look.rows(name)
    rows, draw = as_oracle_rows(before, order), look.draws(before, seed)
    places, gone = brute_force(rows, draw, Radius(radius).squared, "keep", conflicts, refill)
    ids = [row["image_id"] for row in before]
    assert [row["image_id"] for row in after] == ids
    assert [row["split"] for row in after] == [(*order, "unused")[place] for place in places]
    assert look.drops(name) == {
        ids[i]: (RULES[rule], ids[twin], distance) for i, (rule, twin, distance) in gone.items()
    }
    assert gone
    by_draw = [image_id for _, image_id in sorted(zip(draw, ids, strict=True))]
    for split in SPLITS:
        stayed = [i for i in in_order(after, split) if before[ids.index(i)]["split"] == split]
        old = by_draw if base == "ingest" else in_order(before, split)
        assert stayed == [i for i in old if i in stayed]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "keep"), [("first", "train,valid,test"), ("ingest", "test,train,valid")]
)
def test_minimal_drops_no_more_and_leaves_no_leak(grown: Store, base: str, keep: str) -> None:
    order, went = tuple(keep.split(",")), {}
    names = {policy: f"{policy}_{base}" for policy in ("keep", "minimal")}
    for policy, name in names.items():
        grown.sanitize(name, base=base, keep=keep, policy=policy, yes=True)
    look = Look(grown)
    before = {row["image_id"]: row["split"] for row in look.rows(base)}
    for policy, name in names.items():
        rows = look.rows(name)
        found = as_oracle_rows(rows, order)
        assert not leaks(found, [place for place, _, _ in found], Radius("1.0").squared)
        after = {row["image_id"]: row["split"] for row in rows}
        drops = look.drops(name)
        for image_id, (_, twin, distance) in drops.items():
            assert after[twin] not in ("unused", before[image_id])
            assert distance <= Radius("1.0").squared
        went[policy] = sum(before[image_id] in order[:2] for image_id in drops)
    assert 0 < went["minimal"] <= went["keep"]


@pytest.mark.slow
def test_what_is_drawn_takes_the_places_of_what_went(grown: Store) -> None:
    """Where all is topped up again, no kept image moves, and labels stand as they stood."""
    grown.sanitize("full", base="small", radius="0", refill=True, yes=True)
    look = Look(grown)
    before, after = look.rows("small"), look.rows("full")
    label = {row["image_id"]: row["label"] for row in before}
    went, moved = look.drops("full"), 0
    for split in SPLITS:
        for old, new in zip(in_order(before, split), in_order(after, split), strict=True):
            assert old == new or old in went
            assert label[old] == label[new]
            moved += old != new
    assert moved == len(went) > 0


@pytest.mark.slow
def test_the_counts_are_those_of_what_is_made_at_each_radius(store: Store) -> None:
    options: dict[str, Any] = {"base": "first", "conflicts": "majority", "refill": True}
    result = store.sanitize("s", radius="0.9", **options)
    assert result.columns == [
        "radius", "split", "label", "images", "exact", "near", "conflict", "refilled", "left",
    ]  # fmt: skip
    assert len(store.split_sets()) == 3, "a dry run makes nothing"
    told = result.rows()
    assert [row["radius"] for row in told if row["label"] is None] == [
        radius for radius in (0, 0.5, 0.9, 1, 1.5, 2) for _ in SPLITS
    ]
    assert {row["radius"] for row in told if row["label"] is not None} == {0.9}
    for radius in ("0.9", "2"):
        store.sanitize(f"at_{radius[0]}", radius=radius, yes=True, **options)
    look = Look(store)
    before = {row["image_id"]: row for row in look.rows("first")}
    sets = {name: (look.rows(name), look.drops(name).items()) for name in ("at_0", "at_2")}
    for row in told:
        if row["radius"] not in (0.9, 2):
            continue
        after, went = sets[f"at_{int(row['radius'])}"]

        def cell(other: dict[str, Any], row: dict[str, Any] = row) -> bool:
            return other["split"] == row["split"] and row["label"] in (None, other["label"])

        rules = Counter(rule for image_id, (rule, _, _) in went if cell(before[image_id]))
        assert row["images"] == sum(map(cell, before.values()))
        assert [row["exact"], row["near"], row["conflict"]] == [rules[r] for r in RULES[1:]]
        assert row["left"] == sum(map(cell, after))
        fresh = [other for other in after if before[other["image_id"]]["split"] == "unused"]
        assert row["refilled"] == sum(map(cell, fresh))
        assert row["left"] == row["images"] - rules.total() + row["refilled"]


def test_afterwards_the_leak_audits_pass(grown: Store) -> None:
    names = ("split_leak_exact", "split_leak_near")
    assert [v.status for v in grown.audit(*names, split_set="first").verdicts] == ["fail", "fail"]
    asked: dict[str, dict[str, Any]] = {
        "1": {"policy": "minimal"},
        "2": {"refill": True, "keep": "test,valid,train"},
    }
    for radius, options in asked.items():
        name = f"audited_{radius}"
        grown.sanitize(name, base="first", radius=radius, yes=True, **options)
        assert grown.audit(*names, split_set=name, radius=radius).passed


@pytest.mark.slow
def test_the_same_again_is_a_no_op_and_other_arguments_need_replace(store: Store) -> None:
    store.sanitize("s", base="first", yes=True)
    store.sanitize("s", base="first", radius="1", yes=True)  # the default, written otherwise
    assert [row["version"] for row in store.split_sets().rows() if row["split_set"] == "s"] == [1]
    with pytest.raises(UsageError, match="made with other arguments"):
        store.sanitize("s", base="first", radius="2", yes=True)
    with pytest.raises(UsageError, match="made with other arguments"):
        store.split("s")
    store.sanitize("s", base="first", radius="2", yes=True, replace=True)
    store.split("s", replace=True)
    store.undo()
    (row,) = store.sql("select * from split_set where split_set = 's' and is_current").rows()
    arguments = json.loads(row["arguments"])
    digest = store.load("first").split_set.digest
    assert (row["version"], row["recipe"], row["seed"]) == (2, "sanitize", 0)
    assert arguments == {
        "recipe": "sanitize", "base": "first", "base_version": 1, "base_digest": digest,
        "keep": list(SPLITS), "radius": "2", "policy": "keep", "conflicts": "keep",
        "refill": False, "seed": 0, "asked": list(SPLITS), "transforms": "none",
    }  # fmt: skip
    store.split("s", replace=True)
    assert store.load("s").split_set.version == 4


def test_a_sanitized_set_is_sanitized_again_not_extended(store: Store) -> None:
    store.sanitize("s", base="first", keep="test,valid,train", refill=True, seed=3, yes=True)
    with pytest.raises(UsageError, match="sanitize that again") as caught:
        store.split("s", extend=True)
    assert caught.value.hint == (
        "notmnist-store sanitize s --from first --keep test,valid,train --radius 1 --refill"
        " --seed 3 --replace"
    )
    assert main([*caught.value.hint.split()[1:], "--store", str(store.path)]) == 0


def split_archive(path: Path, images: Images, *splits: str) -> Path:
    """A tar file of the images in folders of these splits, in turn, under labels A, B and C."""
    files = [
        (f"set/{splits[number % len(splits)]}/{'ABC'[number % 3]}/{number:04d}.png", png(image))
        for number, image in enumerate(images)
    ]
    return pack(path, files)


TEST_FIRST = ("test", "valid", "train")
ORDERS = {  # of what is ingested and what it is made from, the order of keeping by default
    ("hash", "ingest"): SPLITS,
    ("hash", "made"): SPLITS,
    ("folders", "ingest"): TEST_FIRST,
    ("folders", "made"): SPLITS,
    ("folders", "clean"): TEST_FIRST,
    ("folders", "kept"): ("valid", "train", "test"),
    ("option", "ingest"): TEST_FIRST,
    ("one of two", "ingest"): TEST_FIRST,
    ("no test", "ingest"): SPLITS,
}


@pytest.mark.slow
@pytest.mark.parametrize(("source", "base"), ORDERS)
def test_test_is_kept_first_where_a_source_names_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], source: str, base: str
) -> None:
    images = clustered(np.random.default_rng(7), 14, 90)
    store = notmnist_store.open(tmp_path / "store")
    if source in ("hash", "one of two"):
        store.ingest(archive(tmp_path / "hash.tar", images[45:]))
    if source in ("folders", "one of two"):
        store.ingest(split_archive(tmp_path / "named.tar", images[:45], "train", "test"))
    if source == "option":
        store.ingest(archive(tmp_path / "a.tar", images[:45]), split="train")
        store.ingest(archive(tmp_path / "b.tar", images[45:]), split="test")
    if source == "no test":
        store.ingest(split_archive(tmp_path / "named.tar", images, "train", "valid"))
    store.near_duplicates()
    if base == "made":
        store.split("made", train=0.5, valid=0.25, test=0.25, group_by="image_id")
    if base in ("clean", "kept"):
        keep = ORDERS[source, base] if base == "kept" else None
        store.sanitize(base, base="ingest", keep=keep, radius="0", yes=True)
    wanted = ORDERS[source, base]
    command = ["sanitize", "s", "--from", base, "--store", str(store.path), "--format", "csv"]
    assert main(command) == 0
    shown = capfd.readouterr()
    assert f"this, --keep {','.join(wanted)}: " in shown.err
    told = re.findall(r"--keep (\S+): (\d+) of train, (\d+) of valid, (\d+) of test go", shown.err)
    assert {tuple(keep.split(",")) for keep, *_ in told} == {wanted, SPLITS, TEST_FIRST}
    for keep, *went in told:
        rows = store.sanitize("s", base=base, keep=keep).rows()
        gone = Counter[str]()
        for row in rows:
            if row["label"] is not None:
                gone[row["split"]] += row["exact"] + row["near"] + row["conflict"]
        assert [gone[split] for split in SPLITS] == [int(n) for n in went]
    hinted = re.search(r"try: .*? (sanitize .*--yes)", shown.err)
    assert hinted
    assert f"--keep {','.join(wanted)}" in hinted[1]
    assert main(shlex.split(hinted[1])) == 0
    assert json.loads(store.load("s").split_set.arguments)["keep"] == list(wanted)
    (verdict,) = store.audit("split_leak_near", split_set=base).verdicts
    if verdict.next is not None:
        assert verdict.next.endswith(f"--from {base} --keep {','.join(wanted)}")
        page = store.report(split_set=base).content.decode()
        assert f"sanitize my_clean_set --from {base} --keep {','.join(wanted)} --yes" in page


@pytest.mark.slow
def test_an_old_version_and_a_sanitized_set_can_be_a_base(store: Store) -> None:
    store.split("first", train=0.5, valid=0.5, replace=True)
    store.sanitize("s", base="first_v1", yes=True)
    assert json.loads(store.load("s").split_set.arguments)["base_version"] == 1
    store.sanitize("t", base="s", yes=True)
    assert store.load("t").split_set.digest == store.load("s").split_set.digest
    assert Look(store).drops("t") == {}


@pytest.mark.slow
def test_of_ingest_new_images_are_other_arguments(store: Store, tmp_path: Path) -> None:
    store.sanitize("s", base="ingest", yes=True)
    images = clustered(np.random.default_rng(9), 3, 6)
    store.ingest(archive(tmp_path / "three.tar", images), split="unused")
    store.near_duplicates()
    with pytest.raises(UsageError, match="other arguments"):
        store.sanitize("s", base="ingest", yes=True)
    store.sanitize("s", base="ingest", yes=True, replace=True)
    assert len(Look(store).rows("s")) == 96


@pytest.mark.slow
def test_stale_pairs_are_refused_and_none_are_needed_for_equal_pixels(
    store: Store, tmp_path: Path
) -> None:
    images = clustered(np.random.default_rng(9), 3, 6)
    store.ingest(archive(tmp_path / "three.tar", images), split="unused")
    store.split("all", train=0.8, valid=0.2, group_by="image_id", seed=1)
    with pytest.raises(StoreError, match="6 images of split set all are not known") as caught:
        store.sanitize("s", base="all", yes=True)
    assert caught.value.hint == "notmnist-store near-duplicates"
    store.sanitize("from_old", base="first", yes=True)
    exact = store.sanitize("exact", base="all", radius="0", yes=True)
    assert {row["radius"] for row in exact.rows()} == {0}
    assert store.audit("split_leak_exact", split_set="exact").passed
    assert main([*caught.value.hint.split()[1:], "--store", str(store.path)]) == 0
    store.sanitize("s", base="all", yes=True)
    assert store.audit("split_leak_near", split_set="s").passed


def test_without_a_search_only_equal_pixels_can_be_looked_for(store: Store) -> None:
    store.undo()
    with pytest.raises(StoreError, match="90 images of split set first") as caught:
        store.sanitize("s", base="first", radius="2.5")
    assert caught.value.hint == "notmnist-store near-duplicates --radius 2.5"
    assert len(store.sanitize("s", base="first", radius="0"))


def test_a_radius_beyond_the_pairs_is_refused(made: Store) -> None:
    with pytest.raises(UsageError, match="pairs are known up to") as caught:
        made.sanitize("s", base="first", radius="2.01")
    assert caught.value.hint == "notmnist-store near-duplicates --radius 2.01"


def test_images_of_the_base_that_were_withdrawn_are_refused(store: Store) -> None:
    run = store.sql("select max(run_id) as run from image").rows()[0]["run"]
    undone = store.undo(run).rows()[0]["run_id"]
    for radius in ("0", "1"):
        with pytest.raises(StoreError, match="are not in the store any more") as caught:
            store.sanitize("s", base="first", radius=radius)
        assert caught.value.hint == f"notmnist-store undo {undone}"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"keep": "train,test"}, "once each"),
        ({"keep": "train,test,test"}, "once each"),
        ({"keep": "train,valid,unused"}, "once each"),
        ({"policy": "best"}, "--policy is one of"),
        ({"conflicts": "vote"}, "--conflicts is one of"),
        ({"radius": "-1"}, "a radius is a number"),
        ({"radius": "nan"}, "a radius is a number"),
        ({"base": "fisrt"}, "did you mean first"),
        ({"new": "Clean"}, "name is made of"),
        ({"new": "ingest"}, "cannot be the name"),
    ],
)
def test_what_cannot_be_meant(made: Store, wrong: dict[str, Any], message: str) -> None:
    asked = {"new": "s", "base": "first", "yes": True} | wrong
    with pytest.raises(UsageError, match=message) as caught:
        made.sanitize(asked.pop("new"), **asked)
    assert caught.value.hint.startswith("notmnist-store ")
    assert not list(made.path.glob("split_drop/*.parquet"))


def test_a_withdrawn_set_is_named_with_its_undo(store: Store) -> None:
    store.sanitize("s", base="first", yes=True)
    undone = store.undo().rows()[0]["run_id"]
    with pytest.raises(UsageError, match="was withdrawn by run") as caught:
        store.load("s")
    assert caught.value.hint == f"notmnist-store undo {undone}"


def test_the_command_says_what_to_do_next(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str) -> tuple[str, str]:
        assert main([*words, "--store", str(store.path)]) == 0
        said = capsys.readouterr()
        return said.out, said.err

    asked = ("sanitize", "s", "--from", "first", "--policy", "minimal", "--seed", "2")
    table, notes = run(*asked)
    assert "nothing was made" in notes
    assert notes.rstrip().endswith(
        "s --from first --keep train,valid,test --policy minimal --seed 2 --yes"
    )
    assert len(store.split_sets()) == 3
    again, notes = run(*asked, "--yes")
    assert again == table
    assert "audit --store" in notes
    assert "split set s version 1, digest" in notes
    table, notes = run(*asked, "--yes")
    assert "s is there already" in notes
    out, _ = run("split-diff", "first", "s", "--format", "csv")
    assert ",near_copy," in out


def test_the_diff_tells_why_images_are_unused(store: Store) -> None:
    store.sanitize("s", base="first", refill=True, yes=True)
    by_rule: dict[str | None, int] = defaultdict(int)
    for row in store.split_diff("first", "s").rows():
        assert (row["split_b"] == "unused") == (row["rule"] is not None)
        by_rule[row["rule"]] += row["images"]
    drawn = by_rule.pop(None)
    assert by_rule == Counter(rule for rule, _, _ in Look(store).drops("s").values())
    assert drawn == sum(
        row["refilled"]
        for row in store.sanitize("s", base="first", refill=True).rows()
        if row["label"] is not None
    )


@pytest.mark.slow
def test_an_image_in_two_splits_stays_in_one(tmp_path: Path) -> None:
    ids = make_bad_store(tmp_path / "bad")
    store = notmnist_store.open(tmp_path / "bad")
    store.sanitize("s", base="bad", yes=True)
    look, twice = Look(store), ids["in_two_splits"]
    placed = [row["image_id"] for row in look.rows("s")]
    assert len(placed) == len(set(placed))
    assert [row["split"] for row in look.rows("s") if row["image_id"] == twice] == ["train"]
    assert look.drops("s")[twice] == ("exact_copy", twice, 0)
    assert look.drops("s")[ids["near_in_valid"]][0] == "near_copy"
    assert store.audit("split_leak_exact", "split_leak_near", split_set="s").passed


@pytest.mark.slow
def test_other_shapes_have_a_radius_of_their_own(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    image = random.integers(0, 200, (32, 32, 3), dtype=np.uint8)
    files = [(f"set/cat/{n}.png", png(image + np.uint8(9 * n))) for n in range(2)]
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "a.tar", files[:1]), shape="32x32x3", split="train")
    store.ingest(pack(tmp_path / "b.tar", files[1:]), split="test")
    store.near_duplicates()
    assert not store.audit("split_leak_near").passed
    store.sanitize("s", base="ingest", keep="train,valid,test", yes=True)
    assert json.loads(store.load("s").split_set.arguments)["radius"] == "1.98"
    ((rule, _, distance),) = Look(store).drops("s").values()
    assert (rule, distance) == ("near_copy", 81 * 3072)


@pytest.mark.slow
def test_real_images_pass_their_leak_audits(data_folder: Path, tmp_path: Path) -> None:
    source = data_folder / "notMNIST_t10k.tar.gz"
    if not source.exists():
        pytest.skip(f"{source} is not there")
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(source)
    store.split("s", train=7000, valid=1000, test=1000, group_by="image_id")
    store.near_duplicates()
    names = ("split_leak_exact", "split_leak_near")
    assert not store.audit(*names, split_set="s").passed
    for name, options in {
        "by_order": {"keep": "test,valid,train"},
        "fewest": {"policy": "minimal", "conflicts": "drop"},
        "full": {"refill": True},
    }.items():
        store.sanitize(name, base="s", yes=True, **options)  # type: ignore[arg-type]
        assert store.audit(*names, split_set=name).passed
        assert len(Look(store).drops(name)) > 50
