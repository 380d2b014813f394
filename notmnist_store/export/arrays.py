"""NumPy's own formats: one ``.npz`` of all arrays, or ``.npy`` files that can be memory-mapped.

The format is that of NumPy's NEP 1; an ``.npz`` is a zip archive, here not compressed. Nothing in
them needs a pickle to be read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from notmnist_store.export.plan import ExportPlan


def write_npz(folder: Path, plan: ExportPlan) -> str:
    """``arrays.npz`` with x_train, y_train, id_train, …, and labels."""
    with zipfile.ZipFile(folder / "arrays.npz", "w", allowZip64=True) as archive:

        @contextmanager
        def member(name: str) -> Iterator[IO[bytes]]:
            # A plain ZipInfo bears no time: the same split set gives the same bytes.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as file:
                yield file

        _write_arrays(plan, member)
    return (
        "```python\nimport numpy as np\n\n"
        'arrays = np.load("arrays.npz")\n'
        f'images = arrays["x_{next(iter(plan.splits))}"]\n```'
    )


def write_npy(folder: Path, plan: ExportPlan) -> str:
    """``x_train.npy``, ``y_train.npy``, ``id_train.npy``, … and ``labels.npy``."""

    @contextmanager
    def member(name: str) -> Iterator[IO[bytes]]:
        with (folder / f"{name}.npy").open("wb") as file:
            yield file

    _write_arrays(plan, member)
    return (
        "```python\nimport numpy as np\n\n"
        f'images = np.load("x_{next(iter(plan.splits))}.npy", mmap_mode="r")\n```'
    )


def _write_arrays(plan: ExportPlan, member: Any) -> None:
    for name, split in plan.splits.items():
        shape = plan.shape
        sides = (shape.height, shape.width) + ((shape.channels,) if shape.channels > 1 else ())
        with member(f"x_{name}") as file:
            _write_header(file, np.dtype(np.uint8), (len(split), *sides))
            for window in plan.windows(name):
                file.write(window.images.data)
        if plan.with_labels:
            for key, array in (("y", split.label_ids), ("id", split.ids)):
                with member(f"{key}_{name}") as file:
                    write_array(file, array)
    with member("labels") as file:
        write_array(file, np.array(plan.labels, np.str_))


def write_array(file: IO[bytes], array: npt.NDArray[Any]) -> None:
    """One array in NumPy's format, its header first."""
    _write_header(file, array.dtype, array.shape)
    file.write(np.ascontiguousarray(array).tobytes())


def _write_header(file: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    description = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": description, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
