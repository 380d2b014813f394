"""The folder that the documents' blocks run in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import notmnist_store
from notmnist_store.drawing.kernels.encode import png_files
from tests.support.archives import pack

LETTERS = "ABCDEFGHIJ"


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader has it: a demo store of 10,000 images, and own pictures."""
    folder = tmp_path_factory.mktemp("documents")
    random = np.random.default_rng(0)
    files = []
    for letter in LETTERS:
        dark = random.integers(0, 32, (20, 28, 28), dtype=np.uint8)
        coarse = random.integers(0, 256, (979, 7, 7), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
        pixels = np.concatenate([dark, coarse, coarse[-1:]])
        files += [(f"glyphs/{letter}/{n}.png", png) for n, png in enumerate(png_files(pixels))]
    store = notmnist_store.open(folder / "store")
    store.ingest(pack(folder / "glyphs.tar.gz", files), demo=True)
    # The documents make it, too; here it is for those who run a block alone.
    store.split("first", train=0.8, valid=0.1, test=0.1)
    store.near_duplicates()
    for label in ("cat", "dog"):
        (folder / "animals" / label).mkdir(parents=True)
        for number in range(5):
            picture = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(picture).save(folder / "animals" / label / f"{number}.png")
            (folder / "photos" / label).mkdir(parents=True, exist_ok=True)
            photo = Image.fromarray(picture).resize((40 + 9 * number, 70))
            photo.save(folder / "photos" / label / f"{number}.jpg")
    return folder
