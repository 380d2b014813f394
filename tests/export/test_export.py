"""Exports: pixels, labels and ids stay together in every format, whole or not there at all."""

from __future__ import annotations

import ast
import csv
import functools
import gzip
import hashlib
import io
import json
import os
import pickle
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import notmnist_store
from notmnist_store.blocks.kernels.fingerprint import pixel_hashes
from notmnist_store.cli.signature import explanation
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.export.export import WRITERS
from notmnist_store.export.hashes import match_hashes, read_key
from notmnist_store.export.pictures import folder_names
from notmnist_store.export.readme import plain_text
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.words import EXPORT_FORMATS
from notmnist_store.storage.placed_folder import placed_folder
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import class_files, pack, picture, png

SPLITS = ("train", "valid", "test")
ODD_LABELS = ["A", "a", "x/y", "..", "<b>&", "two\nlines|", ".hid", "%41", 'é"\\']

Rows = dict[str, list[tuple[int, str, bytes]]]
"""By split, in order: image id, label, pixels."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """3 classes of 26 images, two of them twice, and the split set clean, with some unused."""
    folder = tmp_path_factory.mktemp("made")
    files = class_files(each=25, root="one")
    files += [("one/A/copy.png", png(picture(1))), ("one/C/copy.png", png(picture(52)))]
    store = notmnist_store.open(folder / "a store")
    store.ingest(pack(folder / "one.tar.gz", files))
    store.split("clean", train=45, valid=9, test=15)
    return store


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Colour images under labels that are no names of folders."""
    folder = tmp_path_factory.mktemp("odd")
    lines = []
    (folder / "set").mkdir()
    for number in range(3 * len(ODD_LABELS)):
        (folder / "set" / f"{number}.png").write_bytes(png(picture(number, 5, 7, 3)))
        label = ODD_LABELS[number % len(ODD_LABELS)]
        lines.append(json.dumps({"file_name": f"{number}.png", "label": label}))
    (folder / "set" / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    store = notmnist_store.open(folder / "store")
    store.ingest(folder / "set", shape="5x7x3")
    store.split("clean", train=len(ODD_LABELS), test=len(ODD_LABELS))
    return store


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "partners.key"
    path.write_bytes(hashlib.sha256(b"a key for tests").digest())
    return path


def truth(store: Store, name: str = "clean") -> Rows:
    """What the store's tables say of a split set."""
    return said_by_tables(store.path, name)


@functools.cache
def said_by_tables(path: Path, name: str) -> Rows:
    store = notmnist_store.open(path)
    found: Rows = {}
    for row in store.sql(
        "select s.split, s.image_id, s.label, p.pixels from split_image s"
        " join image_pixels p on p.image_id = s.image_id"
        " where s.split_set = $name and s.split <> 'unused' order by s.position, s.image_id",
        params={"name": name},
    ).rows():
        found.setdefault(row["split"], []).append((row["image_id"], row["label"], row["pixels"]))
    return found


# Readers, one a format, written from the format's description and none of our code.


def in_rows(
    ids: npt.NDArray[np.int64], labels: list[str], images: npt.NDArray[np.uint8]
) -> list[tuple[int, str, bytes]]:
    assert images.dtype == np.uint8
    pixels = [image.tobytes() for image in images]
    return list(zip(ids.tolist(), labels, pixels, strict=True))


def from_arrays(arrays: dict[str, npt.NDArray[np.int64]]) -> Rows:
    names = arrays["labels"]
    return {
        split: in_rows(
            arrays[f"id_{split}"], names[arrays[f"y_{split}"]].tolist(), arrays[f"x_{split}"]
        )
        for split in SPLITS
        if f"x_{split}" in arrays
    }


def read_npz(folder: Path) -> Rows:
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        return from_arrays(dict(arrays))


def read_npy(folder: Path) -> Rows:
    files = folder.glob("*.npy")
    return from_arrays({file.stem: np.load(file, mmap_mode="r") for file in files})


def columns(table: pa.Table) -> list[tuple[int, str, bytes]]:
    assert table["position"].to_pylist() == list(range(len(table)))
    names = ("image_id", "label", "pixels")
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def read_arrow(folder: Path) -> Rows:
    return {
        file.stem: columns(pa.ipc.open_file(pa.memory_map(str(file))).read_all())
        for file in folder.glob("*.arrow")
    }


def read_parquet(folder: Path) -> Rows:
    return {file.stem: columns(pq.read_table(file)) for file in folder.glob("*.parquet")}


def read_pickle(folder: Path) -> Rows:
    with (folder / "notMNIST.pickle").open("rb") as file:
        save = pickle.load(file)
    about = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    found = {}
    for split in SPLITS:
        images, labels = save.pop(f"{split}_dataset"), save.pop(f"{split}_labels")
        assert (images.dtype, labels.dtype) == (np.float32, np.int32)
        if split in about["splits"]:
            pixels = np.rint(images * 255 + 127.5).astype(np.uint8)
            ids = np.load(folder / f"{split}_ids.npy")
            found[split] = in_rows(ids, [about["labels"][n] for n in labels], pixels)
    assert not save, "other keys than the notebook's six"
    return found


def read_idx(folder: Path) -> Rows:
    about = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    found = {}
    for split in about["splits"]:
        raw = gzip.decompress((folder / f"{split}-images-idx3-ubyte.gz").read_bytes())
        magic, count, height, width = struct.unpack(">4I", raw[:16])
        assert magic == 0x803
        images = np.frombuffer(raw[16:], np.uint8).reshape(count, height, width)
        raw = gzip.decompress((folder / f"{split}-labels-idx1-ubyte.gz").read_bytes())
        assert struct.unpack(">2I", raw[:8]) == (0x801, count)
        ids = np.load(folder / f"{split}-ids.npy")
        found[split] = in_rows(ids, [about["labels"][n] for n in raw[8:]], images)
    return found


def pixels_of(file: bytes) -> bytes:
    return np.asarray(Image.open(io.BytesIO(file))).tobytes()


def read_huggingface(folder: Path) -> Rows:
    found = {}
    for file in (folder / "data").glob("*.parquet"):
        table = pq.read_table(file)
        features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
        names = features["label"]["names"]
        found[file.stem] = [
            (row["image_id"], names[row["label"]], pixels_of(row["image"]["bytes"]))
            for row in table.to_pylist()
        ]
    return found


def read_image_folder(folder: Path) -> Rows:
    found: Rows = {}
    listed = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, listed):
        split, label, name = row["file_name"].split("/")
        position, image_id = name.removesuffix(".png").split("-")
        rows = found.setdefault(split, [])
        assert (int(position), int(image_id)) == (len(rows), row["image_id"])
        assert (split, unquote(label)) == (row["split"], row["label"])
        pixels = pixels_of((folder / row["file_name"]).read_bytes())
        rows.append((int(image_id), row["label"], pixels))
    assert len(list(folder.rglob("*.png"))) == len(listed)
    return found


READERS: dict[str, Callable[[Path], Rows]] = {
    "npz": read_npz,
    "npy": read_npy,
    "arrow": read_arrow,
    "parquet": read_parquet,
    "notebook-pickle": read_pickle,
    "idx": read_idx,
    "huggingface": read_huggingface,
    "image-folder": read_image_folder,
}


def test_every_format_is_read_back_here_and_known_to_the_command() -> None:
    assert set(READERS) | {"hashes"} == set(WRITERS) == set(EXPORT_FORMATS)
    named = explanation(Store.export).of["form"].replace(", or ", ", ").split(", ")
    assert named == list(EXPORT_FORMATS)


def checked(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK_SUMS], cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=True)


CHECK_SUMS = """
import hashlib, pathlib
listed = [line.split("  ", 1) for line in pathlib.Path("SHA256SUMS").read_text().splitlines()]
for digest, name in listed:
    assert hashlib.sha256(pathlib.Path(name).read_bytes()).hexdigest() == digest, name
files = {str(path) for path in pathlib.Path().rglob("*") if path.is_file()}
assert files == {name for _, name in listed} | {"SHA256SUMS"}
"""


@pytest.mark.parametrize("form", READERS)
def test_pixels_labels_and_ids_stay_together(made: Store, tmp_path: Path, form: str) -> None:
    result = made.export("clean", tmp_path / "out", form=form)
    found = READERS[form](tmp_path / "out")
    assert found == truth(made)
    checked(tmp_path / "out")
    [digest] = {row["digest"] for row in made.split_sets().rows() if row["split_set"] == "clean"}
    assert digest_of(found) == digest
    assert digest in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert {row["digest"] for row in result.rows()} == {digest}
    assert [(row["split"], row["images"]) for row in result.rows()] == [
        ("train", 45), ("valid", 9), ("test", 15)
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted(set(READERS) - {"idx"}))
def test_odd_labels_and_colour_stay_whole(odd: Store, tmp_path: Path, form: str) -> None:
    odd.export("clean", tmp_path / "out", form=form)
    assert READERS[form](tmp_path / "out") == truth(odd)
    checked(tmp_path / "out")
    page = (tmp_path / "out" / "README.md").read_text(encoding="utf-8").partition("## Open")[0]
    body = page.rpartition("---\n")[2] if form == "huggingface" else page
    assert "<b>" not in body
    assert len([line for line in body.splitlines() if line.startswith("|")]) == 2 + 10 + 3


def test_mnists_format_refuses_colour(odd: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot hold colour"):
        odd.export("clean", tmp_path / "out", form="idx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", READERS)
def test_ingest_is_exported_in_the_order_of_ids(made: Store, tmp_path: Path, form: str) -> None:
    digest = made.export("ingest", tmp_path / "out", form=form).rows()[0]["digest"]
    found = READERS[form](tmp_path / "out")
    assert found == truth(made, "ingest")
    assert digest_of(found) == digest


def digest_of(found: Rows) -> str:
    """The digest as README.md describes it, from what was read back."""
    lines = []
    for split in SPLITS:
        flat = np.array([np.frombuffer(pixels, np.uint8) for _, _, pixels in found[split]])
        hashes = pixel_hashes(flat, Shape(28, 28, 1))
        lines += [(split, row[1], h) for row, h in zip(found[split], hashes, strict=True)]
    text = "".join(f"{split}\t{label}\t{pixel_hash}\n" for split, label, pixel_hash in lines)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted(WRITERS))
def test_the_same_split_set_gives_the_same_bytes(
    made: Store, tmp_path: Path, form: str, key: Path
) -> None:
    for out in ("one", "two"):
        made.export("clean", tmp_path / out, form=form, key_file=key if form == "hashes" else None)
    one, two = ((tmp_path / out / "SHA256SUMS").read_text() for out in ("one", "two"))
    assert one == two


def test_image_folders_ingest_again(odd: Store, tmp_path: Path) -> None:
    odd.export("clean", tmp_path / "out", form="image-folder")
    again = notmnist_store.open(tmp_path / "again")
    again.ingest(tmp_path / "out", shape="5x7x3")
    query = "select {} as split, label, pixel_hash from {} order by all"
    there = again.sql(query.format("split", "image")).rows()
    here = odd.sql(
        "select s.split, s.label, i.pixel_hash from split_image s join image i"
        " on i.image_id = s.image_id where s.split_set = 'clean' and s.split <> 'unused'"
        " order by all"
    ).rows()
    assert there == here


def test_idx_files_ingest_again(made: Store, tmp_path: Path) -> None:
    made.export("clean", tmp_path / "out", form="idx")
    again = notmnist_store.open(tmp_path / "again")
    page = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    for split in SPLITS:
        assert f"ingest {split}-images-idx3-ubyte.gz\n" in page
        file = tmp_path / "out" / f"{split}-images-idx3-ubyte.gz"
        again.ingest(file, split=split, labels="A,B,C", name=split)
    query = "select split, label, pixel_hash from image order by all"
    here = made.sql(
        "select s.split, s.label, i.pixel_hash from split_image s join image i"
        " on i.image_id = s.image_id where s.split_set = 'clean' and s.split <> 'unused'"
        " order by all"
    ).rows()
    assert again.sql(query).rows() == here


def test_the_readmes_leakage_queries_count_rows(tmp_path: Path) -> None:
    shown = {"train": [1, 1, 2], "valid": [2, 3], "test": [1, 1, 3, 9]}
    files = [
        (f"set/{split}/A/{n}.png", png(picture(number)))
        for split, numbers in shown.items()
        for n, number in enumerate(numbers)
    ]
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "set.tar.gz", files))
    store.export("ingest", tmp_path / "out", form="huggingface")
    page = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    queries = page.partition("```sql\n")[2].partition("```")[0].split(";")[:-1]
    with duckdb.connect() as connection:
        found = [
            connection.sql(query.replace("'data/", f"'{tmp_path}/out/data/")).fetchall()[0][0]
            for query in queries
        ]
    names = ("test_rows_in_train", "valid_rows_in_train", "test_rows_in_valid")
    assert all(name in query for name, query in zip(names, queries, strict=True))
    assert found == [2, 1, 1]


@pytest.mark.interop
@pytest.mark.parametrize("which", ["made", "odd"])
def test_datasets_opens_the_folder(
    which: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets")
    store: Store = request.getfixturevalue(which)
    store.export("clean", tmp_path / "out", form="huggingface")
    opened = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    wanted = truth(store)
    assert set(opened) == set(wanted)
    for split, rows in opened.items():
        assert isinstance(rows.features["image"], datasets.Image)
        assert rows.features["label"] == datasets.ClassLabel(names=store.load("clean").labels)
        got = [
            (row["image_id"], rows.features["label"].int2str(row["label"]), row["image"].tobytes())
            for row in rows
        ]
        assert got == wanted[split]


def test_the_notebooks_file_has_its_size(made: Store, tmp_path: Path) -> None:
    made.export("clean", tmp_path / "out", form="notebook-pickle")
    size = (tmp_path / "out" / "notMNIST.pickle").stat().st_size
    overhead = size - (45 + 9 + 15) * (28 * 28 * 4 + 4)
    assert abs(220_000 * (28 * 28 * 4 + 4) + overhead - 690_800_441) <= 1024


@pytest.mark.parametrize("form", sorted(set(READERS) - {"notebook-pickle"}))
def test_without_labels_they_stand_in_a_file_of_their_own(
    made: Store, tmp_path: Path, form: str
) -> None:
    out = tmp_path / "out"
    made.export("clean", out, form=form, splits="test", with_labels=False)
    checked(out)
    with (out / "labels.csv").open(encoding="utf-8", newline="") as file:
        told = list(csv.DictReader(file))
    wanted = truth(made)["test"]
    assert [(int(row["image_id"]), row["label"]) for row in told] == [row[:2] for row in wanted]
    assert [int(row["position"]) for row in told] == list(range(len(wanted)))
    (out / "labels.csv").unlink()
    for image_id, _, _ in wanted:
        marks = (str(image_id).encode(), struct.pack("<q", image_id))
        for path in out.rglob("*"):
            assert not any(mark in os.fsencode(path.name) for mark in marks)
            assert not path.is_file() or not any(mark in path.read_bytes() for mark in marks)
    for path in [] if form != "parquet" else out.glob("*.parquet"):
        assert json.loads(pq.read_metadata(path).metadata[b"labels"]) == ["A", "B", "C"]
    for path in out.rglob("*.parquet"):
        assert not {"label", "label_id", "path", "image_id"} & set(pq.read_schema(path).names)
    assert not [path for path in out.rglob("*") if path.name.startswith(("y_", "id_"))]


def test_without_labels_the_notebooks_file_and_ingest_are_refused(
    made: Store, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="always holds labels"):
        made.export("clean", tmp_path / "out", form="notebook-pickle", with_labels=False)
    with pytest.raises(UsageError, match="order of ingest is by class"):
        made.export("ingest", tmp_path / "out", form="npz", with_labels=False)


# Hashes.


def test_partners_find_exact_copies_without_pixels(made: Store, tmp_path: Path, key: Path) -> None:
    files = [("other/Q/1.png", png(picture(1))), ("other/Q/2.png", png(picture(30))),
             ("other/Q/3.png", png(picture(1))), ("other/Q/4.png", png(picture(999)))]  # fmt: skip
    other = notmnist_store.open(tmp_path / "other")
    other.ingest(pack(tmp_path / "other.tar.gz", files), split="test")
    other.export("ingest", tmp_path / "out", form="hashes", key_file=key)
    checked(tmp_path / "out")
    theirs = tmp_path / "out" / "hashes.parquet"
    got = match_hashes(Tables.open(made.path), "clean", theirs, read_key(key)).to_pylist()
    wanted = []
    for split, rows in truth(made).items():
        for position, (image_id, label, pixels) in enumerate(rows):
            copies = {picture(1).tobytes(): 2, picture(30).tobytes(): 1}.get(pixels)
            if copies:
                wanted.append((split, position, image_id, label, "test", copies))
    assert wanted, "nothing to be found: the test shows nothing"
    order = {split: at for at, split in enumerate(SPLITS)}
    assert [tuple(row.values()) for row in got] == sorted(
        wanted, key=lambda row: (order[row[0]], row[1])
    )


def test_hashes_tell_nothing_but_equality(made: Store, tmp_path: Path, key: Path) -> None:
    out = tmp_path / "out"
    made.export("clean", out, form="hashes", key_file=key)
    rows = pq.read_table(out / "hashes.parquet")
    assert rows.column_names == ["split", "keyed_hash"]
    hashes = rows["keyed_hash"].to_pylist()
    assert hashes == sorted(hashes)
    pixels = truth(made)["train"][0][2]
    head = struct.pack("<III", 28, 28, 1)
    message = hashlib.blake2b(
        head + pixels, digest_size=32, key=key.read_bytes(), person=b"notmnist_store"
    )
    assert message.hexdigest() in hashes
    text = "".join(p.read_text(encoding="utf-8") for p in (out / "README.md", out / "export.json"))
    digest = made.split_sets().rows()[0]["digest"]
    assert not any(secret in text for secret in (digest, "one.tar.gz", "label_id"))


def test_hashes_under_another_key_or_of_another_file(
    made: Store, odd: Store, tmp_path: Path, key: Path
) -> None:
    tables = Tables.open(made.path)
    made.export("clean", tmp_path / "out", form="hashes", key_file=key)
    theirs = tmp_path / "out" / "hashes.parquet"
    with pytest.raises(UsageError, match="another key"):
        match_hashes(tables, "clean", theirs, b"another key, 32 bytes or more of it")
    with pytest.raises(UsageError, match="images of 28x28x1"):
        match_hashes(Tables.open(odd.path), "clean", theirs, read_key(key))
    with pytest.raises(StoreError, match="is damaged"):
        match_hashes(tables, "clean", key, read_key(key))
    pq.write_table(pa.table({"split": ["x"], "keyed_hash": ["y"]}), tmp_path / "p.parquet")
    with pytest.raises(StoreError, match="no keyed hashes"):
        match_hashes(tables, "clean", tmp_path / "p.parquet", read_key(key))


@pytest.mark.parametrize("content", [None, b"short", b"\0" * 32, b"x" * 65])
def test_keys_that_are_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError):
        read_key(path)


# Where an export may go.


def test_an_export_is_replaced_only_by_force_and_nothing_else_ever(
    made: Store, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    made.export("clean", out, form="npz")
    with pytest.raises(UsageError, match="--force replaces an export"):
        made.export("clean", out, form="npy")
    made.export("clean", out, form="npy", force=True)
    assert READERS["npy"](out) == truth(made)
    assert not (out / "arrays.npz").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not an export"):
        made.export("clean", mine, form="npz", force=True)
    with pytest.raises(UsageError, match="is no folder"):
        made.export("clean", mine / "thesis.txt", form="npz", force=True)
    (tmp_path / "link").symlink_to(out)
    with pytest.raises(UsageError, match="is no folder"):
        made.export("clean", tmp_path / "link", form="npz", force=True)
    assert (mine / "thesis.txt").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "mine", "out"]


def test_the_store_is_never_the_target(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.split("clean")
    before = sorted(store.path.parent.rglob("*"))
    monkeypatch.chdir(store.path)
    for out in (store.path, store.path / "image", store.path / "new" / "deep", Path("here")):
        with pytest.raises(UsageError, match="is the store itself, or lies in it"):
            store.export("clean", out, form="npz", force=True)
    for out in (store.path.parent, Path("..") / ".." / store.path.parent.name):
        with pytest.raises(UsageError, match="holds the store"):
            store.export("clean", out, form="npz", force=True)
    assert sorted(store.path.parent.rglob("*")) == before


@pytest.mark.parametrize("out", ["", ".", "/", "..", "a/..", "a\0b"])
def test_names_that_are_no_folder(made: Store, out: str) -> None:
    with pytest.raises(UsageError):
        made.export("clean", out, form="npz", force=True)


@pytest.mark.parametrize("name", ["-x", "a b", 'it\'s "q"', "é\u202e", "x.npz", "*", "a\nb"])
def test_odd_names_of_folders(made: Store, tmp_path: Path, name: str) -> None:
    made.export("clean", tmp_path / name, form="npz")
    assert READERS["npz"](tmp_path / name) == truth(made)


@pytest.mark.parametrize("name", ["nowhere/out", "x" * 300])
def test_folders_that_cannot_be_made(made: Store, tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError):
        made.export("clean", tmp_path / name, form="npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder(made: Store, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="Permission denied"):
            made.export("clean", tmp_path / "out", form="npz")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.slow
def test_a_full_disk_leaves_nothing(made: Store, tmp_path: Path, key: Path) -> None:
    """A limit on the size of a file fails writes as a full disk does."""
    program = (
        "import resource, signal, sys, notmnist_store\n"
        "from notmnist_store.errors import StoreError\n"
        "from notmnist_store.export.export import WRITERS\n"
        "store = notmnist_store.open(sys.argv[1])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))\n"
        "for form in WRITERS:\n"
        "    key = sys.argv[3] if form == 'hashes' else None\n"
        "    try:\n"
        "        store.export('clean', sys.argv[2], form=form, key_file=key)\n"
        "    except StoreError as error:\n"
        "        print(form if 'cannot write' in error.message else error)\n"
    )
    arguments = [str(made.path), str(tmp_path / "out"), str(key)]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == list(WRITERS), done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_failed_replacement_keeps_the_earlier_export(
    made: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.export("clean", tmp_path / "out", form="npz")

    def stopped(folder: Path, plan: object) -> str:
        (folder / "half").write_text("written")
        raise KeyboardInterrupt

    monkeypatch.setitem(WRITERS, "npy", stopped)
    with pytest.raises(KeyboardInterrupt):
        made.export("clean", tmp_path / "out", form="npy", force=True)
    assert READERS["npz"](tmp_path / "out") == truth(made)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_killed_export_leaves_nothing_under_its_name(made: Store, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys, notmnist_store\n"
        "from notmnist_store.export import export\n"
        "def write(folder, plan):\n"
        "    (folder / 'half').write_text('written')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "export.WRITERS['npz'] = write\n"
        "notmnist_store.open(sys.argv[1]).export('clean', sys.argv[2], form='npz')\n"
    )
    arguments = [str(made.path), str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", program, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    [left] = tmp_path.iterdir()
    assert left.name.startswith(".out.")
    made.export("clean", tmp_path / "out", form="npz")
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_an_export_that_runs_is_left_alone_and_an_earlier_one_stays_until_it_is_replaced(
    tmp_path: Path,
) -> None:
    """Of one target: what is being written, and what a kill between two renames moved away."""
    moved = tmp_path / ".out.01234567.old.tmp"
    moved.mkdir()
    other = tmp_path / ".out.d.01234567.new.tmp"  # of the target out.d
    other.mkdir()
    running = placed_folder(tmp_path / "out")
    first = running.__enter__()
    (first / "half").write_text("written")
    with placed_folder(tmp_path / "out") as second:
        assert (first / "half").read_text() == "written"
        assert moved.exists()
        (second / "whole").write_text("written")
    assert {path.name for path in tmp_path.iterdir()} == {"out", first.name, other.name}
    with pytest.raises(StoreError, match="another process has made"):
        running.__exit__(None, None, None)
    assert {path.name for path in tmp_path.iterdir()} == {"out", other.name}
    assert (tmp_path / "out" / "whole").read_text() == "written"


# What is asked for.


def test_what_cannot_be_meant(made: Store, tmp_path: Path, key: Path) -> None:
    def refused(match: str, name: str = "clean", **options: object) -> None:
        with pytest.raises(UsageError, match=match):
            made.export(name, tmp_path / "out", **{"form": "npz", **options})  # type: ignore[arg-type]
        assert list(tmp_path.iterdir()) == []

    refused("did you mean parquet", form="parket")
    refused("there are npz", form="xyz")
    refused("did you mean clean", name="clena")
    refused("there is no split 'dev'", splits="dev,test")
    refused("need a key", form="hashes")
    refused("goes with --as hashes", key_file=key)
    made.split("half", train=9)
    refused("split test of half is empty", name="half", splits="train,test")


def test_the_command_tells_what_was_done_and_what_comes_next(made: Store, tmp_path: Path) -> None:
    out = tmp_path / "out folder"
    words = ["export", "clean", str(out), "--as", "npz", "--splits", "test,train"]
    done = subprocess.run(
        [sys.executable, "-m", "notmnist_store", *words, "--store", str(made.path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[3] for line in done.stdout.splitlines()[2:]] == ["train", "test"]
    assert made.split_sets().rows()[0]["digest"] in done.stderr.splitlines()[0]
    step = done.stderr.splitlines()[-1]
    if shutil.which("sha256sum"):
        subprocess.run(step, shell=True, check=True, stdout=subprocess.DEVNULL)


def test_no_pickle_is_ever_read() -> None:
    package = Path(notmnist_store.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                ours = path.name == "notebook.py" and isinstance(node, ast.Import)
                assert not names & {"cPickle", "shelve", "joblib", "dill", "cloudpickle"}
                assert ours or "pickle" not in names, path
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle":
                assert node.attr == "dump", path
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.unparse(node.value) == "False", path


# The small parts.


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=8, unique=True))
def test_folder_names_are_safe_and_give_the_labels_again(labels: list[str]) -> None:
    labels = [label for label in labels if label.isprintable() or label.isascii()]
    names = folder_names(labels)
    assert [unquote(name) for name in names] == labels
    assert len({name.lower() for name in names}) == len(labels)
    for name in names:
        assert name.isascii()
        assert "/" not in name
        assert not name.startswith(".")
        assert name.isprintable()


@pytest.mark.parametrize("label", ["", "x" * 256, "é" * 43])
def test_labels_that_no_folder_can_bear(label: str) -> None:
    with pytest.raises(UsageError, match="no folder"):
        folder_names([label])


@given(st.text(max_size=30))
def test_plain_text_is_one_line_without_markup(text: str) -> None:
    shown = plain_text(text)
    assert len(shown.splitlines()) <= 1
    assert "<" not in shown
    assert ">" not in shown
    assert "|" not in shown.replace("\\|", "")
