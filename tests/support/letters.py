"""Letters for tests of learning: classes that a linear model tells apart, with known leaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

import notmnist_store
from notmnist_store.store import Store
from tests.support.archives import pack, png

__all__ = ["letter", "letter_store"]

Pixels = npt.NDArray[np.uint8]


def letter(label: int, number: int, noise: int = 90) -> Pixels:
    """(28, 28, 1): the class's own pattern, with noise that is another one for each number."""
    pattern = np.random.default_rng([1, label]).integers(60, 150, (28, 28, 1))
    random = np.random.default_rng([2, label, number])
    return np.clip(pattern + random.integers(-noise, noise, (28, 28, 1)), 2, 253).astype(np.uint8)


def letter_store(path: Path, archive: Path, more: list[tuple[str, Pixels]] | None = None) -> Store:
    """A store of A, B and C with 40 images each in train, 10 in valid and 20 in test.

    Leaks: exact_0 to exact_2 in test are copies of train's A, near_0 to near_3 differ in one pixel
    from train's B (distance 2 / 255), near_far in five pixels by 125 each (about 1.1). Train's last
    A differs as little from its first: exact_0 has an exact copy and a near one. `more` are further
    images by path below the root.
    """
    images = []
    sizes = {"train": 40, "valid": 10, "test": 20}
    for place, (split, size) in enumerate(sizes.items()):
        for label in range(3):
            for number in range(size):
                pixels = letter(label, 1000 * place + number)
                images.append((f"{split}/{'ABC'[label]}/{number}.png", pixels))
    images[39] = ("train/A/39.png", _one_pixel_off(letter(0, 0)))
    images += [(f"test/A/exact_{number}.png", letter(0, number)) for number in range(3)]
    for number in range(4):
        images.append((f"test/B/near_{number}.png", _one_pixel_off(letter(1, number))))
    far = letter(2, 0)
    far[5, 5:10] = np.where(far[5, 5:10] < 128, far[5, 5:10] + 125, far[5, 5:10] - 125)
    images.append(("test/C/near_far.png", far))
    images += more or []
    files = [(f"letters/{name}", png(pixels)) for name, pixels in images]
    store = notmnist_store.open(path)
    store.ingest(pack(archive, files))
    return store


def _one_pixel_off(pixels: Pixels) -> Pixels:
    near = pixels.copy()
    near[0, 0] -= 2
    return near
