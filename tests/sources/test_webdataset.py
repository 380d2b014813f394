"""WebDataset: what the files of a sample say, in any order, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import notmnist_store
from notmnist_store.errors import BudgetError, SourceError
from notmnist_store.sources.base import AskedColumns, Source
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.source import open_source
from tests.support.archives import pack, picture, png
from tests.support.members import rows

PNG = png(picture(1))
Files = list[tuple[str, bytes]]


def open_(path: Path, files: Files, **how: Any) -> Source:
    limits = Limits(**{name: how.pop(name) for name in list(how) if name.startswith("max_")})
    return open_source(pack(path, files), limits=limits, **how)


def said(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Path, label, split, group and rule of each image."""
    columns = ("path", "label", "split", "group", "split_rule")
    return [
        tuple(row[name].decode() if name == "path" else row[name] for name in columns)
        for row in found
        if row["path"].endswith(b"png")
    ]


def as_json(**content: Any) -> bytes:
    return json.dumps(content).encode()


SAMPLES: dict[str, tuple[Files, list[tuple[Any, ...]]]] = {
    "a number": ([("1.cls", b"7\n"), ("1.png", PNG)], [("1.png", "7", None, None, None)]),
    "a word": ([("1.png", PNG), ("1.cls", b" cat ")], [("1.png", "cat", None, None, None)]),
    "json": (
        [("1.json", as_json(label="cat", split="val", group="g", x=[1])), ("1.png", PNG)],
        [("1.png", "cat", "valid", "g", "column")],
    ),
    "json and cls": (
        [("1.cls", b"7"), ("1.json", as_json(label=3, group=5)), ("1.png", PNG)],
        [("1.png", "7", None, "5", None)],
    ),
    "several pictures": (
        [("1.a.png", PNG), ("1.b.png", PNG), ("1.cls", b"7")],
        [("1.a.png", "7", None, None, None), ("1.b.png", "7", None, None, None)],
    ),
    "in split folders": (
        [("train/1.png", PNG), ("train/1.cls", b"7"), ("test/1.png", PNG), ("test/1.cls", b"8")],
        [
            ("train/1.png", "7", "train", None, "folder"),
            ("test/1.png", "8", "test", None, "folder"),
        ],
    ),
    "no label": (
        [("1.png", PNG), ("1.cls", b""), ("2.png", PNG), ("2.txt", b"x")],
        [("1.png", None, None, None, None), ("2.png", None, None, None, None)],
    ),
    "endings in capitals": (
        [("1.PNG.png", PNG), ("1.CLS", b"7")],
        [("1.PNG.png", "7", None, None, None)],
    ),
}


@pytest.mark.parametrize("case", SAMPLES)
def test_what_a_sample_says(tmp_path: Path, case: str) -> None:
    files, expected = SAMPLES[case]
    source = open_(tmp_path / "x.tar", files)
    assert source.kind == "WebDataset"
    for batch in (1, 2, 4096):
        found = rows(source, batch)
        assert [row["path"].decode() for row in found] == [path for path, _ in files]
        assert said(found) == expected
        assert all(row["label"] is None for row in found if not row["path"].endswith(b"png"))


def test_names_for_numbers(tmp_path: Path) -> None:
    files = [("1.cls", b"1"), ("1.png", PNG), ("2.png", PNG), ("2.cls", b"0")]
    source = open_(tmp_path / "x.tar", files, labels=["a", "b"])
    assert [label for _, label, *_ in said(rows(source))] == ["b", "a"]
    assert source.label_order == ("a", "b")
    with pytest.raises(SourceError, match="label 1, but only 1 classes have names"):
        rows(open_(tmp_path / "x.tar", files, labels=["a"]))
    breed = [("1.json", as_json(breed="pug", label="dog")), ("1.png", PNG)]
    asked = open_(tmp_path / "x.tar", breed, columns=AskedColumns(label="breed"))
    assert said(rows(asked))[0][1] == "pug"


def test_a_folder_of_shards_is_one_source(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for name in ("train-000000.tar", "train-000001.tar", "val-000000.tar.gz"):
        pack(tmp_path / "set" / name, [("0.png", PNG), ("0.cls", b"3")])
    source = open_source(tmp_path / "set", limits=Limits())
    assert said(rows(source)) == [
        ("train-000000/0.png", "3", "train", None, "name"),
        ("train-000001/0.png", "3", "train", None, "name"),
        ("val-000000/0.png", "3", "valid", None, "name"),
    ]
    assert source.bytes_read == source.bytes_total


def test_files_that_are_no_images_are_ignored_and_counted(tmp_path: Path) -> None:
    files = [("1.png", PNG), ("1.cls", b"A"), ("2.png", b"broken"), ("2.cls", b"A"), ("x.txt", b"")]
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "train-0.tar", files), workers=1)
    ledger = "select label, seen, stored, rejected, ignored_outside from ledger order by label"
    assert [tuple(row.values()) for row in store.sql(ledger).rows()] == [
        ("A", 2, 1, 1, 0),
        (None, 3, 0, 0, 3),
    ]


BAD: dict[str, tuple[Files, str]] = {
    "no JSON": ([("1.png", PNG), ("1.json", b"{")], "x.tar, 1.json, is no JSON"),
    "deep JSON": ([("1.png", PNG), ("1.json", b"[" * 100_000)], "is no JSON"),
    "a label that is none": ([("1.png", PNG), ("1.json", as_json(label=[1]))], "neither text nor"),
    "a long label": ([("1.png", PNG), ("1.cls", b"x" * 1_025)], "1,025 bytes that is too long"),
    "no text": ([("1.png", PNG), ("1.cls", b"\xff")], "1.cls, is no text in UTF-8"),
    "a negative number": ([("1.png", PNG), ("1.cls", b"-1")], "has the label -1"),
    "another split": ([("1.png", PNG), ("1.json", as_json(cls=1, split="x"))], "the split 'x'"),
    "a sample without end": (
        [("1.png", PNG), ("1.cls", b"1"), *((f"1.{n}", b"") for n in range(80))],
        "more than 64 files of the key '1'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said(tmp_path: Path, case: str) -> None:
    files, message = BAD[case]
    with pytest.raises(SourceError, match=message) as caught:
        rows(open_(tmp_path / "x.tar", files))
    assert caught.value.hint or caught.value.advice or caught.value.option


def test_cut_archives_and_limits(tmp_path: Path) -> None:
    files = [("1.png", PNG), ("1.cls", b"1"), ("2.png", PNG), ("2.cls", b"1")]
    whole = pack(tmp_path / "x.tar.gz", files).read_bytes()
    for cut in (len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.tar.gz").write_bytes(whole[:cut])
        with pytest.raises(SourceError):
            rows(open_source(tmp_path / "cut.tar.gz", limits=Limits()))
    with pytest.raises(BudgetError, match="more than 3 members"):
        rows(open_(tmp_path / "x.tar", files, max_members=3))
    found = rows(open_(tmp_path / "x.tar", files, max_member_bytes=1))
    assert [(row["label"], row["data"]) for row in found] == [("1", None), (None, b"1")] * 2


def test_class_folders_with_files_beside_their_images_are_class_folders(tmp_path: Path) -> None:
    for name, files in {
        "json": [("A/1.png", PNG), ("A/1.json", as_json(label="B"))],
        "text": [("A/1.png", PNG), ("A/1.txt", b"B")],
        "alone": [("1.cls", b"1"), ("2.png", PNG)],
    }.items():
        assert open_(tmp_path / f"{name}.tar", files).kind == "tar"
