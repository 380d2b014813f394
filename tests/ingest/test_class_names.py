"""Names of classes: in their order, with their numbers, and in a file as EMNIST ships it."""

from __future__ import annotations

import json
import shlex
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import notmnist_store
from notmnist_store.cli.main import main
from notmnist_store.errors import SourceError
from notmnist_store.ingest.class_names import class_names
from notmnist_store.sources.class_order import Names, agreed

LETTERS = "1 65 97\n2 66 98\n3 67 99\n"  # the beginning of emnist-letters-mapping.txt


def idx(folder: Path, labels: list[int]) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (len(labels), 28, 28), np.uint8)
    images = folder / "letters-images-idx3-ubyte"
    images.write_bytes(struct.pack(">4I", 0x803, len(labels), 28, 28) + pixels.tobytes())
    names = struct.pack(">2I", 0x801, len(labels)) + bytes(labels)
    (folder / "letters-labels-idx1-ubyte").write_bytes(names)
    return images


TAKEN: dict[str, tuple[Any, Names]] = {
    "in order": ("A, B,C", ("A", "B", "C")),
    "a list": (["A", "B"], ("A", "B")),
    "by number": ("1=A, 2 = B", {1: "A", 2: "B"}),
    "by number, unsorted": ("10=J,2=B", {2: "B", 10: "J"}),
    "a mapping": ({2: "B", 0: "A"}, {0: "A", 2: "B"}),
    "a name with =": ("x=1,y=2", ("x=1", "y=2")),
    "a name that is a number": ("7,8", ("7", "8")),
}


@pytest.mark.parametrize("case", TAKEN)
def test_forms_of_names(case: str) -> None:
    given, names = TAKEN[case]
    assert class_names(given) == names


FILES: dict[str, tuple[str, Names]] = {
    "letters of EMNIST": (LETTERS, {1: "A", 2: "B", 3: "C"}),
    "digits of EMNIST": ("0 48\n1 49\n", {0: "0", 1: "1"}),
    "names": ("0 T-shirt/top\n1  Ankle boot \n\n", {0: "T-shirt/top", 1: "Ankle boot"}),
    "names of which one is a number": ("0 48\n1 one\n", {0: "48", 1: "one"}),
    "a mark of UTF-8": ("\ufeff0 233\n", {0: "é"}),
}


@pytest.mark.parametrize("case", FILES)
def test_mapping_files(tmp_path: Path, case: str) -> None:
    text, names = FILES[case]
    path = tmp_path / "mapping.txt"
    path.write_text(text, encoding="utf-8")
    assert class_names(str(path)) == names


BAD: dict[str, tuple[Any, str]] = {
    "no name": ("A,,B", "one name a class"),
    "one twice": ("A,A", "one name a class"),
    "one number twice": ("1=A,1=B", "one name a number"),
    "a number without a name": ("1=,2=B", "one name a number"),
    "a mapping of nothing": ({}, "numbers from 0"),
    "a negative number": ({-1: "A"}, "numbers from 0"),
    "a huge number": ("9999999999=A", "numbers from 0"),
    "a file that is not there": ("no/such.txt", "cannot read no/such.txt: No such file"),
}
BAD_FILES = {
    "no number": (b"A 1\n", "line 1, is 'A 1'"),
    "no name": (b"0 48\n1\n", "line 2, is '1'"),
    "no character": (b"0 7\n", "has 7, no code of a character"),
    "no code point": (b"0 9999999\n", "no code of a character"),
    "a surrogate": (b"0 55296\n", "no code of a character"),
    "one number twice": (b"0 65\n0 66\n", "one name a number"),
    "nothing": (b"", "numbers from 0"),
    "no text": (b"\xff\xfe", "no text in UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_meant(case: str) -> None:
    given, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        class_names(given)


@pytest.mark.parametrize("case", BAD_FILES)
def test_files_that_are_no_mapping(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    content, message = BAD_FILES[case]
    (tmp_path / "mapping.txt").write_bytes(content)
    images = idx(tmp_path, [0])
    words = ["ingest", str(images), "--labels", str(tmp_path / "mapping.txt")]
    assert main([*words, "--store", str(tmp_path / "store")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "--labels A,B,C" in error


def test_labels_that_start_at_1(tmp_path: Path) -> None:
    (tmp_path / "emnist-letters-mapping.txt").write_text(LETTERS)
    images = idx(tmp_path, [3, 1, 2, 1])
    told: list[Any] = []
    for number, labels in enumerate(
        ("1=A,2=B,3=C", str(tmp_path / "emnist-letters-mapping.txt"), {1: "A", 2: "B", 3: "C"})
    ):
        store = notmnist_store.open(tmp_path / f"store{number}")
        store.ingest(images, labels=labels, workers=1)
        rows = store.sql("select label, label_id, count(*) as n from image group by all").rows()
        told.append(sorted(tuple(row.values()) for row in rows))
        (run,) = store.sql("select arguments from run").rows()
        assert json.loads(run["arguments"])["labels"] == {"1": "A", "2": "B", "3": "C"}
    assert told == [[("A", 0, 2), ("B", 1, 1), ("C", 2, 1)]] * 3


def test_names_in_order_for_labels_from_1_are_an_error_whose_way_out_works(tmp_path: Path) -> None:
    images = idx(tmp_path, [3, 1, 2, 1])
    store = notmnist_store.open(tmp_path / "store")
    with pytest.raises(SourceError, match="label 3, but only 3 classes have names") as caught:
        store.ingest(images, labels="A,B,it's", workers=1)
    words = shlex.split(caught.value.hint)
    assert words[:4] == ["notmnist-store", "ingest", "--labels", "1=A,2=B,3=it's"]
    assert main([*words[1:], "--store", str(tmp_path / "store")]) == 0
    assert len(store.sql("from image")) == 4


def test_names_of_a_source_and_of_the_option_agree_or_are_an_error() -> None:
    own = {1: "A", 2: "B"}
    assert agreed(own, "x", None) == own
    assert agreed(None, "x", ["A"]) == ["A"]
    assert agreed(own, "x", {1: "A", 2: "B", 3: "C"}) == {1: "A", 2: "B", 3: "C"}
    assert agreed(own, "x", {1: "A"}) == own
    with pytest.raises(SourceError, match=r"x says that class 2 is 'B', and --labels says .* 'C'"):
        agreed(own, "x", {1: "A", 2: "C"})
    with pytest.raises(SourceError, match="x numbers its classes 1 to 2, and --labels 0 to 1"):
        agreed(own, "x", ["A", "B"])
