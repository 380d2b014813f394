"""The overlap of the course's split of notMNIST, beside what its readers published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from results import table

import notmnist_store

SIZES = {"train": 200_000, "valid": 10_000, "test": 10_000}
SEED = 133
_OVERLAPS = (("test", "train", "1,324"), ("valid", "train", "1,067"), ("test", "valid", "153"))
INTRO = """\
The two published archives; train 200,000, valid 10,000 and test 10,000 drawn as the notebook draws
them, seed 133. What its readers count depends on the order in which their file system lists a
class, so both orders by name are here. `make facts ARGS="--course FOLDER"` finds it again."""


def course(
    archives: Sequence[Path], work: Path, sizes: Mapping[str, int] = SIZES, seed: int = SEED
) -> str:
    """The section, of the large archive and the small one."""
    store = notmnist_store.open(work / "store")
    store.ingest(*archives)
    counted = {}
    for order in ("name", "name-nocase"):
        name = order.replace("-", "_")
        store.split(name, recipe="notebook", order=order, seed=seed, **sizes)
        rows = store.sql("overlap_matrix", params={"split_set": name}).rows()
        counted[order] = {(row["split"], row["other_split"]): row["images"] for row in rows}
    return f"{INTRO}\n\n{facts(counted)}"


def facts(counted: Mapping[str, Mapping[tuple[str, str], int]]) -> str:
    """The table of overlaps: published, and found by the order of names within a class."""
    rows = [
        (
            f"images of {split} whose pixels stand in {other}",
            published,
            "notebooks of the course's readers",
            ", ".join(
                f"{found.get((split, other), 0):,} ({order})" for order, found in counted.items()
            )
            or "not run",
        )
        for split, other, published in _OVERLAPS
    ]
    return table(("fact", "published", "where", "found"), rows)
