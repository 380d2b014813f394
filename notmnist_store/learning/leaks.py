"""Which evaluation images have a copy among the training images: exact, near, or none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.schema.arrays import Bools, Ints
from notmnist_store.schema.radius import Radius

RAW, CLEAN, EXACT, NEAR = SUBSETS = ("raw", "clean", "leaked_exact", "leaked_near")
"""Words of column ``subset``: raw is all of a split, the others are its parts."""

# The two sides are given by id, so that a split set can be judged by another one's training images.
_NONE = -1  # below every squared distance


def leak_subsets(
    catalog: Catalog, train: Ints, evaluated: Ints, near: Radius | None
) -> dict[str, Bools]:
    """Masks (n,) over the `evaluated` image ids, by subset: raw and its three parts.

    A leak is an image with a copy among `train`; one that has an exact copy counts as exact only.
    Without `near` no near copies are known: clean is then what has no exact copy, and the subset
    leaked_near is left out. The same as view ``leak`` with twin_split train.
    """
    rows = {
        "train_id": pa.table({"image_id": train}),
        "eval_id": pa.table({"image_id": evaluated, "place": np.arange(len(evaluated))}),
    }
    found = catalog.query(
        load_queries("learning")["leaks"].sql,
        {"threshold": near.squared if near else _NONE},
        rows=rows,
    )
    subsets = {RAW: np.ones(len(evaluated), np.bool_), CLEAN: np.ones(len(evaluated), np.bool_)}
    for subset in (EXACT, NEAR) if near else (EXACT,):
        mask = np.zeros(len(evaluated), np.bool_)
        mask[found.filter(pc.equal(found["subset"], subset))["place"].to_numpy()] = True
        subsets[subset] = mask
        subsets[CLEAN] &= ~mask
    return subsets
