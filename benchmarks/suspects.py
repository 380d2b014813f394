"""Precision and recall of `suspects` on labels that were flipped by seed.

usage: python benchmarks/suspects.py ARCHIVE [--shares 0,0.02,0.05,0.1] [--seeds 3] [--without-near]

For each share and seed, that many labels of the archive's images are replaced by another one, all
others being equally likely; the images are packed under these labels, ingested into a new store,
their near duplicates found, and `suspects` is run. Printed as a Markdown table, in averages over
the seeds:

- found: suspects; precision: the share of them that were flipped; recall: the share of the flipped
  that were found; right: of these, those whose true label was suggested
- at k: precision among the first k suspects, k being the number of labels flipped

The archive's own wrong labels count as false alarms, so precision is a lower bound.
"""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import mean

import numpy as np
import numpy.typing as npt

import notmnist_store
from notmnist_store.drawing.kernels.encode import png_files
from notmnist_store.store import Store


@dataclass(frozen=True)
class Finding:
    """One search: counts and shares as the module's docstring names them."""

    flipped: int
    found: int
    precision: float
    recall: float
    right: float
    at_k: float
    accuracy: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--shares", default="0,0.02,0.05,0.1")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--without-near", action="store_true")
    options = parser.parse_args()
    print("| flipped | found | precision | recall | right | at k | accuracy | seconds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        source = notmnist_store.open(Path(folder) / "source")
        source.ingest(options.archive)
        for share in map(float, options.shares.split(",")):
            findings = []
            for seed in range(options.seeds if share else 1):
                path = Path(folder) / f"{share}-{seed}"
                findings.append(measure(source, path, share, seed, near=not options.without_near))
            cells = [mean(column) for column in zip(*map(astuple, findings), strict=True)]
            shown = [f"{cells[0]:.0f}", f"{cells[1]:.0f}", *(f"{cell:.3f}" for cell in cells[2:7])]
            print("| " + " | ".join([*shown, f"{cells[7]:.1f}"]) + " |", flush=True)


def flipped(
    labels: npt.NDArray[np.int64], classes: int, share: float, seed: int
) -> npt.NDArray[np.int64]:
    """The labels with a share of them replaced by others, drawn by seed."""
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(labels))[: round(share * len(labels))]
    given = labels.copy()
    given[chosen] = (labels[chosen] + random.integers(1, classes, len(chosen))) % classes
    return given


def measure(source: Store, path: Path, share: float, seed: int, *, near: bool) -> Finding:
    rows = source.sql(
        "select label_id, pixels from image_pixels inner join label using (label) order by image_id"
    ).arrow()
    names = [row["label"] for row in source.sql("select label from label order by label_id").rows()]
    true = rows["label_id"].to_numpy()
    given = flipped(true, len(names), share, seed)
    pixels = np.frombuffer(b"".join(rows["pixels"].to_pylist()), np.uint8).reshape(-1, 28, 28)
    archive = path.with_suffix(".tar")
    with tarfile.open(archive, "w") as tar:
        for number, png in enumerate(png_files(pixels)):
            member = tarfile.TarInfo(f"set/{names[given[number]]}/{number:06d}.png")
            member.size = len(png)
            tar.addfile(member, io.BytesIO(png))
    store = notmnist_store.open(path)
    store.ingest(archive)
    if near:
        store.near_duplicates()
    started = time.perf_counter()
    store.suspects(seed=seed)
    seconds = time.perf_counter() - started
    found = store.sql("suspects").rows()
    places = np.array([int(Path(row["path"]).stem) for row in found], np.int64)
    suggested = np.array([names.index(row["suggested_label"]) for row in found], np.int64)
    wrong = given != true
    hits = wrong[places]
    right = suggested[hits] == true[places[hits]]
    (search,) = store.sql("select accuracy from suspect_search").rows()
    flips = int(wrong.sum())
    return Finding(
        flipped=flips,
        found=len(found),
        precision=float(hits.mean()),
        recall=float(hits.sum() / flips) if flips else float("nan"),
        right=float(right.mean()) if len(right) else float("nan"),
        at_k=float(hits[:flips].mean()) if flips else float("nan"),
        accuracy=search["accuracy"],
        seconds=seconds,
    )


if __name__ == "__main__":
    sys.exit(main())
