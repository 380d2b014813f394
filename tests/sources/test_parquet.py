"""Parquet with images in a column: as the hub has it, and as it should not be."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.errors import BudgetError, SourceError
from notmnist_store.sources.base import Source
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.source import open_source
from tests.support.members import rows

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
FILES = [b"one", b"two", b"three", b"", b"five"]


def image_column(files: list[bytes | None], paths: list[str | None] | None = None) -> pa.Array:
    paths = paths or [None] * len(files)
    rows = [{"bytes": file, "path": path} for file, path in zip(files, paths, strict=True)]
    return pa.array(rows, IMAGE)


def write(path: Path, columns: dict[str, Any], names: Any = None, **options: Any) -> Path:
    table = pa.table(columns)
    if names is not None:
        features = {"label": {"names": names, "_type": "ClassLabel"}}
        about = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": about})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)
    return path


def open_(path: Path, **limits: Any) -> Source:
    return open_source(path, limits=Limits(**limits))


def column(source: Source, name: str) -> list[Any]:
    return [row[name] for row in rows(source)]


@pytest.mark.slow
@given(
    files=st.lists(st.binary(max_size=12), min_size=1, max_size=30),
    group_rows=st.integers(1, 12),
    batch_members=st.integers(1, 12),
    batch_bytes=st.integers(1, 60),
    dictionary=st.booleans(),
    plain=st.booleans(),
)
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[bytes],
    group_rows: int,
    batch_members: int,
    batch_bytes: int,
    dictionary: bool,
    plain: bool,
) -> None:
    images = pa.array(files) if plain else image_column(list(files))
    path = write(
        tmp_path_factory.mktemp("parquet") / "x.parquet",
        {"img": images, "labels": list(range(len(files)))},
        row_group_size=group_rows,
        use_dictionary=dictionary,
    )
    found = rows(open_(path), batch_members, batch_bytes)
    assert [row["data"] for row in found] == files
    assert [row["size"] for row in found] == [len(file) for file in files]
    assert [row["label"] for row in found] == [str(i) for i in range(len(files))]


def test_a_path_keeps_the_name_that_the_image_had(tmp_path: Path) -> None:
    paths = ["a/b.png", None, "..\\c\\d.png", "", "e" * 2000]
    columns = {"image": image_column(list(FILES), paths), "label": list("abcde")}
    source = open_(write(tmp_path / "train-00000-of-00001.parquet", columns))
    stem = b"train-00000-of-00001/"
    want = [stem + b"00000/b.png", stem + b"00001", stem + b"00002/d.png", stem + b"00003"]
    assert column(source, "path") == [*want, stem + b"00004/" + b"e" * 1024]
    assert (source.name, source.kind) == ("train-00000-of-00001", "Parquet")
    assert source.bytes_read == source.bytes_total


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([1, 0, -1, None, 1]),
        pa.array([1, 0, -1, None, 1], pa.int8()),
        pa.array(["b", "a", "", None, "b"]),
        pa.array(["b", "a", "", None, "b"], pa.large_string()),
        pa.array(["b", "a", "", None, "b"]).dictionary_encode(),
    ],
)
def test_labels_of_any_type(tmp_path: Path, labels: pa.Array) -> None:
    columns = {"image": image_column(list(FILES)), "label": labels}
    path = write(tmp_path / "x.parquet", columns, names=["a", "b"])
    assert column(open_(path), "label") == ["b", "a", None, None, "b"]


def test_numbers_without_names_are_text(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", {"image": image_column(list(FILES)), "label": range(5)})
    assert column(open_(path), "label") == list("01234")


def test_the_split_and_the_group_have_columns(tmp_path: Path) -> None:
    columns = {
        "image": image_column(list(FILES)),
        "label": [0] * 5,
        "split": ["train", "validation", "test", None, ""],
        "group": [7, 7, None, 8, 9],
    }
    source = open_(write(tmp_path / "eval_1.parquet", columns))
    assert column(source, "split") == ["train", "valid", "test", "test", "test"]
    assert column(source, "group") == ["7", "7", None, "8", "9"]


def test_a_folder_of_files_is_one_source(tmp_path: Path) -> None:
    root = tmp_path / "set"
    names = ["train-00001-of-00002", "data/test-00000-of-00001", "valid/0000", "other"]
    for label, name in enumerate(names):
        columns = {"image": image_column([b"x", b"y"]), "label": [label, label]}
        write(root / f"{name}.parquet", columns)
    (root / "README.md").write_text("about")
    (root / ".cache" / "x").mkdir(parents=True)
    source = open_(root)
    found = rows(source)
    splits = {row["path"].decode().rpartition("/")[0]: row["split"] for row in found}
    words = {"data/test-00000-of-00001": "test", "valid/0000": "valid", "other": None}
    words["train-00001-of-00002"] = "train"
    assert splits == {f"set/{name}": split for name, split in words.items()}
    assert (source.name, len(found)) == ("set", 8)
    before = source.identity()
    (root / "other.parquet").rename(root / "test.parquet")
    assert open_(root).identity() != before


@pytest.mark.parametrize("other", ["A", "train/A"])
def test_a_folder_with_other_folders_is_one_of_class_folders(tmp_path: Path, other: str) -> None:
    write(tmp_path / "set" / "x.parquet", {"image": image_column([b"x"]), "label": [0]})
    (tmp_path / "set" / other).mkdir(parents=True)
    assert open_(tmp_path / "set").kind == "folder"


def test_a_large_image_has_its_size_only(tmp_path: Path) -> None:
    columns = {"image": image_column(list(FILES)), "label": range(5)}
    found = rows(open_(write(tmp_path / "x.parquet", columns), max_member_bytes=3))
    assert [row["data"] for row in found] == [b"one", b"two", None, b"", None]
    assert [row["size"] for row in found] == [3, 3, 5, 0, 4]


def test_an_image_that_is_missing_is_empty(tmp_path: Path) -> None:
    images = pa.array([None, {"bytes": None, "path": None}, {"bytes": b"x", "path": "x"}], IMAGE)
    path = write(tmp_path / "x.parquet", {"image": images, "label": range(3)})
    assert column(open_(path), "data") == [b"", b"", b"x"]


BYTES = pa.struct([("bytes", pa.binary())])
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no image": ({"text": ["x"], "label": [0]}, "has the columns text, label; wanted"),
    "no label": ({"image": image_column([b"x"])}, "has the columns image; wanted"),
    "two images": (
        {"a": image_column([b"x"]), "b": image_column([b"x"]), "label": [0]},
        "wanted are one column of images",
    ),
    "paths only": (
        {"image": image_column([b"x", None], ["x", "out/y.png"]), "label": [0, 1]},
        "has only the paths of some images",
    ),
    "float labels": ({"image": image_column([b"x"]), "label": [0.5]}, "label, is of type double"),
    "list labels": ({"image": image_column([b"x"]), "label": [[1]]}, "label, is of type list"),
    "an unknown split": (
        {"image": image_column([b"x"]), "label": [0], "split": ["later"]},
        "has the split 'later'",
    ),
    "a long label": ({"image": image_column([b"x"]), "label": ["x" * 1025]}, "of 1,025 bytes"),
    "no UTF-8": (
        {
            "image": image_column([b"x"]),
            "label": pa.Array.from_buffers(
                pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")]
            ),
        },
        "is damaged: Invalid UTF8",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said(tmp_path: Path, case: str) -> None:
    columns, message = BAD[case]
    with pytest.raises(SourceError, match=message) as caught:
        rows(open_(write(tmp_path / "x.parquet", columns)))
    assert caught.value.hint or caught.value.advice or caught.value.option


def test_numbers_must_have_names(tmp_path: Path) -> None:
    columns = {"image": image_column([b"x", b"y"]), "label": [-2, 1]}
    with pytest.raises(SourceError, match="has the label -2"):
        rows(open_(write(tmp_path / "x.parquet", columns, names=["a", "b"])))
    columns["label"] = [0, 2]
    with pytest.raises(SourceError, match="the label 2, but only 2 classes have names"):
        rows(open_(write(tmp_path / "x.parquet", columns, names=["a", "b"])))


@pytest.mark.parametrize("names", [3, {"a": 1}, [["a"]]])
def test_odd_metadata_is_no_harm(tmp_path: Path, names: Any) -> None:
    columns = {"image": image_column([b"x"]), "label": [0]}
    assert len(rows(open_(write(tmp_path / "x.parquet", columns, names=names)))) == 1


def test_a_struct_without_path_will_do(tmp_path: Path) -> None:
    columns = {"picture": pa.array([{"bytes": b"x"}], BYTES), "label": [0]}
    assert column(open_(write(tmp_path / "x.parquet", columns)), "data") == [b"x"]


def test_damage_is_found(tmp_path: Path) -> None:
    columns = {"image": image_column([b"only once here"]), "label": [0]}
    path = write(tmp_path / "x.parquet", columns, compression="none", write_page_checksum=True)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"only once", b"Only once", 1))
    with pytest.raises(SourceError, match="is damaged"):
        rows(open_(path))
    path.write_bytes(raw[:-20])
    with pytest.raises(SourceError, match="is damaged"):
        rows(open_(path))


def test_one_image_many_times_stays_one_in_memory(tmp_path: Path) -> None:
    one = pa.array([b"x" * (1 << 20)])
    images = pa.DictionaryArray.from_arrays(pa.nulls(200, pa.int32()).fill_null(0), one)
    path = write(tmp_path / "x.parquet", {"image": images, "label": [0] * 200}, store_schema=False)
    assert path.stat().st_size < 100_000
    with pytest.raises(BudgetError, match="decompression bomb"):
        rows(open_(path), batch_bytes=4 << 20)
    with pytest.raises(BudgetError, match="more than 199 members"):
        rows(open_(path, max_members=199))
    assert len(rows(open_(path, max_ratio=1e9), batch_bytes=4 << 20)) == 200


def test_names_for_numbers_and_none_for_words(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", {"image": image_column([b"x"]), "label": [0]})
    source = open_source(path, limits=Limits(), labels=["a", "b"])
    assert column(source, "label") == ["a"]
    assert source.label_order == ("a", "b")
    with pytest.raises(SourceError, match="no use for --transpose"):
        rows(open_source(path, limits=Limits(), transpose=True))
    named = write(
        tmp_path / "n.parquet", {"image": image_column([b"x"]), "label": [0]}, names=["A"]
    )
    with pytest.raises(SourceError, match="class 0 is 'A', and --labels says that it is 'a'"):
        rows(open_source(named, limits=Limits(), labels=["a", "b"]))
    words = write(tmp_path / "w.parquet", {"image": image_column([b"x"]), "label": ["x"]})
    with pytest.raises(SourceError, match="no use for --labels"):
        rows(open_source(words, limits=Limits(), labels=["a"]))


def test_a_link_to_a_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "blob", {"image": image_column([b"x"]), "label": [0]})
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.parquet").symlink_to(path)
    with pytest.raises(SourceError, match="is a link") as caught:
        open_(tmp_path / "set")
    assert caught.value.hint == f"cp -RL {tmp_path / 'set'} copy"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
def test_names_that_are_no_utf8_stay_apart(tmp_path: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/s\xff"))
    root.mkdir()
    write(tmp_path / "x.parquet", {"image": image_column([b"x"]), "label": [0]}).rename(
        os.fsdecode(os.fsencode(root) + b"/\xfe.parquet")
    )
    source = open_(root)
    assert column(source, "path") == [b"s\xff/\xfe/00000"]
    assert source.identity()[1] > 0
