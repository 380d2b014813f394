"""What a radius finds: images of a store, each changed in a known way, and how far that moves them.

usage: python benchmarks/what_the_radius_finds.py STORE [--images N] [--seed 0]

Takes the distinct pictures of a store, or N of them at random, and changes each: saved again as
JPEG, with noise, brighter, blurred, resized and back, shifted, flipped. Prints a Markdown table:
for every change the share of the pictures that are still within 0.5, 1.0, 1.5 and 2.0 of what they
were (scaled for other shapes than 28x28x1), and the median distance. Everything is drawn by the
seed; JPEG depends on the library that Pillow was built with.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

import notmnist_store
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.storage.marker import Marker

RADII = ("0.5", "1.0", "1.5", "2.0")

Pixels = npt.NDArray[np.uint8]
Random = np.random.Generator
Change = Callable[[Pixels, Random], Pixels]


def _through_pillow(change: Callable[[Any], Any]) -> Change:
    def changed(pixels: Pixels, random: Random) -> Pixels:
        grey = pixels.shape[2] == 1
        image = change(Image.fromarray(pixels[:, :, 0] if grey else pixels))
        return np.asarray(image, np.uint8).reshape(pixels.shape)

    return changed


def _jpeg(quality: int) -> Change:
    def saved(image: Any) -> Any:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _through_pillow(saved)


def _noise(sigma: float) -> Change:
    return lambda pixels, random: _clipped(pixels + random.normal(0, sigma, pixels.shape))


def _brighter(factor: float) -> Change:
    return lambda pixels, random: _clipped(pixels * factor)


def _clipped(values: npt.NDArray[np.float64]) -> Pixels:
    return np.rint(values).clip(0, 255).astype(np.uint8)


def _blurred(radius: float) -> Change:
    return _through_pillow(lambda image: image.filter(ImageFilter.GaussianBlur(radius)))


def _resized(share: float) -> Change:
    def there_and_back(image: Any) -> Any:
        smaller = tuple(round(side * share) for side in image.size)
        return image.resize(smaller, Image.Resampling.BICUBIC).resize(
            image.size, Image.Resampling.BICUBIC
        )

    return _through_pillow(there_and_back)


def _shifted(pixels: Pixels, random: Random) -> Pixels:
    """One pixel to the right; what comes in at the left is the first column again."""
    return np.concatenate([pixels[:, :1], pixels[:, :-1]], axis=1)


CHANGES: dict[str, Change] = {
    "JPEG, quality 90": _jpeg(90),
    "JPEG, quality 75": _jpeg(75),
    "JPEG, quality 50": _jpeg(50),
    "noise, sigma 2 of 255": _noise(2),
    "noise, sigma 5": _noise(5),
    "noise, sigma 10": _noise(10),
    "5 % brighter": _brighter(1.05),
    "10 % brighter": _brighter(1.10),
    "blur, radius 0.5 pixels": _blurred(0.5),
    "blur, radius 1 pixel": _blurred(1),
    "resized to 5/7 (28 to 20) and back": _resized(5 / 7),
    "shifted by 1 pixel": _shifted,
    "flipped left to right": lambda pixels, random: pixels[:, ::-1],
}


def pictures_of(path: str, most: int | None, seed: int) -> tuple[Pixels, Shape]:
    """Distinct pictures (n, height, width, channels) of a store, `most` of them at random."""
    store = notmnist_store.open(path)
    shape = Marker.read(store.path).shape
    rows = store.sql(
        "select any_value(pixels) as pixels from image_pixels"
        " group by pixel_hash order by pixel_hash"
    ).arrow()
    order = np.random.default_rng(seed).permutation(len(rows))[:most]
    chosen = rows["pixels"].take(np.sort(order)).to_pylist()
    flat = np.frombuffer(b"".join(chosen), np.uint8)
    return flat.reshape(-1, shape.height, shape.width, shape.channels), shape


def measure(pictures: Pixels, shape: Shape, seed: int) -> dict[str, tuple[list[float], float]]:
    """For each change: the share of the pictures within each radius, and the median distance."""
    limits = [Radius(radius).scaled(shape).squared for radius in RADII]
    result = {}
    for name, change in CHANGES.items():
        random = np.random.default_rng(seed)
        moved = np.stack([change(picture, random) for picture in pictures])
        squared = ((moved.astype(np.int64) - pictures) ** 2).reshape(len(pictures), -1).sum(axis=1)
        shares = [float((squared <= limit).mean()) for limit in limits]
        result[name] = (shares, float(np.sqrt(np.median(squared) / 255**2)))
    return result


def table(measured: dict[str, tuple[list[float], float]], shape: Shape) -> str:
    """The result in Markdown."""
    radii = [Radius(radius).scaled(shape).text for radius in RADII]
    lines = [f"| change | {' | '.join(radii)} | median distance |", "| --- | " + "---: | " * 5]
    for name, (shares, median) in measured.items():
        cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
        lines.append(f"| {name} | {cells} | {median:.2f} |")
    return "\n".join(line.rstrip() for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("store")
    parser.add_argument("--images", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    pictures, shape = pictures_of(options.store, options.images, options.seed)
    print(f"{len(pictures):,} different pictures\n")
    print(table(measure(pictures, shape, options.seed), shape))


if __name__ == "__main__":
    main()
