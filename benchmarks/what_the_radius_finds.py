"""What a radius finds: images of a store, each changed in a known way, and how far that moves them.

usage: python benchmarks/what_the_radius_finds.py STORE [--images N] [--seed 0]

Takes the distinct pictures of a store, or N of them at random, and changes each: saved again as
JPEG, with noise, brighter, blurred, resized and back, shifted, flipped, turned. Prints a Markdown
table: for every change the share of the pictures that are still within 0.5, 1.0, 1.5 and 2.0 of
what they were (scaled for other shapes than 28x28x1), and the median distance; and the share within
1.0 and 2.0 under shift1, and under turns (under flips where the images are no squares). Everything
is drawn by the seed; JPEG depends on the library that Pillow was built with.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

import notmnist_store
from notmnist_store.near.kernels.transforms import Moves
from notmnist_store.schema.arrays import Ints
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import Transforms
from notmnist_store.storage.marker import Marker

RADII = ("0.5", "1.0", "1.5", "2.0")
RADII_MOVED = ("1.0", "2.0")

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


def _shifted(right: int) -> Change:
    """To the right; what comes in at the left is the first column again."""
    return lambda pixels, random: np.pad(
        pixels[:, :-right], ((0, 0), (right, 0), (0, 0)), mode="edge"
    )


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
    "shifted by 1 pixel": _shifted(1),
    "shifted by 2 pixels": _shifted(2),
    "flipped left to right": lambda pixels, random: pixels[:, ::-1],
    "turned upside down": lambda pixels, random: pixels[::-1, ::-1],
}


@dataclass(frozen=True)
class Found:
    """What is found of one change: shares of the pictures by radius, and the median distance."""

    shares: list[float]
    shares_moved: list[float]
    median: float


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


def sets_for(shape: Shape) -> list[Transforms]:
    """The sets of transforms that have columns of their own."""
    square = shape.height == shape.width
    return [Transforms(shifts=1), Transforms(turns=3 if square else 2)]


def least_squared(moves: Moves, pictures: Pixels, changed: Pixels) -> Ints:
    """(n,) The least squared distance of each picture to what became of it, over the moves."""
    one, other = (each.reshape(len(each), -1).astype(np.int32) for each in (pictures, changed))
    least = ((one - other) ** 2).sum(axis=1, dtype=np.int64)
    for source, moves_b in zip(moves.sources[1:], moves.moves_b[1:], strict=True):
        difference = one - other[:, source] if moves_b else one[:, source] - other
        np.minimum(least, (difference**2).sum(axis=1, dtype=np.int64), out=least)
    return least


def measure(pictures: Pixels, shape: Shape, seed: int) -> dict[str, Found]:
    """What is found of the pictures after each change."""
    plain, *moved = (Moves(each, shape) for each in (Transforms(), *sets_for(shape)))
    result = {}
    for name, change in CHANGES.items():
        random = np.random.default_rng(seed)
        changed = np.stack([change(picture, random) for picture in pictures])
        squared = least_squared(plain, pictures, changed)
        shares = _shares(squared, RADII, shape)
        shares_moved = []
        for moves in moved:
            shares_moved += _shares(least_squared(moves, pictures, changed), RADII_MOVED, shape)
        result[name] = Found(shares, shares_moved, float(np.sqrt(np.median(squared) / 255**2)))
    return result


def _shares(squared: Ints, radii: tuple[str, ...], shape: Shape) -> list[float]:
    return [float((squared <= Radius(radius).scaled(shape).squared).mean()) for radius in radii]


def table(measured: dict[str, Found], shape: Shape) -> str:
    """The result in Markdown."""
    columns = [Radius(radius).scaled(shape).text for radius in RADII] + ["median distance"]
    columns += [
        f"{Radius(radius).scaled(shape).text} {transforms}"
        for transforms in sets_for(shape)
        for radius in RADII_MOVED
    ]
    lines = [f"| change | {' | '.join(columns)} |", "| --- |" + " ---: |" * len(columns)]
    for name, found in measured.items():
        cells = [f"{100 * share:.1f} %" for share in found.shares]
        cells.append(f"{found.median:.2f}")
        cells += [f"{100 * share:.1f} %" for share in found.shares_moved]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


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
