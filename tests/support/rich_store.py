"""A store in which every view, report, audit and statement of ours finds something."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import notmnist_store
from notmnist_store.catalog.run import Run
from notmnist_store.review.desk import Desk
from notmnist_store.review.verdicts import Verdict
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from notmnist_store.testing import make_bad_store
from tests.support.archives import class_files, pack, picture, png


def make_rich_store(folder: Path) -> Store:
    """The bad store of `testing`, and over it all that verbs can write.

    Images without a label, copies that moved and that have another contrast, split sets in several
    versions, decisions of every kind, an undone one, baselines, suspects, a wrong certificate.
    """
    store = notmnist_store.open(folder / "rich")
    named = make_bad_store(store.path)
    store.ingest(_more(folder / "more.zip"), split="test", unlabelled="keep")
    store.near_duplicates(radius="3", transforms="shift2")
    store.near_duplicates(contrast=True, radius="0.5")
    store.certify(sample=5)
    _decide(store, named["near_conflict"], named["white"], named["late_copy"], named["victim"])
    _judge(store)
    store.split("s", train="0.5", valid="0.2", test="0.3")
    store.split("s", train="0.6", valid="0.2", test="0.2", replace=True)
    store.split("half", recipe="hash", train="0.5", test="0.5", where="family is null")
    store.sanitize("fine", base="bad", yes=True)
    store.certify("bad")
    store.baseline("bad", sizes=(10, 40), versus="fine")
    store.suspects("bad", folds=2)
    store.distinguish("bad", folds=2)
    named_by = "file_name,label,patient\n0.png,A,p017\n1.png,B,p018\n"
    files = [(f"told/{number}.png", png(picture(300 + number))) for number in range(2)]
    store.ingest(pack(folder / "told.zip", [("told/metadata.csv", named_by.encode()), *files]))
    store.ingest(pack(folder / "late.zip", class_files(("A", "B"), each=2, start=200)))
    _wrong_certificate(store)
    return store


def _more(target: Path) -> Path:
    """Letters of other strokes, one of them moved by a pixel, one brighter, one in two classes."""
    files = class_files(("A", "B"), each=3, root="test", start=100)
    moved = np.roll(picture(100), 1, axis=0)
    moved[0] = moved[1]  # the edge comes in again, as it does in a shift
    nearly = picture(101).copy()
    nearly[0, 0] ^= 16
    files += [("test/A/moved.png", png(moved)), ("test/B/nearly.png", png(nearly))]
    files += [("test/A/brighter.png", png(picture(103) // 2 + 60)), ("test/B/bad.png", b"")]
    files += [(f"test/{number}.png", png(picture(100 + number))) for number in range(2, 5)]
    return pack(target, files)


def _decide(store: Store, relabelled: int, dropped: int, kept: int, undone: int) -> None:
    farthest = (
        "select a as image_id, 'not_duplicate' as action, cast(b as varchar) as value from pair"
        " order by squared_distance desc, a, b limit 1"
    )
    for sql in (
        f"select {relabelled} as image_id, 'relabel' as action, 'B' as value, 'it''s odd' as note",
        f"select {dropped} as image_id, 'drop' as action",
        f"select {kept} as image_id, 'keep' as action",
        farthest,
        f"select {undone} as image_id, 'drop' as action",
    ):
        store.decide(sql=sql, by="ada", yes=True)
    store.undo()


def _judge(store: Store) -> None:
    """Two near pairs that were judged in the browser."""
    pairs = store.sql(
        "select a, b, squared_distance, one.pixel_hash as a_hash, other.pixel_hash as b_hash"
        " from near_pair inner join image as one on one.image_id = a"
        " inner join image as other on other.image_id = b order by squared_distance, a, b limit 2"
    ).rows()
    desk = Desk(Tables.open(store.path), "ada")
    for pair, action in zip(pairs, ("copy", "different"), strict=True):
        sides = (pair["b"], pair["b_hash"], None, pair["a"], pair["a_hash"])
        facts = (pair["squared_distance"], "none", "none")
        desk.judge([Verdict("calibration", action, *sides, *facts)])
    desk.drain()


def _wrong_certificate(store: Store) -> None:
    """A certificate that has found a missed pair, which a sound search never gives."""
    tables = Tables.open(store.path)
    current = store.sql("select * from certificate where is_current order by run_id").rows()[0]
    row = {name: current[name] for name in TABLES["certificate"].names if name != "run_id"}
    with Run(tables, "certify", {}) as run:
        run.write("certificate", [row | {"missed": 1, "a": 1, "b": 2}])
        run.reads("pair", [current["join_run"]])
