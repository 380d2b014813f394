"""A set of images has the same figures wherever its store lies."""

from __future__ import annotations

from pathlib import Path

import pytest

import notmnist_store
from notmnist_store.location.bucket import BucketPath
from tests.support.figures import Figures, figures_of


@pytest.mark.parametrize("place", ["disk", "bucket"])
def test_a_set_has_the_same_figures_everywhere(
    known: tuple[Path, Figures], place: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    archive, expected = known
    root, source = str(tmp_path), str(archive)
    if place == "bucket":
        root = request.getfixturevalue("bucket")
        raw = BucketPath.parse(f"{root}/raw/{archive.name}")
        raw.upload(archive)
        source = str(raw)
    assert figures_of(notmnist_store.open(f"{root}/store"), source) == expected
