"""IDX pairs: what they give, how they find each other, and every way in which they can be wrong."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.blocks.kernels.decode import decode
from notmnist_store.errors import BudgetError, SourceError, UsageError
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.base import Source
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.paired_files import one_of_each_pair
from notmnist_store.sources.source import open_source
from tests.support.members import rows

Pixels = npt.NDArray[np.uint8]
IMAGES = np.arange(5 * 3 * 4, dtype=np.uint8).reshape(5, 3, 4)
LABELS = [0, 2, 1, 1, 0]


def images_file(pixels: Pixels, magic: int = 0x803) -> bytes:
    return struct.pack(">4I", magic, *pixels.shape) + pixels.tobytes()


def labels_file(labels: list[int], magic: int = 0x801) -> bytes:
    return struct.pack(">2I", magic, len(labels)) + bytes(labels)


def write(
    folder: Path,
    images: bytes | None = None,
    labels: bytes | None = None,
    stem: str = "x",
    packing: str = "",
) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{stem}-images-idx3-ubyte{packing}"
    path.write_bytes(images_file(IMAGES) if images is None else images)
    beside = folder / f"{stem}-labels-idx1-ubyte{packing}"
    beside.write_bytes(labels_file(LABELS) if labels is None else labels)
    return path


def open_(path: Path, labels: list[str] | None = None, **limits: int) -> Source:
    return open_source(path, limits=Limits(**limits), labels=labels)


@given(
    count=st.integers(1, 12),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    batch=st.integers(1, 12),
    transpose=st.booleans(),
    data=st.data(),
)
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory,
    count: int,
    height: int,
    width: int,
    batch: int,
    transpose: bool,
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("idx")
    seed = data.draw(st.integers(0, 99))
    pixels = np.random.default_rng(seed).integers(0, 256, (count, height, width), np.uint8)
    labels = data.draw(st.lists(st.integers(0, 255), min_size=count, max_size=count))
    pack = gzip.compress if data.draw(st.booleans()) else bytes
    path = write(folder, pack(images_file(pixels)), pack(labels_file(labels)))
    found = rows(open_source(path, limits=Limits(), transpose=transpose), batch)
    want = pixels.transpose(0, 2, 1) if transpose else pixels
    shape = Shape(want.shape[1], want.shape[2], 1)
    decoded = decode([row["data"] for row in found], shape, fast=False)
    assert decoded.rejects == []
    assert (decoded.pixels == want.reshape(count, -1)).all()
    assert [row["label"] for row in found] == [str(label) for label in labels]
    assert all(row["size"] == len(row["data"]) for row in found)


def test_a_member_is_a_pgm_file_with_a_stable_path(tmp_path: Path) -> None:
    source = open_(write(tmp_path), ["a", "b", "c"])
    found = rows(source)
    assert (source.name, source.kind, source.gives_labels) == ("x", "IDX", True)
    assert [row["path"] for row in found] == [b"x/%05d.pgm" % i for i in range(5)]
    assert [row["label"] for row in found] == ["a", "c", "b", "b", "a"]
    assert found[1]["data"] == b"P5\n4 3\n255\n" + IMAGES[1].tobytes()
    assert source.bytes_read == source.bytes_total
    assert rows(source, 2) == rows(source, 4096, 1) == found


@pytest.mark.parametrize(
    ("stem", "split"),
    [
        ("train", "train"),
        ("t10k", "test"),
        ("test", "test"),
        ("notMNIST-t10k", "test"),
        ("x", None),
    ],
)
def test_words_of_the_name_say_the_split(tmp_path: Path, stem: str, split: str | None) -> None:
    source = open_(write(tmp_path, stem=stem))
    assert source.name == stem
    assert {row["split"] for row in rows(source)} == {split}


@pytest.mark.parametrize("packing", ["", ".gz"])
def test_a_folder_of_pairs_is_one_source(tmp_path: Path, packing: str) -> None:
    """The four files of MNIST: train first, each with its split; a copy counts once."""
    folder = tmp_path / "MNIST"
    pack = gzip.compress if packing else bytes
    other = pack(images_file(IMAGES[:2])), pack(labels_file(LABELS[:2]))
    write(folder, pack(images_file(IMAGES)), pack(labels_file(LABELS)), "train", packing)
    write(folder, *other, "t10k", packing)
    if packing:
        write(folder, stem="train")
    source = open_(folder, ["a", "b", "c"])
    assert (source.name, source.kind) == ("MNIST", "IDX")
    found = rows(source, 3)
    assert [row["split"] for row in found] == ["train"] * 5 + ["test"] * 2
    assert [row["label"] for row in found] == ["a", "c", "b", "b", "a", "a", "c"]
    assert found[5]["path"] == b"t10k/00000.pgm"
    assert source.label_order == ("a", "b", "c")
    write(folder, stem="emnist-train")
    with pytest.raises(
        SourceError, match=r"the IDX files of several sets: .*emnist-train"
    ) as caught:
        open_(folder)
    assert open_(Path(caught.value.hint.split()[-1])).kind == "IDX"


def test_a_folder_of_pairs_and_of_classes_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "A").mkdir()
    with pytest.raises(SourceError, match=r"holds IDX files and folders \(A\): give one of them"):
        open_(tmp_path)


def test_identity_is_of_both_files(tmp_path: Path) -> None:
    path = write(tmp_path)
    digest = hashlib.sha256()
    for word, content in (("images", images_file(IMAGES)), ("labels", labels_file(LABELS))):
        digest.update(f"{word}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    want = digest.hexdigest(), len(images_file(IMAGES)) + len(labels_file(LABELS))
    assert open_(path).identity() == want
    assert open_(write(tmp_path, labels=labels_file([0, 2, 1, 1, 1]))).identity() != want


@pytest.mark.parametrize("other", ["-labels-idx1-ubyte.gz", "-labels.idx1-ubyte"])
def test_labels_are_found_in_any_form(tmp_path: Path, other: str) -> None:
    path = write(tmp_path)
    raw = path.with_name("x-labels-idx1-ubyte").read_bytes()
    path.with_name("x-labels-idx1-ubyte").unlink()
    path.with_name("x" + other).write_bytes(gzip.compress(raw) if other.endswith("gz") else raw)
    assert len(rows(open_(path))) == 5


def test_labels_alone_are_answered_with_the_images(tmp_path: Path) -> None:
    path = write(tmp_path)
    with pytest.raises(SourceError, match="holds labels") as caught:
        open_(path.with_name("x-labels-idx1-ubyte"))
    assert caught.value.hint == f"notmnist-store ingest {path}"


def test_images_alone_are_answered_with_what_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.with_name("x-labels-idx1-ubyte").unlink()
    with pytest.raises(SourceError, match="there is no x-labels-idx1-ubyte"):
        open_(path)
    renamed = path.rename(tmp_path / "pictures")
    with pytest.raises(SourceError, match="does not tell where its labels are"):
        open_(renamed)


def test_of_a_pair_only_the_images_are_taken(tmp_path: Path) -> None:
    images = [write(tmp_path), write(tmp_path, stem="y", packing=".gz")]
    labels = [path.with_name(path.name.replace("images-idx3", "labels-idx1")) for path in images]
    npz = [tmp_path / "k-imgs.npz", tmp_path / "k-labels.npz"]
    alone = tmp_path / "z-labels-idx1-ubyte"
    given = [labels[0], images[1], alone, *npz, images[0], labels[1]]
    assert one_of_each_pair(given) == [images[1], alone, npz[0], images[0]]


BAD: dict[str, tuple[dict[str, bytes], str]] = {
    "magic": ({"images": b"\1\2\3\4" * 9}, "is no IDX file: it begins with 01 02 03 04"),
    "16 bits": ({"images": images_file(IMAGES, 0xB03)}, "holds 16-bit integers in 3 dimensions"),
    "labels of 3 dimensions": ({"labels": images_file(IMAGES)}, "unsigned bytes in 3 dimensions"),
    "other counts": ({"labels": labels_file([1])}, "5 images, but .* has 1 labels"),
    "a header cut off": ({"images": images_file(IMAGES)[:9]}, "cut off: it ends at byte 9"),
    "an empty file": ({"labels": b""}, "cut off: it ends at byte 0"),
    "images cut off": ({"images": images_file(IMAGES)[:-1]}, "cut off: it ends at byte 75"),
    "labels cut off": ({"labels": labels_file(LABELS)[:-1]}, "cut off"),
    "images too long": ({"images": images_file(IMAGES) + b"\0"}, "goes on after the 76 bytes"),
    "labels too long": ({"labels": labels_file(LABELS) + b"\0"}, "goes on after the 13 bytes"),
    "no pixels": ({"images": struct.pack(">4I", 0x803, 5, 0, 4)}, "its images are 0 x 4"),
    "gzip cut off": ({"images": gzip.compress(images_file(IMAGES))[:-9]}, "is cut off"),
    "gzip damaged": (
        {"images": gzip.compress(images_file(IMAGES))[:-8] + bytes(8)},
        "is damaged",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said(tmp_path: Path, case: str) -> None:
    files, message = BAD[case]
    path = write(tmp_path, **files)
    with pytest.raises(SourceError, match=message) as caught:
        rows(open_(path))
    assert caught.value.hint or caught.value.advice or caught.value.option


def test_a_header_that_claims_too_much_costs_nothing(tmp_path: Path) -> None:
    huge = struct.pack(">4I", 0x803, 5, 50_000, 50_000)
    with pytest.raises(BudgetError, match="50,000 x 50,000"):
        rows(open_(write(tmp_path, huge)))
    many = struct.pack(">4I", 0x803, 1 << 31, 3, 4)
    with pytest.raises(BudgetError, match="more than 20,000,000 members"):
        rows(open_(write(tmp_path, many, struct.pack(">2I", 0x801, 1 << 31))))


def test_decompressed_bytes_are_counted(tmp_path: Path) -> None:
    packed = gzip.compress(images_file(np.zeros((100_000, 28, 28), np.uint8)))
    path = write(tmp_path, packed, labels_file([0] * 100_000))
    with pytest.raises(BudgetError, match="decompression bomb"):
        rows(open_(path))
    with pytest.raises(BudgetError, match="more than 1,000 bytes"):
        rows(open_(path, max_bytes=1000))


def test_names_must_go_round(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="the label 2, but only 2 classes have names"):
        rows(open_(write(tmp_path), ["a", "b"]))


def test_options_that_have_no_use_are_refused(tmp_path: Path) -> None:
    (tmp_path / "set" / "A").mkdir(parents=True)
    with pytest.raises(UsageError, match="no use for --labels") as caught:
        open_source(tmp_path / "set", limits=Limits(), labels=["A"])
    assert caught.value.hint == f"notmnist-store ingest {tmp_path / 'set'}"
    with pytest.raises(UsageError, match="no use for --transpose"):
        open_source(tmp_path / "set", limits=Limits(), transpose=True)


def test_plain_pnm_files_have_pillows_pixels_and_verdict() -> None:
    """The short way of `decode` for files of arrays, against Pillow."""
    body = bytes(range(4)) * 3 * 3
    files = [
        b"P5\n4 3\n255\n" + body[:12],
        b"P5\n4 3\n255\n" + body[:11],
        b"P5\n4 3\n255\n" + body[:13],
        b"P5\n3 4\n255\n" + body[:12],
        b"P5 4 3 255 " + body[:12],
        b"P5\n4 3\n254\n" + body[:12],
        b"P6\n4 3\n255\n" + body,
        b"P6\n4 3\n255\n" + body[:-1],
        b"P6\n4 3\n255\n" + b"\7" * 36,
    ]
    for shape in (Shape(3, 4, 1), Shape(3, 4, 3)):
        fast, slow = decode(files, shape), decode(files, shape, fast=False)
        assert (fast.pixels == slow.pixels).all()
        assert (fast.modes, fast.rejects) == (slow.modes, slow.rejects)
        assert fast.index.tolist() == slow.index.tolist()
