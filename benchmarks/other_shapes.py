"""The radius join of colour images of other shapes, beside FAISS's exact search.

    build/peers/bin/python benchmarks/other_shapes.py STORE --write

50,000 images of 32x32x3 (the size of CIFAR) and 10,000 of 64x64x3, a half and a quarter of them,
of two kinds:

letters  pictures of the store, 28x28x1, enlarged, each in one of 8 pairs of colours
clouds   random fields in colour, the amplitude of a wave inverse to its frequency, as photographs
         have it on average; every tenth is another one with noise of sigma 2 of 255

The radius is 2.0 as `near-duplicates` scales it. What is timed and compared is as in
`radius_join.py`; build/peers is the environment of `make bench-near`. --write puts the results into
benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from measure import JoinCost, say
from PIL import Image
from radius_join import Pixels, compare, growth, images_of

from notmnist_store.schema.radius import SEARCH
from notmnist_store.schema.shape import Shape

HERE = Path(__file__).resolve().parent
SIZES = {32: 50_000, 64: 10_000}
_COLOURS = 8
_BLOCK = 1_000

Drawn = dict[tuple[str, Shape], list[JoinCost]]


def letters(store: str | Path, images: int, side: int, seed: int) -> Pixels:
    """Pictures (n, side, side, 3) of a store of 28x28x1, enlarged and in two colours each."""
    random = np.random.default_rng(seed)
    pixels = images_of(store)[0]
    chosen = pixels[random.permutation(len(pixels))[:images]].reshape(-1, 28, 28)
    inks, papers = random.integers(0, 256, (2, _COLOURS, 3))
    made = np.empty((len(chosen), side, side, 3), np.uint8)
    for place, (grey, pair) in enumerate(
        zip(chosen, random.integers(0, _COLOURS, len(chosen)), strict=True)
    ):
        larger = Image.fromarray(grey).resize((side, side), Image.Resampling.BICUBIC)
        ink = np.asarray(larger, np.float32)[:, :, None] / 255
        made[place] = np.rint(papers[pair] + (inks[pair] - papers[pair]) * ink)
    return made


def clouds(images: int, side: int, seed: int) -> Pixels:
    """Random fields (n, side, side, 3), every tenth the one before it with noise."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = frequency[0, 1]
    made = []
    for start in range(0, images, _BLOCK):
        n = min(_BLOCK, images - start)
        grey, colour = (
            np.fft.irfft2(
                np.fft.rfft2(random.normal(size=(n, side, side, k)), axes=(1, 2))
                / frequency[:, :, None],
                axes=(1, 2),
            )
            for k in (1, 3)
        )
        fields = grey + colour / 4
        fields *= 50 / fields.std(axis=(1, 2, 3), keepdims=True)
        block = np.rint(fields + 128).clip(0, 255).astype(np.uint8)
        noise = random.normal(0, 2, block[1::10].shape)
        block[1::10] = np.rint(block[: n - 1 : 10][: len(noise)] + noise).clip(0, 255)
        made.append(block)
    return np.concatenate(made)


def measure(
    kinds: Mapping[str, Callable[[int, int], Pixels]], options: argparse.Namespace
) -> Drawn:
    """Each kind at each shape and size, both ways."""
    costs: Drawn = {}
    for side, most in SIZES.items():
        shape = Shape(side, side, 3)
        images = min(most, options.images or most)
        for kind, make in kinds.items():
            pixels = make(images, side).reshape(images, -1)
            of_this = costs.setdefault((kind, shape), [])
            for size in (images // 4, images // 2, images):
                codes = np.unique(pixels[:size], axis=0, return_inverse=True)[1]
                cost = compare(
                    pixels[:size],
                    codes,
                    SEARCH.scaled(shape).squared,
                    threads=options.threads,
                    queries=options.queries,
                    runs=options.runs,
                )
                of_this.append(cost)
                say(
                    f"{kind} {shape}, {size:,}: {cost.seconds:.2f} s, {cost.times_faster:.0f} times"
                )
    return costs


def main(arguments: Sequence[str] | None = None) -> None:
    from near_results import shapes_markdown
    from results import write_part

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("store", type=Path, help="a store of letters, 28x28x1")
    add("--images", type=int, help="at most so many of each shape")
    add("--queries", type=int, default=1000)
    add("--runs", type=int, default=3)
    add("--threads", type=int, default=2)
    add("--write", action="store_true", help="write its part of benchmarks/RESULTS.md")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    kinds = {
        "letters": lambda images, side: letters(options.store, images, side, 0),
        "clouds": lambda images, side: clouds(images, side, 0),
    }
    costs = measure(kinds, options)
    exponents = {
        kind: growth([cost.images for cost in every], [median(cost.cpu_seconds) for cost in every])
        for kind, every in costs.items()
    }
    text = shapes_markdown(costs, exponents, radius=SEARCH, load=load)
    print(text)
    if options.write:
        write_part(HERE / "RESULTS.md", text)


if __name__ == "__main__":
    main()
