"""Baselines: scores that can be computed by hand, leaks that were made, and bad input."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

import notmnist_store
from notmnist_store.cli.main import main
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.learning.kernels.folds import stratified_draw
from notmnist_store.learning.kernels.intervals import wilson_interval
from notmnist_store.learning.plan import plan_draws
from notmnist_store.progress import Progress
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import pack, png
from tests.support.letters import letter, letter_store

MEASURED = "select * exclude (run_id, seconds) from score order by all"
VIEWS = ("score", "leak_price", "prediction", "baseline_run")


class Notes(Progress):
    """Keeps what a verb says."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    @property
    def text(self) -> str:
        return "\n".join(self.notes)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with near duplicates known and a baseline of its ingest; to be read only."""
    folder = tmp_path_factory.mktemp("baseline")
    store = letter_store(folder / "store", folder / "letters.tar")
    store.near_duplicates()
    store.baseline(sizes="6,30,all", repeats=2)
    return store


@pytest.fixture
def own(measured: Store, tmp_path: Path) -> Store:
    """A copy to write to."""
    return notmnist_store.open(shutil.copytree(measured.path, tmp_path / "own"))


def one(store: Store, sql: str) -> dict[str, object]:
    (row,) = store.sql(sql).rows()
    return row


def told(store: Store, notes: Notes) -> Store:
    return Store(store.path, progress=notes)


@pytest.mark.slow
def test_accuracies_are_those_of_scikit_learn(measured: Store) -> None:
    """Of the same draw, straight from pixels to accuracy, with nothing of ours between."""
    x, y = measured.load("ingest", "train").to_numpy("float32")
    splits = {s: measured.load("ingest", s).to_numpy("float32") for s in ("valid", "test")}
    scores = measured.sql("select * from score where subset = 'raw'").rows()
    for size, repeat in ((6, 0), (6, 1), (30, 1), (120, 0)):
        rows = stratified_draw(y, size, (0, repeat))
        model = LogisticRegression().fit(x[rows].reshape(size, -1), y[rows])
        for split, (u, v) in splits.items():
            (row,) = (
                row
                for row in scores
                if (row["size"], row["repeat"], row["eval_split"]) == (size, repeat, split)
            )
            right = int(np.sum(model.predict(u.reshape(len(u), -1)) == v))
            assert (row["n"], row["correct"]) == (len(v), right)
            assert row["accuracy"] == right / len(v)
            assert (row["low"], row["high"]) == wilson_interval(right, len(v))
            assert row["iterations"] == model.n_iter_.max()
            assert row["converged"]


def test_the_sizes_and_repeats_are_those_asked_for(measured: Store) -> None:
    got = measured.sql("select distinct size, repeat from score order by all").rows()
    assert [tuple(row.values()) for row in got] == [(6, 0), (6, 1), (30, 0), (30, 1), (120, 0)]
    assert one(measured, "select count(distinct size) as n from prediction") == {"n": 1}


def test_leaked_and_clean_are_the_images_that_were_made(measured: Store) -> None:
    got = measured.sql(
        "select p.subset, image.path from prediction as p inner join image using (image_id) "
        "where p.subset <> 'clean' order by all"
    ).rows()
    names = [(row["subset"], Path(str(row["path"])).stem) for row in got]
    exact = [("leaked_exact", f"exact_{number}") for number in range(3)]
    assert names == exact + [("leaked_near", f"near_{number}") for number in range(4)]


def test_subsets_agree_with_view_leak(measured: Store) -> None:
    wrong = measured.sql("""
        with said as (
            select image_id, max(case kind when 'exact' then 2 else 1 end) as kind
            from leak
            where split_set = 'ingest' and twin_split = 'train' and squared_distance <= 65025
            group by image_id
        )
        select p.image_id from prediction as p left join said using (image_id)
        where p.subset
            <> case said.kind when 2 then 'leaked_exact' when 1 then 'leaked_near' else 'clean' end
    """)
    assert len(wrong) == 0


def test_parts_add_up_to_the_whole(measured: Store) -> None:
    wrong = measured.sql("""
        select size, repeat, eval_split,
            sum(case when subset = 'raw' then n else -n end) as images,
            sum(case when subset = 'raw' then correct else -correct end) as correct
        from score group by size, repeat, eval_split
        having images <> 0 or correct <> 0
    """)
    assert len(wrong) == 0
    assert one(measured, "select count(*) as n from score where eval_split = 'test'")["n"] == 20


def test_the_price_is_the_difference_of_the_averages(measured: Store) -> None:
    averages = measured.sql(
        "select size, eval_split, subset, avg(accuracy) as mean from score group by all"
    ).rows()
    mean = {(row["size"], row["eval_split"], row["subset"]): row["mean"] for row in averages}
    for row in measured.sql("select * from leak_price").rows():
        means = {
            subset: mean[row["size"], row["eval_split"], subset] for subset in ("raw", "clean")
        }
        assert row["accuracy"] == pytest.approx(means["raw"], abs=1e-12)
        assert row["versus_accuracy"] == pytest.approx(means["clean"], abs=1e-12)
        assert row["points"] == pytest.approx(100 * (means["raw"] - means["clean"]), abs=1e-9)
        assert row["low"] <= row["points"] <= row["high"]
        if row["eval_split"] == "valid":
            assert (row["n"], row["versus_n"], row["low"], row["high"]) == (30, 30, 0, 0)


def test_predictions_are_those_of_the_largest_model(measured: Store) -> None:
    got = measured.sql("select * from prediction where eval_split = 'test'").rows()
    assert {(row["size"], row["repeat"]) for row in got} == {(120, 0)}
    right = sum(row["label"] == row["predicted"] for row in got)
    score = one(
        measured,
        "select * from score where size = 120 and eval_split = 'test' and subset = 'raw'",
    )
    assert (len(got), right) == (score["n"], score["correct"])
    for row in got:
        assert row["self_confidence"] <= row["confidence"] + 1e-12
        assert (row["label"] == row["predicted"]) == (row["self_confidence"] == row["confidence"])


def test_reports_show_it(measured: Store) -> None:
    curve = measured.sql("learning_curve").rows()
    assert [row["size"] for row in curve] == [6, 30, 120]
    assert all(row["raw_low"] <= row["raw"] <= row["raw_high"] for row in curve)
    assert all(row["leaked_exact"] is not None for row in curve)
    confusion = measured.sql("confusion").rows()
    assert sum(row["images"] for row in confusion) == 68
    hardest = measured.sql("hardest_images", params={"most": 5}).rows()
    assert len(hardest) == 5
    values = [row["self_confidence"] for row in hardest]
    assert values == sorted(values)
    assert {row["leaked"] for row in measured.sql("leak_inflation").rows()} == {0, 7}
    assert {row["repeats"] for row in measured.sql("scores").rows() if row["size"] == 6} == {2}


def test_the_same_again_gives_the_same_whatever_the_threads(own: Store) -> None:
    before = own.sql(MEASURED).arrow()
    with threadpool_limits(2):
        own.baseline(sizes="6,30,all", repeats=2)
    assert own.sql(MEASURED).arrow() == before
    assert one(own, "select count(distinct run_id) as n from stored_score")["n"] == 2


@pytest.mark.slow
def test_a_smaller_radius_finds_fewer_near_copies_and_a_larger_one_more(own: Store) -> None:
    for radius, near in (("0.001", 0), ("1.2", 5)):
        own.baseline(sizes="all", radius=radius)
        rows = own.sql("select n, radius from score where subset = 'leaked_near'").rows()
        assert [row["n"] for row in rows] == [near] * bool(near), radius
    with pytest.raises(UsageError, match="known up to 2") as caught:
        own.baseline(sizes="all", radius="3")
    assert caught.value.hint == "notmnist-store near-duplicates --radius 3"


def test_without_pairs_only_exact_copies_count(tmp_path: Path) -> None:
    notes = Notes()
    store = letter_store(tmp_path / "store", tmp_path / "letters.tar")
    told(store, notes).baseline(sizes="all")
    assert "notmnist-store near-duplicates" in notes.text
    got = store.sql("select distinct subset, radius from score order by subset").rows()
    subsets = {row["subset"]: row["radius"] for row in got}
    assert subsets == {"raw": None, "clean": None, "leaked_exact": None}


def test_stale_pairs_do_not_count(own: Store, tmp_path: Path) -> None:
    notes = Notes()
    late = [("late/test/A/1.png", png(letter(0, 9999)))]
    own.ingest(pack(tmp_path / "late.tar", late))
    told(own, notes).baseline(sizes="all")
    assert "not all near copies of 1 images are known" in notes.text
    assert len(own.sql("select 1 as x from score where subset = 'leaked_near'")) == 0


@pytest.mark.slow
def test_versus_scores_the_same_models_on_another_split_set(own: Store) -> None:
    own.split("other", train=90, valid=30, test=45, seed=3)
    own.baseline(sizes="30,all", repeats=2, versus="other")
    counts = own.sql("select eval_set, eval_split, n from score where subset = 'raw'").rows()
    assert {tuple(row.values()) for row in counts} == {
        ("ingest", "valid", 30),
        ("ingest", "test", 68),
        ("other", "valid", 30),
        ("other", "test", 45),
    }
    row = one(
        own,
        "select * from leak_price where versus_set = 'other' and eval_split = 'test' and size = 30",
    )
    assert (row["versus_subset"], row["n"], row["versus_n"]) == ("raw", 68, 45)
    other = one(
        own,
        "select avg(accuracy) as a from score where eval_set = 'other' and eval_split = 'test' "
        "and subset = 'raw' and size = 30",
    )
    assert row["versus_accuracy"] == pytest.approx(other["a"], abs=1e-12)
    # An image of the other set that is trained on here is its own exact copy.
    leaked = one(
        own,
        "select max(n) as n from score where eval_set = 'other' and eval_split = 'test' "
        "and subset = 'leaked_exact'",
    )
    shared = one(
        own,
        "select count(*) as n from other.test inner join image using (image_id) where "
        "image.pixel_hash in (select pixel_hash from image where split = 'train')",
    )
    assert leaked == shared
    assert int(str(shared["n"])) > 20
    predicted = one(own, "select count(*) as n from prediction")
    assert predicted == {"n": 98}, "of its own split set only"


def test_liblinear_is_one_against_all_others(own: Store) -> None:
    own.baseline(sizes="30", repeats=1, model="liblinear-ovr")
    models = own.sql("select distinct model from score order by model").rows()
    assert [row["model"] for row in models] == ["liblinear-ovr", "logistic"]
    row = one(
        own,
        "select * from score where model <> 'logistic' and subset = 'raw' and eval_split = 'test'",
    )
    assert row["accuracy"] > 0.6
    assert row["converged"]


def test_undo_brings_the_earlier_baseline_back(own: Store) -> None:
    before = own.sql("select * from score order by all").arrow()
    own.baseline(sizes="6")
    assert own.sql("select * from score order by all").arrow() != before
    own.undo()
    assert own.sql("select * from score order by all").arrow() == before


@pytest.mark.slow
def test_a_replaced_split_set_has_no_scores(own: Store) -> None:
    own.split("mine", train=90, valid=30, test=45)
    own.baseline("mine", sizes="all")
    scored = "select count(*) as n from score where split_set = 'mine'"
    assert one(own, scored)["n"] > 0
    own.split("mine", train=80, valid=30, test=45, replace=True)
    assert one(own, scored)["n"] == 0
    assert len(own.baseline("mine_v1", sizes="all")) == 2
    assert one(own, scored)["n"] == 0


def test_a_run_that_fails_leaves_nothing(own: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {view: own.sql(f"select * from {view} order by all").arrow() for view in VIEWS}
    files = set(own.path.rglob("*.parquet"))

    def killed(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tables, "finish_together", killed)
    with pytest.raises(KeyboardInterrupt):
        own.baseline(sizes="6")
    monkeypatch.undo()
    for view, rows in before.items():
        assert own.sql(f"select * from {view} order by all").arrow() == rows
    # Files that a log names stay, as rows of a run that does not exist.
    logged = {file.name for table in VIEWS[:3] for file in Tables.open(own.path).logged(table)}
    assert {path.name for path in own.path.rglob("*.parquet")} - {p.name for p in files} <= logged


def test_a_size_that_cannot_be_is_left_out_and_said(own: Store) -> None:
    notes = Notes()
    told(own, notes).baseline(sizes="2, 30,30,120,all,5000", repeats=1)
    assert "size 5000 is left out: there are 120 training images" in notes.text
    assert "size 2 is left out: that is less than one image for each of 3 labels" in notes.text
    assert "size 30 is given twice" in notes.text
    assert "size all is given twice" in notes.text
    got = own.sql("select distinct size from score order by size").rows()
    assert [row["size"] for row in got] == [30, 120]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": "50,many"}, "a size is a count"),
        ({"sizes": ""}, "a size is a count"),
        ({"sizes": "0"}, "a size is a count"),
        ({"sizes": "-5"}, "a size is a count"),
        ({"sizes": "5000"}, "size 5000 is left out"),
        ({"repeats": 0}, "repeats"),
        ({"seed": -1}, "seed"),
        ({"model": "svm"}, "there is no model 'svm'"),
        ({"radius": "wide"}, "radius"),
        ({"versus": "nosuch"}, "there is no split set 'nosuch'"),
        ({"split_set": "nosuch"}, "there is no split set 'nosuch'"),
    ],
)
def test_options_that_cannot_be_meant(
    measured: Store, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        measured.baseline(**options)  # type: ignore[arg-type]
    assert caught.value.hint.startswith("notmnist-store ")


def test_without_scikit_learn_the_extra_is_named(
    measured: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    for verb in (measured.baseline, measured.suspects):
        with pytest.raises(StoreError, match="not installed") as caught:
            verb()
        assert caught.value.hint == "python -m pip install 'notmnist-store[baseline]'"


def store_of(folder: Path, images: dict[str, np.ndarray]) -> Store:
    store = notmnist_store.open(folder / "store")
    files = [(f"x/{name}.png", png(pixels)) for name, pixels in images.items()]
    store.ingest(pack(folder / "x.tar", files))
    return store


def both(labels: str, splits: str, each: int = 6) -> dict[str, np.ndarray]:
    return {
        f"{split}/{label}/{number}": letter(ord(label) % 8, number + 100 * place)
        for place, split in enumerate(splits.split())
        for label in labels
        for number in range(each)
    }


def test_a_split_set_without_valid_is_scored_on_test(tmp_path: Path) -> None:
    store = store_of(tmp_path, both("AB", "train test"))
    notes = Notes()
    told(store, notes).baseline(sizes="all")
    assert "ingest has no valid, so nothing is scored on it" in notes.text
    assert one(store, "select distinct eval_split from score") == {"eval_split": "test"}


def test_a_split_set_with_nothing_to_score_on_is_an_error(tmp_path: Path) -> None:
    store = store_of(tmp_path, both("AB", "train"))
    with pytest.raises(UsageError, match="neither valid nor test") as caught:
        store.baseline()
    assert caught.value.hint.startswith("notmnist-store split")


def test_a_split_set_without_train_is_an_error(tmp_path: Path) -> None:
    store = store_of(tmp_path, both("AB", "test"))
    with pytest.raises(UsageError, match="split train of ingest is empty") as caught:
        store.baseline()
    assert caught.value.hint


def test_one_label_only_is_an_error(tmp_path: Path) -> None:
    store = store_of(tmp_path, both("A", "train test"))
    for verb in (store.baseline, store.suspects):
        with pytest.raises(UsageError, match="same one") as caught:
            verb()
        assert caught.value.hint


def test_a_label_that_train_lacks_counts_as_wrong(tmp_path: Path) -> None:
    images = both("AB", "train test") | both("C", "test")
    store = store_of(tmp_path, images)
    notes = Notes()
    told(store, notes).baseline(sizes="all")
    assert "1 labels have no training image, and count as wrong: C" in notes.text
    right = "select sum(images) as n from (select count(*) as images from prediction where {})"
    assert one(store, right.format("label = 'C' and predicted = 'C'"))["n"] in (0, None)
    assert one(store, right.format("label = 'C' and self_confidence = 0"))["n"] == 6


def test_constant_pixels_are_no_error(tmp_path: Path) -> None:
    images = {name: np.full((28, 28, 1), 7, np.uint8) for name in both("AB", "train test", each=3)}
    store = store_of(tmp_path, images)
    store.baseline(sizes="all")
    row = one(store, "select * from score where subset = 'raw'")
    assert (row["n"], row["correct"]) == (6, 3)
    assert len(store.sql("select 1 as x from score where subset = 'clean'")) == 0


def test_labels_are_text_and_nothing_else(tmp_path: Path) -> None:
    name = "<script>alert(1)<_script>'; drop"
    images = {}
    for path, pixels in both("AB", "train test").items():
        images[path.replace("/A/", f"/{name}/")] = pixels
    store = store_of(tmp_path, images)
    store.baseline(sizes="all")
    labels = {row["label"] for row in store.sql("confusion").rows()}
    assert labels == {name, "B"}
    assert store.sql("learning_curve").rows()


def test_ten_thousand_labels_are_refused() -> None:
    with pytest.raises(UsageError, match="10,000") as caught:
        plan_draws(["all"], np.arange(10_000), 10_000, 784, model="logistic")
    assert "--where" in caught.value.hint


def test_memory_is_bounded() -> None:
    draws, notes = plan_draws(["100", "all"], np.arange(2_000_000) % 10, 10, 784, model="logistic")
    assert [draw.size for draw in draws] == [100]
    assert "GiB" in notes[0]
    draws, notes = plan_draws(
        ["100", "all"], np.arange(30_000) % 10, 10, 784, model="liblinear-ovr"
    )
    assert [draw.size for draw in draws] == [100]
    assert "--model logistic takes them" in notes[0]


def test_the_command(own: Store, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["baseline", "--store", str(own.path)]
    file = own.path.parent / "prices.csv"
    assert main([*command, "--sizes", "all", "-o", str(file)]) == 0
    lines = file.read_text().splitlines()
    assert lines[0].startswith("model,size,eval_split,versus_set")
    assert len(lines) == 3
    said = capsys.readouterr().err
    assert "hardest_images" in said
    columns = lines[0].split(",")
    explained = said[said.index("each row: ") : said.index("wrote ")]
    assert all(column in explained for column in columns if column != "model")
    assert main([*command, "--sizes", "x"]) == 2


@pytest.mark.slow
def test_real_letters_score_as_published_ones_do(data_folder: Path, tmp_path: Path) -> None:
    """Beside published accuracies of notMNIST_large, whose labels are worse: a little better."""
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(data_folder / "notMNIST_t10k.tar.gz")
    store.split("first", train=8000, valid=1000, test=1000)
    store.baseline("first", sizes="50,1000,5000", repeats=2)
    published = {50: 0.5090, 1000: 0.8333, 5000: 0.8511}
    for row in store.sql("learning_curve", params={"split_set": "first"}).rows():
        assert published[row["size"]] - 0.02 < row["raw"] < 0.95
