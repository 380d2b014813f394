"""A set of images has the same figures wherever its store lies, and whatever engine works on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

import notmnist_store
from notmnist_store.location.bucket import BucketPath
from notmnist_store.store import Store


class Figures(NamedTuple):
    """What a set comes to: rows of its tables, and the digest of a split set made of it."""

    images: int
    rejects: int
    pairs: int
    digest: str


SMALL = Figures(13, 1, 7, "8ae0c8c354bb3727a579d4ca81112316adbaaeb6b1a2349fc5a366891cb8beb2")
T10K = Figures(10_000, 2, 1_145, "7bc6c874d4eca2bb5e88569c49c087a5149c824f675756ad847d9b44ef25899a")
PLACES = ("disk", "bucket")
ENGINES: dict[str, dict[str, Any]] = {"local": {}}
"""Engines by name, with the options that ask the commands for them."""


def figures(store: Store, source: str, how: dict[str, Any]) -> Figures:
    """The figures of a source, through the commands that make them."""
    store.ingest(source, **how)
    store.near_duplicates(radius="2", **how)
    store.split("first", train=0.8, valid=0.1, test=0.1, **how)

    def count(table: str) -> int:
        return int(store.sql(f"select count(*) as n from {table}").rows()[0]["n"])

    (digest,) = (row["digest"] for row in store.split_sets().rows() if row["split_set"] == "first")
    return Figures(count("image"), count("reject"), count("pair"), digest)


@pytest.fixture(params=["small", "t10k"])
def known(request: pytest.FixtureRequest) -> tuple[Path, Figures]:
    """An archive, and its figures."""
    if request.param == "small":
        return request.getfixturevalue("small_archive"), SMALL
    return request.getfixturevalue("data_folder") / "notMNIST_t10k.tar.gz", T10K


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("place", PLACES)
def test_a_set_has_the_same_figures_everywhere(
    known: tuple[Path, Figures],
    place: str,
    engine: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    archive, expected = known
    root, source = str(tmp_path), str(archive)
    if place == "bucket":
        root = request.getfixturevalue("bucket")
        raw = BucketPath.parse(f"{root}/raw/{archive.name}")
        raw.upload(archive)
        source = str(raw)
    assert figures(notmnist_store.open(f"{root}/store"), source, ENGINES[engine]) == expected
