"""A source in a bucket is fetched once: what was hashed is what rows are made of."""

from __future__ import annotations

import random
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import notmnist_store
from notmnist_store.location.bucket import TAIL_BYTES, BucketPath
from notmnist_store.location.kept import BLOCK_BYTES, keeping
from tests.support.archives import class_files, pack
from tests.support.s3 import Proxy

SIZE = 2 * BLOCK_BYTES + 300_000
BLOCKS = 3
LOOKS = 8  # at the beginning and the end, each a small request


@pytest.fixture
def content() -> bytes:
    return random.Random(0).randbytes(SIZE)


@pytest.fixture
def path(bucket: str, content: bytes) -> BucketPath:
    path = BucketPath.parse(f"{bucket}/object")
    path.put(content)
    return path


def read(path: BucketPath) -> bytes:
    with path.open() as file:
        return file.read()


def gets(proxy: Proxy, path: BucketPath) -> int:
    return sum(line.startswith(f"GET /{path.bucket}/{path.key}") for line in proxy.asked)


def test_what_is_read_again_is_not_fetched_again(
    path: BucketPath, content: bytes, proxy: Proxy
) -> None:
    with keeping():
        for opened in range(1, 4):
            assert read(path) == content
            assert gets(proxy, path) == BLOCKS + opened  # each looks at the end, and so at the tag
        with path.open() as file:
            for start in (5, BLOCK_BYTES - 1, SIZE - TAIL_BYTES - 1, SIZE - 1):
                file.seek(start)
                assert file.read(9) == content[start : start + 9]
        assert gets(proxy, path) == BLOCKS + 4
    assert read(path) == content
    assert gets(proxy, path) == 2 * BLOCKS + 5


def test_one_that_was_replaced_is_another(path: BucketPath, content: bytes) -> None:
    with keeping():
        assert read(path) == content
        path.put(content[::-1])
        assert read(path) == content[::-1]


def test_a_full_disk_keeps_what_it_holds(path: BucketPath, content: bytes, proxy: Proxy) -> None:
    """The limit of a file's size stands in: the first block is kept, the others are not."""
    with keeping(), files_of_at_most(BLOCK_BYTES + 1_000):
        assert read(path) == read(path) == content
    assert gets(proxy, path) == BLOCKS + (BLOCKS - 1) + 2


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("form", ["tar.gz", "zip"])
def test_a_source_is_fetched_once(bucket: str, proxy: Proxy, tmp_path: Path, form: str) -> None:
    images = class_files(each=3)
    noise = random.Random(1).randbytes(SIZE)
    archive = pack(tmp_path / f"set.{form}", [*images, ("set/A/noise.bin", noise)])
    path = BucketPath.parse(f"{bucket}/raw/{archive.name}")
    path.upload(archive)
    proxy.asked.clear()
    store = notmnist_store.open(tmp_path / "store")
    assert sum(row["stored"] for row in store.ingest(str(path)).rows()) == len(images)
    counts = proxy.counts()
    blocks = -(-archive.stat().st_size // BLOCK_BYTES)
    assert counts["GET"] <= blocks + LOOKS, proxy.asked
    assert counts.total() <= blocks + 2 * LOOKS, proxy.asked
