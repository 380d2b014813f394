"""One job of `use.py` in a process of its own; prints what it took as one line of JSON.

usage: python benchmarks/use_others.py ours|npy|pickle|notebook_split|pandas|datasets FOLDER …

Each prints `seconds`, and `peak`: bytes of memory at most beyond what was held before it began.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

OTHERS = ("ours", "npy", "pickle", "notebook_split", "pandas", "datasets")
IMAGES_DECODED = 10_000


def ours(path: str, dtype: str) -> dict[str, float]:
    """Training images and labels of split set bench, out of the store."""
    import notmnist_store
    import notmnist_store.catalog.connection
    import notmnist_store.loading.split

    store = notmnist_store.open(path)
    store.load("bench", "valid").to_numpy(dtype)  # what a process loads and compiles but once
    return measured(lambda: store.load("bench", "train").to_numpy(dtype))


def npy(folder: str, how: str) -> dict[str, float]:
    """Our exported arrays: mapped, and a first batch looked at, or all of it read to memory."""

    def mapped() -> object:
        images = np.load(Path(folder, "x_train.npy"), mmap_mode="r")
        labels = np.load(Path(folder, "y_train.npy"), mmap_mode="r")
        few = slice(0, 128) if how == "open" else slice(None)
        return np.array(images[few]), np.array(labels[few])

    return measured(mapped)


def unpickled(folder: str) -> dict[str, float]:
    """The notebook's file of the training images, float32, and their labels."""

    def load() -> object:
        with Path(folder, "train.pickle").open("rb") as file:
            return pickle.load(file)

    return measured(load)


def notebook_split(folder: str, *sizes: str) -> dict[str, float]:
    """The notebook's merge_datasets and randomize: class pickles to shuffled arrays."""
    train, valid, test = map(int, sizes)

    def merge(part: str, counts: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        files = sorted(Path(folder).glob(f"{part}-*.pickle"))
        each = [count // len(files) for count in counts]
        arrays = [np.empty((n * len(files), 28, 28), np.float32) for n in each]
        labels = [np.empty(n * len(files), np.int32) for n in each]
        for label, path in enumerate(files):
            with path.open("rb") as file:
                images = pickle.load(file)
            np.random.shuffle(images)
            start = 0
            for array, column, n in zip(arrays, labels, each, strict=True):
                array[label * n : (label + 1) * n] = images[start : start + n]
                column[label * n : (label + 1) * n] = label
                start += n
        return list(zip(arrays, labels, strict=True))

    def split() -> object:
        parts = merge("train", [valid, train]) + merge("test", [test])
        orders = [np.random.permutation(len(labels)) for _, labels in parts]
        return [(x[o], y[o]) for (x, y), o in zip(parts, orders, strict=True)]

    return measured(split)


def with_pandas(folder: str) -> dict[str, float]:
    """Exact copies within the training images and counts by label, as one does in a notebook."""
    from hashlib import md5

    import pandas as pd

    with Path(folder, "train.pickle").open("rb") as file:
        save = pickle.load(file)

    def look() -> object:
        hashes = [md5(image.tobytes()).digest() for image in save["train_dataset"]]
        frame = pd.DataFrame({"hash": hashes, "label": save["train_labels"]})
        return frame.duplicated("hash").sum(), frame["label"].value_counts()

    return measured(look)


def with_datasets(folder: str) -> dict[str, float]:
    """Hugging Face's own reader on our export: prepare its cache, open it again, decode images."""
    if importlib.util.find_spec("datasets") is None:
        return {}
    import datasets

    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        first = measured(lambda: datasets.load_dataset(folder, cache_dir=cache))["seconds"]
        again = measured(lambda: datasets.load_dataset(folder, cache_dir=cache))["seconds"]
        rows = datasets.load_dataset(folder, cache_dir=cache, split="train").with_format("numpy")
        some = min(IMAGES_DECODED, len(rows))
        decoded = measured(lambda: rows[:some]["image"])["seconds"]
    return {
        "datasets, first": first,
        "datasets, again": again,
        "datasets, an image": decoded / some,
    }


def measured(work: Callable[[], object]) -> dict[str, float]:
    before = psutil.Process().memory_info().rss
    start = time.perf_counter()
    kept = work()
    seconds = time.perf_counter() - start
    peak = _greatest_memory() - before
    del kept
    return {"seconds": seconds, "peak": float(max(peak, 0))}


def _greatest_memory() -> int:
    """Bytes this process has held at most. Linux's ru_maxrss counts what its parent held, too."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024


if __name__ == "__main__":
    jobs: dict[str, Callable[..., dict[str, float]]] = dict(
        zip(OTHERS, (ours, npy, unpickled, notebook_split, with_pandas, with_datasets), strict=True)
    )
    print(json.dumps(jobs[sys.argv[1]](*sys.argv[2:])))
