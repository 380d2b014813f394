"""Kinds of arrays, named by what their values are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
"""Masks."""

Ints = npt.NDArray[np.int64]
"""Image ids, places, counts and squared distances."""

Rows = npt.NDArray[np.int32]
"""Row numbers of pairs."""

Pixels = npt.NDArray[np.uint8]

Floats = npt.NDArray[np.float64]

Singles = npt.NDArray[np.float32]

Shorts = npt.NDArray[np.int16]
"""Weights of a basis."""
