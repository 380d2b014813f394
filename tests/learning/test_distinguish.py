"""Whether train is told from test: by chance where they are one, wholly where they are not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import notmnist_store
from notmnist_store.cli.main import main
from notmnist_store.errors import UsageError
from notmnist_store.store import Store

_EACH = 120


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Split ingest: all of test is inverted. Split set mixed: drawn at random."""
    folder = tmp_path_factory.mktemp("made")
    random = np.random.default_rng(0)
    images = random.integers(0, 90, (2, _EACH, 28, 28), dtype=np.uint8)
    images[1] = 255 - images[1]
    labels = np.arange(_EACH) % 3
    np.savez(
        folder / "a.npz",
        x_train=images[0],
        y_train=labels,
        x_test=images[1],
        y_test=labels,
    )
    store = notmnist_store.open(folder / "store")
    store.ingest(folder / "a.npz", labels="A,B,C")
    store.split("mixed", train=90, valid=30, test=90)
    return store


def verdict(store: Store, split_set: str) -> str:
    (found,) = store.audit("split_distinguishable", split_set=split_set).verdicts
    return found.status


def test_until_somebody_tries_the_audit_is_stale_and_names_the_command(
    made: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = notmnist_store.open(shutil.copytree(str(made.path), tmp_path / "store"))
    (found,) = store.audit("split_distinguishable", split_set="mixed").verdicts
    assert found.status == "stale"
    assert found.next == "notmnist-store distinguish --split-set mixed"
    assert not found.stops("should")
    assert main([*found.next.split()[1:], "--folds", "3", "--store", str(store.path)]) == 0
    assert "audit" in capfd.readouterr().err
    assert verdict(store, "mixed") == "pass"
    assert verdict(store, "ingest") == "stale"
    store.undo()
    assert verdict(store, "mixed") == "stale"


def test_splits_of_one_kind_are_told_by_chance(made: Store) -> None:
    (row,) = made.distinguish("mixed", folds=3).rows()
    assert row["low"] < 0.5 < row["high"]
    assert row["images"] == 180
    assert verdict(made, "mixed") == "pass"
    assert len(made.audit("split_distinguishable", split_set="mixed")) == 0
    kept = made.sql(
        "select split, count(*) as n from telling_image where split_set = 'mixed'"
        " group by split order by split"
    ).rows()
    assert kept == [{"split": "test", "n": 90}, {"split": "train", "n": 90}]


def test_splits_of_two_kinds_are_told_and_their_images_named(made: Store) -> None:
    (row,) = made.distinguish("ingest", folds=3).rows()
    assert (row["auc"], row["low"], row["high"]) == (1.0, 1.0, 1.0)
    assert verdict(made, "ingest") == "fail"
    told = made.audit("split_distinguishable", split_set="ingest").rows()
    assert [each["split"] for each in told] == ["test"] * 100 + ["train"] * 100
    wrong = made.sql(
        "select count(*) as n from telling_image t join image i on i.image_id = t.image_id"
        " where t.split_set = 'ingest' and t.split <> i.split"
    ).rows()
    assert wrong == [{"n": 0}]
    for split in ("test", "train"):
        likely = [each["probability"] for each in told if each["split"] == split]
        assert likely == sorted(likely, reverse=True)
        assert min(likely) > 0.5


def test_the_same_seed_finds_the_same(made: Store) -> None:
    first, again = (made.distinguish("mixed", folds=3, seed=4).rows()[0] for _ in range(2))
    assert first | {"run_id": ""} == again | {"run_id": ""}


def test_what_cannot_be_told_apart_is_refused(made: Store, tmp_path: Path) -> None:
    made.split("small", train=90, valid=0, test=3)
    with pytest.raises(UsageError, match="small has 3 images in test, and 5 folds take 10"):
        made.distinguish("small")
    for given in ({"folds": 1}, {"folds": 101}, {"seed": -1}):
        with pytest.raises(UsageError):
            made.distinguish("mixed", **given)
