"""Split sets: exact sizes, whole groups, the same rows everywhere, the notebook bit for bit."""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import notmnist_store
from notmnist_store.catalog.queries import load_queries
from notmnist_store.cli.main import main
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.schema.words import USED
from notmnist_store.splits.sizes import Sizes, class_quotas, hash_bounds
from notmnist_store.store import Store
from tests.support.archives import class_files, pack, picture, png
from tests.support.properties import examples

pytestmark = pytest.mark.sql


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two archives of three classes: large with 40 images a class and copies, small with 10."""
    folder = tmp_path_factory.mktemp("sources")
    large = class_files(each=40, root="large")
    large += [(f"large/{label}/copy{n}.png", png(picture(place * 40 + n // 2)))
              for place, label in enumerate("ABC") for n in range(6)]  # fmt: skip
    pack(folder / "large.tar.gz", large)
    pack(folder / "small.tar.gz", class_files(each=10, root="small", start=500))
    return folder


@pytest.fixture
def store(tmp_path: Path, sources: Path) -> Store:
    """A store of both archives."""
    made = notmnist_store.open(tmp_path / "store")
    made.ingest(sources / "large.tar.gz", sources / "small.tar.gz")
    return made


def rows(store: Store, name: str) -> list[dict[str, object]]:
    """Rows of a split set with their pixel hash, in the order of its digest."""
    return store.sql(
        "select s.image_id, s.split, s.position, s.label, s.label_id, i.pixel_hash"
        " from split_image s join image i on i.image_id = s.image_id where s.split_set = $name"
        " order by case s.split when 'train' then 0 when 'valid' then 1 when 'test' then 2"
        " else 3 end, s.position, s.image_id",
        params={"name": name},
    ).rows()


def counts(store: Store, name: str) -> Counter[tuple[object, object]]:
    return Counter((row["split"], row["label"]) for row in rows(store, name))


def test_counts_are_exact_and_equal_by_class(store: Store) -> None:
    store.split("s", train=60, valid=15, test=9)
    got = counts(store, "s")
    assert {label: got["train", label] for label in "ABC"} == dict.fromkeys("ABC", 20)
    assert {label: got["valid", label] for label in "ABC"} == dict.fromkeys("ABC", 5)
    assert {label: got["test", label] for label in "ABC"} == dict.fromkeys("ABC", 3)
    assert sum(got.values()) == len(store.sql("select image_id from image"))


def test_equal_pixels_never_straddle_splits(store: Store) -> None:
    store.split("s")
    splits = defaultdict(set)
    for row in rows(store, "s"):
        splits[row["pixel_hash"]].add(row["split"])
    assert max(map(len, splits.values())) == 1
    by_hash = Counter(row["pixel_hash"] for row in rows(store, "s"))
    assert max(by_hash.values()) > 1, "the sources hold no copies: the test shows nothing"


def test_positions_count_each_split_from_zero_and_unused_has_none(store: Store) -> None:
    store.split("s", train=0.5, test=0.2)
    by_split = defaultdict(list)
    for row in rows(store, "s"):
        by_split[row["split"]].append(row["position"])
    for split in ("train", "test"):
        assert by_split[split] == list(range(len(by_split[split])))
    assert set(by_split["unused"]) == {None}
    assert "valid" not in by_split


def test_labels_are_mixed_in_the_order_of_positions(store: Store) -> None:
    store.split("s", train=90)
    labels = [row["label"] for row in rows(store, "s") if row["split"] == "train"]
    assert labels != sorted(labels)


def test_the_digest_is_the_stated_one(store: Store) -> None:
    store.split("s")
    digest = hashlib.sha256()
    for row in rows(store, "s"):
        if row["split"] != "unused":
            digest.update(f"{row['split']}\t{row['label']}\t{row['pixel_hash']}\n".encode())
    [made] = store.split_sets().rows()
    assert made["digest"] == digest.hexdigest()


@pytest.mark.slow
def test_same_images_and_arguments_give_the_same_rows_in_another_store(
    tmp_path: Path, store: Store, sources: Path
) -> None:
    other = notmnist_store.open(tmp_path / "other")
    other.ingest(sources / "large.tar.gz", sources / "small.tar.gz", workers=2)
    for made in (store, other):
        made.split("s", seed=7)
        made.split("h", recipe="hash", seed=7)
    assert rows(store, "s") == rows(other, "s")
    assert rows(store, "h") == rows(other, "h")
    other.split("t", seed=8)
    assert rows(store, "s") != rows(other, "t")


@pytest.mark.slow
def test_the_same_again_is_a_no_op_and_other_arguments_need_replace(store: Store) -> None:
    store.split("s", seed=1)
    before = rows(store, "s")
    store.split("s", seed=1)
    assert len(store.split_sets()) == 1
    with pytest.raises(UsageError, match="other arguments"):
        store.split("s", seed=2)
    store.split("s", seed=2, replace=True)
    assert [row["version"] for row in store.split_sets().rows()] == [1, 2]
    assert rows(store, "s") != before
    old = store.sql("select image_id from s_v1.train order by position").rows()
    assert [row["image_id"] for row in old] == [
        row["image_id"] for row in before if row["split"] == "train"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["my_split", "a", "aa", "split_set"])
def test_versions_count_on_whatever_the_name(store: Store, name: str) -> None:
    """Also where another set's name ends alike, or has any letter where this has _."""
    store.split("my0split")
    for seed in range(3):
        store.split(name, seed=seed, replace=True)
    assert store.load(name).split_set.version == 3
    store.undo()
    store.split(name, seed=9, replace=True)
    assert store.load(name).split_set.version == 4


def test_a_dry_run_makes_nothing(store: Store) -> None:
    assert len(store.split("s", dry_run=True))
    assert len(store.split_sets()) == 0


def test_distinct_leaves_copies_unused(store: Store) -> None:
    store.split("s", train=60, distinct=True)
    used = Counter(row["pixel_hash"] for row in rows(store, "s") if row["split"] != "unused")
    assert max(used.values()) == 1


def test_hash_recipe_never_moves_an_old_image(tmp_path: Path, sources: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(sources / "small.tar.gz")
    store.split("h", recipe="hash")
    before = {row["image_id"]: row["split"] for row in rows(store, "h")}
    store.ingest(sources / "large.tar.gz")
    store.split("h", recipe="hash", seed=0, where="true", replace=True)
    after = {row["image_id"]: row["split"] for row in rows(store, "h")}
    assert before.items() <= after.items()


@pytest.mark.slow
def test_extend_keeps_every_row_and_groups_follow_their_members(tmp_path: Path) -> None:
    first = class_files(each=30, root="first")
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "first.tar.gz", first))
    store.split("s")
    before = rows(store, "s")
    place = {row["pixel_hash"]: row["split"] for row in before}
    copies = [(f"second/A/{n}.png", png(picture(n))) for n in range(30)]
    store.ingest(
        pack(tmp_path / "second.tar.gz", copies + class_files(each=30, root="second", start=300))
    )
    store.split("s", extend=True)
    after = rows(store, "s")
    kept = {row["image_id"]: row for row in after}
    assert all(kept[row["image_id"]] == row for row in before)
    assert len(after) == 90 + 30 + 90
    for row in after:
        assert row["split"] == place.get(row["pixel_hash"], row["split"])
    fresh = Counter(row["split"] for row in after if row["pixel_hash"] not in place)
    assert fresh == {"train": 72, "valid": 9, "test": 9}
    for split in USED:
        positions = [row["position"] for row in after if row["split"] == split]
        assert positions == list(range(len(positions)))
    store.split("s", extend=True)
    assert len(store.split_sets()) == 2, "extending a complete set is a no-op"


def test_a_new_image_follows_its_family(tmp_path: Path) -> None:
    def archive(name: str, numbers: range) -> Path:
        files = [(f"{name}/A/f{n % 10}_{n}.png", png(picture(n))) for n in numbers]
        return pack(tmp_path / f"{name}.tar.gz", files)

    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive("one", range(40)), group_regex="(f[0-9])_")
    store.split("f", group_by="family", train=0.5, test=0.5)
    store.ingest(archive("two", range(100, 140)), group_regex="(f[0-9])_")
    store.split("f", extend=True)
    homes = defaultdict(set)
    for row in store.sql(
        "select family, 'train' as split from f.train"
        " union all select family, 'test' as split from f.test"
    ).rows():
        homes[row["family"]].add(row["split"])
    assert max(map(len, homes.values())) == 1
    assert sum(counts(store, "f").values()) == 80


def test_where_limits_the_images(store: Store) -> None:
    store.split("s", where="source = 'small' and label <> 'B'", train=1.0)
    assert counts(store, "s") == {("train", "A"): 10, ("train", "C"): 10}


# The notebook's own steps, written afresh from its description: arrays of images by class, each
# shuffled in place, merged, and each merged set permuted.


def notebook(
    large: list[np.ndarray], small: list[np.ndarray], train: int, valid: int, test: int, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    np.random.seed(seed)

    def merged(
        classes: list[np.ndarray], size: int, held_out: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        each, apart = size // len(classes), held_out // len(classes)
        first, second, first_labels, second_labels = [], [], [], []
        for label, images in enumerate(classes):
            images = images.copy()
            np.random.shuffle(images)
            first.append(images[:apart])
            second.append(images[apart : apart + each])
            first_labels += [label] * apart
            second_labels += [label] * each
        return [
            (np.concatenate(first), np.array(first_labels, np.int32)),
            (np.concatenate(second), np.array(second_labels, np.int32)),
        ]

    valid_set, train_set = merged(large, train, valid)
    _, test_set = merged(small, test, 0)

    def randomized(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        order = np.random.permutation(len(labels))
        return images[order], labels[order]

    result = {"train": randomized(*train_set)}
    result["test"] = randomized(*test_set)
    result["valid"] = randomized(*valid_set)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("order", ["name", "name-nocase"])
def test_the_notebook_split_bit_for_bit(tmp_path: Path, order: str) -> None:
    random = np.random.default_rng(5)
    classes: dict[str, list[dict[str, np.ndarray]]] = {}
    for source, each in (("x_large", 31), ("x_small", 12)):
        files, classes[source] = [], []
        for label in "ABC":
            named = {
                f"{'abXY'[n % 4]}{random.integers(1000)}_{n}.png": random.integers(
                    0, 256, (28, 28), dtype=np.uint8
                )
                for n in range(each)
            }
            classes[source].append(named)
            files += [(f"{source}/{label}/{name}", png(p[:, :, None])) for name, p in named.items()]
        random.shuffle(files)  # members of an archive come in any order
        pack(tmp_path / f"{source}.tar.gz", files)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(tmp_path / "x_small.tar.gz", tmp_path / "x_large.tar.gz")
    store.split("nb", recipe="notebook", train=60, valid=21, test=30, seed=133, order=order)

    fold = str.lower if order == "name-nocase" else str
    arrays = {
        source: [
            np.stack([named[name] for name in sorted(named, key=lambda n: (fold(n), n))])
            for named in by_label
        ]
        for source, by_label in classes.items()
    }
    wanted = notebook(arrays["x_large"], arrays["x_small"], 60, 21, 30, 133)
    for split, (images, labels) in wanted.items():
        got = store.sql(
            "select p.pixels, s.label_id from split_image s join image_pixels p"
            " on p.image_id = s.image_id where s.split_set = 'nb' and s.split = $split"
            " order by s.position",
            params={"split": split},
        ).rows()
        pixels = np.array([np.frombuffer(row["pixels"], np.uint8) for row in got])
        assert np.array_equal(pixels.reshape(-1, 28, 28), images), split
        assert [row["label_id"] for row in got] == labels.tolist()


def test_the_notebook_needs_two_sources_and_enough_images(store: Store, sources: Path) -> None:
    with pytest.raises(UsageError, match="fewer images than asked"):
        store.split("nb", recipe="notebook")
    with pytest.raises(UsageError, match="cannot both come from"):
        store.split("nb", recipe="notebook", train_source="large", test_source="large")
    with pytest.raises(UsageError, match="needs --train-source"):
        store.split("nb", recipe="notebook", train_source="larg")
    store.split("nb", recipe="notebook", train=30, valid=3, test=6)
    assert counts(store, "nb")["train", "A"] == 10


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"train_source": "small"},
        {"test_source": "small"},
        {"train_source": "small", "test_source": "small"},
        {"train_source": "large"},
        {"train": 3, "valid": 3, "test": 3},
        {"distinct": True},
        {"train": 0.5},
    ],
    ids=str,
)
def test_with_one_source_the_first_error_says_that_two_are_needed(
    tmp_path: Path, sources: Path, given: dict[str, object]
) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(sources / "small.tar.gz")
    with pytest.raises(UsageError, match=r"has only small; ingest the other one") as one:
        store.split("nb", recipe="notebook", **given)
    assert main([*shlex.split(one.value.hint)[1:], "--store", str(store.path)]) == 0
    store.undo()
    store.undo()
    with pytest.raises(UsageError, match="the store has none") as none:
        store.split("nb", recipe="notebook", **given)
    assert none.value.hint == "notmnist-store ingest"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("train_name", "test_name", "given", "message", "sizes"),
    [
        ("large", "small", {}, "large has fewer images", "129 9 30"),
        ("large", "small", {"train": 30, "valid": 3}, "small has fewer images", "30 3 30"),
        ("large", "small", {"test_source": "large"}, "cannot both come from large", "129 9 30"),
        ("a's set", "other", {}, "needs --train-source and --test-source", "129 9 30"),
        ("a", "b", {"train_source": "a", "test": 9}, "needs --test-source; ", "129 9 9"),
        ("a", "b", {"test_source": "b", "train": 9, "valid": 3}, "needs --train-source;", "9 3 30"),
        ("b", "a", {"train_source": "none", "seed": 7}, "needs --train-source and", "129 9 30"),
    ],
)  # fmt: skip
def test_with_two_sources_the_first_error_has_the_command_that_works(
    tmp_path: Path,
    sources: Path,
    train_name: str,
    test_name: str,
    given: dict[str, object],
    message: str,
    sizes: str,
) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(sources / "small.tar.gz", name=test_name)
    store.ingest(sources / "large.tar.gz", name=train_name)
    with pytest.raises(UsageError, match=message) as refused:
        store.split("nb", recipe="notebook", **given)
    assert main([*shlex.split(refused.value.hint)[1:], "--store", str(store.path)]) == 0
    made = store.split_sets().rows()[0]
    assert " ".join(str(made[split]) for split in USED) == sizes
    assert made["seed"] == given.get("seed", 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["", "Clean", "1st", "a-b", "main", "ingest", "x_v2", "a;drop", "é", "a" * 70]
)
def test_a_name_that_cannot_be(store: Store, name: str) -> None:
    with pytest.raises(UsageError):
        store.split(name)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"train": 0.9, "valid": 0.2}, "more than 1"),
        ({"train": -1}, "negative"),
        ({"train": 10, "valid": 0.1}, "not both"),
        ({"train": "many"}, "numbers"),
        ({"train": 0}, "over 0"),
        ({"train": 10_000}, "more is asked for"),
        ({"train": "1/0"}, "numbers"),
    ],
)
def test_sizes_that_cannot_be(store: Store, sizes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        store.split("s", **sizes)  # type: ignore[arg-type]


def test_splits_that_get_no_image_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of C there is one image, of A and B there are 10: shares are those of the smallest class."""
    files = [*class_files("AB", each=10), *class_files("C", each=1, start=100)]
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "few.tar", files))
    capsys.readouterr()

    def said(*options: str) -> str:
        assert main(["split", "s", *options, "--dry-run", "--store", str(store.path)]) == 0
        return capsys.readouterr().err

    told = "no image goes into train, valid, test: of the smallest class, C with 1, such a share"
    assert told in said()
    assert "no image goes into" not in said("--keep-ratio")
    sizes = ("--train", "0.9", "--valid", "0.05", "--test", "0.05")
    assert "into valid, test: of no class" in said("--keep-ratio", *sizes)
    assert "no image goes into" not in said("--train", "3")
    assert "into train: of the smallest class" in said("--train", "0.8")
    assert "no image goes into" not in said("--train", "0.8", "--recipe", "hash")
    store.split("s", keep_ratio=True, train=0.5)
    store.ingest(pack(tmp_path / "more.tar", class_files("AB", each=1, root="more", start=300)))
    assert "no image goes into train" in said("--extend")


@pytest.mark.slow
def test_sizes_that_do_not_divide_by_the_classes_are_said(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*options: str) -> str:
        assert main(["split", *options, "--dry-run", "--store", str(store.path)]) == 0
        return capsys.readouterr().err

    assert "one image more to the first classes" in said("s", "--train", "10")
    assert "one image more" not in said("s", "--train", "9")
    notebook = ("nb", "--recipe", "notebook", "--valid", "3", "--test", "3")
    assert "rounded down" in said(*notebook, "--train", "10")
    assert "rounded down" not in said(*notebook, "--train", "9")
    store.split("s", train=10, group_by="image_id")
    assert [counts(store, "s")["train", label] for label in "ABC"] == [4, 3, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": "stratifed"}, "there are stratified, hash, notebook"),
        (
            {"group_by": "famly"},
            "no column 'famly' to group by, nor .*; there are the columns image_id",
        ),
        ({"where": "label = 'Z'"}, "no images to split where label = 'Z'"),
        ({"where": "labl = 'A'"}, "labl"),
        ({"where": "true) or (1 = 1; delete from image"}, "one SELECT|syntax"),
    ],
)
def test_what_cannot_be_meant(store: Store, options: dict[str, str], message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        store.split("s", **options)  # type: ignore[arg-type]
    assert caught.value.hint.startswith("notmnist-store ")
    assert store.split_sets().rows() == []


def test_a_class_that_one_source_lacks(tmp_path: Path) -> None:
    """A split set over an empty class: the notebook's is refused, another fails its audit."""
    made = notmnist_store.open(tmp_path / "store")
    whole = class_files(each=12, root="large")
    made.ingest(pack(tmp_path / "large.tar.gz", whole))
    made.ingest(pack(tmp_path / "small.tar.gz", [f for f in whole if "/C/" not in f[0]]))
    with pytest.raises(UsageError, match="large and small do not have the same labels"):
        made.split("nb", recipe="notebook", train=3, valid=3, test=3)
    made.split("two", where="label <> 'C'")
    missing = made.audit("label_missing", split_set="two")
    assert {row["label"] for row in missing.rows()} == {"C"}
    assert not missing.passed


def test_hash_takes_no_counts(store: Store) -> None:
    with pytest.raises(UsageError, match="takes fractions"):
        store.split("s", recipe="hash", train=10)


def test_an_unknown_split_set_is_told_with_the_one_meant(store: Store) -> None:
    store.split("clean")
    with pytest.raises(UsageError, match="did you mean clean"):
        store.split_show("claen")


@pytest.mark.slow
def test_diff_counts_what_moved(store: Store) -> None:
    store.split("a", seed=1)
    store.split("b", seed=2)
    moved = sum(row["images"] for row in store.split_diff("a", "b").rows())
    splits_a = {row["image_id"]: row["split"] for row in rows(store, "a")}
    splits_b = {row["image_id"]: row["split"] for row in rows(store, "b")}
    assert moved == sum(splits_a[i] != splits_b[i] for i in splits_a) > 0
    assert len(store.split_diff("a", "a")) == 0


def test_undo_takes_a_split_set_back(store: Store) -> None:
    store.split("s")
    store.undo()
    assert len(store.split_sets()) == 0
    store.split("s")
    assert [row["version"] for row in store.split_sets().rows()] == [2]


# The recipes by themselves, on candidates made up.


def run_recipe(recipe: str, seed: int, **tables: pa.Table) -> dict[int, str]:
    connection = duckdb.connect()
    for name, table in tables.items():
        connection.register(name, table)
    sql = load_queries("splits")[recipe].sql
    placed = connection.sql(sql, params={"seed": str(seed)}).fetchall()
    connection.close()
    return dict(placed)


@st.composite
def groups(draw: st.DrawFn) -> list[tuple[int, str, str]]:
    """(image_id, label, group_key): groups of 1 to 6, some of several labels."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=60))
    labels = "ABC"[: draw(st.integers(1, 3))]
    found, number = [], 0
    for group, size in enumerate(sizes):
        home = draw(st.sampled_from(labels))
        for _ in range(size):
            label = draw(st.sampled_from(labels)) if size > 1 and draw(st.booleans()) else home
            found.append((number, label, f"g{group}"))
            number += 1
    return found


def candidate_table(found: list[tuple[int, str, str]]) -> pa.Table:
    return pa.table(
        dict(zip(("image_id", "label", "group_key"), zip(*found, strict=True), strict=True))
    )


@given(found=groups(), seed=st.integers(0, 5), shares=st.tuples(*[st.integers(0, 5)] * 3))
@examples(10)
def test_stratified_keeps_groups_whole_and_never_overfills_alone(
    found: list[tuple[int, str, str]], seed: int, shares: tuple[int, int, int]
) -> None:
    available = Counter(label for _, label, _ in found)
    weight = max(sum(shares), 1)
    quota, low = [], Counter[str]()
    for split, share in zip(USED, shares, strict=True):
        for label, images in available.items():
            wanted = images * share // weight
            quota.append((label, split, low[label], wanted, images))
            low[label] += wanted
    names = ("label", "split", "low", "wanted", "total")
    placed = run_recipe(
        "stratified",
        seed,
        candidate=candidate_table(found),
        quota=pa.table(dict(zip(names, zip(*quota, strict=True), strict=True))),
    )
    assert set(placed) == {image_id for image_id, _, _ in found}
    splits = defaultdict(set)
    for image_id, _, key in found:
        splits[key].add(placed[image_id])
    assert all(len(there) == 1 for there in splits.values()), "a group straddles splits"
    got = Counter((placed[i], label) for i, label, _ in found)
    sizes = Counter(key for _, _, key in found)
    if max(sizes.values()) == 1:
        assert all(got[split, label] == wanted for label, split, _, wanted, _ in quota)
    mixed = {key for key in sizes if len({label for _, label, k in found if k == key}) > 1}
    if not mixed:
        assert all(got[split, label] <= wanted for label, split, _, wanted, _ in quota)


@given(found=groups(), seed=st.integers(0, 3), shares=st.tuples(*[st.integers(0, 10)] * 3))
def test_hash_is_what_the_definition_says(
    found: list[tuple[int, str, str]], seed: int, shares: tuple[int, int, int]
) -> None:
    weight = max(sum(shares), 1)
    given_sizes = {s: f"{share}/{weight}" for s, share in zip(USED, shares, strict=True)}
    if not any(shares):
        return
    sizes = Sizes.parse({k: v for k, v in given_sizes.items() if not v.startswith("0/")})
    if sizes.are_counts:
        return
    bounds = hash_bounds(sizes)
    table = pa.table(dict(zip(("split", "low", "high"), zip(*bounds, strict=True), strict=True)))
    placed = run_recipe("hash", seed, candidate=candidate_table(found), bound=table)
    for image_id, _, key in found:
        point = int(hashlib.md5(f"{seed}:{key}".encode()).hexdigest(), 16) * weight
        wanted, total = "unused", 0
        for split, share in zip(USED, shares, strict=True):
            if total * 2**128 // 1 <= point < (total + share) * 2**128:
                wanted = split
            total += share
        assert placed[image_id] == wanted


@given(
    available=st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(1, 50), min_size=1),
    shares=st.tuples(*[st.integers(0, 30)] * 3),
    keep_ratio=st.booleans(),
)
def test_counts_add_up_or_are_refused(
    available: dict[str, int], shares: tuple[int, int, int], keep_ratio: bool
) -> None:
    if not any(shares):
        return
    sizes = Sizes.parse(dict(zip(USED, map(str, shares), strict=True)))
    try:
        quotas = class_quotas(sizes, available, keep_ratio=keep_ratio)
    except UsageError:
        each = -(-sum(shares) // len(available)) + 2
        assert keep_ratio or min(available.values()) < each + 1
        assert not keep_ratio or sum(shares) + 3 * len(available) > sum(available.values())
        return
    for split, share in zip(USED, shares, strict=True):
        asked = [quota[split] for quota in quotas.values()]
        assert sum(asked) == share
        if not keep_ratio:
            assert max(asked) - min(asked) <= 1


@pytest.mark.slow
def test_images_that_are_drawn_one_by_one_lie_in_no_order_of_their_draw(
    tmp_path: Path, data_folder: Path
) -> None:
    """Each class has its own share of draws in valid: by their order it would show its edges."""
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(data_folder / "notMNIST_t10k.tar.gz")
    for seed in (102, 103):
        store.split("one", group_by="image_id", seed=seed, replace=True)
        assert store.audit("order_shuffled", split_set="one").verdicts[0].status == "pass"
