"""MATLAB files of version 5: the two layouts, and what is not as it should be."""

from __future__ import annotations

import random
import shlex
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from notmnist_store.errors import BudgetError, SourceError, StoreError
from notmnist_store.sources.base import Source
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.source import open_source
from tests.support.members import rows

IMAGES = np.arange(5 * 4 * 3 * 6, dtype=np.uint16).astype(np.uint8).reshape(5, 4, 3, 6)
LABELS = np.array([10, 1, 2, 9, 3, 1], np.uint8)[:, None]


def write(path: Path, *, packed: bool = True, **variables: Any) -> Path:
    scipy.io.savemat(path, variables, do_compression=packed)
    return path


def open_(path: Path, labels: Any = None, **limits: int) -> Source:
    return open_source(path, limits=Limits(**limits), labels=labels)


@pytest.mark.parametrize("packed", [True, False])
def test_the_layout_of_svhn(tmp_path: Path, packed: bool) -> None:
    source = open_(write(tmp_path / "test_32x32.mat", packed=packed, X=IMAGES, y=LABELS))
    assert (source.kind, source.name) == ("MATLAB", "test_32x32")
    found = rows(source, 4)
    assert [row["label"] for row in found] == ["0", "1", "2", "9", "3", "1"]
    assert {row["split"] for row in found} == {"test"}
    assert found[5]["path"] == b"test_32x32/00005.ppm"
    assert [row["data"] for row in found] == [
        b"P6\n4 5\n255\n" + np.ascontiguousarray(IMAGES[..., n]).tobytes() for n in range(6)
    ]
    assert source.label_order == tuple("0123456789")
    assert rows(source) == found


LABELLED: dict[str, tuple[list[int], Any, list[str]]] = {
    "10 is the digit 0": ([10, 1], None, ["0", "1"]),
    "no 10 among them": ([2, 1], None, ["2", "1"]),
    "also 0": ([10, 0], None, ["10", "0"]),
    "more than 10": ([10, 11], None, ["10", "11"]),
    "10 has a name": ([10, 1], {1: "one", 10: "ten"}, ["ten", "one"]),
    "0 has a name": ([10, 1], ["nought", "one"], ["nought", "one"]),
}


@pytest.mark.parametrize("case", LABELLED)
def test_what_10_is_in_the_layout_of_svhn(tmp_path: Path, case: str) -> None:
    numbers, names, labels = LABELLED[case]
    path = write(tmp_path / "x.mat", X=IMAGES[..., :2], y=np.array(numbers))
    assert [row["label"] for row in rows(open_(path, names))] == labels


@pytest.mark.parametrize("kind", ["u1", "i2", "u4", "f4", "f8"])
def test_whole_numbers_of_any_type_are_pixels(tmp_path: Path, kind: str) -> None:
    grey = IMAGES[:, :, 0].astype(kind)
    path = write(tmp_path / "some.mat", images=grey, labels=np.array([0.0, 1, 2, 3, 4, 10]))
    found = rows(open_(path))
    assert found[1]["data"] == b"P5\n4 5\n255\n" + IMAGES[:, :, 0, 1].tobytes()
    assert [row["label"] for row in found] == ["0", "1", "2", "3", "4", "10"]
    assert found[0]["split"] is None


HALF = IMAGES / 2
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "other variables": (
        {"a": IMAGES, "b": LABELS},
        r"has a \(uint8, 5x4x3x6\), b .*wanted are X and y",
    ),
    "images alone": ({"X": IMAGES}, "wanted are X and y"),
    "few labels": ({"X": IMAGES, "y": LABELS[:5]}, "with n labels"),
    "flat images": ({"X": IMAGES[:, :, 0, 0], "y": LABELS[:4]}, "images are height x width x n"),
    "two channels": ({"X": IMAGES[:, :, :2], "y": LABELS}, r"uint8 of shape \(6, 5, 4, 2\)"),
    "text": ({"X": IMAGES, "y": np.array(list("abcdef"))}, "of numbers"),
    "cells": ({"X": IMAGES, "y": np.array([[1, "a"]] * 3, object)}, "of numbers"),
    "a struct": ({"X": {"a": 1}, "y": LABELS}, "of numbers"),
    "halves": ({"images": HALF, "labels": LABELS}, "not whole, or not from 0 to 255"),
    "large pixels": ({"images": IMAGES.astype("i2") * 2, "labels": LABELS}, "not from 0 to 255"),
    "no numbers": ({"images": IMAGES * np.nan, "labels": LABELS}, "not whole"),
    "labels below 0": ({"images": IMAGES, "labels": -LABELS.astype("i1")}, "labels, has numbers"),
    "no image": ({"X": IMAGES[..., :0], "y": LABELS[:0]}, "no image|wanted|n labels|0 x"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said(tmp_path: Path, case: str) -> None:
    variables, message = BAD[case]
    path = write(tmp_path / "x.mat", **variables)
    if case == "no image":
        assert rows(open_(path)) == []
        return
    with pytest.raises(SourceError, match=message) as caught:
        rows(open_(path))
    assert caught.value.hint or caught.value.advice or caught.value.option


def test_version_7_3_is_named_with_the_way_out(tmp_path: Path) -> None:
    for number, head in enumerate((b"MATLAB 7.3 MAT-file, Platform".ljust(512), b"")):
        path = tmp_path / f"it's {number}.mat"
        path.write_bytes(head + b"\x89HDF\r\n\x1a\n" + bytes(99))
        with pytest.raises(SourceError, match=r"of version 7.3, which is HDF5") as caught:
            open_(path)
        words = shlex.split(caught.value.hint)
        assert words[:2] == ["matlab", "-batch"]
        assert words[2].startswith(f"s = load('{str(path).replace(chr(39), chr(39) * 2)}'); ")
    (tmp_path / "old.mat").write_bytes(b"no header")
    with pytest.raises(SourceError, match="no MATLAB file of version 5"):
        open_(tmp_path / "old.mat")


def test_a_file_that_is_cut_anywhere_is_an_error(tmp_path: Path) -> None:
    for packed in (True, False):
        whole = write(tmp_path / "x.mat", packed=packed, X=IMAGES, y=LABELS).read_bytes()
        for end in (20, 127, 130, 140, len(whole) // 2, len(whole) - 1):
            (tmp_path / "cut.mat").write_bytes(whole[:end])
            with pytest.raises(SourceError):
                rows(open_(tmp_path / "cut.mat"))


def element(kind: int, content: bytes) -> bytes:
    return struct.pack("<2I", kind, len(content)) + content


def matrix(name: bytes, dimensions: tuple[int, ...], content: bytes, kind: int = 2) -> bytes:
    """An array of uint8 as an element, which may say more than it has."""
    sides = element(5, struct.pack(f"<{len(dimensions)}i", *dimensions))
    parts = [element(6, struct.pack("<2I", 9, 0)), sides, element(1, name)]
    padded = [part + bytes(-len(part) % 8) for part in parts]
    return element(14, b"".join(padded) + element(kind, content) + bytes(-len(content) % 8))


HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"


def test_arrays_are_what_they_say(tmp_path: Path) -> None:
    whole = matrix(b"X", (2, 2, 3), bytes(12)) + matrix(b"y", (3, 1), b"\1\2\1")
    (tmp_path / "x.mat").write_bytes(HEAD + whole)
    assert len(rows(open_(tmp_path / "x.mat"))) == 3
    lie = matrix(b"X", (2, 2, 1 << 23), bytes(12)) + matrix(b"y", (1 << 23, 1), b"\1\2\1")
    (tmp_path / "x.mat").write_bytes(HEAD + lie)
    with pytest.raises(SourceError, match="is damaged"):
        rows(open_(tmp_path / "x.mat"))


def test_a_bomb_stops_before_it_is_in_memory(tmp_path: Path) -> None:
    pack = zlib.compressobj(9)
    zeros = bytes(1 << 20)
    packed = b"".join(pack.compress(zeros) for _ in range(192)) + pack.flush()
    (tmp_path / "x.mat").write_bytes(HEAD + element(15, packed))
    tracemalloc.start()
    with pytest.raises(BudgetError, match="grows"):
        rows(open_(tmp_path / "x.mat"))
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    with pytest.raises(BudgetError, match="holds more than"):
        rows(open_(tmp_path / "x.mat", max_bytes=1 << 20))


def test_large_images_are_refused_by_their_header(tmp_path: Path) -> None:
    path = write(tmp_path / "x.mat", X=IMAGES, y=LABELS)
    with pytest.raises(BudgetError, match="more than the limit of 59 bytes each"):
        rows(open_(path, max_member_bytes=59))


def test_damaged_bytes_are_an_error_or_images(tmp_path: Path) -> None:
    """Some end the process that reads them, whatever the release of SciPy."""
    whole = write(tmp_path / "x.mat", packed=False, X=IMAGES, y=LABELS).read_bytes()
    chance = random.Random(0)
    for at in (136, 144, 152, 160, 168, 176, chance.randrange(128, len(whole))):
        damaged = bytearray(whole)
        damaged[at] = chance.randrange(128, 256)
        (tmp_path / "x.mat").write_bytes(damaged)
        try:
            rows(open_(tmp_path / "x.mat"))
        except StoreError:
            continue


def test_a_reader_that_aborts_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aborting_reader.py").write_text("import os; os.abort()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("notmnist_store.sources.mat._WORKER", "aborting_reader")
    path = write(tmp_path / "x.mat", X=IMAGES, y=LABELS)
    with pytest.raises(SourceError, match="the process that read it broke down"):
        rows(open_(path))
