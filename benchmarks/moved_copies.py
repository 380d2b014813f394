"""The search under sets of transforms, beside a brute-force FAISS of the same sets.

    build/peers/bin/python benchmarks/moved_copies.py STORE --write

The different pictures of the store, at radius 1.0, first as they are. Ours: the search of
`near-duplicates`, in a process of its own after a small one that compiles the loops, all pairs held
at the end. FAISS: `IndexFlatL2.range_search` of every picture moved by each transform of the set,
made by their definition: as each picture is asked in turn, that finds a pair whichever of its two
is moved. Timed on a sample of queries. For these the neighbours of both are compared one by one,
which takes the reverse too: the queries as they are, against all pictures moved. build/peers is the
environment of `make bench-near`. --write puts the results into benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from measure import MovedCost, alone, most_held, say
from radius_join import COMPILING_ROWS, Pixels, images_of, within_rounding

from notmnist_store.near.kernels.join import CHUNK_PAIRS, Pairs, self_join
from notmnist_store.near.kernels.moved import moved_pairs
from notmnist_store.near.kernels.moving import copies_made, moved_copies
from notmnist_store.near.kernels.sides import EVERYWHERE, KnownPairs, sides_of
from notmnist_store.near.kernels.transforms import Moves
from notmnist_store.near.search import DEFAULT_LIMIT
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import Transforms
from notmnist_store.storage.marker import Marker

HERE = Path(__file__).resolve().parent


def pairs_of(pixels: Pixels, shape: Shape, words: str, t: int, threads: int) -> list[Pairs]:
    """All pairs of pictures (n, d) under the transforms that the words name."""
    moves = Moves(Transforms.of(words), shape)
    if not moves.moves:
        return list(self_join(pixels, t, threads=threads))
    how = {"limit": DEFAULT_LIMIT, "threads": threads, "chunk_pairs": CHUNK_PAIRS}
    sides = sides_of(np.full(len(pixels), EVERYWHERE), [])
    known = KnownPairs.of(len(pixels), 0)
    return [moved_pairs(pixels, sides, moves, t, known=known, **how).pairs]


def _searched(
    file: str, shape: Shape, words: str, t: int, threads: int, runs: int
) -> dict[str, Any]:
    pixels = np.load(file)
    pairs_of(pixels[:COMPILING_ROWS], shape, words, t, threads)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        found = pairs_of(pixels, shape, words, t, threads)
        seconds.append(time.perf_counter() - start)
    keys = [part.left.astype(np.int64) * len(pixels) + part.right for part in found]
    return {
        "keys": np.concatenate([np.empty(0, np.int64), *keys]),
        "seconds": seconds,
        "peak_bytes": most_held(),
    }


def _faiss(
    file: str, shape: Shape, words: str, t: int, threads: int, queries: int
) -> dict[str, Any]:
    import faiss

    faiss.omp_set_num_threads(threads)
    pixels = np.load(file)
    transforms = Transforms.of(words)
    rows = np.sort(np.random.default_rng(1).permutation(len(pixels))[:queries])
    keys = []

    def index_of(pictures: Pixels) -> Any:
        index = faiss.IndexFlatL2(pictures.shape[1])
        index.add(pictures.astype(np.float32))
        return index

    def search(index: Any, pictures: Pixels) -> None:
        ends, _, other = index.range_search(pictures.astype(np.float32), t + 0.5)
        one = np.repeat(rows, np.diff(ends.astype(np.int64)))
        low, high = np.minimum(one, other), np.maximum(one, other)
        keys.append((low * len(pixels) + high)[low < high])

    start = time.perf_counter()
    index = index_of(pixels)
    building = time.perf_counter() - start
    index.range_search(pixels[rows[:64]].astype(np.float32), t + 0.5)
    start = time.perf_counter()
    for moved in moved_copies(pixels[rows], transforms, shape):
        search(index, moved)
    searching = time.perf_counter() - start
    del index
    copies = moved_copies(pixels, transforms, shape)
    next(copies)
    for moved in copies:
        search(index_of(moved), pixels[rows])
    return {
        "rows": rows,
        "keys": np.unique(np.concatenate(keys)),
        "seconds": building + searching * len(pixels) / len(rows),
    }


def compare(
    pixels: Pixels,
    shape: Shape,
    words: str,
    radius: Radius,
    *,
    threads: int,
    queries: int,
    runs: int,
) -> MovedCost:
    """Both ways on these pictures, all different, under the transforms that the words name."""
    t = radius.squared
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, "pixels.npy"))
        np.save(file, pixels)
        ours = alone(_searched, file, shape, words, t, threads, runs)
        theirs = alone(_faiss, file, shape, words, t, threads, queries)
    ends = np.divmod(ours["keys"], len(pixels))
    asked = np.logical_or(*(np.isin(end, theirs["rows"]) for end in ends))
    mine = ours["keys"][asked]
    differing = np.setxor1d(mine, theirs["keys"])
    left, right = (pixels[rows] for rows in np.divmod(differing, len(pixels)))
    squared = least_squared(left, right, Transforms.of(words), shape)
    at_the_rounding = within_rounding(squared, t, pixels.shape[1])
    return MovedCost(
        transforms=words,
        images=len(pixels),
        moves=copies_made(Transforms.of(words)),
        pairs=len(ours["keys"]),
        all_seconds=ours["seconds"],
        peak_bytes=ours["peak_bytes"],
        faiss_seconds=theirs["seconds"],
        faiss_queries=len(theirs["rows"]),
        times_faster=theirs["seconds"] / median(ours["seconds"]),
        sampled_pairs=len(mine),
        at_the_rounding=at_the_rounding,
        disagreements=len(differing) - at_the_rounding,
    )


def least_squared(left: Pixels, right: Pixels, transforms: Transforms, shape: Shape) -> Any:
    """(n,) The least squared distance of each two pictures, either of them moved."""
    least = np.full(len(left), np.iinfo(np.int64).max)
    for one, other in ((left, right), (right, left)):
        for moved in moved_copies(one, transforms, shape):
            squared = ((moved.astype(np.int64) - other) ** 2).sum(axis=1)
            np.minimum(least, squared, out=least)
    return least


def main(arguments: Sequence[str] | None = None) -> None:
    from near_results import moved_markdown
    from results import write_part

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("store", type=Path)
    add("--images", type=int, help="so many of the store at the most (default: all)")
    add("--transforms", nargs="+", default=["none", "flip", "shift1"], metavar="SET")
    add("--radius", default="1.0")
    add("--queries", type=int, default=1000)
    add("--runs", type=int, default=2)
    add("--threads", type=int, default=2)
    add("--write", action="store_true", help="write its part of benchmarks/RESULTS.md")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    pixels, codes = images_of(options.store)
    codes = codes[: options.images]
    pixels = pixels[np.sort(np.unique(codes, return_index=True)[1])]
    shape = Marker.read(options.store).shape
    costs = []
    for words in options.transforms:
        costs.append(
            compare(
                pixels,
                shape,
                words,
                Radius(options.radius),
                threads=options.threads,
                queries=options.queries,
                runs=options.runs,
            )
        )
        say(f"{words}: {costs[-1].all_seconds} s, {costs[-1].times_faster:.0f} times")
    text = moved_markdown(costs, images=len(codes), radius=options.radius, load=load)
    print(text)
    if options.write:
        write_part(HERE / "RESULTS.md", text)


if __name__ == "__main__":
    main()
