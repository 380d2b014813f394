"""What becomes label and split: the tables of docs/sources.md, each row built and ingested."""

from __future__ import annotations

import gzip
import re
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from notmnist_store.catalog.connection import Catalog
from notmnist_store.engines.engine import Engine
from notmnist_store.errors import SourceError
from notmnist_store.ingest.ingest import ingest
from notmnist_store.ingest.options import IngestOptions
from notmnist_store.progress import Progress
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import pack, picture, png
from tests.support.documents import REPOSITORY

PAGE = (REPOSITORY / "docs" / "sources.md").read_text()
FRACTIONS = (("unused", "1"),)


class Notes(Progress):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def table(header: str) -> list[list[str]]:
    """The rows below a header of the page, as cells."""
    lines = PAGE[PAGE.index(header) :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def codes(cell: str) -> list[str | None]:
    """What a cell lists, with None for the word none."""
    return [code or None for code in re.findall(r"`([^`]+)`|\bnone\b", cell)]


LAYOUTS = table("| files | labels | splits | rules |")
FILES = table("| file | split | rule |")


def taken(
    tmp_path: Path, source: Path, **options: object
) -> tuple[list[tuple[object, ...]], list[str]]:
    """Label and split of each image in its order, and the rules in the ledger."""
    store = tmp_path / f"store_{source.suffix[1:] or 'folder'}"
    chosen = IngestOptions(fractions=FRACTIONS, workers=1, **options)  # type: ignore[arg-type]
    ingest(store, [source], chosen, Engine(), Progress())
    catalog = Catalog(Tables.open(store))
    rows = catalog.query("select label_ingested, split from image order by path").to_pylist()
    rules = catalog.query(
        "select distinct split_rule from ledger where stored > 0 order by split_rule"
    )
    return [tuple(row.values()) for row in rows], rules["split_rule"].to_pylist()


@pytest.mark.parametrize("form", ["a.tar", "folder"])
@pytest.mark.parametrize("row", LAYOUTS, ids=[row[0].replace("`", "") for row in LAYOUTS])
def test_a_layout_becomes_what_the_table_says(tmp_path: Path, row: list[str], form: str) -> None:
    options: dict[str, str] = {}
    paths = []
    for code in codes(row[0]):
        assert code is not None
        if code.startswith("--"):
            option, value = code.removeprefix("--").split()
            options[option] = value
        else:
            paths.append(code)
    root = "" if form == "a.tar" else "top/"
    files = [(root + path, png(picture(n))) for n, path in enumerate(paths)]
    source = pack(tmp_path / form, files)
    if row[1] == "error":
        with pytest.raises(SourceError, match="have no label; --unlabelled keep stores") as caught:
            taken(tmp_path, source, **options)
        assert "--unlabelled keep" in caught.value.hint
        return
    splits = ["unused" if split == "hash" else split for split in codes(row[2])]
    wanted = dict(zip(paths, zip(codes(row[1]), splits, strict=True), strict=False))
    found, rules = taken(tmp_path, source, **options)
    assert found == [wanted[path] for path in sorted(wanted)]
    assert rules == sorted(rule for rule in codes(row[3]) if rule)


def written(path: Path) -> Path:
    """A source of one image of A (or of class 0) under this name."""
    image = png(picture(1))
    stem = path.name.partition("-images")[0]
    if "idx3" in path.name:
        compress = gzip.compress if path.suffix == ".gz" else bytes
        path.write_bytes(compress(struct.pack(">4I", 0x803, 1, 28, 28) + bytes(784)))
        labels = path.name.replace("images-idx3", "labels-idx1")
        path.with_name(labels).write_bytes(compress(struct.pack(">2I", 0x801, 1) + b"\0"))
        assert stem
    elif path.suffix == ".npz":
        np.savez(path, np.zeros((1, 28, 28), np.uint8))
        np.savez(path.with_name(path.name.replace("imgs", "labels")), np.zeros(1, np.uint8))
    elif path.suffix == ".parquet":
        pq.write_table(pa.table({"image": [image], "label": ["A"]}), path)
    else:
        pack(path, [("A/1.png", image)])
    return path


@pytest.mark.parametrize("row", FILES, ids=[row[0].strip("`") for row in FILES])
def test_the_name_of_a_file_tells_what_the_table_says(tmp_path: Path, row: list[str]) -> None:
    name, split, rule = (code for cell in row for code in codes(cell))
    found, rules = taken(tmp_path, written(tmp_path / str(name)))
    assert [split for _, split in found] == ["unused" if split == "hash" else split]
    assert rules == [rule]


def test_a_name_that_says_two_splits_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="says test and train; name it after one split") as caught:
        taken(tmp_path, written(tmp_path / "train-test.parquet"))
    assert "--split test" in caught.value.hint


def test_a_class_that_is_called_as_a_split_is_noted(tmp_path: Path) -> None:
    told = Notes()
    source = pack(tmp_path / "a.tar", [(f"{n}/1.png", png(picture(1))) for n in ("bus", "train")])
    ingest(tmp_path / "store", [source], IngestOptions(), Engine(), told)
    assert "a: train stands beside bus: taken for a class, not for a split" in told.said


def test_images_without_a_label_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    told = Notes()
    store = Store(tmp_path / "store", progress=told)
    files = [
        (f"s/train/{label}/{n}.png", png(picture(n * 2 + k)))
        for k, label in enumerate("AB")
        for n in range(4)
    ]
    hidden = [(f"s/test/{n}.png", png(picture(90 + n))) for n in range(3)]
    store.ingest(
        pack(tmp_path / "s.tar", [*files, *hidden, ("s/test/bad.png", b"")]), unlabelled="keep"
    )
    query = "select label, split, is_dropped, count(*) from image group by all order by all"
    assert [tuple(row.values()) for row in store.sql(query).rows()] == [
        ("A", "train", False, 4),
        ("B", "train", False, 4),
        (None, "test", True, 3),
    ]
    assert store.placed_line(["s"]) == "splits: train 8 (by folder), test 3 (by folder)"
    assert len(store.sql("select 1 as x from split_image")) == 8
    left_out = "images without a label are left out: test 3"
    told.said.clear()
    verdicts = {verdict.name: verdict for verdict in store.audit(fail_on="never").verdicts}
    assert left_out in told.said
    assert verdicts["ledger_conservation"].status == "pass"
    assert verdicts["image_blank"].total == 8
    store.split("mine", train="0.5", valid="0.25", test="0.25")
    assert len(store.sql("select 1 as x from split_image where split_set = 'mine'")) == 8
    assert len(store.sql("select 1 as x from split_drop")) == 0
    told.said.clear()
    made = store.export("ingest", tmp_path / "out", form="npz", splits="train").rows()
    assert (left_out in told.said, made[0]["images"]) == (True, 8)
    ids = "select image_id from image where label is null"
    store.decide(sql=ids, action="relabel", value="A", yes=True)
    assert store.sql("select images from label order by label").arrow()["images"].to_pylist() == [
        7,
        4,
    ]


def test_labels_that_look_alike_are_named_by_the_ingest_and_by_an_audit(tmp_path: Path) -> None:
    """By case, Unicode form or blanks, in one source or two; others are not."""
    told = Notes()
    store = Store(tmp_path / "store", progress=told)
    names = ["caf\xe9", "cafe\u0301", "B", "b", "x y", "x\xa0y", "x_y", "C"]
    files = [(f"s/{name}/{n}.png", png(picture(n))) for n, name in enumerate(names)]
    store.ingest(pack(tmp_path / "s.tar", files))
    noted = sorted(note for note in told.said if "look alike" in note)
    assert noted == [
        "labels look alike: 'B', 'b'; see audit label_lookalike",
        "labels look alike: 'cafe\\u0301', 'caf\\xe9'; see audit label_lookalike",
        "labels look alike: 'x y', 'x\\xa0y'; see audit label_lookalike",
    ]
    told.said.clear()
    store.ingest(pack(tmp_path / "t.tar", [("t/c /1.png", png(picture(50)))]))
    assert [note for note in told.said if "look alike" in note] == [
        "labels look alike: 'C', 'c '; see audit label_lookalike"
    ]
    assert len(store.audit("label_lookalike", fail_on="never")) == 8
