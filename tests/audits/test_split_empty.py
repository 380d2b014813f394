"""Which splits must be there follows from the split set: asked for, or named by its sources."""

from __future__ import annotations

from pathlib import Path

import pytest

import notmnist_store
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.split_sets import asked_splits
from notmnist_store.splits.sizes import Sizes
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import class_files, pack, png
from tests.support.letters import letter

pytestmark = pytest.mark.sql


def asked(store: Store, name: str = "ingest") -> str:
    """The splits that a set is to have, as t, v and e (for test)."""
    found = asked_splits(Catalog(Tables.open(store.path)), name)
    return "".join(key for key, split in SHORT.items() if split in found)


SHORT = {"t": "train", "v": "valid", "e": "test"}
MADE: list[tuple[dict[str, object], str]] = [
    ({}, "tve"),
    ({"recipe": "hash"}, "tve"),
    ({"train": 6}, "t"),
    ({"test": 3}, "e"),
    ({"train": 6, "test": 3}, "te"),
    ({"train": 6, "valid": 0, "test": 3}, "te"),
    ({"train": "0.5", "valid": "0.0", "test": "0.25"}, "te"),
    ({"train": "1/2", "valid": "0/3", "test": "1/4"}, "te"),
    ({"train": "5e-1", "valid": "0e5", "test": "1.5e-1"}, "te"),
    ({"train": "1.0"}, "t"),
    ({"recipe": "hash", "train": "0.7", "test": ".3"}, "te"),
    ({"recipe": "hash", "train": "0.7", "valid": ".2", "test": ".1"}, "tve"),
    ({"group_by": "family", "train": 0.8, "test": 0.2}, "te"),
]


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of two sources without splits."""
    folder = tmp_path_factory.mktemp("asked")
    store = notmnist_store.open(folder / "store")
    for place, (source, each) in enumerate((("large", 20), ("small", 6))):
        files = class_files(each=each, root=source, start=500 * place)
        store.ingest(pack(folder / f"{source}.tar.gz", files))
    return store


@pytest.mark.slow
@pytest.mark.parametrize(("options", "wanted"), MADE, ids=str)
def test_a_set_is_to_have_what_it_was_asked_for(
    letters: Store, options: dict[str, object], wanted: str
) -> None:
    letters.split("s", **options)  # type: ignore[arg-type]
    sizes = Sizes.parse({split: options.get(split) for split in SHORT.values()})  # type: ignore[misc]
    assert wanted == "".join(key for key, n in zip(SHORT, sizes.sizes, strict=True) if n)
    assert asked(letters, "s") == wanted
    empty = letters.audit("split_empty", split_set="s")
    assert empty.verdicts[0].total == len(wanted)
    letters.undo()


@pytest.mark.slow
def test_versions_and_recipes_each_have_their_own(letters: Store) -> None:
    letters.split("w", train=6, test=3)
    letters.split("w", train=6, valid=3, replace=True)
    letters.split("nb", recipe="notebook", train=30, valid=3, test=6)
    letters.split("no_valid", recipe="notebook", train=30, valid=0, test=6)
    letters.sanitize("clean", base="w_v1", radius=0, yes=True)
    letters.sanitize("cleaner", base="clean", radius=0, yes=True)
    catalog = Catalog(Tables.open(letters.path))
    assert asked(letters, "w") == "tv"
    assert letters.audit("split_empty", split_set="w_v1").verdicts[0].total == 2
    assert [asked(letters, name) for name in ("nb", "no_valid")] == ["tve", "te"]
    assert [asked(letters, name) for name in ("clean", "cleaner")] == ["te", "te"]
    assert asked_splits(catalog, "w") == ["train", "valid"]
    for _ in range(6):
        letters.undo()


def named(*splits: str, each: int = 4) -> list[tuple[str, bytes]]:
    files = []
    for place, split in enumerate(splits):
        root = f"set/{split}" if split else "set"
        files += class_files(each=each, root=root, start=1000 * (place + 1))
    return files


LAYOUTS: dict[str, tuple[list[tuple[list[tuple[str, bytes]], dict[str, object]]], str]] = {
    "no splits": ([(named("", each=60), {})], "tve"),
    "no splits, and no share of valid": ([(named(""), {"fractions": "0.9,0,0.1"})], "te"),
    "train and test": ([(named("train", "test"), {})], "te"),
    "train and valid": ([(named("train", "val"), {})], "tv"),
    "all three": ([(named("train", "valid", "test"), {})], "tve"),
    "train alone": ([(named("train"), {})], "t"),
    "by option": ([(named("", each=6), {"split": "test"})], "e"),
    "by option, none": ([(named("", each=6), {"split": "unused"})], ""),
    "named, and not": ([(named("train", "test"), {}), (named("", each=5), {})], "tve"),
    "two by option": (
        [(named(""), {"split": "train"}), (named("", each=5), {"split": "test"})],
        "te",
    ),
    "published": ([(named("", each=7), {"name": "notMNIST_small"})], "e"),
    "published, large": ([(named("", each=60), {"name": "notMNIST_large"})], "tv"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ingest_is_to_have_what_its_sources_name(tmp_path: Path, layout: str) -> None:
    sources, wanted = LAYOUTS[layout]
    store = notmnist_store.open(tmp_path / "store")
    for number, (files, options) in enumerate(sources):
        store.ingest(pack(tmp_path / f"{number}.tar.gz", files), **options)  # type: ignore[arg-type]
    assert asked(store) == wanted
    (verdict,) = store.audit("split_empty").verdicts
    assert (verdict.total, verdict.status) == (len(wanted), "pass" if wanted else "empty")
    if len(sources) == 2 and layout == "named, and not":
        store.undo()
        assert asked(store) == "te"


def test_a_named_split_that_decisions_emptied_still_fails(tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "set.tar.gz", named("train", "test")))
    dropped = "select image_id, 'drop' as action from image where split = 'test'"
    store.decide(sql=dropped, yes=True)
    assert store.audit("split_empty").rows() == [{"split": "test"}]


def standard(folder: Path) -> Store:
    """A set as published: train and test, no valid, with copies of train in test."""
    files = []
    for label in range(3):
        name = "ABC"[label]
        files += [(f"set/train/{name}/{n}.png", png(letter(label, n))) for n in range(30)]
        files += [(f"set/test/{name}/{n}.png", png(letter(label, 500 + n))) for n in range(10)]
        files.append((f"set/test/{name}/copy.png", png(letter(label, 3))))
    store = notmnist_store.open(folder / "store")
    store.ingest(pack(folder / "set.tar.gz", files))
    return store


@pytest.mark.slow
def test_a_standard_set_gets_ready_to_train_on(tmp_path: Path) -> None:
    store = standard(tmp_path)
    store.near_duplicates()
    before = store.report()
    assert set(before.against or ()) >= {"split_leak_exact"}
    assert "split_empty" not in (before.against or ())
    store.sanitize("clean", base="ingest", yes=True)
    store.certify("clean")
    after = store.report(split_set="clean")
    assert after.against == ()
    assert after.rows()[0]["ready"]
    places = store.split_sets().rows()[0]
    assert (places["train"], places["test"]) == (87, 33)


@pytest.mark.slow
def test_a_set_without_train_is_never_ready_to_train_on(tmp_path: Path) -> None:
    store = standard(tmp_path)
    store.near_duplicates()
    store.split("judged", test=9)
    assert store.audit("split_empty", split_set="judged").passed
    page = store.report(split_set="judged")
    assert "split_empty" in (page.against or ())
    assert "No image is in train" in page.content.decode()
