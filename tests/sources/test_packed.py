"""CIFAR and STL-10 in their binary versions: what is read, and what is not as it should be."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

import notmnist_store
from notmnist_store.errors import BudgetError, SourceError
from notmnist_store.sources.base import Source
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.packed import first_files
from notmnist_store.sources.source import open_source
from tests.support.archives import pack
from tests.support.members import rows

RECORD = bytes([1]) + bytes(range(256)) * 12
FINE = bytes([7]) + RECORD
STL = 3 * 96 * 96
NAMES = b"a\nb\n\n"
CIFAR10 = {"batches.meta.txt": NAMES, "data_batch_1.bin": RECORD * 3, "test_batch.bin": RECORD}
CIFAR100 = {"fine_label_names.txt": NAMES, "train.bin": FINE * 3, "test.bin": FINE}
STL10 = {
    "class_names.txt": NAMES,
    "train_X.bin": bytes(3 * STL),
    "train_y.bin": bytes([1, 2, 1]),
    "test_X.bin": bytes(STL),
    "test_y.bin": bytes([2]),
}
UNLABELLED = {"unlabeled_X.bin": bytes(2 * STL)}


def archive(path: Path, files: dict[str, bytes]) -> Path:
    return pack(path, [(f"set/{name}", content) for name, content in files.items()])


def open_(path: Path, **limits: int) -> Source:
    return open_source(path, limits=Limits(**limits))


@pytest.mark.parametrize("packing", [".tar.gz", ".tar", ""])
def test_what_a_record_says(tmp_path: Path, packing: str) -> None:
    path = archive(tmp_path / f"set{packing}", CIFAR100)
    source = open_(path)
    assert (source.kind, source.name) == ("CIFAR-100 binary", "set")
    found = rows(source, 2)
    assert source.label_order == ("a", "b")
    assert {row["label"] for row in found} == {"b"}
    assert sorted(row["path"].decode() for row in found) == [
        "set/test/00000.ppm",
        *(f"set/train/0000{n}.ppm" for n in range(3)),
    ]
    planes = np.frombuffer(bytes(range(256)) * 12, np.uint8).reshape(3, 32, 32)
    assert found[0]["data"] == b"P6\n32 32\n255\n" + planes.transpose(1, 2, 0).tobytes()
    assert rows(source) == found


@pytest.mark.parametrize(("option", "stored"), [("keep", 6), ("ignore", 4)])
def test_the_unlabelled_part_of_stl10_is_kept_or_ignored_as_asked(
    tmp_path: Path, option: str, stored: int
) -> None:
    path = archive(tmp_path / "stl10.tar.gz", STL10 | UNLABELLED)
    store = notmnist_store.open(tmp_path / "store")
    with pytest.raises(SourceError, match=r"2 images of split unused.*--unlabelled keep") as caught:
        store.ingest(path, shape="96x96x3", workers=1)
    assert "--unlabelled keep" in caught.value.hint
    store.ingest(path, shape="96x96x3", workers=1, unlabelled=option)
    counts = store.sql("select label, split, count(*) from image group by all order by all").rows()
    expected = [("a", "train", 2), ("b", "test", 1), ("b", "train", 1), (None, "unused", 2)]
    assert [tuple(row.values()) for row in counts] == expected[: None if stored == 6 else 3]


def test_files_larger_than_a_member_may_be_are_read(tmp_path: Path) -> None:
    path = archive(tmp_path / "set.tar.gz", CIFAR10)
    assert len(rows(open_(path, max_member_bytes=3_072))) == 4


BAD: dict[str, tuple[dict[str, bytes], str]] = {
    "a cut record": (
        CIFAR10 | {"data_batch_1.bin": RECORD + b"x"},
        "3,074 bytes, no multiple of 3,073",
    ),
    "an empty batch": (CIFAR10 | {"test_batch.bin": b""}, "0 bytes, no multiple"),
    "records of the other kind": (CIFAR100 | {"train.bin": RECORD}, "no multiple of 3,074"),
    "a label without a name": (CIFAR10 | {"batches.meta.txt": b"a"}, "label 1, but only 1 classes"),
    "a name twice": (CIFAR10 | {"batches.meta.txt": b"a\na"}, "one of them twice"),
    "no names in their file": (CIFAR100 | {"fine_label_names.txt": b"\n"}, "has no names"),
    "names that are no text": (CIFAR10 | {"batches.meta.txt": b"\xff"}, "is no text in UTF-8"),
    "very long names": (CIFAR10 | {"batches.meta.txt": b"a" * 70_000}, "has 70,000 bytes"),
    "names alone": ({"batches.meta.txt": NAMES}, "has no batch of CIFAR-10"),
    "a cut image": (STL10 | {"test_X.bin": bytes(STL - 1)}, "no multiple of 27,648"),
    "no labels": ({"train_X.bin": bytes(STL)}, "train_X.bin without train_y.bin"),
    "few labels": (STL10 | {"train_y.bin": b"\1"}, "3 images in train_X.bin, but 1 labels"),
    "a label of 0": (STL10 | {"test_y.bin": b"\0"}, r"label 0, but only 2 classes .*\(1 to 2\)"),
    "labels alone": ({"test_y.bin": b"\1", "class_names.txt": NAMES}, "has no images of STL-10"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said(tmp_path: Path, case: str) -> None:
    files, message = BAD[case]
    for packing in (".tar.gz", ""):
        path = archive(tmp_path / f"set{packing}", files)
        if not packing and "alone" in case:
            continue  # such a folder is none of these
        with pytest.raises(SourceError, match=message) as caught:
            rows(open_(path))
        assert caught.value.hint or caught.value.advice or caught.value.option


@pytest.mark.parametrize("files", [CIFAR10, CIFAR100, STL10], ids=["10", "100", "STL"])
@pytest.mark.parametrize("packing", [".tar.gz", ".tar"])
def test_an_archive_that_is_cut_anywhere_is_an_error(
    tmp_path: Path, files: dict[str, bytes], packing: str
) -> None:
    path = archive(tmp_path / f"set{packing}", files)
    whole, found = path.read_bytes(), rows(open_(path))
    refused = 0
    for cut in range(1, 25):
        path.write_bytes(whole[: len(whole) * cut // 25])
        try:
            assert rows(open_(path)) == found  # of a plain one only the zeros at its end are gone
        except SourceError:
            refused += 1
    assert refused == 24 or (packing == ".tar" and refused > 12)


def test_sizes_that_lie_are_not_believed(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as writer:
        member = tarfile.TarInfo("set/data_batch_1.bin")
        member.size = 3_073 << 40
        writer.addfile(member)
    (tmp_path / "set.tar").write_bytes(packed.getvalue())
    with pytest.raises(SourceError, match="is cut off"):
        rows(open_(tmp_path / "set.tar"))


def test_limits_hold(tmp_path: Path) -> None:
    path = archive(tmp_path / "set.tar.gz", CIFAR10)
    with pytest.raises(BudgetError, match="more than 3 members"):
        rows(open_(path, max_members=3))
    with pytest.raises(BudgetError, match="more than 9,999 bytes"):
        rows(open_(path, max_bytes=9_999))
    path = archive(tmp_path / "stl.tar.gz", STL10)
    with pytest.raises(BudgetError, match="2 bytes a member"):
        rows(open_(path, max_member_bytes=2))


def test_other_archives_and_folders_are_none_of_these(tmp_path: Path) -> None:
    for packing in (".tar.gz", ".zip", ""):
        path = archive(tmp_path / f"other{packing}", {"A/1.png": b"x", "test.bin.txt": b""})
        assert open_(path).kind in ("tar.gz", "zip", "folder")
    beside = archive(tmp_path / "beside", {"A/1.png": b"x", "test.bin": b"x"})
    assert open_(beside).kind == "folder"


def test_only_the_beginning_of_an_archive_is_looked_at(tmp_path: Path) -> None:
    files = {f"{n}.png": bytes(n) for n in range(40)} | {"data_batch_1.bin": RECORD}
    from notmnist_store.sources.base import Request

    path = archive(tmp_path / "set.tar", files)
    with path.open("rb") as file:
        request = Request(path, file.read(4_096), None, Limits())
    assert first_files(request) == [(f"set/{n}.png", n) for n in range(16)]
    assert open_(path).kind == "tar"
