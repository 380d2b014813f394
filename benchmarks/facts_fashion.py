"""Facts about Fashion-MNIST: copies, near copies, labels, and the price of its leaks."""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from measure import peak_memory
from results import table

import notmnist_store
from notmnist_store.schema.radius import Radius
from notmnist_store.store import Store

FASHION = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts its files."""

CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
RADII = ("0.5", "1.0", "2.0")
_PAPER = "Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747"
_LIST = "Müller, Markert 2019, arXiv:1912.05283"
_NOWHERE = ("nothing known to us", "")
_INTRO = """\
The four IDX files of Debian's package `dataset-fashion-mnist`, one source; the names of the files
tell train and test. `apt-get install dataset-fashion-mnist && make facts` finds it again: seconds
and memory are those of each command as a whole, on a machine that did other things as well; the
other figures are the same everywhere, but for suspects and prices, whose last digits hang on the
processor."""


@dataclass(frozen=True)
class Step:
    """A command that was run: how long it took, and how much memory all its processes held."""

    words: str
    seconds: float
    peak_bytes: int


def fashion(folder: Path, work: Path, mislabelled: Path | None = None) -> str:
    """The section: the table of facts, and what it took to find them."""
    store = notmnist_store.open(work / "store")
    steps = [_ingested(folder, store)]
    steps.append(_run(store, "near-duplicates", "--radius", RADII[-1]))
    facts = [*counts(store), *near_copies(store)]
    steps.append(_run(store, "suspects"))
    facts += suspects(store, mislabelled)
    for radius in RADII[1:]:
        steps.append(_run(store, "baseline", "--sizes", "all", "--radius", radius))
        facts += prices(store, radius)
    taken = [
        (f"{step.seconds:.1f}", f"{step.peak_bytes / 2**20:,.0f}", f"`{step.words}`")
        for step in steps
    ]
    return "\n\n".join(
        [
            _INTRO,
            table(("fact", "published", "where", "found"), facts),
            table(("seconds", "MiB", "command"), taken),
        ]
    )


def counts(store: Store) -> list[tuple[str, ...]]:
    """How many images, of which classes, and how many stand in the files more than once."""
    placed: Counter[str] = Counter()
    hashes: dict[str, Counter[str]] = {}
    labels: Counter[str] = Counter()
    for row in store.sql("select split, label, pixel_hash from image").rows():
        placed[row["split"]] += 1
        labels[row["label"]] += 1
        hashes.setdefault(row["split"], Counter())[row["pixel_hash"]] += 1
    sizes = ", ".join(f"{split} {placed[split]:,}" for split in ("train", "test"))
    each = sorted(set(labels.values()))
    within = {split: sum(n - 1 for n in found.values()) for split, found in hashes.items()}
    across = len(set(hashes["train"]) & set(hashes["test"]))
    return [
        (
            "images, and of each class",
            "60,000 and 10,000; 7,000",
            _PAPER,
            f"{sizes}; {', '.join(f'{n:,}' for n in each)} of each of {len(labels)}",
        ),
        (
            "exact copies",
            *_NOWHERE,
            f"within train {within['train']:,}, within test {within['test']:,}, "
            f"pictures in both {across:,}",
        ),
    ]


def near_copies(store: Store) -> list[tuple[str, ...]]:
    """Pairs within each radius, those across, the leaks they make, and those of two labels."""
    facts = []
    for radius in RADII:
        (row,) = store.sql(
            "select count(*) as pairs, count(*) filter (a.split <> b.split) as across,"
            " count(*) filter (a.label <> b.label) as other_labels"
            " from near_pair as pair inner join image as a on a.image_id = pair.a"
            " inner join image as b on b.image_id = pair.b"
            f" where pair.transforms = 'none' and pair.squared_distance <= {Radius(radius).squared}"
        ).rows()
        leaks = store.audit("split_leak_near", radius=radius, fail_on="never")
        leaked = {leak["image_id"] for leak in leaks.rows()}
        facts += [
            (
                f"near copies within {radius}",
                *_NOWHERE,
                f"{row['pairs']:,} pairs, {row['across']:,} of them across; {len(leaked):,} test "
                "images have one in train",
            ),
            (
                f"near copies of two labels within {radius}",
                *_NOWHERE,
                f"{row['other_labels']:,} pairs",
            ),
        ]
    return facts


def suspects(store: Store, mislabelled: Path | None) -> list[tuple[str, ...]]:
    """How many labels are suspect, and how many of a published list are among them."""
    (search,) = store.sql("select suspects, images from suspect_search").rows()
    facts = [
        (
            "suspect labels",
            *_NOWHERE,
            f"{search['suspects']:,} of {search['images']:,}",
        )
    ]
    what = "images published as mislabelled"
    if mislabelled is None:
        return [*facts, (what, "some, in its figures", _LIST, "not run: `--mislabelled CSV`")]
    found = store.sql(
        "select image.split || ' ' || cast(regexp_extract(image.path, '([0-9]+)[.][a-z]+$', 1)"
        " as bigint) as place from suspect inner join image on image.image_id = suspect.image_id"
    ).rows()
    with mislabelled.open(encoding="utf-8", newline="") as file:
        listed = {f"{row['split']} {int(row['index'])}" for row in csv.DictReader(file)}
    hits = len(listed & {row["place"] for row in found})
    return [
        *facts,
        (what, f"{len(listed):,}", _LIST, f"{hits:,} are suspects"),
    ]


def prices(store: Store, radius: str) -> list[tuple[str, ...]]:
    """What the leaks within a radius add to the accuracy of a model trained on all of train."""
    (price,) = store.sql("select * from leak_price where eval_split = 'test'").rows()
    leaks = price["n"] - price["versus_n"]
    return [
        (
            f"price of the leaks within {radius}",
            *_NOWHERE,
            f"{price['points']:+.2f} points ({price['low']:+.2f} to {price['high']:+.2f}) by "
            f"{leaks:,} test images; accuracy {price['accuracy']:.4f} with, "
            f"{price['versus_accuracy']:.4f} without them",
        )
    ]


def _ingested(folder: Path, store: Store) -> Step:
    words = ["ingest", "--as", "fashion", "--labels", ",".join(CLASSES), str(folder)]
    step = _run(store, *words)
    return Step("ingest", step.seconds, step.peak_bytes)


def _run(store: Store, *words: str) -> Step:
    program = [sys.executable, "-m", "notmnist_store", words[0], "--store", str(store.path)]
    started = time.perf_counter()
    peak = peak_memory([*program, "--quiet", *words[1:]])
    return Step(" ".join(words), time.perf_counter() - started, peak)
