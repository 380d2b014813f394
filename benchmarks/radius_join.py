"""The radius join beside FAISS's exact search, on the images of one store, in one run.

    make bench-near                                      # up to 529,114 images
    make bench-near ARGS="--runs 5 --write"
    make bench-near ARGS="--store S --sizes 50000,100000 --radius 2.0 --queries 1000"

Needs faiss-cpu and cleanvision (they are there under `make bench-near`). For every size, images are
drawn from the store at random, with copies.

Ours: copies collapsed by their pixel hash, basis, tree, join, all pairs held at the end; in a
process of its own, after a small join that compiles the loops. FAISS: `IndexFlatL2.range_search`
over the same images as float32, timed on a sample of queries (its time is proportional to their
number) plus building the index. For the sampled images the two sets of neighbours are compared one
by one. cleanvision gets 10,000 of the images as PNG files. --write puts the results into
benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
from measure import ROOT, JoinCost, alone, environment, most_held, say

sys.path.insert(0, str(ROOT))

import notmnist_store
from notmnist_store.near.kernels.join import cross_join, self_join
from notmnist_store.schema.radius import Radius

HERE = Path(__file__).resolve().parent
CLEANVISION_IMAGES = 10_000

Pixels = npt.NDArray[np.uint8]
COMPILING_ROWS = 2_000
"""Of a join before the one that is timed, which compiles the loops."""

_FAISS_ROUNDING = 256  # of squared distances near the threshold: see `within_rounding`


def images_of(store: str | Path) -> tuple[Pixels, npt.NDArray[np.int64]]:
    """Pixels (n, d) of every image of a store, and a code (n,) of the pixel hash of each."""
    table = (
        notmnist_store.open(store)
        .sql("select pixel_hash, pixels from image_pixels order by image_id")
        .arrow()
    )
    column = table["pixels"].combine_chunks()
    data = np.frombuffer(column.buffers()[2], np.uint8)
    codes = table["pixel_hash"].combine_chunks().dictionary_encode().indices
    return data.reshape(len(table), -1), codes.to_numpy().astype(np.int64)


def _joined(folder: str, t: int, threads: int, runs: int) -> dict[str, Any]:
    pixels = np.load(Path(folder, "pixels.npy"))
    codes = np.load(Path(folder, "codes.npy"))
    start = time.perf_counter()
    sum(map(len, self_join(pixels[:COMPILING_ROWS], t, threads=threads)))
    compiling = time.perf_counter() - start
    seconds, cpu_seconds = [], []
    for _ in range(runs):
        start, cpu_start = time.perf_counter(), time.process_time()
        first, image = np.unique(codes, return_index=True, return_inverse=True)[1:]
        chunks = list(self_join(pixels[first], t, threads=threads))
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    return {
        "left": np.concatenate([np.zeros(0, np.int32), *(chunk.left for chunk in chunks)]),
        "right": np.concatenate([np.zeros(0, np.int32), *(chunk.right for chunk in chunks)]),
        "image": image,
        "seconds": seconds,
        "compile_seconds": compiling,
        "cpu_seconds": cpu_seconds,
        "peak_bytes": most_held(),
    }


def _searched(folder: str, t: int, threads: int, queries: int) -> dict[str, Any]:
    import faiss

    faiss.omp_set_num_threads(threads)
    pixels = np.load(Path(folder, "pixels.npy"))
    start = time.perf_counter()
    vectors = pixels.astype(np.float32)
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(vectors)
    building = time.perf_counter() - start
    rows = np.sort(np.random.default_rng(1).permutation(len(vectors))[:queries])
    index.range_search(vectors[rows[:64]], t + 0.5)
    start = time.perf_counter()
    ends, _, found = index.range_search(vectors[rows], t + 0.5)
    searching = time.perf_counter() - start
    return {
        "rows": rows,
        "left": np.repeat(rows, np.diff(ends.astype(np.int64))),
        "right": found,
        "seconds": building + searching * len(vectors) / len(rows),
    }


def _neighbours(ours: dict[str, Any], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Our pairs (row, other row) of some rows, copies and the rows themselves included."""
    from scipy.sparse import coo_array

    image = ours["image"]
    count = int(image.max()) + 1
    both = np.concatenate([ours["left"], ours["right"], np.arange(count)])
    others = np.concatenate([ours["right"], ours["left"], np.arange(count)])
    near = coo_array((np.ones(len(both), np.int32), (both, others)), (count, count)).tocsr()
    copies = coo_array((np.ones(len(image), np.int32), (image, np.arange(len(image))))).tocsr()
    at, right = (near[image[rows]] @ copies).nonzero()
    pairs: npt.NDArray[np.int64] = rows[at] * len(image) + right
    return pairs


def within_rounding(squared: npt.NDArray[np.int64], t: int, size: int) -> int:
    """How many of these are so near t that FAISS, which takes them from float32 norms, may err.

    Norms of white pictures of 784 values are 5e7, where float32 steps by 4; 50 steps were seen.
    """
    return int((np.abs(squared - t) <= _FAISS_ROUNDING * size / 784).sum())


def compare(
    pixels: Pixels,
    codes: npt.NDArray[np.int64],
    t: int,
    *,
    threads: int,
    queries: int,
    runs: int,
) -> JoinCost:
    """Both ways on these images; `codes` (n,) are equal where the pixels are."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "pixels.npy"), pixels)
        np.save(Path(folder, "codes.npy"), codes)
        ours = alone(_joined, folder, t, threads, runs)
        theirs = alone(_searched, folder, t, threads, queries)
    mine = _neighbours(ours, theirs["rows"])
    faiss = theirs["left"] * len(pixels) + theirs["right"]
    differing = np.setxor1d(mine, faiss)
    left, right = pixels[differing // len(pixels)], pixels[differing % len(pixels)]
    squared = ((left.astype(np.int64) - right) ** 2).sum(axis=1)
    at_the_rounding = within_rounding(squared, t, pixels.shape[1])
    seconds = median(ours["seconds"])
    return JoinCost(
        images=len(pixels),
        distinct=int(ours["image"].max()) + 1,
        pairs=len(ours["left"]),
        seconds=seconds,
        all_seconds=ours["seconds"],
        cpu_seconds=ours["cpu_seconds"],
        compile_seconds=ours["compile_seconds"],
        peak_bytes=ours["peak_bytes"],
        faiss_seconds=theirs["seconds"],
        faiss_queries=len(theirs["rows"]),
        times_faster=theirs["seconds"] / seconds,
        sampled_pairs=len(mine),
        at_the_rounding=at_the_rounding,
        disagreements=len(differing) - at_the_rounding,
    )


def _crossed(folder: str, t: int, threads: int, train: int) -> dict[str, Any]:
    import faiss

    pixels = np.load(Path(folder, "pixels.npy"))
    sum(map(len, cross_join(pixels[:COMPILING_ROWS], pixels[:COMPILING_ROWS], t)))
    start = time.perf_counter()
    pairs = sum(map(len, cross_join(pixels[:train], pixels[train:], t, threads=threads)))
    ours = time.perf_counter() - start
    faiss.omp_set_num_threads(threads)
    start = time.perf_counter()
    index = faiss.IndexFlatL2(pixels.shape[1])
    index.add(pixels[:train].astype(np.float32))
    found = index.range_search(pixels[train:].astype(np.float32), t + 0.5)[0][-1]
    theirs = time.perf_counter() - start
    return {
        "train": train,
        "test": len(pixels) - train,
        "pairs": pairs,
        "faiss_pairs": int(found),
        "seconds": ours,
        "faiss_seconds": theirs,
        "times_faster": theirs / ours,
    }


def compare_train_and_test(pixels: Pixels, train: int, t: int, *, threads: int) -> dict[str, Any]:
    """Both ways, all of it: the first `train` images against the others."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "pixels.npy"), pixels)
        return alone(_crossed, folder, t, threads, train)


def growth(images: Sequence[int], seconds: Sequence[float]) -> float:
    """The exponent b of seconds = a * images^b, fitted over the sizes."""
    return float(np.polyfit(np.log(images), np.log(seconds), 1)[0])


def beside_cleanvision(pixels: Pixels, radius: str, *, threads: int) -> dict[str, Any]:
    """Exact and near duplicates of these images as PNG files, and ours on a store of the same."""
    from importlib.metadata import version

    from PIL import Image

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "set" / "X").mkdir(parents=True)
        for number, image in enumerate(pixels.reshape(len(pixels), 28, 28)):
            Image.fromarray(image).save(folder / "set" / "X" / f"{number:05d}.png")
        sets, seconds = alone(_cleaned, str(folder / "set"), threads)
        store = notmnist_store.open(folder / "store")
        store.ingest(folder / "set")
        start = time.perf_counter()
        command = ["near-duplicates", "--store", str(store.path), "--radius", radius, "--quiet"]
        subprocess.run(
            [sys.executable, "-m", "notmnist_store", *command],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment(),
        )
        our_seconds = time.perf_counter() - start
        rows = store.sql(
            "select string_split(a.path, '/')[-1] as name_a,"
            " string_split(b.path, '/')[-1] as name_b from pair"
            " inner join image as a on a.image_id = pair.a"
            " inner join image as b on b.image_id = pair.b"
        ).rows()
    set_of = {name: place for place, names in enumerate(sets) for name in names}
    both = [(set_of.get(r["name_a"], -1), set_of.get(r["name_b"], -2)) for r in rows]
    return {
        "version": version("cleanvision"),
        "images": len(pixels),
        "seconds": seconds,
        "in_sets": len(set_of),
        "our_seconds": our_seconds,
        "our_pairs": len(rows),
        "radius": radius,
        "share": sum(a == b for a, b in both) / max(1, len(both)),
    }


def _cleaned(folder: str, threads: int) -> tuple[list[list[str]], float]:
    from cleanvision import Imagelab

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        lab = Imagelab(data_path=folder)
        start = time.perf_counter()
        lab.find_issues(
            {"exact_duplicates": {}, "near_duplicates": {}}, n_jobs=threads, verbose=False
        )
        seconds = time.perf_counter() - start
    sets = lab.info["near_duplicates"]["sets"] + lab.info["exact_duplicates"]["sets"]
    return [[Path(path).name for path in one] for one in sets], seconds


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-near",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--store", type=Path, help="a store that is there (default: one of drawn letters)")
    add("--sizes", default="50000,100000,200000,529114")
    add("--radius", default="2.0")
    add("--queries", type=int, default=1000)
    add("--runs", type=int, default=3)
    add("--threads", type=int, default=2)
    add("--train", type=int, default=200_000)
    add("--test", type=int, default=10_000)
    add("--folder", type=Path, default=ROOT / "build" / "benchmarks", help="where to work")
    add("--write", action="store_true", help="write its part of benchmarks/RESULTS.md")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    from near_results import draw_growth, markdown
    from results import write_part
    from use import ready_store

    options = parse(arguments)
    load = os.getloadavg()[0]
    if options.store is None:
        options.folder.mkdir(parents=True, exist_ok=True)
        options.store = ready_store(options.folder)[0]
    t = Radius(options.radius).squared
    pixels, codes = images_of(options.store)
    order = np.random.default_rng(0).permutation(len(pixels))
    costs = []
    for size in map(int, options.sizes.split(",")):
        rows = np.sort(order[:size])
        costs.append(
            compare(
                pixels[rows],
                codes[rows],
                t,
                threads=options.threads,
                queries=options.queries,
                runs=options.runs,
            )
        )
        say(f"{size:,} images: {costs[-1].seconds:.2f} s, {costs[-1].times_faster:.0f} times")
    exponent = None
    if len(costs) > 1:
        exponent = growth([cost.images for cost in costs], [cost.seconds for cost in costs])
    crossed = None
    if options.train + options.test <= len(pixels):
        rows = order[: options.train + options.test]
        crossed = compare_train_and_test(pixels[rows], options.train, t, threads=options.threads)
    cleaned = None
    if importlib.util.find_spec("cleanvision") is not None:
        few = np.sort(order[:CLEANVISION_IMAGES])
        cleaned = beside_cleanvision(pixels[few], options.radius, threads=options.threads)
    text = markdown(
        costs,
        radius=options.radius,
        exponent=exponent,
        train_and_test=crossed,
        cleanvision=cleaned,
        load=load,
    )
    print(text)
    if options.write:
        write_part(HERE / "RESULTS.md", text)
        if exponent is not None:
            draw_growth(costs, exponent, HERE / "growth.svg")


if __name__ == "__main__":
    main()
