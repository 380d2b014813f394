"""Suspects: flipped labels are found, copies stay together, and what cannot be said is not."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import numpy as np
import pytest

import notmnist_store
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import find_query
from notmnist_store.cli.main import main
from notmnist_store.errors import UsageError
from notmnist_store.learning import suspects as verb
from notmnist_store.learning.kernels.folds import grouped_folds
from notmnist_store.near.groups import copy_groups, known_near
from notmnist_store.schema.radius import Radius
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import pack, png
from tests.support.letters import Pixels, letter, letter_store

WRONG = {("A", "flipped_0", "B"), ("B", "flipped_1", "C"), ("C", "flipped_2", "A")}


def test_a_note_rounds_no_probability_to_none_or_all() -> None:
    told = {0.0: "0.0", 1.0: "1.0", 0.1234: "0.123", 0.0004: "0.0004", 0.99996: "0.99996"}
    with duckdb.connect(":memory:") as plain:
        plain.execute(
            "create table stored_suspect as select unnest($told) as self_confidence, "
            "-self_confidence as margin, 7 as image_id, 'A' as label, 'B' as suggested_label, "
            "'r' as run_id",
            {"told": list(told)},
        )
        query = find_query("learning", "to_decide").sql
        notes = {row[3] for row in plain.execute(query, {"run_id": "r"}).fetchall()}
    assert notes == {f"suspects: A is {n} likely, margin -{n}" for n in told.values()}


def checkerboard() -> Pixels:
    rows, columns = np.indices((28, 28))
    return ((rows // 2 + columns // 2) % 2 * 255).astype(np.uint8)[:, :, np.newaxis]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three labels are wrong, each image twice; one image is no letter. To be read only."""
    folder = tmp_path_factory.mktemp("suspects")
    more: list[tuple[str, Pixels]] = [("train/B/odd.png", checkerboard())]
    for label, name, true in sorted(WRONG):
        pixels = letter("ABC".index(true), 5000, noise=40)
        more += [(f"train/{label}/{name}.png", pixels), (f"test/{label}/{name}.png", pixels)]
    store = letter_store(folder / "store", folder / "letters.tar", more)
    store.near_duplicates()
    store.suspects()
    return store


@pytest.fixture
def own(searched: Store, tmp_path: Path) -> Store:
    """A copy to write to."""
    return notmnist_store.open(shutil.copytree(searched.path, tmp_path / "own"))


@pytest.mark.slow
def test_wrong_labels_are_found_though_their_copies_have_them_too(searched: Store) -> None:
    rows = searched.sql("suspects").rows()
    found = {(row["label"], Path(row["path"]).stem, row["suggested_label"]) for row in rows[:6]}
    assert found == WRONG
    assert all(row["margin"] < 0 for row in rows[:6])
    margins = [row["margin"] for row in rows]
    assert margins == sorted(margins)
    (search,) = searched.sql("select * from suspect_search").rows()
    assert (search["images"], search["judged"], search["suspects"]) == (225, 225, len(rows))
    assert search["radius"] == "1.0"
    assert search["accuracy"] > 0.9


def test_what_is_no_letter_is_farthest_from_all(searched: Store) -> None:
    first = searched.sql("outliers").rows()[0]
    (odd,) = searched.sql("select image_id from image where path like '%odd.png'").rows()
    assert first["image_id"] == odd["image_id"]
    rows = searched.sql(
        "select o.squared_distance, a.pixels as one, b.pixels as other from outlier as o "
        "inner join image_pixels as a on a.image_id = o.image_id "
        "inner join image_pixels as b on b.image_id = o.nearest_id"
    ).rows()
    assert len(rows) == 225
    for row in rows:
        one, other = (np.frombuffer(row[name], np.uint8).astype(int) for name in ("one", "other"))
        assert np.sum((one - other) ** 2) == row["squared_distance"] > 0


def test_no_copies_straddle_folds(searched: Store) -> None:
    catalog = Catalog(Tables.open(searched.path))
    images = searched.sql("select image_id, path, label_id, pixel_hash from image").arrow()
    ids = np.sort(images["image_id"].to_numpy())
    near, notes = known_near(catalog, ids, None)
    assert (near, notes) == (Radius("1.0"), [])
    groups, notes = copy_groups(catalog, ids, near, 45)
    assert notes == []
    fold = grouped_folds(groups, np.zeros(len(ids), np.int64), 5, 0)
    of = dict(zip(ids.tolist(), fold.tolist(), strict=True))
    by_hash: dict[str, set[int]] = {}
    for row in images.to_pylist():
        by_hash.setdefault(row["pixel_hash"], set()).add(of[row["image_id"]])
    assert len(by_hash) == 225 - 6
    assert all(len(folds) == 1 for folds in by_hash.values())
    pairs = searched.sql("select a, b from pair where squared_distance <= 65025").rows()
    assert len(pairs) == 5
    assert all(of[row["a"]] == of[row["b"]] for row in pairs)
    apart, _ = copy_groups(catalog, ids, None, 45)
    assert len(np.unique(apart)) == len(np.unique(groups)) + 5


def test_a_chain_too_long_for_a_fold_is_cut_into_stars(tmp_path: Path) -> None:
    """Thirty images, each near the next: one component, which no fold could hold."""
    start = letter(0, 0)
    files = []
    for number in range(30):
        step = start.copy()
        step.reshape(-1)[: number * 4] //= 2
        files.append((f"x/train/A/{number:02d}.png", png(step)))
    files += [(f"x/train/B/{number}.png", png(letter(1, number))) for number in range(20)]
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "x.tar", files))
    store.near_duplicates()
    catalog = Catalog(Tables.open(store.path))
    ids = np.sort(store.sql("select image_id from image").arrow()["image_id"].to_numpy())
    near, _ = known_near(catalog, ids, None)
    whole, notes = copy_groups(catalog, ids, near, 30)
    assert notes == []
    assert len(np.unique(whole)) == 21
    cut, notes = copy_groups(catalog, ids, near, 10)
    assert len(notes) == 1
    assert notes[0].startswith("30 images are joined by chains")
    assert 22 < len(np.unique(cut)) < 50
    squared = {
        (row["a"], row["b"])
        for row in store.sql("select a, b from pair where distance <= 1").rows()
    }
    for group in np.unique(cut):
        members = ids[cut == group].tolist()
        assert any(
            all(
                one == centre or (one, centre) in squared or (centre, one) in squared
                for one in members
            )
            for centre in members
        )


def test_the_rows_are_what_decide_takes(own: Store) -> None:
    rows = own.suspects(seed=1)
    assert rows.columns == ["image_id", "action", "value", "note"]
    assert {row["action"] for row in rows.rows()} == {"relabel"}
    assert {row["value"] for row in rows.rows()} <= {"A", "B", "C"}
    assert "margin -" in rows.rows()[0]["note"]


def test_the_same_seed_finds_the_same(own: Store) -> None:
    query = "select * exclude (run_id) from {} order by all"
    before = [own.sql(query.format(view)).arrow() for view in ("suspect", "outlier")]
    own.suspects()
    assert [own.sql(query.format(view)).arrow() for view in ("suspect", "outlier")] == before
    own.undo()
    assert [own.sql(query.format(view)).arrow() for view in ("suspect", "outlier")] == before


def test_evidence_covers_the_runs_it_looked_at(own: Store, tmp_path: Path) -> None:
    query = (
        "select count(*) as n from image left join coverage on coverage.image_run = image.run_id "
        "and coverage.evidence = 'suspect' where coverage.image_run is null"
    )
    assert own.sql(query).rows() == [{"n": 0}]
    own.ingest(pack(tmp_path / "late.tar", [("late/A/1.png", png(letter(0, 9999)))]))
    assert own.sql(query).rows() == [{"n": 1}]


def test_training_images_are_bounded(own: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "MOST_TRAINED", 90)
    monkeypatch.setattr(verb, "MOST_OUTLIERS", 7)
    monkeypatch.setattr(verb, "SAMPLE", 20)
    own.suspects()
    (search,) = own.sql("select trained, judged from suspect_search where is_newest").rows()
    assert search == {"trained": 90, "judged": 225}
    assert len(own.sql("select image_id from outlier")) == 7
    assert len(own.sql("suspects")) >= 6


def test_a_label_of_one_picture_cannot_be_judged(own: Store, tmp_path: Path) -> None:
    """No model of another fold knows it: it is no suspect, and the others are judged as before."""
    files = [(f"late/train/D/{number}.png", png(checkerboard()[::-1])) for number in range(3)]
    own.ingest(pack(tmp_path / "late.tar", files))
    own.suspects()
    (search,) = own.sql("select images, judged from suspect_search where is_newest").rows()
    assert search == {"images": 228, "judged": 225}
    assert not own.sql("select label from suspect where label = 'D'").rows()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 1}, "2 to 100 folds"),
        ({"folds": 101}, "2 to 100 folds"),
        ({"seed": -1}, "seed"),
        ({"split_set": "nosuch"}, "there is no split set"),
    ],
)
def test_options_that_cannot_be_meant(
    searched: Store, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        searched.suspects(**options)  # type: ignore[arg-type]
    assert caught.value.hint.startswith("notmnist-store ")


def test_too_many_labels_are_refused() -> None:
    labels = np.arange(300_000) % 10_000
    images = verb._Images(labels, labels, labels, 10_000)
    with pytest.raises(UsageError, match="10,000 labels") as caught:
        verb._check_labels(images)
    assert "--where" in caught.value.hint


def test_the_command(own: Store, capsys: pytest.CaptureFixture[str]) -> None:
    file = own.path.parent / "suspects.csv"
    assert main(["suspects", "--store", str(own.path), "--folds", "3", "-o", str(file)]) == 0
    assert file.read_text().splitlines()[0] == "image_id,action,value,note"
    assert "labels are suspect" in capsys.readouterr().err
    assert main(["suspects", "--store", str(own.path), "--folds", "0"]) == 2
