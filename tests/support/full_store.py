"""A store with rows in every table, the newest run of each among them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

import notmnist_store
from notmnist_store.review.desk import Desk
from notmnist_store.review.verdicts import Verdict
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import class_files, pack, picture, png

DROP = "select min(image_id) as image_id, 'drop' as action from image"


def full_store(folder: Path) -> Store:
    """Make it in `folder`/store, of archives that are made beside it."""
    files = class_files(each=12)
    near = picture(0).copy()
    near[0, 0] ^= 16
    moved = np.roll(picture(1), 1, axis=0)
    moved[0] = moved[1]  # the edge comes in again, as it does in a shift
    files += [("set/A/near.png", png(near)), ("set/A/moved.png", png(moved))]
    files += [("set/B/empty.png", b"")]
    store = notmnist_store.open(folder / "store")
    store.ingest(pack(folder / "one.tar.gz", files))
    said = [("m/a.png", png(picture(80))), ("m/metadata.csv", b"file_name,label,by\na.png,A,x\n")]
    store.ingest(pack(folder / "said.tar", said))
    store.decide(sql=DROP, by="ada", yes=True)
    store.split("s", train="0.5", valid="0.2", test="0.3")
    store.near_duplicates(radius="9", transforms="shift2")
    store.near_duplicates(contrast=True, radius="2")
    store.certify(sample=5)
    store.sanitize("fine", base="s", radius="0.1", yes=True)
    store.baseline("s", sizes=(10,))
    store.suspects("s", folds=2)
    store.distinguish("s", folds=2)
    judge(store)
    store.ingest(pack(folder / "two.tar.gz", [("x/A/a.png", png(picture(60))), ("x/A/b.png", b"")]))
    store.undo()
    return store


def judge(store: Store) -> None:
    """Say of one near pair that it is a copy."""
    desk = Desk(Tables.open(Path(str(store.path))), "ada")
    (row,) = store.sql("select a, b from pair limit 1").rows()
    verdict = Verdict("calibration", "copy", row["b"], "b" * 32, None, row["a"], "a" * 32)
    desk.judge([replace(verdict, squared_distance=1, transforms="none", transform="none")])
    desk.drain()
