"""The near copies that people judged in CIFAR's test sets, and how many of them a radius finds.

ciFAIR's lists (B. Barz, J. Denzler, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates",
J. Imaging 6(6), 2020) have, for each test image with a copy in train, the pair and a verdict: 0 an
exact copy, 1 a near copy of the same shot, 2 another shot that looks very similar. Images are
counted from 0, in the order of the files, train in that of its batches.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from results import table

import notmnist_store
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.store import Store

RADII = ("1.0", "2.0", "3.0", "4.0")
CONTRAST_RADII = ("0.1", "0.2", "0.3", "0.4")
PUBLISHED = {10: 286, 100: 891}
"""Test images with a copy in train, by the number of classes: the lists' first columns."""

VERDICTS = {0: "exact", 1: "near", 2: "similar"}
_WHERE = "Barz, Denzler 2020, arXiv:1902.00423"

Judged = dict[tuple[int, int], int]
"""The verdict on a pair of a test image and one of train."""

Distances = dict[frozenset[str], float]
"""Of pairs of pictures, by their pixel hashes: what a radius is compared with."""


@dataclass(frozen=True)
class Found:
    """What a radius finds.

    ``pairs``: of each verdict's pairs, how many are within it, and how many there are. ``flagged``:
    test images with any copy in train; ``right``: those of them that the list has.
    """

    method: str
    radius: str
    pairs: Mapping[int, tuple[int, int]]
    flagged: int
    right: int


def cifair(archive: Path, lists: Path, classes: int, work: Path) -> str:
    """The section: what was published, and what each method finds at each radius."""
    judged = read_list(lists / f"duplicates_cifar{classes}.csv")
    store = notmnist_store.open(work / "store")
    store.ingest(archive, shape=str(Shape(32, 32, 3)))
    return section(judged, *measure(store, judged), classes)


def section(
    judged: Judged, found: Sequence[Found], taken: Mapping[str, float], classes: int
) -> str:
    """The text of what was measured."""
    listed = len({test for test, _ in judged})
    lines = [
        (
            one.radius,
            one.method,
            *(_share(*one.pairs[verdict]) for verdict in VERDICTS),
            _share(one.right, listed),
            _share(one.right, one.flagged),
        )
        for one in found
    ]
    seconds = ", ".join(f"{method} {value:.0f} s" for method, value in taken.items())
    return "\n\n".join(
        [
            published(classes),
            f"The list at hand has {len(judged):,} pairs of {listed:,} test images. Recall: the "
            "share of its pairs within the radius, by verdict, and of its test images that have "
            "any copy in train there. Precision: of all test images that have one, the share that "
            f"the list has. Searches took: {seconds}.",
            table(
                (
                    *("radius", "method"),
                    *(f"recall, {word}" for word in VERDICTS.values()),
                    *("recall, images", "precision, images"),
                ),
                lines,
            ),
        ]
    )


def published(classes: int) -> str:
    """What was published, and how to hold it against this program."""
    return (
        f"Published ({_WHERE}): {PUBLISHED[classes]:,} test images with a copy in train, found by "
        "a network's features and judged by eye. "
        f'`make facts ARGS="--cifar{classes} cifar-{classes}-binary.tar.gz --cifair META"` says '
        "which of them each search finds, META being the folder `meta` of the repository "
        "cvjena/cifair."
    )


def read_list(file: Path) -> Judged:
    """A list of ciFAIR."""
    with file.open(encoding="utf-8", newline="") as lines:
        return {
            (int(row["TestID"]), int(row["TrainID"])): int(row["Judgment"])
            for row in csv.DictReader(lines)
        }


def measure(store: Store, judged: Judged) -> tuple[list[Found], dict[str, float]]:
    """What plain search, turns and contrast find at their radii, and the seconds of a search."""
    hashes = {
        split: [
            row["pixel_hash"]
            for row in store.sql(
                f"select pixel_hash from image where split = '{split}' order by path"
            ).rows()
        ]
        for split in ("train", "test")
    }
    taken: dict[str, float] = {}

    def timed(method: str, search: Callable[[], object]) -> None:
        started = time.perf_counter()
        search()
        taken[method] = time.perf_counter() - started

    last, lasting = RADII[-1], CONTRAST_RADII[-1]
    timed("plain", lambda: store.near_duplicates(radius=last))
    timed("turns", lambda: store.near_duplicates(radius=last, transforms="turns"))
    timed("contrast", lambda: store.near_duplicates(contrast=True, radius=lasting))
    pairs = {
        "plain": _distances(store, "near_pair where transforms = 'none'", "squared_distance"),
        "turns": _distances(store, "near_pair where transforms = 'turns'", "squared_distance"),
        "contrast": _distances(store, "contrast_pair", "distance"),
    }
    found = []
    for method, distances in pairs.items():
        for radius in CONTRAST_RADII if method == "contrast" else RADII:
            most = float(radius) if method == "contrast" else Radius(radius).squared
            near = {pair for pair, distance in distances.items() if distance <= most}
            found.append(_found(method, radius, judged, hashes, near))
    return found, taken


def _distances(store: Store, pairs: str, distance: str) -> Distances:
    rows = store.sql(
        f"select a.pixel_hash as a, b.pixel_hash as b, pair.{distance} as distance"
        f" from (select * from {pairs}) as pair inner join image as a on a.image_id = pair.a"
        " inner join image as b on b.image_id = pair.b"
    ).rows()
    return {frozenset((row["a"], row["b"])): row["distance"] for row in rows}


def _found(
    method: str,
    radius: str,
    judged: Judged,
    hashes: Mapping[str, list[str]],
    near: set[frozenset[str]],
) -> Found:
    pairs = dict.fromkeys(VERDICTS, (0, 0))
    for (test, train), verdict in judged.items():
        one, other = hashes["test"][test], hashes["train"][train]
        hit = one == other or frozenset((one, other)) in near
        pairs[verdict] = pairs[verdict][0] + hit, pairs[verdict][1] + 1
    in_train = set(hashes["train"])
    copied = in_train | {
        one for pair in near for one in pair if any(other in in_train for other in pair - {one})
    }
    flagged = {number for number, one in enumerate(hashes["test"]) if one in copied}
    listed = {test for test, _ in judged}
    return Found(method, radius, pairs, len(flagged), len(flagged & listed))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} % of {whole:,}" if whole else "none"
