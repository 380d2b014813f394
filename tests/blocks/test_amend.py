"""Copies of a path cost the same however many there are."""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
from pathlib import Path
from types import FrameType

import pytest
from PIL import Image

from notmnist_store import Store


def copies(path: Path, count: int, names: int) -> None:
    """An archive in which each of `names` paths stands `count` / `names` times."""
    file = io.BytesIO()
    Image.new("L", (28, 28), 9).save(file, "PNG")
    content = file.getvalue()
    members = b""
    for name in range(names):
        member = tarfile.TarInfo(f"set/A/{name}.png")
        member.size = len(content)
        members += member.tobuf() + content + bytes(-len(content) % tarfile.BLOCKSIZE)
    path.write_bytes(gzip.compress(members * (count // names) + bytes(1024), 1))


def lines_run(store: Path, source: Path) -> int:
    """Lines of the package that an ingest runs."""
    run = 0

    def line(frame: FrameType, event: str, argument: object) -> object:
        nonlocal run
        run += event == "line"
        return line if "notmnist_store" in frame.f_code.co_filename else None

    sys.settrace(line)
    try:
        Store(store).ingest(source)
    finally:
        sys.settrace(None)
    return run


@pytest.mark.slow
@pytest.mark.parametrize("names", [1, 200])
def test_the_work_grows_with_the_copies_not_with_their_square(tmp_path: Path, names: int) -> None:
    copies(tmp_path / "few.tar.gz", 2_000, names)
    copies(tmp_path / "many.tar.gz", 16_000, names)
    few = lines_run(tmp_path / "a", tmp_path / "few.tar.gz")
    many = lines_run(tmp_path / "b", tmp_path / "many.tar.gz")
    assert many < 16 * few  # 8 times the copies; their square would be 64 times the work
    row = Store(tmp_path / "b").sql("select count(*) as n, any_value(reason) as why from reject")
    assert row.rows() == [{"n": 16_000 - names, "why": "duplicate_path"}]
