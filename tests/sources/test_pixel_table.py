"""Tables with a column for each pixel: what their columns are, and what is not as it should be."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import notmnist_store
from notmnist_store.errors import BudgetError, SourceError, StoreError
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.base import AskedColumns, Source
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.source import open_source
from tests.support.members import rows

KAGGLE = "label,pixel0,pixel1,pixel2,pixel3\n1,10,20,30,40\n0,1,2,3,255\n"
ROWS = [("1", b"\x0a\x14\x1e\x28"), ("0", b"\x01\x02\x03\xff")]
TURNED = [("1", b"\x0a\x1e\x14\x28"), ("0", b"\x01\x03\x02\xff")]


def open_(path: Path, text: str | bytes, **how: Any) -> Source:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    limits = Limits(**{name: how.pop(name) for name in list(how) if name.startswith("max_")})
    return open_source(path, limits=limits, **how)


def pixels(found: list[dict[str, Any]]) -> list[tuple[str | None, bytes]]:
    return [(row["label"], row["data"].partition(b"\n255\n")[2]) for row in found]


READ: dict[str, tuple[str | bytes, list[tuple[str, bytes]]]] = {
    "as Kaggle has it": (KAGGLE, ROWS),
    "counted from 1": (
        KAGGLE.replace("l3", "l4").replace("l2", "l3").replace("l1", "l2").replace("l0", "l1"),
        ROWS,
    ),
    "without a header": (KAGGLE.partition("\n")[2], ROWS),
    "plain numbers": (KAGGLE.replace("pixel", ""), ROWS),
    "rows x columns": ("class,1x1,1x2,2x1,2x2\n1,10,20,30,40\n0,1,2,3,255", ROWS),
    "in another order": ("1x1,1x2,2x1,2x2,Label\n10,20,30,40,1\n1,2,3,255,0\n", ROWS),
    "columns out of order": (
        "label,pixel0,pixel2,pixel1,pixel3\n1,10,30,20,40\n0,1,3,2,255\n",
        ROWS,
    ),
    "an index of pandas": (",label,px0,px1,px2,px3\n0,1,10,20,30,40\n1,0,1,2,3,255\n", ROWS),
    "semicolons and quotes": (KAGGLE.replace(",", ";").replace("label", '"label"'), ROWS),
    "a mark of UTF-8": (b"\xef\xbb\xbf" + KAGGLE.encode(), ROWS),
    "lines of Windows": (KAGGLE.replace("\n", "\r\n"), ROWS),
    "gzipped": (gzip.compress(KAGGLE.encode()), ROWS),
}


@pytest.mark.parametrize("case", READ)
def test_what_is_read(tmp_path: Path, case: str) -> None:
    text, expected = READ[case]
    source = open_(tmp_path / "mnist_test.csv", text)
    assert (source.kind, source.name) == ("CSV", "mnist_test")
    found = rows(source, 1)
    assert pixels(found) == expected
    assert [row["path"] for row in found] == [b"mnist_test/00000.pgm", b"mnist_test/00001.pgm"]
    assert [(row["split"], row["split_rule"]) for row in found] == [("test", "name")] * 2
    assert source.label_order == ("0", "1")
    assert rows(source) == found


def test_options_for_it(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    assert pixels(rows(open_(path, KAGGLE, transpose=True))) == TURNED
    assert [row["label"] for row in rows(open_(path, KAGGLE, labels=["A", "B"]))] == ["B", "A"]
    wide = rows(open_(path, KAGGLE, shape=Shape(1, 4, 1)))
    assert wide[0]["data"] == b"P5\n4 1\n255\n\x0a\x14\x1e\x28"
    other = KAGGLE.replace("label", "emotion")
    with pytest.raises(SourceError, match="emotion; wanted is one of labels") as caught:
        rows(open_(path, other))
    assert caught.value.option == "--label-column emotion"
    asked = AskedColumns(label="emotion")
    assert pixels(rows(open_(path, other, columns=asked))) == ROWS
    words = "label,pixel0,pixel1,pixel2,pixel3,split\nA,1,2,3,4,val\nB,1,2,3,4,\n"
    found = rows(open_(path, words))
    assert [(row["label"], row["split"]) for row in found] == [("A", "valid"), ("B", None)]
    with pytest.raises(SourceError, match="no use for --labels: it has its labels in words"):
        rows(open_(path, words, labels=["A"]))


def test_images_without_labels_are_stored_where_asked(tmp_path: Path) -> None:
    """The test.csv of Kaggle's Digit Recognizer."""
    folder = tmp_path / "digits"
    folder.mkdir()
    (folder / "train.csv").write_text(KAGGLE)
    (folder / "test.csv").write_text(
        KAGGLE.replace("label,", "").replace("\n1,", "\n").replace("\n0,", "\n")
    )
    store = notmnist_store.open(tmp_path / "store")
    with pytest.raises(SourceError, match=r"2 images of split test, and none"):
        store.ingest(folder, shape="2x2", workers=1)
    store.ingest(folder, shape="2x2", workers=1, unlabelled="keep")
    found = store.sql("select label, split from image order by all").rows()
    assert [tuple(row.values()) for row in found] == [
        ("0", "train"),
        ("1", "train"),
        (None, "test"),
        (None, "test"),
    ]


def changed(column: int, value: str) -> str:
    header, first, second = KAGGLE.splitlines()
    fields = first.split(",")
    fields[column] = value
    return "\n".join([header, ",".join(fields), second])


BAD: dict[str, tuple[str, str]] = {
    "a large pixel": (changed(1, "256"), "invalid value '256'"),
    "a negative pixel": (changed(1, "-1"), "invalid value '-1'"),
    "a half": (changed(1, "0.5"), "invalid value '0.5'"),
    "a word": (changed(4, "x"), "invalid value 'x'"),
    "no pixel": (changed(2, ""), "column pixel1, .*one is missing"),
    "a word for a label": (KAGGLE + "seven,1,2,3,4\n", "invalid value 'seven'"),
    "a short row": (KAGGLE + "1,2\n", "Expected 5 columns, got 2"),
    "a long row": (KAGGLE + "1,2,3,4,5,6\n", "Expected 5 columns, got 6"),
    "a pixel that is missing": (KAGGLE.replace("pixel2", "pixel4"), "some are missing"),
    "a pixel twice": (KAGGLE.replace("pixel2", "pixel1"), "two columns of one name"),
    "a pixel in two ways": (KAGGLE.replace("pixel2", "px1"), "some are missing or there twice"),
    "no square": (
        "label,pixel0,pixel1,pixel2,pixel3,pixel4\n1,2,3,4,5,6\n",
        "5 pixels .* no square",
    ),
    "two columns of labels": (
        KAGGLE.replace("\n", ",1\n").replace("pixel3,1", "pixel3,class"),
        "wanted is one",
    ),
    "no row": (KAGGLE.partition("\n")[0] + "\n", "is damaged: Empty CSV"),
    "cut in a row": (KAGGLE[:-9], "Expected 5 columns"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said(tmp_path: Path, case: str) -> None:
    text, message = BAD[case]
    with pytest.raises(SourceError, match=message) as caught:
        rows(open_(tmp_path / "x.csv", text))
    assert caught.value.hint or caught.value.advice or caught.value.option


def test_hostile_sizes_are_refused_early(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with pytest.raises(SourceError, match="more than 131,072 columns"):
        rows(open_(path, "0," * 140_000 + "0\n"))
    with pytest.raises(SourceError, match="or very long ones"):
        rows(open_(path, "0,0,0,0," + "0" * (5 << 20)))
    with pytest.raises(BudgetError, match="more than 1 members"):
        rows(open_(path, KAGGLE, max_members=1))
    with pytest.raises(SourceError, match="is damaged"):
        rows(open_(path, KAGGLE + "1,2,3,4," + "0" * (9 << 20)))
    bomb = gzip.compress(KAGGLE.encode() + b"1,2,3,4,5\n" * (8 << 20), 9)
    with pytest.raises(BudgetError, match="holds more"):
        rows(open_(path, bomb, max_bytes=1 << 20))
    cut = gzip.compress(KAGGLE.encode() * 100)[:-9]
    with pytest.raises(SourceError, match="is cut off"):
        rows(open_(path, cut))


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (pa.int64(), 256, "column pixel0, .*256 not in range"),
        (pa.int16(), -1, "column pixel0, .*-1 not in range"),
        (pa.float64(), 0.5, "column pixel0, .*truncated"),
        (pa.int8(), None, "column pixel0, .*one is missing"),
        (pa.string(), "x", "column pixel0, .*'x'"),
        (pa.float32(), 7.0, ""),
        (pa.uint16(), 7, ""),
        (pa.dictionary(pa.int32(), pa.int64()), 7, ""),
    ],
)
def test_pixels_of_parquet(tmp_path: Path, kind: pa.DataType, value: Any, message: str) -> None:
    columns = {
        f"pixel{n}": pa.array([value, value], pa.int64() if pa.types.is_dictionary(kind) else kind)
        for n in range(4)
    }
    table = pa.table({"label": [1, 0], **columns})
    pq.write_table(table, tmp_path / "x.parquet")
    source = open_source(tmp_path / "x.parquet", limits=Limits())
    if message:
        with pytest.raises(SourceError, match=message):
            rows(source)
        return
    assert pixels(rows(source)) == [("1", bytes([7] * 4)), ("0", bytes([7] * 4))]


def test_other_texts_are_none_of_these(tmp_path: Path) -> None:
    for text in ("hello", "a,b,c,d,e,f\n", "1,2,3\n", "file_name,label\n1.png,A\n"):
        with pytest.raises(StoreError, match="no archive that is known"):
            open_(tmp_path / "x.csv", text)
    folder = tmp_path / "set"
    (folder / "A").mkdir(parents=True)
    (folder / "A" / "1.png").write_bytes(b"x")
    (folder / "labels.csv").write_text("file_name,label\nA/1.png,A\n")
    assert open_source(folder, limits=Limits()).gives_labels
