"""The kept corpus of the fuzzing: a few whole files for each reader of foreign files."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io

from tests.support import nasty_archives
from tests.support.archives import class_files, pack, picture, png

Files = dict[str, bytes]
FILES = [(path, content) for path, content in class_files(each=2)]
TEXT = "label,pixel0,pixel1,pixel2,pixel3\n1,10,20,30,40\n0,1,2,3,255\n"
SAID = b"file_name,label,split,by\n1.png,A,train,x\n2.png,B,test,y\n"


def packed(name: str, files: list[tuple[str, bytes]]) -> Callable[[Path], Files]:
    """An archive of these files."""
    return lambda folder: {name: pack(folder / name, files).read_bytes()}


def _numpy(folder: Path) -> Files:
    images = np.stack([picture(n)[:, :, 0] for n in range(4)])
    np.savez_compressed(folder / "set.npz", train_images=images, train_labels=np.arange(4) % 2)
    return {"set.npz": (folder / "set.npz").read_bytes()}


def _matlab(folder: Path) -> Files:
    images = np.stack([picture(n, 6, 6, 3) for n in range(4)], axis=3)
    labels = np.array([[1], [2], [10], [1]], np.uint8)
    scipy.io.savemat(folder / "train.mat", {"X": images, "y": labels}, do_compression=True)
    return {"train.mat": (folder / "train.mat").read_bytes()}


def _rows() -> pa.Table:
    images = [{"bytes": png(picture(k)), "path": f"{k}.png"} for k in range(4)]
    return pa.table({"image": images, "label": pa.array([0, 1] * 2)})


def _parquet(folder: Path) -> Files:
    pq.write_table(_rows(), folder / "set.parquet", write_page_checksum=True)
    return {"set.parquet": (folder / "set.parquet").read_bytes()}


def _arrow(folder: Path) -> Files:
    table = _rows()
    with pa.ipc.new_file(folder / "set.arrow", table.schema) as file:
        file.write_table(table)
    return {"set.arrow": (folder / "set.arrow").read_bytes()}


def _idx(folder: Path) -> Files:
    images = struct.pack(">4I", 0x803, 2, 4, 4) + bytes(range(32))
    labels = struct.pack(">2I", 0x801, 2) + b"\0\1"
    return {
        "train-images-idx3-ubyte.gz": gzip.compress(images, mtime=0),
        "train-labels-idx1-ubyte": labels,
    }


def _records(label_bytes: int, count: int) -> bytes:
    return (bytes([1]) * label_bytes + bytes(range(256)) * 12) * count


CIFAR = [
    ("c/fine_label_names.txt", b"a\nb\n"),
    ("c/coarse_label_names.txt", b"x\ny\n"),
    ("c/train.bin", _records(2, 2)),
    ("c/test.bin", _records(2, 1)),
]
STL = [
    ("s/class_names.txt", b"a\nb\n"),
    ("s/train_X.bin", bytes(2 * 3 * 96 * 96)),
    ("s/train_y.bin", b"\1\2"),
]
SAMPLES = [
    *[("1.png", png(picture(1))), ("1.cls", b"7\n"), ("1.json", b'{"label": "A", "by": [1]}')],
    *[("2.json", b'{"label": 2}'), ("2.png", png(picture(2)))],
]
MAKERS: dict[str, Callable[[Path], Files]] = {
    "tar": packed("set.tar", FILES),
    "tar with headers that say more": lambda folder: {"set.tar": _extended()},
    "gzip": packed("set.tar.gz", FILES),
    "zip": packed("set.zip", FILES),
    "npz": _numpy,
    "MATLAB": _matlab,
    "Parquet": _parquet,
    "Arrow": _arrow,
    "IDX": _idx,
    "CIFAR": packed("c.tar", CIFAR),
    "STL-10": packed("s.tar", STL),
    "WebDataset": packed("samples.tar", SAMPLES),
    "table of pixels": lambda folder: {"set.csv": TEXT.encode()},
    "metadata": packed("m.tar", [("m/1.png", png(picture(1))), ("m/metadata.csv", SAID)]),
    "hostile names": lambda folder: {"set.tar.gz": nasty_archives.hostile_names()},
}
"""What each source reads: its files by their names, the first of which is opened."""


def _extended() -> bytes:
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in FILES:
            member = tarfile.TarInfo(f"{'long' * 40}/{path}")
            member.pax_headers = {"comment": "ü" * 20}
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()
