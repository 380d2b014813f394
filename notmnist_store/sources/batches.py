"""Members as record batches of ``MEMBER_SCHEMA``, cut by position.

Whoever consumes them does the same work for any batch size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from notmnist_store.schema.shape import ROW_GROUP_MEMBERS
from notmnist_store.schema.tables import KIND_FILE, MEMBER_SCHEMA
from notmnist_store.sources.limits import Meter

BATCH_MEMBERS = 4_096
BATCH_BYTES = 32 << 20

Member = tuple[bytes, int, int, bytes | None]
"""Path, kind, size and data of one member; null data for one that is no file or too large."""


def batched(
    members: Iterable[Member], meter: Meter, batch_members: int, max_batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Cut members whose paths tell their labels into batches; raises what ``meter`` raises."""
    first, room, batch_bytes = 0, 0, 0
    batch: list[Member] = []
    for member in members:
        data = member[3]
        data_bytes = len(data) if data is not None else 0
        if not room or batch_bytes + data_bytes > max_batch_bytes:
            if batch:
                yield _numbered(first, columns_of(batch))
            first, batch, batch_bytes = first + len(batch), [], 0
            room = min(batch_members, ROW_GROUP_MEMBERS - first % ROW_GROUP_MEMBERS)
        batch.append(member)
        room -= 1
        batch_bytes += data_bytes
        meter.check_members(first + len(batch))
    if batch:
        yield _numbered(first, columns_of(batch))


def joined(
    parts: Iterable[list[pa.Array]], meter: Meter, batch_members: int, max_batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Cut members that come as columns of path, kind, size and data; else as `batched`."""
    first, rows, batch_bytes = 0, 0, 0
    batch: list[list[pa.Array]] = []
    for part in parts:
        ends = _ends(part[3])
        start, before = 0, 0
        while start < len(ends):
            room = min(batch_members, ROW_GROUP_MEMBERS - first % ROW_GROUP_MEMBERS) - rows
            fitting = int(np.searchsorted(ends, before + max_batch_bytes - batch_bytes, "right"))
            stop = min(max(fitting, start if rows else start + 1), start + room)
            if stop == start:
                yield _joined(first, batch)
                first, rows, batch_bytes, batch = first + rows, 0, 0, []
                continue
            batch.append([column.slice(start, stop - start) for column in part])
            rows += stop - start
            batch_bytes += int(ends[stop - 1]) - before
            start, before = stop, int(ends[stop - 1])
            meter.check_members(first + rows)
    if batch:
        yield _joined(first, batch)


def _ends(column: pa.BinaryArray) -> npt.NDArray[np.int32]:
    """Bytes of a column up to the end of each row; a null has none."""
    offsets = np.frombuffer(column.buffers()[1], np.int32)
    first = column.offset
    ends: npt.NDArray[np.int32] = offsets[first + 1 : first + 1 + len(column)] - offsets[first]
    return ends


def _joined(first: int, parts: Sequence[list[pa.Array]]) -> pa.RecordBatch:
    return _numbered(first, [pa.concat_arrays(columns) for columns in zip(*parts, strict=True)])


def columns_of(members: Sequence[Member]) -> list[pa.Array]:
    """Path, kind, size and data of members, of which there is at least one, as columns."""
    fields = list(MEMBER_SCHEMA)[1:5]
    return [
        pa.array(column, field.type)
        for column, field in zip(zip(*members, strict=True), fields, strict=True)
    ]


def _numbered(first: int, columns: Sequence[pa.Array]) -> pa.RecordBatch:
    rows = len(columns[0])
    nulls = (pa.nulls(rows, field.type) for field in list(MEMBER_SCHEMA)[5:])
    positions = pa.array(np.arange(first, first + rows))
    return pa.RecordBatch.from_arrays([positions, *columns, *nulls], schema=MEMBER_SCHEMA)


def rows_that_fit(
    position: int, member_bytes: int, batch_members: int, max_batch_bytes: int
) -> int:
    """How many members of one size a batch that begins at ``position`` may have; at least 1."""
    to_boundary = ROW_GROUP_MEMBERS - position % ROW_GROUP_MEMBERS
    return min(batch_members, to_boundary, max(1, max_batch_bytes // max(member_bytes, 1)))


def member_batch(
    position: int,
    *,
    paths: pa.Array,
    sizes: npt.NDArray[np.int64],
    data: pa.Array,
    labels: pa.Array,
    splits: pa.Array,
    split_rules: pa.Array,
    groups: pa.Array | None = None,
    origins: pa.Array | None = None,
    attributes: pa.Array | None = None,
) -> pa.RecordBatch:
    """Files with what is known of them as one batch whose first member is at ``position``."""
    rows = len(paths)
    columns = [
        pa.array(np.arange(position, position + rows)),
        paths,
        pa.array(np.full(rows, KIND_FILE, np.int8)),
        pa.array(sizes),
        data,
        labels,
        splits,
        groups if groups is not None else pa.nulls(rows, pa.string()),
        origins if origins is not None else pa.nulls(rows, pa.int64()),
        split_rules,
        attributes if attributes is not None else pa.nulls(rows, pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=MEMBER_SCHEMA)
