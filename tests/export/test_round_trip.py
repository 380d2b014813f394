"""What is exported ingests again in every form: pixels, labels, their order, and splits."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import notmnist_store
from notmnist_store.errors import SourceError
from notmnist_store.export.export import WRITERS
from notmnist_store.schema.words import SPLITS
from notmnist_store.store import Store
from tests.support.archives import class_files, pack, png
from tests.support.numbered import FASHION, parquet

NEVER_READ = {"notebook-pickle", "hashes"}
FORMS = sorted(set(WRITERS) - NEVER_READ)


def grey(folder: Path) -> Store:
    """28x28, three classes in folders, a third of the images in no split."""
    store = notmnist_store.open(folder / "store")
    store.ingest(pack(folder / "set.tar.gz", class_files(labels=("b", "B", "é"), each=12)))
    store.split("made", train=12, valid=6, test=6)
    return store


def numbered(folder: Path) -> Store:
    """28x28, classes numbered by their source, of which most have no image."""
    store = notmnist_store.open(folder / "store")
    store.ingest(parquet(folder / "train.parquet", [9, 2, 1, 1, 6, 9, 2, 6] * 3, FASHION))
    store.split("made", train="0.5", valid="0.25", test="0.25")
    return store


def colour(folder: Path) -> Store:
    """8x9 in colour; labels that no source numbers."""
    store = notmnist_store.open(folder / "store")
    wave = np.random.default_rng(3).integers(0, 256, (24, 8, 9, 3), np.uint8)
    files = [(f"set/{'xyz'[n % 3]}/{n:02d}.png", png(image)) for n, image in enumerate(wave)]
    store.ingest(pack(folder / "set.zip", files), shape="8x9x3")
    store.split("made", train=6, valid=6, test=6)
    return store


def rows(store: Store, split_set: str, key: str) -> list[tuple[Any, ...]]:
    """(id, split, label, label_id, pixel_hash) of all images, by the first store's id."""
    sql = (
        f"select {key} as id, placed.split, placed.label, placed.label_id, image.pixel_hash "
        "from split_image as placed inner join image on image.image_id = placed.image_id "
        f"where placed.split_set = '{split_set}' order by id, pixel_hash"
    )
    return [tuple(row.values()) for row in store.sql(sql).rows()]


def ingest_again(folder: Path, into: Path, shape: str) -> Store:
    store = notmnist_store.open(into)
    store.ingest(folder, shape=shape)
    return store


@pytest.fixture(scope="module", params=[grey, numbered, colour])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    build: Callable[[Path], Store] = request.param
    return build(tmp_path_factory.mktemp(build.__name__))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("split_set", ["made", "ingest"])
def test_what_is_exported_comes_back(
    tmp_path: Path, made: Store, form: str, split_set: str
) -> None:
    shape = str(made.load("made").shape)
    if form == "idx" and shape.endswith("x3"):
        pytest.skip("IDX has no colour")
    loaded = made.load(split_set)
    there = {row[1] for row in rows(made, split_set, "image.image_id")}
    splits = [split for split in SPLITS if split in there]
    made.export(split_set, tmp_path / "out", form=form, splits=splits)
    again = ingest_again(tmp_path / "out", tmp_path / "again", shape)
    assert rows(again, "ingest", "image.origin_image_id") == rows(made, split_set, "image.image_id")
    ordered = again.sql("select label, is_numbered from label order by label_id").rows()
    assert [row["label"] for row in ordered] == loaded.labels
    assert all(row["is_numbered"] for row in ordered)


def test_every_form_is_in_the_matrix_or_is_never_read() -> None:
    assert set(FORMS) == {"arrow", "huggingface", "idx", "image-folder", "npy", "npz", "parquet"}


SAID = {
    "patient": ["p1", "p2", "", "p1"],
    "position": ["7", 'says "no", twice', "two\nlines\r\n", "ü"],
    "label_id": ["x", "", "", ""],
}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Images with attributes, some called as columns of an export are; half of them in no split."""
    folder = tmp_path_factory.mktemp("described")
    names = [name for name, _ in class_files(labels=("a", "b"), each=6)]
    said = [{k: v[n % 4] for k, v in SAID.items()} for n, _ in enumerate(names)]
    lines = [
        json.dumps({"file_name": name.partition("/")[2], "label": name.split("/")[1], **row})
        for name, row in zip(names, said, strict=True)
    ]
    files = [*class_files(labels=("a", "b"), each=6)]
    files.append((f"{names[0].split('/')[0]}/metadata.jsonl", "\n".join(lines).encode()))
    store = notmnist_store.open(folder / "store")
    store.ingest(pack(folder / "set.tar", files), workers=1)
    store.split("made", train=4, valid=2, test=2)
    return store


def attributes(store: Store, key: str, where: str = "true") -> list[tuple[Any, ...]]:
    sql = (
        f"select {key} as id, attribute.name, attribute.value from attribute "
        f"inner join image on image.image_id = attribute.image_id where {where} order by all"
    )
    return [tuple(row.values()) for row in store.sql(sql).rows()]


@pytest.mark.parametrize("form", FORMS)
def test_attributes_come_back(tmp_path: Path, described: Store, form: str) -> None:
    described.export("made", tmp_path / "out", form=form)
    again = ingest_again(tmp_path / "out", tmp_path / "again", "28x28x1")
    placed = "select image_id from split_image where split_set = 'made' and split <> 'unused'"
    before = attributes(described, "image.image_id", f"image.image_id in ({placed})")
    assert attributes(again, "image.origin_image_id") == before
    assert {name for _, name, _ in before} == set(SAID)


def test_attributes_of_one_file_come_back_too(tmp_path: Path, described: Store) -> None:
    described.export("made", tmp_path / "out", form="npz", splits="test")
    again = notmnist_store.open(tmp_path / "again")
    again.ingest(tmp_path / "out" / "arrays.npz")
    assert len(attributes(again, "image.origin_image_id")) > 2


def test_without_labels_or_as_a_pickle_attributes_are_beside_the_images(
    tmp_path: Path, described: Store
) -> None:
    for form, with_labels in (("npz", False), ("notebook-pickle", True)):
        out = tmp_path / form
        described.export("made", out, form=form, with_labels=with_labels)
        with (out / "attributes.csv").open(newline="") as file:
            header, *rows = csv.reader(file)
        assert header == ["split", "position", "image_id", "name", "value"]
        expected = [
            (split, row["position"], row["image_id"], row["name"], row["value"])
            for split in ("train", "valid", "test")
            for row in described.load("made", split).attributes().to_pylist()
        ]
        assert [tuple(row) for row in rows] == [tuple(map(str, row)) for row in expected]
        assert "attributes.csv" in (out / "README.md").read_text()
        assert "attributes.csv" in (out / "SHA256SUMS").read_text()


def test_an_export_without_attributes_has_no_file_of_them(tmp_path: Path) -> None:
    grey(tmp_path).export("made", tmp_path / "out", form="npz")
    assert not (tmp_path / "out" / "attributes.csv").exists()
    assert "attributes.csv" not in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"image_id,name\n", "is damaged"),
        (b"image_id,name,value\nx,y,z\n", "is damaged"),
        (b"image_id,name,value\n1,y,z,4\n", "is damaged"),
        (b"image_id,name,value\n1,y,\xff\n", "is damaged"),
        (b"", "is damaged"),
        (None, "cannot read|there is no"),
    ],
)
def test_a_damaged_file_of_attributes_is_said_to_be(
    tmp_path: Path, described: Store, content: bytes | None, message: str
) -> None:
    described.export("made", tmp_path / "out", form="npz", splits="test")
    file = tmp_path / "out" / "attributes.csv"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        notmnist_store.open(tmp_path / "again").ingest(tmp_path / "out")


@pytest.mark.parametrize(
    ("form", "file"),
    [("npz", "arrays.npz"), ("arrow", "train.arrow"), ("parquet", "train.parquet")],
)
def test_one_file_of_an_export_is_a_source(
    tmp_path: Path, made: Store, form: str, file: str
) -> None:
    made.export("made", tmp_path / "out", form=form, splits="train")
    again = notmnist_store.open(tmp_path / "again")
    again.ingest(tmp_path / "out" / file, shape=str(made.load("made").shape))
    back = rows(again, "ingest", "image.origin_image_id")
    assert back == [row for row in rows(made, "made", "image.image_id") if row[1] == "train"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["arrow", "huggingface", "npy", "npz", "parquet"])
def test_an_export_without_labels_is_refused(tmp_path: Path, made: Store, form: str) -> None:
    made.export("made", tmp_path / "out", form=form, with_labels=False)
    with pytest.raises(SourceError, match=r"one of labels|without y_test|without y_train"):
        notmnist_store.open(tmp_path / "again").ingest(tmp_path / "out")


def test_pixels_of_another_size_than_the_file_says_are_refused(tmp_path: Path) -> None:
    rows = pa.table({"pixels": [b"123456", b"1234"], "label": ["a", "b"]})
    for suffix in ("parquet", "arrow"):
        named = rows.replace_schema_metadata({"shape": "2x3x1", "labels": '["b", "a"]'})
        file = tmp_path / f"train.{suffix}"
        if suffix == "parquet":
            pq.write_table(named, file)
        else:
            with pa.ipc.new_file(file, named.schema) as writer:
                writer.write_table(named)
        with pytest.raises(SourceError, match="pixels of 4, 6 bytes, but says that they are 2x3x1"):
            notmnist_store.open(tmp_path / "store").ingest(file, shape="2x3x1")


@pytest.mark.parametrize("cut", [20, 200, 400])
def test_a_damaged_arrow_file_is_said_to_be(tmp_path: Path, cut: int) -> None:
    store = grey(tmp_path)
    store.export("made", tmp_path / "out", form="arrow", splits="train")
    file = tmp_path / "out" / "train.arrow"
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(SourceError, match="is damaged"):
        notmnist_store.open(tmp_path / "again").ingest(file)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "order"),
    [
        ('{"made_by": "notmnist-store", "labels": ["é", "B", "b"]}', ["é", "B", "b"]),
        ('{"made_by": "another", "labels": ["é", "B", "b"]}', ["B", "b", "é"]),
        ('{"made_by": "notmnist-store", "labels": [1, 2]}', ["B", "b", "é"]),
        ("no JSON", ["B", "b", "é"]),
    ],
)
def test_pictures_have_the_order_that_the_export_beside_them_says(
    tmp_path: Path, said: str, order: list[str]
) -> None:
    grey(tmp_path).export("made", tmp_path / "out", form="image-folder")
    (tmp_path / "out" / "export.json").write_text(said)
    again = notmnist_store.open(tmp_path / "again")
    again.ingest(tmp_path / "out")
    listed = again.sql("select label from label order by label_id").rows()
    assert [row["label"] for row in listed] == order
