"""Every form that a set of images has gives the same rows as its class folders."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io
from PIL import Image

import notmnist_store
from notmnist_store.errors import SourceError, UsageError

Images = npt.NDArray[np.uint8]
Parts = dict[str | None, tuple[Images, list[int]]]
Row = tuple[str, str, str]

NAMES = ("A", "B", "C, D", "É")
SIZES = {"train": 30, "valid": 9, "test": 12}


def images(count: int, channels: int = 1, seed: int = 0, side: int = 28) -> Images:
    shape = (count, side, side) if channels == 1 else (count, side, side, channels)
    return np.random.default_rng([seed, count]).integers(0, 256, shape, np.uint8)


def parts(*splits: str | None, channels: int = 1, side: int = 28) -> Parts:
    made: Parts = {}
    for split in splits:
        count = SIZES.get(split or "", 40)
        made[split] = (
            images(count, channels, side=side),
            [i * i % len(NAMES) for i in range(count)],
        )
    return made


def png(image: Images) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def class_folders(root: Path, made: Parts) -> list[Path]:
    for split, (pixels, labels) in made.items():
        for index, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            folder = root / (split or "all") / NAMES[label]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{index}.png").write_bytes(png(image))
    return [root]


def rows(store: Path, sources: list[Path], **options: object) -> list[Row]:
    """Label, pixels and split of everything that the sources give, sorted."""
    opened = notmnist_store.open(store)
    opened.ingest(*sources, workers=1, **options)  # type: ignore[arg-type]
    query = "select label, pixel_hash, split from image order by all"
    return [tuple(row.values()) for row in opened.sql(query).rows()]  # type: ignore[misc]


def idx(packing: str, mark: str = "-", *, transposed: bool = False) -> Callable[..., list[Path]]:
    names = {"train": "train", "test": "t10k", None: "emnist-some"}

    def write(root: Path, made: Parts) -> list[Path]:
        found = []
        for split, (pixels, labels) in made.items():
            stem, count = names[split], len(labels)
            data = pixels.transpose(0, 2, 1) if transposed else pixels
            image_file = struct.pack(">4I", 0x803, count, 28, 28) + data.tobytes()
            label_file = struct.pack(">2I", 0x801, count) + bytes(labels)
            found.append(root / f"{stem}-images{mark}idx3-ubyte{packing}")
            beside = root / f"{stem}-labels{mark}idx1-ubyte{packing}"
            pack = gzip.compress if packing else bytes
            found[-1].write_bytes(pack(image_file))
            beside.write_bytes(pack(label_file))
            found.append(beside)
        return found

    return write


def npz(images_key: str, labels_key: str, validation: str) -> Callable[..., list[Path]]:
    def write(root: Path, made: Parts) -> list[Path]:
        arrays: dict[str, npt.NDArray[np.generic]] = {}
        for split, (pixels, labels) in made.items():
            word = validation if split == "valid" else split
            arrays[images_key.format(word)] = pixels
            column = np.array(labels, np.uint8)
            arrays[labels_key.format(word)] = column[:, None] if "labels" in labels_key else column
        np.savez_compressed(root / "set.npz", **arrays)  # type: ignore[arg-type]
        return [root / "set.npz"]

    return write


def kuzushiji(root: Path, made: Parts) -> list[Path]:
    found = []
    for split, (pixels, labels) in made.items():
        found.append(root / f"kmnist-{split or 'all'}-imgs.npz")
        np.savez_compressed(found[-1], pixels)
        np.savez_compressed(root / f"kmnist-{split or 'all'}-labels.npz", np.array(labels, "i8"))
    return found


def with_metadata(
    suffix: str, packing: str, *, in_split_folders: bool = False, in_column: bool = False
) -> Callable[..., list[Path]]:
    def write(root: Path, made: Parts) -> list[Path]:
        folder = root / "set"
        listed: dict[Path, list[dict[str, str]]] = {}
        for split, (pixels, labels) in made.items():
            own = folder / (split or "") if in_split_folders else folder
            (own / "images").mkdir(parents=True, exist_ok=True)
            for index, (image, label) in enumerate(zip(pixels, labels, strict=True)):
                row = {"file_name": f"images/{split} {index}.png", "label": NAMES[label]}
                (own / row["file_name"]).write_bytes(png(image))
                listed.setdefault(own, []).append(row | ({"split": split} if in_column else {}))  # type: ignore[dict-item]
        for own, found in listed.items():
            write_metadata(own / f"metadata.{suffix}", found)
        (folder / "images").mkdir(exist_ok=True)
        (folder / "images" / "stray.png").write_bytes(png(images(1)[0]))
        return [pack(folder, packing)]

    return write


def write_metadata(path: Path, found: list[dict[str, str]]) -> None:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, list(found[0]))
            writer.writeheader()
            writer.writerows(found)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in found))
    else:
        pq.write_table(pa.Table.from_pylist(found), path)


def pack(folder: Path, packing: str) -> Path:
    if not packing:
        return folder
    path = folder.with_name(folder.name + packing)
    if packing == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.rglob("*")):
                archive.write(file, file.relative_to(folder))
    else:
        with tarfile.open(path, "w:gz" if packing.endswith("gz") else "w") as archive:
            archive.add(folder, folder.name)
    shutil.rmtree(folder)
    return path


def parquet(
    form: str,
    label_form: str,
    *,
    in_column: bool = False,
    one_file: bool = False,
    ending: str = ".parquet",
) -> Callable[..., list[Path]]:
    def write(root: Path, made: Parts) -> list[Path]:
        (root / "data").mkdir()
        tables = {}
        for split, (pixels, labels) in made.items():
            files = [png(image) for image in pixels]
            structs = [{"bytes": file, "path": f"{i}.png"} for i, file in enumerate(files)]
            image_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
            columns = {
                "image": pa.array(structs, image_type) if form == "struct" else pa.array(files),
                "label": pa.array(labels if label_form == "class" else [NAMES[i] for i in labels]),
            }
            if in_column:
                columns["split"] = pa.array(
                    ["validation" if split == "valid" else split] * len(files)
                )
            tables[split] = pa.table(columns)
        about = {
            "label": {"names": list(NAMES), "_type": "ClassLabel"},
            "image": {"_type": "Image"},
        }
        metadata = {"huggingface": json.dumps({"info": {"features": about}})}
        if one_file:
            tables = {None: pa.concat_tables(tables.values())}
        for split, table in tables.items():
            word = {"valid": "validation", None: "all"}.get(split, split)
            path = root / "data" / f"{word}-00000-of-00001{ending}"
            table = table.replace_schema_metadata(metadata)
            if ending == ".parquet":
                pq.write_table(table, path, row_group_size=7)
                continue
            with pa.ipc.new_file(path, table.schema) as writer:
                writer.write_table(table, 7)
        return [path] if one_file else [root]

    return write


def tar_or_folder(root: Path, name: str, files: dict[str, bytes], packing: str) -> list[Path]:
    for file, content in files.items():
        (root / name / file).parent.mkdir(parents=True, exist_ok=True)
        (root / name / file).write_bytes(content)
    return [pack(root / name, packing)]


def cifar(labels: int, packing: str) -> Callable[..., list[Path]]:
    names = "".join(f"{name}\n" for name in NAMES).encode()

    def write(root: Path, made: Parts) -> list[Path]:
        files = {
            "readme.html": b"<html>",
            ("batches.meta.txt", "fine_label_names.txt")[labels - 1]: names,
        }
        for split, (pixels, numbers) in made.items():
            records = [
                bytes([number] if labels == 1 else [9 - number, number])
                + pixel.transpose(2, 0, 1).tobytes()
                for pixel, number in zip(pixels, numbers, strict=True)
            ]
            if labels == 2 or split == "test":
                files[f"{split}{'_batch' * (labels == 1)}.bin"] = b"".join(records)
            else:
                files["data_batch_2.bin"] = b"".join(records[:4])
                files["data_batch_1.bin"] = b"".join(records[4:])
        return tar_or_folder(root, f"cifar-{10**labels}-binary", files, packing)

    return write


def stl10(packing: str) -> Callable[..., list[Path]]:
    def write(root: Path, made: Parts) -> list[Path]:
        files = {"class_names.txt": "\n".join(NAMES).encode(), "fold_indices.txt": b"0 1 2\n"}
        for split, (pixels, numbers) in made.items():
            files[f"{split}_X.bin"] = pixels.transpose(0, 3, 2, 1).tobytes()
            files[f"{split}_y.bin"] = bytes(number + 1 for number in numbers)
        return tar_or_folder(root, "stl10_binary", files, packing)

    return write


def mat(images_key: str, labels_key: str, kind: str = "u1") -> Callable[..., list[Path]]:
    """MATLAB files, of which those of SVHN have the class 0 as 10."""

    def write(root: Path, made: Parts) -> list[Path]:
        found = []
        for split, (pixels, numbers) in made.items():
            found.append(root / f"{split or 'some'}_32x32.mat")
            labels = np.array([n or (10 if images_key == "X" else 0) for n in numbers])
            variables = {images_key: np.moveaxis(pixels, 0, -1).astype(kind), labels_key: labels}
            scipy.io.savemat(found[-1], variables, do_compression=split != "test")
        return found

    return write


def pixel_table(
    names: str | None,
    ending: str = ".csv",
    mark: str = ",",
    *,
    last: bool = False,
    transposed: bool = False,
) -> Callable[..., list[Path]]:
    """Tables with a column for each pixel, as Kaggle and EMNIST have them."""

    def write(root: Path, made: Parts) -> list[Path]:
        for split, (pixels, labels) in made.items():
            turned = pixels.transpose(0, 2, 1) if transposed else pixels
            flat = turned.reshape(len(labels), -1)
            header = [str(names).format(n, n // 28 + 1, n % 28 + 1) for n in range(flat.shape[1])]
            header.insert(len(header) if last else 0, "label")
            place = flat.shape[1] if last else 0
            table = np.insert(flat.astype(int), place, labels, axis=1)
            path = root / "set" / f"mnist_{split or 'all'}{ending}"
            path.parent.mkdir(exist_ok=True)
            if ending == ".parquet":
                pq.write_table(pa.table(dict(zip(header, table.T, strict=True))), path)
                continue
            lines = [] if names is None else [mark.join(header)]
            lines += [mark.join(map(str, row)) for row in table.tolist()]
            text = "\r\n".join([*lines, ""]).encode()
            path.write_bytes(gzip.compress(text) if ending.endswith(".gz") else text)
        return [path] if len(made) == 1 else [root / "set"]

    return write


def webdataset(form: str, packing: str = ".tar", shards: int = 2) -> Callable[..., list[Path]]:
    """Shards of samples; with a label before the image or behind it."""

    def write(root: Path, made: Parts) -> list[Path]:
        folder = root / "shards"
        folder.mkdir()
        for split, (pixels, labels) in made.items():
            for shard in range(shards):
                path = folder / f"{split or 'all'}-{shard:06d}{packing}"
                with tarfile.open(path, "w:gz" if packing.endswith("gz") else "w") as archive:
                    for n in range(shard, len(labels), shards):
                        label = {"cls": labels[n], "json": NAMES[labels[n]]}[form]
                        said = str(label) if form == "cls" else json.dumps({"label": label, "n": n})
                        image = (f"{n:06d}.png", png(pixels[n]))
                        files = [(f"{n:06d}.{form}", said.encode()), image][:: -1 if n % 2 else 1]
                        for name, content in files:
                            member = tarfile.TarInfo(name)
                            member.size = len(content)
                            archive.addfile(member, io.BytesIO(content))
        return [path] if len(made) * shards == 1 else [folder]

    return write


def packed_folders(packing: str) -> Callable[..., list[Path]]:
    def write(root: Path, made: Parts) -> list[Path]:
        return [pack(folder, packing) for folder in class_folders(root / "set", made)]

    return write


NUMBERED = {"labels": NAMES}
BY_FOLDER = ("train", "valid", "test")
FORMS: dict[str, tuple[Callable[..., list[Path]], tuple[str | None, ...], dict[str, object]]] = {
    "idx.gz": (idx(".gz"), ("train", "test"), NUMBERED),
    "idx": (idx(""), ("train", "test"), NUMBERED),
    "idx, dotted": (idx("", "."), ("train", "test"), NUMBERED),
    "idx, transposed": (idx(".gz", transposed=True), (None,), {**NUMBERED, "transpose": True}),
    "idx, no split": (idx(".gz"), (None,), NUMBERED),
    "npz of MedMNIST": (npz("{}_images", "{}_labels", "val"), BY_FOLDER, NUMBERED),
    "npz of Keras": (npz("x_{}", "y_{}", "valid"), BY_FOLDER, NUMBERED),
    "npz of Kuzushiji": (kuzushiji, ("train", "test"), NUMBERED),
    "npz of Kuzushiji, no split": (kuzushiji, (None,), NUMBERED),
    "mat of notMNIST": (mat("images", "labels", "f8"), (None,), NUMBERED),
    "mat of two splits": (mat("images", "labels"), ("train", "test"), NUMBERED),
    "CSV of Kaggle": (pixel_table("pixel{0}"), BY_FOLDER, NUMBERED),
    "CSV without a header": (pixel_table(None), ("train", "test"), NUMBERED),
    "CSV of rows x columns": (pixel_table("{1}x{2}", ".csv.gz"), (None,), NUMBERED),
    "CSV with tabs": (pixel_table("px_{0}", mark="\t", last=True), (None,), NUMBERED),
    "CSV of EMNIST": (
        pixel_table(None, transposed=True),
        ("train", "test"),
        {**NUMBERED, "transpose": True},
    ),
    "Parquet of pixels": (pixel_table("pixel{0}", ".parquet"), BY_FOLDER, NUMBERED),
    "WebDataset, cls": (webdataset("cls"), BY_FOLDER, NUMBERED),
    "WebDataset, json": (webdataset("json", ".tar.gz"), ("train", "test"), {}),
    "WebDataset, one archive": (webdataset("cls", ".tgz", shards=1), (None,), NUMBERED),
    "metadata.csv": (with_metadata("csv", "", in_column=True), BY_FOLDER, {}),
    "metadata.csv, no split": (with_metadata("csv", ""), (None,), {}),
    "metadata.jsonl in splits": (with_metadata("jsonl", "", in_split_folders=True), BY_FOLDER, {}),
    "metadata.parquet": (with_metadata("parquet", "", in_column=True), BY_FOLDER, {}),
    "metadata.csv in tar.gz": (with_metadata("csv", ".tar.gz", in_column=True), BY_FOLDER, {}),
    "metadata.csv in tar": (with_metadata("csv", ".tar", in_split_folders=True), BY_FOLDER, {}),
    "metadata.jsonl in zip": (with_metadata("jsonl", ".zip", in_column=True), BY_FOLDER, {}),
    "metadata.parquet in zip": (
        with_metadata("parquet", ".zip", in_split_folders=True),
        BY_FOLDER,
        {},
    ),
    "Parquet": (parquet("struct", "class"), BY_FOLDER, {}),
    "Parquet of binary": (parquet("binary", "text"), BY_FOLDER, {}),
    "Parquet, one file": (parquet("struct", "class", in_column=True, one_file=True), BY_FOLDER, {}),
    "Parquet, no split": (parquet("struct", "text", one_file=True), (None,), {}),
    "Arrow": (parquet("struct", "class", ending=".arrow"), BY_FOLDER, {}),
    "class folders in tar.gz": (packed_folders(".tar.gz"), BY_FOLDER, {}),
    "class folders in tar": (packed_folders(".tar"), ("train", "test"), {}),
    "class folders in zip": (packed_folders(".zip"), BY_FOLDER, {}),
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Row]]:
    known: dict[tuple[str | None, ...], list[Row]] = {}

    def of(splits: tuple[str | None, ...]) -> list[Row]:
        if splits not in known:
            folder = tmp_path_factory.mktemp("expected")
            known[splits] = rows(folder / "store", class_folders(folder / "set", parts(*splits)))
            assert len(known[splits]) == sum(SIZES.get(split or "", 40) for split in splits)
        return known[splits]

    return of


@pytest.mark.parametrize("form", FORMS)
def test_it_gives_the_same_rows_as_class_folders(
    form: str, tmp_path: Path, expected: Callable[..., list[Row]]
) -> None:
    write, splits, options = FORMS[form]
    (tmp_path / "sources").mkdir()
    sources = write(tmp_path / "sources", parts(*splits))
    assert rows(tmp_path / "store", sources, **options) == expected(splits)


BOTH = ("train", "test")
COLOUR_FORMS: dict[str, tuple[Callable[..., list[Path]], int]] = {
    "SVHN": (mat("X", "y"), 32),
    "CSV in colour": (pixel_table("pixel{0:04d}", last=True), 32),
    "CIFAR-10": (cifar(1, ".tar.gz"), 32),
    "CIFAR-100": (cifar(2, ".tar.gz"), 32),
    "CIFAR-10, unpacked": (cifar(1, ""), 32),
    "CIFAR-100, tar": (cifar(2, ".tar"), 32),
    "STL-10": (stl10(".tar.gz"), 96),
    "STL-10, unpacked": (stl10(""), 96),
}


@pytest.fixture(scope="module")
def expected_colour(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], list[Row]]:
    @cache
    def of(side: int) -> list[Row]:
        folder = tmp_path_factory.mktemp("colour")
        made = parts(*BOTH, channels=3, side=side)
        return rows(folder / "store", class_folders(folder / "set", made), shape=f"{side}x{side}x3")

    return of


@pytest.mark.parametrize("form", COLOUR_FORMS)
def test_sets_in_colour_give_the_same_rows_as_class_folders(
    form: str, tmp_path: Path, expected_colour: Callable[[int], list[Row]]
) -> None:
    write, side = COLOUR_FORMS[form]
    sources = write(tmp_path, parts(*BOTH, channels=3, side=side))
    named = NUMBERED if form in ("SVHN", "CSV in colour") else {}
    found = rows(tmp_path / "store", sources, shape=f"{side}x{side}x3", **named)
    assert found == expected_colour(side)
    store = notmnist_store.open(tmp_path / "store")
    order = store.sql("select label, label_id from label order by label_id").rows()
    assert [tuple(row.values()) for row in order] == [(name, n) for n, name in enumerate(NAMES)]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["npz of MedMNIST", "Parquet", "metadata.csv"])
def test_so_does_colour(form: str, tmp_path: Path) -> None:
    write, splits, options = FORMS[form]
    (tmp_path / "sources").mkdir()
    made = parts(*splits, channels=3)
    want = rows(tmp_path / "want", class_folders(tmp_path / "set", made), shape="28x28x3")
    sources = write(tmp_path / "sources", made)
    assert rows(tmp_path / "store", sources, shape="28x28x3", **options) == want


def test_the_real_pair_has_the_rows_of_the_real_archive(tmp_path: Path, data_folder: Path) -> None:
    pair = [data_folder / f"notMNIST-t10k-{w}-ubyte.gz" for w in ("labels-idx1", "images-idx3")]
    found = rows(tmp_path / "idx", pair, labels="A,B,C,D,E,F,G,H,I,J")
    want = rows(tmp_path / "tar", [data_folder / "notMNIST_t10k.tar.gz"], split="test")
    assert found == want
    assert len(found) == 10_000


def test_files_that_the_metadata_does_not_list_are_ignored_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "A").mkdir(parents=True)
    for name in ("a.png", "A/b.png", "A/unlisted.png", "unlabelled.png", ".DS_Store"):
        (folder / name).write_bytes(png(images(1, seed=len(name))[0]))
    (folder / "broken.png").write_bytes(b"")
    listed = "file_name,label,group\na.png,X,\nA/b.png,Y,g\nunlabelled.png,,\nbroken.png,X,\n"
    (folder / "metadata.csv").write_text(listed)
    for source in (folder, pack_of(folder, ".tar.gz"), pack_of(folder, ".zip")):
        store = notmnist_store.open(tmp_path / f"store-{source.name}")
        store.ingest(source)
        query = "select label, seen, stored, rejected, ignored_hidden as hidden, "
        query += "ignored_outside as outside from ledger order by label nulls last"
        assert [tuple(row.values()) for row in store.sql(query).rows()] == [
            ("X", 2, 1, 1, 0, 0),
            ("Y", 1, 1, 0, 0, 0),
            (None, 4, 0, 0, 1, 3),
        ]
        families = store.sql("select label, family from image order by label").rows()
        assert [tuple(row.values()) for row in families] == [("X", None), ("Y", "g")]


def pack_of(folder: Path, packing: str) -> Path:
    copy = folder.parent / f"copy{packing}" / folder.name
    shutil.copytree(folder, copy)
    return pack(copy, packing)


def test_a_listed_file_that_is_missing_leaves_nothing_in_the_store(tmp_path: Path) -> None:
    (source,) = with_metadata("csv", "")(tmp_path, parts("train"))
    next((source / "images").glob("train*.png")).unlink()
    packed = pack_of(source, ".tar.gz")
    rows(tmp_path / "store", class_folders(tmp_path / "before", parts(None)))
    store = notmnist_store.open(tmp_path / "store")
    before = store.sql("from run").rows()
    for path in (source, packed):
        with pytest.raises(SourceError, match="but has no such file"):
            store.ingest(path)
    assert store.sql("from run").rows() == before


def test_both_files_of_a_pair_are_one_run(tmp_path: Path) -> None:
    sources = idx(".gz")(tmp_path, parts("train"))
    assert len(sources) == 2
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(*sources, name="mine", labels=NAMES)
    runs = store.sql("select source, members_seen, arguments from run").rows()
    assert [(run["source"], run["members_seen"]) for run in runs] == [("mine", SIZES["train"])]
    assert json.loads(runs[0]["arguments"])["labels"] == list(NAMES)


@pytest.mark.parametrize("labels", ["", "A,,B", "A,A"])
def test_names_of_classes_must_be_names(tmp_path: Path, labels: str) -> None:
    sources = idx("")(tmp_path, parts("train"))
    with pytest.raises(UsageError, match="one name a class"):
        notmnist_store.open(tmp_path / "store").ingest(*sources, labels=labels)
    assert not (tmp_path / "store").exists()
