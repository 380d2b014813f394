"""Pixels of single images, by id."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from notmnist_store.errors import StoreError
from notmnist_store.storage.datafile import open_checked
from notmnist_store.storage.tables import Tables

__all__ = ["pixels_by_id"]


def pixels_by_id(tables: Tables, ids: Sequence[int]) -> dict[int, npt.NDArray[np.uint8]]:
    """Pixels of these images, each uint8 (height, width, channels); unknown ids are left out.

    Only row groups whose range of ids holds a wanted one are read, checksums verified.

    Raises:
        StoreError: a data file is missing or damaged.
    """
    shape = tables.marker.shape
    wanted = np.unique(np.array(list(ids), np.int64))
    found: dict[int, npt.NDArray[np.uint8]] = {}
    for path in tables.live("image") if len(wanted) else []:
        try:
            with open_checked(path) as parquet:
                groups = _groups_with(parquet, wanted)
                if not groups:
                    continue
                rows = parquet.read_row_groups(groups, columns=["image_id", "pixels"])
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path.name} is damaged: {error}", "notmnist-store verify") from error
        rows = rows.filter(pc.is_in(rows["image_id"], pa.array(wanted)))
        for image_id, pixels in zip(
            rows["image_id"].to_pylist(), rows["pixels"].to_pylist(), strict=True
        ):
            found[image_id] = np.frombuffer(pixels, np.uint8).reshape(
                shape.height, shape.width, shape.channels
            )
    return found


def _groups_with(parquet: pq.ParquetFile, wanted: npt.NDArray[np.int64]) -> list[int]:
    column = parquet.schema_arrow.get_field_index("image_id")
    groups = []
    for group in range(parquet.num_row_groups):
        ids = parquet.metadata.row_group(group).column(column).statistics
        known = ids is not None and ids.has_min_max
        if not known or np.any((wanted >= ids.min) & (wanted <= ids.max)):
            groups.append(group)
    return groups
