"""What there is to find, by brute force, for a sample of images; and a peer's answer beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from notmnist_store.near.kernels.moving import moved_copies
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import Transforms

SAMPLE = 1_000
MOVED_SAMPLE = 100
SHAPE = Shape(28, 28, 1)
NEAR, MOVED = Radius("2.0"), Radius("1.0")
TRANSFORMS = Transforms.of("shift1")

Pixels = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Pairs = set[tuple[int, int]]

_BLOCK = 1 << 14


def squared_distances(some: Pixels, every: Pixels) -> npt.NDArray[np.float64]:
    """(n, m) squared distances of rows of uint8, exact: all numbers are whole and below 2^53."""
    a, b = some.astype(np.float64), every.astype(np.float64)
    products = a @ b.T
    found: npt.NDArray[np.float64] = (
        np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2 * products
    )
    return found


def close(some: Pixels, every: Pixels, most: int) -> Places:
    """Rows (k, 2) of some and of every that are at most so far apart, each with each."""
    found = []
    for start in range(0, len(every), _BLOCK):
        near = squared_distances(some, every[start : start + _BLOCK]) <= most
        found.append(np.add(np.argwhere(near), [0, start]))
    return np.concatenate(found)


def close_moved(some: Pixels, every: Pixels, most: int) -> Places:
    """The same where one of the two may have moved."""
    found = [close(copies, every, most) for copies in moved_copies(some, TRANSFORMS, SHAPE)]
    for start in range(0, len(every), _BLOCK):
        for copies in moved_copies(every[start : start + _BLOCK], TRANSFORMS, SHAPE):
            found.append(np.add(close(some, copies, most), [0, start]))
    return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Truth:
    """Pairs that have one of the sampled rows, by task, and which of sampled test rows leak.

    row       the row of each name
    sampled   the sampled rows, by task
    pairs     the pairs there are with one of them, the lesser row first, by task
    tests     sampled rows of test
    leaks     of those that have any: the rows of train within the radius
    """

    row: dict[str, int]
    sampled: dict[str, frozenset[int]]
    pairs: dict[str, Pairs]
    tests: frozenset[int]
    leaks: dict[int, set[int]]

    @classmethod
    def of(cls, folder: Path) -> Truth:
        """Of images as `peers.py` laid them out."""
        pixels = np.load(folder / "pixels.npy")
        names = json.loads((folder / "names.json").read_text())
        order = np.random.default_rng(1).permutation(len(pixels))
        rows, few = order[:SAMPLE], order[:MOVED_SAMPLE]
        found = {
            "exact": (rows, close(pixels[rows], pixels, 0)),
            "near": (rows, close(pixels[rows], pixels, NEAR.squared)),
            "moved": (few, close_moved(pixels[few], pixels, MOVED.squared)),
        }
        in_test = np.array([name.startswith("test/") for name in names])
        tests, train = order[in_test[order]][:SAMPLE], np.flatnonzero(~in_test)
        leaks: dict[int, set[int]] = {}
        for test, other in close(pixels[tests], pixels[train], NEAR.squared).tolist():
            leaks.setdefault(int(tests[test]), set()).add(int(train[other]))
        return cls(
            row={name: place for place, name in enumerate(names)},
            sampled={task: frozenset(some.tolist()) for task, (some, _) in found.items()},
            pairs={task: _pairs(some, places) for task, (some, places) in found.items()},
            tests=frozenset(tests.tolist()),
            leaks=leaks,
        )

    def judged(self, task: str, found: dict[str, Any]) -> dict[str, float]:
        """Recall and precision of what a peer found; of an empty answer precision is left out."""
        if task in self.pairs:
            return _shares(self._pairs_of(task, found), self.pairs[task])
        if task == "leaks":
            told = {self.row[name] for name in found["leaks"]}
            return _shares(told & self.tests, set(self.leaks))
        if task != "clean":
            return {}
        kept = {self.row[name] for name in found["kept"]}
        left = sum(test in kept and bool(train & kept) for test, train in self.leaks.items())
        shares = _shares(self.tests - kept, set(self.leaks))
        return {**shares, "left": left, "leaks": len(self.leaks)}

    def _pairs_of(self, task: str, found: dict[str, Any]) -> Pairs:
        """Pairs of an answer that have a sampled row."""
        sampled = self.sampled[task]
        groups = found["exact"] if task == "exact" and "exact" in found else found.get("groups", [])
        told: Pairs = set()
        copies = {
            self.row[name]: [self.row[other] for other in group]
            for group in found.get("copies", [])
            for name in group
        }
        for group in [*groups, *found.get("copies", [])]:
            rows = [self.row[name] for name in group]
            told |= _with(sampled, rows, rows)
        for one, other in found.get("pairs", []):
            a, b = self.row[one], self.row[other]
            told |= _with(sampled, copies.get(a, [a]), copies.get(b, [b]))
        return told


def _with(sampled: frozenset[int], left: list[int], right: list[int]) -> Pairs:
    """Pairs of a row on the left and one on the right, at least one of them sampled."""
    return {
        (min(a, b), max(a, b))
        for one, other in ((left, right), (right, left))
        for a in sampled.intersection(one)
        for b in other
        if a != b
    }


def _pairs(rows: npt.NDArray[np.int64], places: Places) -> Pairs:
    both = ((int(rows[a]), b) for a, b in places.tolist())
    return {(min(a, b), max(a, b)) for a, b in both if a != b}


def _shares(told: set[Any], there: set[Any]) -> dict[str, float]:
    right = len(told & there)
    shares = {"recall": right / len(there)} if there else {}
    return shares | ({"precision": right / len(told)} if told else {})
