"""Labels in metadata files: where they may stand, what they may say, and what is refused."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import notmnist_store
from notmnist_store.errors import BudgetError, SourceError
from notmnist_store.schema.tables import KIND_FILE, KIND_LINK
from notmnist_store.sources.base import Source
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.metadata import MetadataSource, with_metadata
from notmnist_store.sources.source import open_source
from tests.support.archives import picture, png

Files = dict[str, bytes]
Given = dict[str, tuple[str | None, str | None, str | None]]


def read_with_metadata(source: Source) -> tuple[list[str], Source]:
    """What is noted while a source is read, and what it was read as in the end."""
    notes: list[str] = []
    for attempt in with_metadata(source, notes.append):
        with attempt as readable:
            list(readable.members())
    return notes, readable


def folder_of(root: Path, files: Files) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def tar_of(path: Path, files: Files) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def zip_of(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def given(source: Source) -> Given:
    """Label, split and group by path, of the files that have any of them."""
    found: Given = {}
    count = 0
    for batch in source.members():
        batch.validate(full=True)
        for row in batch.to_pylist():
            assert row["position"] == count
            count += 1
            known = (row["label"], row["split"], row["group"])
            if any(known):
                found[row["path"].decode()] = known
    return found


def in_folder(tmp_path: Path, files: Files, **limits: int) -> Source:
    return open_source(folder_of(tmp_path / "set", files), limits=Limits(**limits))


def parquet(rows: list[dict[str, Any]], **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file, **options)
    return file.getvalue()


ROWS = [
    {"file_name": "a.png", "label": "one, two", "split": "validation", "group": "g"},
    {"file_name": "in/b.png", "label": 'say "é"\n', "split": "", "group": ""},
    {"file_name": "./in/c.png", "label": "3", "split": "Testing", "group": "7"},
]
IMAGES = {"a.png": b"a", "in/b.png": b"b", "in/c.png": b"c", "A/other.png": b"x"}
CSV = (
    "\ufefffile_name,label,split,group,more\r\n"
    'a.png,"one, two",validation,g,x\r\n'
    'in/b.png,"say ""é""\n",,,x\r\n'
    "./in/c.png,3,Testing,7,x\r\n"
)
FORMS: dict[str, bytes] = {
    "metadata.csv": CSV.encode(),
    "metadata.jsonl": "\n\n".join(
        json.dumps(row | ({"label": 3, "group": 7.0} if row["label"] == "3" else {}))
        for row in ROWS
    ).encode(),
    "metadata.parquet": parquet(ROWS),
}
WANT = {
    "set/a.png": ("one, two", "valid", "g"),
    "set/in/b.png": ('say "é"\n', None, None),
    "set/in/c.png": ("3", "test", "7"),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_says_the_same(tmp_path: Path, name: str) -> None:
    source = in_folder(tmp_path, {**IMAGES, name: FORMS[name]})
    assert source.gives_labels
    assert source.kind == "folder"
    assert given(source) == WANT


@pytest.mark.slow
@pytest.mark.parametrize("top", ["", "./", "set/"])
@pytest.mark.parametrize("name", FORMS)
def test_in_an_archive_it_is_found_on_the_way(tmp_path: Path, name: str, top: str) -> None:
    files = {top + path: content for path, content in {**IMAGES, name: FORMS[name]}.items()}
    shown = top.removeprefix("./")
    for path in (tar_of(tmp_path / "a.tar.gz", files), zip_of(tmp_path / "a.zip", files)):
        source = open_source(path, limits=Limits())
        assert not source.gives_labels
        notes, source = read_with_metadata(source)
        assert f"the labels are in {shown}{name}; reading from the beginning" in notes[0].replace(
            "./", ""
        )
        found = given(source)
        want = {shown + path.removeprefix("set/"): row for path, row in WANT.items()}
        assert {path.removeprefix("./"): row for path, row in found.items()} == want


def test_a_split_folder_may_have_its_own(tmp_path: Path) -> None:
    line = b"file_name,label\nx.png,%s\n"
    files = {f"{word}/x.png": b"x" for word in ("train", "dev", "test")}
    listed = {f"{word}/metadata.csv": line % word.encode() for word in ("train", "dev")}
    source = in_folder(tmp_path, files | listed)
    want = {"set/train/x.png": ("train", "train", None), "set/dev/x.png": ("dev", "valid", None)}
    want |= {"set/test/x.png": (None, "test", None)}  # unlabelled
    assert given(source) == want
    archive = open_source(tar_of(tmp_path / "a.tar.gz", files | listed), limits=Limits())
    assert given(MetadataSource(archive)) == {path[4:]: row for path, row in want.items()}


@pytest.mark.parametrize(
    "files",
    [
        {"A/in/metadata.csv": CSV.encode(), "A/x.png": b"x"},
        {".hidden/metadata.csv": CSV.encode(), "A/x.png": b"x"},
        {"metadata.csv.bak": CSV.encode(), "A/x.png": b"x"},
    ],
)
def test_other_files_of_that_name_change_nothing(tmp_path: Path, files: Files) -> None:
    source = in_folder(tmp_path, files)
    assert not source.gives_labels
    archive = open_source(tar_of(tmp_path / "a.tar.gz", files), limits=Limits())
    assert read_with_metadata(archive)[0] == []


def test_what_is_not_listed_or_has_no_label_has_none(tmp_path: Path) -> None:
    lines = b"file_name,label\na.png,x\nb.png,\n"
    source = in_folder(tmp_path, {**IMAGES, "b.png": b"b", "metadata.csv": lines})
    assert given(source) == {"set/a.png": ("x", None, None)}


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
def test_a_folder_whose_name_is_no_utf8(tmp_path: Path) -> None:
    root = folder_of(
        tmp_path / "set", {"metadata.csv": b"file_name,label\na.png,x\n", "a.png": b""}
    )
    root = root.rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    (batch,) = open_source(root, limits=Limits()).members()
    assert batch["label"].to_pylist() == ["x", None]


def test_a_link_that_is_listed_stays_a_link(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "set", {"metadata.csv": b"file_name,label\na.png,x\n"})
    (root / "a.png").symlink_to("metadata.csv")
    (batch,) = open_source(root, limits=Limits()).members()
    assert batch["kind"].to_pylist() == [KIND_LINK, KIND_FILE]


HEAD = b"file_name,label,split\n"
BAD: dict[str, tuple[Files, str]] = {
    "a file that is missing": (
        {"metadata.csv": HEAD + b"a.png,x,\nno.png,y,\nnone.png,y,\n"},
        r"lists 'set/no\.png' in its metadata, but has no such file \(2 files are missing\)",
    ),
    "listed twice": ({"metadata.csv": HEAD + b"a.png,x,\n./a.png,x,\n"}, "twice"),
    "above": ({"metadata.csv": HEAD + b"../set/a.png,x,\n"}, r"'\.\.' in the path"),
    "absolute": ({"metadata.csv": HEAD + b"/etc/passwd,x,\n"}, "an absolute path"),
    "NUL": ({"metadata.jsonl": b'{"file_name": "a\\u0000", "label": 1}'}, "NUL in the name"),
    "surrogate": ({"metadata.jsonl": b'{"file_name": "\\ud800", "label": 1}'}, "no text"),
    "no file name": ({"metadata.csv": HEAD + b",x,\n"}, "has the file_name ''"),
    "no text": ({"metadata.jsonl": b'{"file_name": 3, "label": 1}'}, "has the file_name 3"),
    "no label": (
        {"metadata.csv": b"file_name\na.png\n"},
        "has the columns file_name; which of them has the labels is not known",
    ),
    "no label in a row": (
        {"metadata.jsonl": b'{"file_name": "a.png", "label": 1}\n{"file_name": "b.png"}'},
        "row 2 has no label",
    ),
    "a label of lists": (
        {"metadata.jsonl": b'{"file_name": "a.png", "label": [1]}'},
        r"is given \[1\], neither text nor number",
    ),
    "a label of half a letter": (
        {"metadata.jsonl": b'{"file_name": "a.png", "label": "\\udc00"}'},
        "is no Unicode",
    ),
    "a long label": ({"metadata.csv": HEAD + b"a.png," + b"x" * 1025 + b",\n"}, "1,025 bytes"),
    "an unknown split": ({"metadata.csv": HEAD + b"a.png,x,later\n"}, "has the split 'later'"),
    "too few fields": ({"metadata.csv": HEAD + b"a.png,x\n"}, "line 2 has not as many fields"),
    "too many fields": ({"metadata.csv": HEAD + b"a.png,x,,\n"}, "line 2 has not as many fields"),
    "an open quote": ({"metadata.csv": HEAD + b'a.png,"x\n'}, "is no CSV file"),
    "a huge field": ({"metadata.csv": HEAD + b"a" * 200_000 + b",x,\n"}, "is no CSV file"),
    "no JSON": ({"metadata.jsonl": b'{"file_name": "a.png", "label": }'}, "line 1 is no JSON"),
    "deep JSON": ({"metadata.jsonl": b'"file_name"\n' + b"[" * 100_000}, "line 1 is no object"),
    "deeper JSON": ({"metadata.jsonl": b'{"file_name":' + b"[" * 100_000}, "line 1 is no JSON"),
    "no Parquet": (
        {"metadata.parquet": b"file_name,label"},
        "damaged: Parquet magic bytes",
    ),
    "Parquet of lists": (
        {"metadata.parquet": parquet([{"file_name": "a.png", "label": [1]}])},
        "is of type list",
    ),
    "two in one folder": (
        {"metadata.csv": HEAD + b"a.png,x,\n", "metadata.jsonl": FORMS["metadata.jsonl"]},
        "another metadata file in the same folder",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said(tmp_path: Path, case: str) -> None:
    files, message = BAD[case]
    with pytest.raises(SourceError, match=message) as caught:
        given(in_folder(tmp_path, {"a.png": b"a", **files}))
    assert caught.value.hint or caught.value.advice or caught.value.option


def test_its_size_is_bounded(tmp_path: Path) -> None:
    files = {"a.png": b"a", "metadata.csv": HEAD + b"a.png,x,\n" + b"\n" * 1000}
    with pytest.raises(BudgetError, match="more than the limit of 1,000 bytes a member"):
        given(in_folder(tmp_path, files, max_member_bytes=1000))
    archive = open_source(tar_of(tmp_path / "a.tar.gz", files), limits=Limits(max_member_bytes=999))
    with pytest.raises(BudgetError, match="more than the limit"):
        read_with_metadata(archive)


def test_its_rows_are_bounded(tmp_path: Path) -> None:
    lines = b"".join(b"%d.png,x,\n" % number for number in range(9))
    with pytest.raises(BudgetError, match="more than 8 rows"):
        given(in_folder(tmp_path, {"metadata.csv": HEAD + lines}, max_members=8))


def test_one_value_a_million_times_costs_one(tmp_path: Path) -> None:
    indices = pa.nulls(2_000, pa.int32()).fill_null(0)
    names = pa.DictionaryArray.from_arrays(indices, ["n" * 1_000_000])
    file = io.BytesIO()
    pq.write_table(pa.table({"file_name": names, "label": indices}), file, store_schema=False)
    with pytest.raises(SourceError, match="a text of 1,000,000 bytes"):
        given(in_folder(tmp_path, {"metadata.parquet": file.getvalue()}))


def wide(text: str) -> bytes:
    return text.encode("utf-16")


UNDERSTOOD: dict[str, tuple[str, bytes, str]] = {
    "semicolons": ("metadata.csv", b"file_name;label\na.png;\xc3\xa9\n", "parted by semicolons"),
    "tabs": ("metadata.csv", b"file_name\tlabel\na.png\t\xc3\xa9\n", "parted by tabs"),
    "as Excel is told": ("metadata.csv", b"sep=;\nfile_name;label\na.png;\xc3\xa9\n", "semicolons"),
    "UTF-16": ("metadata.csv", wide("file_name\tlabel\na.png\té\n"), "read as UTF-16"),
    "Latin-1": ("metadata.csv", b"file_name,label\na.png,\xe9\n", "read as Latin-1"),
    "blanks": ("metadata.csv", b" file_name , label \na.png, \xc3\xa9\n", ""),
    "file_path": (
        "metadata.csv",
        "file_path,class\na.png,é\n".encode(),
        "file_name in 'file_path'",
    ),
    "filename": ("labels.csv", "Filename,Class Name\na.png,é\n".encode(), "label in 'Class Name'"),
    "image": ("annotations.csv", "image,target\na.png,é\n".encode(), "label in 'target'"),
    "without suffix": ("labels.csv", "id,label\na,é\n".encode(), "file_name in 'id'"),
    "keys": ("metadata.jsonl", '{"image": "a.png", "class": "é"}'.encode(), "file_name in 'image'"),
    "Parquet": ("metadata.parquet", parquet([{"path": "a.png", "category": "é"}]), "'category'"),
}


@pytest.mark.parametrize("case", UNDERSTOOD)
def test_a_table_as_people_write_it_is_understood_and_noted(tmp_path: Path, case: str) -> None:
    name, content, note = UNDERSTOOD[case]
    source = in_folder(tmp_path, {"a.png": b"a", name: content})
    assert given(source) == {"set/a.png": ("é", None, None)}
    assert note in " ".join(source.notes)
    assert bool(note) == bool(source.notes)


def test_a_table_that_is_called_as_a_split_says_it(tmp_path: Path) -> None:
    """As Kaggle lays it out: train.csv, test.csv without labels, images a folder below."""
    files = {f"train/{n}.png": b"x" for n in "ab"} | {"test/a.png": b"y", "images/c.png": b"z"}
    tables = {
        "train.csv": b"id,label\na,A\nb,B\nc,C\n",
        "sample_submission.csv": b"id,label\na,A\n",
    }
    want = {
        "set/images/c.png": ("C", "train", None),
        "set/test/a.png": (None, "test", None),
        "set/train/a.png": ("A", "train", None),
        "set/train/b.png": ("B", "train", None),
    }
    both = tables | {"test.csv": b"id\nd\n"}
    assert given(in_folder(tmp_path, {**files, **tables})) == want
    more = in_folder(tmp_path, {**files, **both, "test/d.png": b"d"})
    assert given(more)["set/test/d.png"] == (None, "test", None)


NOT_UNDERSTOOD = {
    "CIFAR-100": (b"file_name,fine_label,coarse_label\na.png,1,2\n", "--label-column fine_label"),
    "a caption": (b"file_name,text\na.png,a picture\n", "--label-column text"),
    "no file": (b"what,label\na.png,A\n", "--file-column what"),
    "neither": (b"what,which\na.png,A\n", "--no-metadata"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", NOT_UNDERSTOOD)
@pytest.mark.parametrize("form", ["folder", "tar"])
def test_columns_that_are_not_known_are_an_error_with_the_option(
    tmp_path: Path, case: str, form: str
) -> None:
    content, option = NOT_UNDERSTOOD[case]
    files = {"s/a.png": png(picture(1)), "s/metadata.csv": content}
    path = folder_of(tmp_path / "set", {name[2:]: data for name, data in files.items()})
    if form == "tar":
        path = tar_of(tmp_path / "set.tar.gz", files)
    store = notmnist_store.open(tmp_path / "store")
    header = content.partition(b"\n")[0].decode().replace(",", ", ")
    with pytest.raises(SourceError, match=f"has the columns {header}; which of them") as caught:
        store.ingest(path)
    assert caught.value.hint == f"notmnist-store ingest {option} {path}"
    if option != "--no-metadata":
        word, value = option.removeprefix("--").split()
        store.ingest(path, **{word.replace("-", "_"): value})
        assert len(store.sql("select 1 as x from image")) == 1


def test_class_folders_are_read_where_metadata_is_not_wanted(tmp_path: Path) -> None:
    files = {"A/a.png": png(picture(1)), "metadata.csv": b"what,which\na.png,A\n"}
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(folder_of(tmp_path / "set", files), no_metadata=True)
    assert store.sql("select label from image").rows() == [{"label": "A"}]
    with pytest.raises(SourceError, match="has no metadata file for --file-column"):
        store.ingest(tar_of(tmp_path / "b.tar.gz", {"A/b.png": png(picture(2))}), label_column="x")
    assert len(store.sql("select 1 as x from image")) == 1
