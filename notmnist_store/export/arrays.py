"""NumPy's own formats: one ``.npz`` of all arrays, or ``.npy`` files that can be memory-mapped.

The format is that of NumPy's NEP 1; an ``.npz`` is a zip archive, here not compressed. Nothing in
them needs a pickle to be read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import numpy as np

from notmnist_store.export.plan import ExportPlan


def write_npz(folder: Path, plan: ExportPlan) -> None:
    """``arrays.npz`` with x_train, y_train, id_train, …, and labels."""
    with zipfile.ZipFile(folder / "arrays.npz", "w", allowZip64=True) as archive:
        # A plain ZipInfo bears no time: the same split set gives the same bytes.
        _write_arrays(plan, lambda name: archive.open(zipfile.ZipInfo(name), "w", force_zip64=True))


def write_npy(folder: Path, plan: ExportPlan) -> None:
    """``x_train.npy``, ``y_train.npy``, ``id_train.npy``, … and ``labels.npy``."""
    _write_arrays(plan, lambda name: (folder / name).open("wb"))


def _write_arrays(
    plan: ExportPlan, opened: Callable[[str], AbstractContextManager[IO[bytes]]]
) -> None:
    for name, split in plan.splits.items():
        with opened(f"x_{name}.npy") as file:
            shape = (len(split), *plan.shape.sides)
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for window in plan.windows(name):
                file.write(window.images.data)
        if plan.with_labels:
            for key, array in (("y", split.label_ids), ("id", split.ids)):
                with opened(f"{key}_{name}.npy") as file:
                    np.save(file, array)
    with opened("labels.npy") as file:
        np.save(file, np.array(plan.labels, np.str_))
