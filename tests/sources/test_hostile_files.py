"""Damaged Parquet, zip and npz files end as an error or as members, and the process lives."""

from __future__ import annotations

import io
import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from notmnist_store.errors import SourceError
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.source import open_source

WORKER = "notmnist_store.sources.foreign_parquet._WORKER"
ABORTS = """
import os, sys
sys.stdin.buffer.readline()
os.abort()
"""
ABORTS_AMID = """
import os, sys
from notmnist_store.sources import parquet_worker
whole = parquet_worker._batches
def torn(file, job):
    yield from whole(file, job)
    sys.stdout.buffer.write(b"half a mess")
    sys.stdout.buffer.flush()
    os.abort()
parquet_worker._batches = torn
parquet_worker.serve(parquet_worker.read, parquet_worker.OpenJob)
"""


def png(value: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((28, 28), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


def parquet_file(path: Path, names: list[str] | None = None) -> bytes:
    images = [{"bytes": png(k), "path": f"{k}.png"} for k in range(8)]
    table = pa.table({"image": images, "label": pa.array([0, 1] * 4)})
    if names:
        feature = json.dumps({"info": {"features": {"label": {"names": names}}}})
        table = table.replace_schema_metadata({"huggingface": feature})
    pq.write_table(table, path, write_page_checksum=True)
    return path.read_bytes()


def zip_file(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        for k in range(8):
            kind = zipfile.ZIP_DEFLATED if k % 2 else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(f"set/{'AB'[k % 2]}/{k}.png"), png(k), kind)
    return path.read_bytes()


def npz_file(path: Path) -> bytes:
    images = np.arange(8 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(8, 28, 28)
    np.savez_compressed(path, train_images=images, train_labels=np.arange(8) % 2)
    return path.read_bytes()


MAKERS = {"set.parquet": parquet_file, "set.zip": zip_file, "set.npz": npz_file}


def members(path: Path) -> int:
    source = open_source(path, limits=Limits(max_bytes=1 << 26))
    return sum(batch.num_rows for batch in source.members())


@pytest.mark.parametrize("name", MAKERS)
def test_whole_files_are_read(tmp_path: Path, name: str) -> None:
    MAKERS[name](tmp_path / name)
    assert members(tmp_path / name) == 8


@pytest.mark.parametrize("module", [ABORTS, ABORTS_AMID], ids=["at once", "amid the batches"])
def test_a_reader_that_aborts_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """As Arrow's reader does on some damaged files: here the process lives."""
    (tmp_path / "aborting_reader.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(WORKER, "aborting_reader")
    path = tmp_path / "set.parquet"
    parquet_file(path)
    with pytest.raises(SourceError, match=r"damaged: the process that read it broke down.*-6"):
        members(path)
    assert capfd.readouterr().err == ""


def test_a_file_on_which_arrow_aborts_is_an_error() -> None:
    path = Path(__file__).parents[3] / "shared" / "cases" / "parquet_abort_min.parquet"
    if not path.exists():
        pytest.skip("no such file here")
    with pytest.raises(SourceError, match=r"damaged"):
        members(path)


def test_class_names_that_are_no_unicode_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "set.parquet"
    parquet_file(path, ["\ud800", "B"])
    with pytest.raises(SourceError, match="damaged"):
        members(path)


def test_column_names_that_are_no_utf8_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "set.parquet"
    path.write_bytes(parquet_file(path).replace(b"label", b"lab\xe5l"))
    with pytest.raises(SourceError, match="damaged"):
        members(path)


def directory_entries(raw: bytes) -> int:
    return raw.index(b"PK\x01\x02")


@pytest.mark.parametrize("name", ["set.zip", "set.npz"])
def test_a_member_before_the_file_is_an_error(tmp_path: Path, name: str) -> None:
    raw = bytearray(MAKERS[name](tmp_path / name))
    end = raw.rindex(b"PK\x05\x06")
    raw[end + 16 : end + 20] = (directory_entries(raw) + (1 << 20)).to_bytes(4, "little")
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(SourceError, match="damaged"):
        members(tmp_path / name)


def test_an_empty_name_is_an_error_or_a_member(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("x", b"1")
    raw = (tmp_path / "set.zip").read_bytes()
    at = directory_entries(raw)
    cut = bytearray(raw[: at + 46] + raw[at + 47 :])
    cut[at + 28] = 0
    end = cut.rindex(b"PK\x05\x06")
    cut[end + 12] -= 1
    (tmp_path / "set.zip").write_bytes(cut)
    with pytest.raises(SourceError, match="damaged"):
        members(tmp_path / "set.zip")


def flipped(raw: bytes, draw: random.Random) -> bytes:
    copy = bytearray(raw)
    for _ in range(draw.randint(1, 3)):
        copy[draw.randrange(len(copy))] ^= 1 << draw.randrange(8)
    return bytes(copy)


def survives(path: Path, raw: bytes) -> bool:
    """Whether it was read; what is raised otherwise is an error of a source."""
    path.write_bytes(raw)
    try:
        members(path)
    except SourceError:
        return False
    return True


@pytest.mark.parametrize("name", ["set.zip", "set.npz"])
def test_mutations_end_well(tmp_path: Path, name: str) -> None:
    raw, draw = MAKERS[name](tmp_path / name), random.Random(17)
    read = [survives(tmp_path / name, flipped(raw, draw)) for _ in range(400)]
    assert not all(read)


@pytest.mark.slow
def test_mutations_of_parquet_end_well(tmp_path: Path) -> None:
    raw, draw = parquet_file(tmp_path / "set.parquet"), random.Random(18)
    read = [survives(tmp_path / "set.parquet", flipped(raw, draw)) for _ in range(150)]
    assert not all(read)
