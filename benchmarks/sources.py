"""Ingest of each form that sets come in, beside the class folders of the same images.

    python benchmarks/sources.py STORE --write

STORE has letters, 28x28x1. Of 50,000 of them, of 20,000 enlarged to 32x32x3 and of 4,000 at
96x96x3, in colours, with ten labels, each form is written once into a temporary folder. Timed is
`ingest` as a whole command, all forms of a shape in turn, as often as --runs says, after one run of
the class folders that is not counted. --write puts the results into benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import shutil
import struct
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from measure import Cost, Spread, say, timed
from other_shapes import letters
from PIL import Image
from radius_join import images_of
from results import about_machine, table, write_part

HERE = Path(__file__).resolve().parent
INGEST = [sys.executable, "-m", "notmnist_store", "ingest", "--quiet", "--split", "train"]
NAMES = tuple("ABCDEFGHIJ")

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Writer = Callable[[Path, Pixels, Labels], Path]


def png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def tarred(path: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    with path.open("wb") as raw:
        packed = gzip.GzipFile("", "wb", 6, raw, 0) if path.suffix == ".gz" else nullcontext(raw)
        with packed as file, tarfile.open(fileobj=file, mode="w") as tar:
            for name, content in files:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def class_folders(ending: str) -> Writer:
    def write(folder: Path, pixels: Pixels, labels: Labels) -> Path:
        numbered = enumerate(zip(pixels, labels, strict=True))
        files = ((f"set/{NAMES[k]}/{n:06d}.png", png(image)) for n, (image, k) in numbered)
        return tarred(folder / f"folders{ending}", files)

    return write


def idx(folder: Path, pixels: Pixels, labels: Labels) -> Path:
    head = struct.pack(">4I", 0x803, *pixels.shape)
    images = folder / "set-images-idx3-ubyte.gz"
    images.write_bytes(gzip.compress(head + pixels.tobytes(), 6))
    beside = struct.pack(">2I", 0x801, len(labels)) + labels.astype(np.uint8).tobytes()
    (folder / "set-labels-idx1-ubyte.gz").write_bytes(gzip.compress(beside, 6))
    return images


def npz(folder: Path, pixels: Pixels, labels: Labels) -> Path:
    np.savez_compressed(folder / "set.npz", train_images=pixels, train_labels=labels)
    return folder / "set.npz"


def mat(folder: Path, pixels: Pixels, labels: Labels) -> Path:
    from scipy.io import savemat

    variables = {"images": np.moveaxis(pixels, 0, -1), "labels": labels}
    savemat(folder / "set.mat", variables, do_compression=True)
    return folder / "set.mat"


def pixel_csv(folder: Path, pixels: Pixels, labels: Labels) -> Path:
    import pyarrow as pa
    from pyarrow.csv import write_csv

    flat = pixels.reshape(len(pixels), -1)
    columns = {f"pixel{n}": flat[:, n].copy() for n in range(flat.shape[1])}
    write_csv(pa.table({"label": labels, **columns}), folder / "set.csv")
    return folder / "set.csv"


def parquet(folder: Path, pixels: Pixels, labels: Labels) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = [{"bytes": png(image), "path": f"{n}.png"} for n, image in enumerate(pixels)]
    table = pa.table({"image": files, "label": [NAMES[k] for k in labels]})
    pq.write_table(table, folder / "set.parquet", row_group_size=1_000)
    return folder / "set.parquet"


def webdataset(folder: Path, pixels: Pixels, labels: Labels) -> Path:
    def files() -> Iterator[tuple[str, bytes]]:
        for n, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            yield f"{n:06d}.png", png(image)
            yield f"{n:06d}.json", json.dumps({"label": NAMES[label]}).encode()

    return tarred(folder / "set-000000.tar", files())


def cifar(folder: Path, pixels: Pixels, labels: Labels) -> Path:
    planes = pixels.transpose(0, 3, 1, 2).reshape(len(pixels), -1)
    records = np.concatenate([labels[:, None].astype(np.uint8), planes], axis=1)
    parts = [("data_batch_1.bin", records.tobytes())]
    parts.append(("batches.meta.txt", "\n".join(NAMES).encode()))
    files = ((f"cifar-10-batches-bin/{name}", content) for name, content in parts)
    return tarred(folder / "cifar-10-binary.tar.gz", files)


def stl10(folder: Path, pixels: Pixels, labels: Labels) -> Path:
    parts = [
        ("train_X.bin", pixels.transpose(0, 3, 2, 1).tobytes()),
        ("train_y.bin", (labels + 1).astype(np.uint8).tobytes()),
        ("class_names.txt", "\n".join(NAMES).encode()),
    ]
    files = ((f"stl10_binary/{name}", content) for name, content in parts)
    return tarred(folder / "stl10_binary.tar.gz", files)


@dataclass(frozen=True)
class Form:
    """How a set is written, and whether its classes are numbers there."""

    write: Writer
    numbered: bool = False


CLASS_FOLDERS = Form(class_folders(".tar.gz"))
FORMS: dict[str, tuple[int, dict[str, Form]]] = {
    "28x28x1": (
        50_000,
        {
            "class folders, .tar.gz": CLASS_FOLDERS,
            "class folders, .tar": Form(class_folders(".tar")),
            "IDX, gzipped": Form(idx, numbered=True),
            ".npz, compressed": Form(npz, numbered=True),
            ".mat, compressed": Form(mat, numbered=True),
            "CSV of pixels": Form(pixel_csv, numbered=True),
            "Parquet of PNG": Form(parquet),
            "WebDataset, .tar": Form(webdataset),
        },
    ),
    "32x32x3": (
        20_000,
        {
            "class folders, .tar.gz": CLASS_FOLDERS,
            "CIFAR-10 binary, .tar.gz": Form(cifar),
        },
    ),
    "96x96x3": (
        4_000,
        {
            "class folders, .tar.gz": CLASS_FOLDERS,
            "STL-10 binary, .tar.gz": Form(stl10),
        },
    ),
}
"""Images and forms by shape; the first form is the one that the others stand beside."""


@dataclass(frozen=True)
class Row:
    """What the ingests of a form took."""

    form: str
    images: int
    source_bytes: int
    costs: list[Cost]

    @property
    def wall(self) -> Spread:
        return Spread.of([cost.wall for cost in self.costs])


def drawn(store: Path, shape: str, images: int) -> Pixels:
    side = int(shape.split("x")[0])
    if side == 28:
        pixels: Pixels = images_of(store)[0][:images].reshape(-1, side, side)
        return pixels
    return letters(store, images, side, 0)


def measure(
    store: Path, shape: str, images: int, forms: Mapping[str, Form], runs: int
) -> list[Row]:
    pixels = drawn(store, shape, images)
    labels = np.arange(len(pixels)) * 7 % len(NAMES)
    with TemporaryDirectory() as scratch:
        made = Path(scratch) / "store"
        commands: dict[str, list[str]] = {}
        sizes: dict[str, int] = {}
        for number, (form, how) in enumerate(forms.items()):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            source = how.write(folder, pixels, labels)
            sizes[form] = sum(file.stat().st_size for file in folder.iterdir())
            commands[form] = [*INGEST, "--shape", shape, "--store", str(made), str(source)]
            commands[form] += ["--labels", ",".join(NAMES)] if how.numbered else []
            say(f"{shape}: {form} is written")
        costs: dict[str, list[Cost]] = {form: [] for form in forms}
        timed(commands[next(iter(forms))])
        for _ in range(runs):
            for form, command in commands.items():
                shutil.rmtree(made)
                costs[form].append(timed(command))
    return [Row(form, len(pixels), sizes[form], costs[form]) for form in forms]


def markdown(measured: Mapping[str, Sequence[Row]], load: float) -> str:
    rows = []
    for shape, of_shape in measured.items():
        beside = of_shape[0]
        for row in of_shape:
            ratios = [b.cpu / a.cpu for a, b in zip(row.costs, beside.costs, strict=True)]
            rows.append(
                (
                    f"{row.images:,}",
                    shape,
                    row.form,
                    f"{row.source_bytes / (1 << 20):.1f} MiB",
                    row.wall.text(2, " s"),
                    f"{median(cost.cpu for cost in row.costs):.2f} s",
                    f"{row.images / row.wall.median:,.0f}",
                    f"{median(ratios):.2f}",
                )
            )
    runs = len(rows and next(iter(measured.values()))[0].costs)
    heads = ("images", "shape", "form", "bytes", "ingest", "CPU", "images/s", "times less CPU")
    return (
        "# Sources\n\nWritten by `python benchmarks/sources.py STORE --write`; not for editing by "
        f"hand.\n\n{about_machine()}\n\n"
        "Letters in ten classes, each form of the same images; `ingest` as a whole command, median "
        f"(least to greatest) of {runs} runs in turn. The last column: CPU time of the class "
        "folders at the head of its shape by that of the form, run by run, whole commands, of "
        "which starting costs about a second. The machine's load average was "
        f"{load:.1f} before: where it is over 1, only the CPU times can be compared.\n\n"
        f"{table(heads, rows)}\n"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("store", type=Path, help="a store of letters, 28x28x1")
    add("--images", type=int, help="at most so many of each shape")
    add("--runs", type=int, default=3)
    add("--write", action="store_true", help="write its part of benchmarks/RESULTS.md")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    measured = {
        shape: measure(options.store, shape, min(most, options.images or most), forms, options.runs)
        for shape, (most, forms) in FORMS.items()
    }
    text = markdown(measured, load)
    print(text)
    if options.write:
        write_part(HERE / "RESULTS.md", text)


if __name__ == "__main__":
    main()
