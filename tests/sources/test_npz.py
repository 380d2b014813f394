"""``.npz`` sources: the three layouts, and every array that is not what it should be."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from notmnist_store.blocks.kernels.decode import decode
from notmnist_store.errors import BudgetError, SourceError, UsageError
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.base import Source
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.source import open_source
from tests.support.members import rows

Array = npt.NDArray[Any]
IMAGES = np.arange(4 * 3 * 5, dtype=np.uint8).reshape(4, 3, 5)
LABELS = np.array([0, 1, 2, 1])


def write(path: Path, *, packed: bool = True, **arrays: Array) -> Path:
    (np.savez_compressed if packed else np.savez)(path, **arrays)  # type: ignore[operator]
    return path


def open_(path: Path, labels: list[str] | None = None, **limits: int) -> Source:
    return open_source(path, limits=Limits(**limits), labels=labels)


@given(
    pixels=numpy_strategies.arrays(
        np.uint8,
        st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 5))
        | st.tuples(
            st.integers(1, 6), st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3])
        ),
    ),
    dtype=st.sampled_from(["u1", "i1", "<i4", ">i4", "<i8", ">u8", "u2"]),
    batch=st.integers(1, 6),
    packed=st.booleans(),
    column=st.booleans(),
    data=st.data(),
)
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory,
    pixels: Array,
    dtype: str,
    batch: int,
    packed: bool,
    column: bool,
    data: st.DataObject,
) -> None:
    labels = data.draw(
        st.lists(st.integers(0, 127), min_size=len(pixels), max_size=len(pixels)).map(
            lambda values: np.array(values, dtype)
        )
    )
    path = tmp_path_factory.mktemp("npz") / "set.npz"
    write(path, packed=packed, x_train=pixels, y_train=labels[:, None] if column else labels)
    found = rows(open_(path), batch)
    shape = Shape(pixels.shape[1], pixels.shape[2], 3 if pixels.shape[3:] == (3,) else 1)
    decoded = decode([row["data"] for row in found], shape, fast=False)
    assert decoded.rejects == []
    assert (decoded.pixels == pixels.reshape(len(pixels), -1)).all()
    assert [row["label"] for row in found] == [str(label) for label in labels.tolist()]


def test_keys_say_the_split_and_the_path(tmp_path: Path) -> None:
    arrays = {}
    for word in ("test", "train", "val"):
        arrays |= {f"{word}_images": IMAGES, f"{word}_labels": LABELS[:, None]}
    source = open_(write(tmp_path / "bloodmnist.npz", **arrays), ["a", "b", "c"])
    found = rows(source)
    assert (source.name, source.kind, source.gives_labels) == ("bloodmnist", "npz", True)
    assert [row["split"] for row in found] == ["test"] * 4 + ["train"] * 4 + ["valid"] * 4
    assert [row["label"] for row in found[:4]] == ["a", "b", "c", "b"]
    assert found[5]["path"] == b"bloodmnist/train/00001.pgm"
    assert found[5]["data"] == b"P5\n5 3\n255\n" + IMAGES[1].tobytes()
    assert source.bytes_read <= (source.bytes_total or 0)


@pytest.mark.parametrize(
    ("name", "split"), [("kmnist-train", "train"), ("k49-test", "test"), ("other", None)]
)
def test_a_pair_of_files_is_one_source(tmp_path: Path, name: str, split: str | None) -> None:
    path = write(tmp_path / f"{name}-imgs.npz", arr_0=IMAGES)
    labels = write(tmp_path / f"{name}-labels.npz", arr_0=LABELS)
    source = open_(path)
    assert source.name == name
    assert [(row["label"], row["split"]) for row in rows(source)] == [
        (str(label), split) for label in LABELS
    ]
    before = source.identity()
    assert before[1] == path.stat().st_size + labels.stat().st_size
    write(labels, arr_0=LABELS[::-1])
    assert open_(path).identity() != before


def test_half_a_pair_is_answered_with_the_other(tmp_path: Path) -> None:
    path = write(tmp_path / "k-imgs.npz", arr_0=IMAGES)
    with pytest.raises(SourceError, match=r"there is no k-labels\.npz"):
        open_(path)
    labels = write(tmp_path / "k-labels.npz", arr_0=LABELS)
    with pytest.raises(SourceError, match="holds labels") as caught:
        open_(labels)
    assert caught.value.hint == f"notmnist-store ingest {path}"
    with pytest.raises(SourceError, match="has the array arr_0 only"):
        open_(write(tmp_path / "other.npz", arr_0=IMAGES))
    write(labels, y=LABELS)
    with pytest.raises(SourceError, match="has no array arr_0"):
        rows(open_(path))


def test_it_is_known_by_its_content(tmp_path: Path) -> None:
    path = write(tmp_path / "set.npz", x_train=IMAGES, y_train=LABELS).rename(tmp_path / "set")
    assert open_(path).kind == "npz"
    with pytest.raises(UsageError, match="no use for --transpose"):
        open_source(path, limits=Limits(), transpose=True)


FLOATS = IMAGES.astype(np.float32)
OBJECTS = np.array([{}, [], 1, 2], dtype=object)
BAD: dict[str, tuple[dict[str, Array], str]] = {
    "other keys": ({"data": IMAGES, "target": LABELS}, "has the arrays data, target; wanted"),
    "no labels": ({"x_train": IMAGES}, "has x_train without y_train"),
    "floats": ({"x_train": FLOATS, "y_train": LABELS}, "is float32 of shape .*; images are uint8"),
    "flat images": ({"x_train": IMAGES.reshape(4, 15), "y_train": LABELS}, "images are uint8"),
    "two channels": ({"x_train": IMAGES.reshape(2, 3, 5, 2), "y_train": LABELS[:2]}, "images are"),
    "no dimension": ({"x_train": np.array(1, np.uint8), "y_train": LABELS}, "images are uint8"),
    "float labels": ({"x_train": IMAGES, "y_train": LABELS * 1.0}, "labels are integers"),
    "one-hot": ({"x_train": IMAGES, "y_train": np.eye(4, dtype=int)}, "labels are integers"),
    "counts": ({"x_train": IMAGES, "y_train": LABELS[:3]}, r"of shape \(4, 3, 5\), but .*\(3,\)"),
    "Fortran": ({"x_train": np.asfortranarray(IMAGES), "y_train": LABELS}, "in Fortran order"),
    "objects": ({"x_train": IMAGES, "y_train": OBJECTS}, "a pickle and never read"),
    "a negative label": ({"x_train": IMAGES, "y_train": -LABELS}, "has the label -2"),
    "no pixels": ({"x_train": IMAGES[:, :0], "y_train": LABELS}, "its images are 0 x 5"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said(tmp_path: Path, case: str) -> None:
    arrays, message = BAD[case]
    with pytest.raises(SourceError, match=message) as caught:
        rows(open_(write(tmp_path / "set.npz", **arrays)))
    assert caught.value.hint or caught.value.advice or caught.value.option


def npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + body


def described(shape: object) -> str:
    return repr({"descr": "|u1", "fortran_order": False, "shape": shape})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cut off: it ends at byte 0"),
        (b"no array at all", "is no NumPy array"),
        (npy(described((4, 3, 5)))[:40], "cut off"),
        (npy("[" * 9_000), "a header that NumPy cannot read"),
        (npy("__import__('os')"), "a header that NumPy cannot read"),
        (npy(described((4, -3, 5)), bytes(60)), "a header that NumPy cannot read"),
        (npy(" " * 20_000), "a header of 20,001 bytes"),
        (npy(described((4, 3, 5)), bytes(59)), "is cut off"),
        (npy(described((4, 3, 5)), bytes(61)), "goes on after"),
        (npy(described((4, 50_000, 50_000))), "50,000 x 50,000"),
    ],
)
def test_an_array_that_is_none(tmp_path: Path, content: bytes, message: str) -> None:
    labels = io.BytesIO()
    np.save(labels, LABELS)
    with zipfile.ZipFile(tmp_path / "set.npz", "w") as archive:
        archive.writestr("x_train.npy", content)
        archive.writestr("y_train.npy", labels.getvalue())
    with pytest.raises(SourceError, match=message):
        rows(open_(tmp_path / "set.npz"))


def test_damage_is_found(tmp_path: Path) -> None:
    path = write(tmp_path / "set.npz", packed=False, x_train=IMAGES, y_train=LABELS)
    raw = path.read_bytes()
    at = raw.index(IMAGES.tobytes())
    path.write_bytes(raw[:at] + b"\xff" + raw[at + 1 :])
    with pytest.raises(SourceError, match="is damaged"):
        rows(open_(path))
    path.write_bytes(raw[:-30])
    with pytest.raises(SourceError, match="is damaged"):
        rows(open_(path))


def test_decompressed_bytes_and_members_are_counted(tmp_path: Path) -> None:
    zeros = np.zeros((100_000, 28, 28), np.uint8)
    path = write(tmp_path / "set.npz", x_train=zeros, y_train=zeros[:, 0, 0])
    with pytest.raises(BudgetError, match="decompression bomb"):
        rows(open_(path))
    with pytest.raises(BudgetError, match="more than 1,000 bytes"):
        rows(open_(path, max_bytes=1000))
    with pytest.raises(BudgetError, match="more than 99 members"):
        rows(open_(path, max_members=99))


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "set.npz", x_train=IMAGES, y_train=LABELS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("y_train", b"again")
    with pytest.raises(SourceError, match="two arrays of one name"):
        rows(open_(path))
