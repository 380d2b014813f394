"""docs/errors.md: each message it explains is one that a mistake gives."""

from __future__ import annotations

import fnmatch
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import notmnist_store
from notmnist_store.errors import StoreError
from notmnist_store.store import Store
from tests.support.documents import first_cells, read

MESSAGES = first_cells(read("docs/errors.md"))


def _cut(folder: Path) -> Path:
    whole = (folder / "glyphs.tar.gz").read_bytes()
    (folder / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    return folder / "cut.tar.gz"


def _flipped(folder: Path, original: Path, name: str) -> Path:
    content = bytearray(original.read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder / name).write_bytes(content)
    return folder / name


def _with(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def _other_animals(folder: Path) -> Path:
    other = folder / "again" / "animals"
    shutil.copytree(folder / "animals" / "cat", other / "cat", dirs_exist_ok=True)
    return other


def _colour_store(folder: Path) -> Store:
    store = notmnist_store.open(folder / "errors" / "colours")
    store.ingest(folder / "animals", shape="32x32x3")
    return store


def _damaged_store(folder: Path) -> Store:
    path = folder / "errors" / "damaged"
    shutil.copytree(folder / "store", path, dirs_exist_ok=True)
    (file,) = (path / "image").glob("*.parquet")
    _flipped(file.parent, file, file.name)
    return notmnist_store.open(path)


def _store_without_its_ledger(folder: Path) -> Store:
    path = shutil.copytree(folder / "store", folder / "errors" / "lost", dirs_exist_ok=True)
    shutil.rmtree(path / "ledger")
    return notmnist_store.open(path)


def _new(folder: Path) -> Store:
    return notmnist_store.open(folder / "errors" / "new")


def _searched(folder: Path) -> Store:
    store = _demo(folder)
    store.near_duplicates(radius="2.0")
    return store


def _demo(folder: Path) -> Store:
    return notmnist_store.open(folder / "store")


Mistake = Callable[[Path], object]
MISTAKES: list[Mistake] = [
    lambda f: _new(f).ingest(f / "nosuch.tar.gz"),
    lambda f: _new(f).info(),
    lambda f: notmnist_store.open(f / "animals").info(),
    lambda f: notmnist_store.open(f / "animals").ingest(f / "glyphs.tar.gz"),
    lambda f: _new(f).ingest(_with(f / "flat" / ".note", "x").parent),
    lambda f: _new(f).ingest(_cut(f)),
    lambda f: _new(f).ingest(_flipped(f, f / "glyphs.tar.gz", "bad.tar.gz")),
    lambda f: _new(f).ingest(_with(f / "text.tar.gz", "not an archive")),
    lambda f: _new(f).ingest(f / "animals"),
    lambda f: _new(f).ingest(f / "animals", fit="pad"),
    lambda f: _new(f).ingest(f / "animals", shape="32x32x3", expect_classes=10),
    lambda f: _new(f).ingest(f / "animals", shape="32x32x3", min_per_class=100),
    lambda f: _colour_store(f).ingest(_other_animals(f)),
    lambda f: _new(f).ingest(f / "glyphs.tar.gz", max_bytes=1_000),
    lambda f: _demo(f).ingest(f / "animals"),
    lambda f: _demo(f).audit("label_imbalanse"),
    lambda f: _searched(f).audit(radius="2.1"),
    lambda f: _demo(f).near_duplicates(radius="20", limit=1),
    lambda f: _demo(f).near_duplicates(radius="2.05", chunk_pairs=1 << 45),
    lambda f: _demo(f).load("frist"),
    lambda f: _demo(f).split("large", train=20_000),
    lambda f: (_demo(f).split("fixed"), _demo(f).split("fixed", seed=1)),
    lambda f: [_demo(f).export("ingest", f / "twice", form="npy") for _ in range(2)],
    lambda f: _store_without_its_ledger(f).sql("label_counts"),
    lambda f: _demo(f).sql("select range as a from range(100000000)", memory=0.05),
    lambda f: _demo(f).split("drawn", where="random() < 0.5"),
    lambda f: _demo(f).sql("label_cuonts"),
    lambda f: _demo(f).sql("delete from image"),
    lambda f: _demo(f).peek(label="Z"),
    lambda f: _damaged_store(f).sql("select sum(image_id % 2), min(pixels) from stored_image"),
]


def test_there_is_a_mistake_for_every_message() -> None:
    assert len(MESSAGES) == len(MISTAKES)


@pytest.mark.parametrize(("message", "mistake"), list(zip(MESSAGES, MISTAKES, strict=False)))
def test_a_mistake_gives_the_message_the_page_explains(
    message: str, mistake: Mistake, scratch: Path
) -> None:
    with pytest.raises(StoreError) as caught:
        mistake(scratch)
    pattern = "".join("*" if c == "…" else c for c in message.strip())
    assert fnmatch.fnmatchcase(caught.value.message, f"{pattern}*"), caught.value.message
    assert caught.value.hint
