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
from notmnist_store.errors import SourceError
from notmnist_store.ingest.ingest import ingest
from notmnist_store.ingest.options import IngestOptions
from notmnist_store.progress import Progress
from notmnist_store.storage.tables import Tables
from tests.support.archives import pack, picture, png
from tests.support.documents import REPOSITORY

PAGE = (REPOSITORY / "docs" / "sources.md").read_text()
FRACTIONS = (("unused", "1"),)


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
    ingest(store, source, chosen, Progress())
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
    class Notes(Progress):
        said: list[str] = []  # noqa: RUF012 - of this test alone

        def note(self, message: str) -> None:
            self.said.append(message)

    source = pack(tmp_path / "a.tar", [(f"{n}/1.png", png(picture(1))) for n in ("bus", "train")])
    ingest(tmp_path / "store", source, IngestOptions(), Notes())
    assert "a: train stands beside bus: taken for a class, not for a split" in Notes.said
