"""The course notebook's own file, notMNIST.pickle. It is written here, and never read.

The notebook pickles a dictionary of six arrays: train_dataset, train_labels, valid_dataset,
valid_labels, test_dataset, test_labels; images float32 in [-0.5, 0.5], labels int32.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from notmnist_store.export.plan import ExportPlan
from notmnist_store.schema.words import USED

_PROTOCOL = 4
"""Read by Python 3.4 and later; the arrays stand in it as plain bytes."""


def write_notebook_pickle(folder: Path, plan: ExportPlan) -> None:
    """``notMNIST.pickle``, and ``train_ids.npy``, …, which its six keys have no place for.

    A split that has no images is an array of none. The whole file is held in memory.
    """
    content: dict[str, npt.NDArray[Any]] = {}
    for name in USED:
        split = plan.splits.get(name)
        if split is None:
            content[f"{name}_dataset"] = np.empty((0, *plan.shape.sides), np.float32)
            content[f"{name}_labels"] = np.empty(0, np.int32)
            continue
        images, labels = split.to_numpy("float32")
        content[f"{name}_dataset"] = images
        content[f"{name}_labels"] = labels.astype(np.int32)
        np.save(folder / f"{name}_ids.npy", split.ids)
    with (folder / "notMNIST.pickle").open("wb") as file:
        pickle.dump(content, file, _PROTOCOL)
