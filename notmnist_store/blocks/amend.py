"""What can only be known at a source's end: copies of a path, and files outside a class folder.

Both are rare. The blocks that hold such rows are written anew, before anything is committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.blocks.kernels.rows import RowRules, Tally, row_key
from notmnist_store.blocks.writer import Block, block_file_name
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.datafile import DataFile, open_checked, parquet_writer, seal
from notmnist_store.storage.filesystem import disk_errors

_TABLES = ("image", "reject")


def amend_blocks(root: Path, rules: RowRules, blocks: Sequence[Block]) -> list[Block]:
    """Move second members of a path to the rejects, and unreadable strays to the ignored.

    A stray is a rejected member of a folder that holds no image and has class folders below it
    (a README beside the class folders). Returns the blocks with their files and tallies as they
    are now.
    """
    copies = _copies(root, rules, blocks)
    outside = _outside(blocks)
    amended = []
    for block in blocks:
        positions = set(block.path_keys[:, 0].tolist())
        here = copies & positions
        if here or outside.intersection(folder for folder, *_ in block.tally.outcomes):
            block = _amend(root, rules, block, here, outside)
        amended.append(block)
    return amended


def _outside(blocks: Sequence[Block]) -> set[str]:
    folders: set[str] = set()
    with_images: set[str] = set()
    for block in blocks:
        for folder, _, outcome in block.tally.outcomes:
            if folder is not None and outcome in ("stored", "rejected"):
                folders.add(folder)
                if outcome == "stored":
                    with_images.add(folder)
    above: set[str] = set()
    for folder in folders:
        parent = folder.rpartition("/")[0]
        while parent and parent not in above:
            above.add(parent)
            parent = parent.rpartition("/")[0]
    return (folders & above) - with_images


def _copies(root: Path, rules: RowRules, blocks: Sequence[Block]) -> set[int]:
    """Positions of members whose path an earlier member has; keys find them, paths prove it."""
    if not blocks:
        return set()
    keys = np.concatenate([block.path_keys for block in blocks])
    keys = keys[np.lexsort((keys[:, 0], keys[:, 1]))]
    same = keys[1:, 1] == keys[:-1, 1]
    if not same.any():
        return set()
    suspects = set(keys[np.append(same, False) | np.insert(same, 0, False), 0].tolist())
    paths = dict(_paths(root, rules, blocks, suspects))
    seen: set[str] = set()
    copies: set[int] = set()
    for position in sorted(suspects):
        path = paths[position]
        if path in seen:
            copies.add(position)
        seen.add(path)
    return copies


def _paths(
    root: Path, rules: RowRules, blocks: Sequence[Block], wanted: set[int]
) -> list[tuple[int, str]]:
    found = []
    for block in blocks:
        if wanted.isdisjoint(block.path_keys[:, 0].tolist()):
            continue
        for table in _TABLES:
            rows = _read(root, rules, block, table, ["path", _position_column(table)])
            for position, path in zip(
                _positions(rows, table, rules).tolist(), rows["path"].to_pylist(), strict=True
            ):
                if position in wanted:
                    found.append((position, path))
    return found


def _amend(root: Path, rules: RowRules, block: Block, copies: set[int], outside: set[str]) -> Block:
    images = _read(root, rules, block, "image")
    rejects = _read(root, rules, block, "reject")
    seen, outcomes = Counter(block.tally.seen), Counter(block.tally.outcomes)
    copied = np.array(sorted(copies), np.int64)

    twice = np.isin(_positions(images, "image", rules), copied)
    moved = images.filter(pa.array(twice))
    images = images.filter(pa.array(~twice))
    for key in _keys(rules, moved):
        outcomes[*key, "stored"] -= 1
        outcomes[*key, "rejected"] += 1

    stray = []
    for key in _keys(rules, rejects):
        stray.append(key[0] in outside)
        if stray[-1]:
            seen[key] -= 1
            seen[None, None] += 1
            outcomes[*key, "rejected"] -= 1
            outcomes[None, None, "ignored_outside"] += 1
    twice = np.isin(_positions(rejects, "reject", rules), copied)
    rejects = pa.concat_tables(
        [
            rejects.filter(pa.array(~twice & ~np.array(stray, bool))),
            _as_copies(rejects.filter(pa.array(twice & ~np.array(stray, bool)))),
            _as_copies(_as_rejects(moved, rules)),
        ]
    ).sort_by("position")
    files = [
        file
        for table, rows in (("image", images), ("reject", rejects))
        if (file := _replace(root, rules, block, table, rows)) is not None
    ]
    tally = Tally(+seen, +outcomes, block.tally.other_shapes)
    return Block(block.number, tuple(files), tally, block.path_keys)


def _keys(rules: RowRules, rows: pa.Table) -> list[tuple[str | None, str | None]]:
    columns = (rows[name].to_pylist() for name in ("path", "label"))
    return [row_key(rules, path, label) for path, label in zip(*columns, strict=True)]


def _as_rejects(images: pa.Table, rules: RowRules) -> pa.Table:
    columns = {name: images[name] for name in ("source", "path", "label", "file_bytes", "run_id")}
    columns["position"] = pa.chunked_array([pa.array(_positions(images, "image", rules))])
    nulls = pa.nulls(images.num_rows, pa.string())
    columns |= {"reason": pa.chunked_array([nulls]), "detail": pa.chunked_array([nulls])}
    return pa.table([columns[name] for name in TABLES["reject"].names], TABLES["reject"].names)


def _as_copies(rejects: pa.Table) -> pa.Table:
    reason = pa.repeat(pa.scalar("duplicate_path"), rejects.num_rows)
    detail = pa.nulls(rejects.num_rows, pa.string())
    schema = TABLES["reject"]
    columns = {**dict(zip(rejects.column_names, rejects.columns, strict=True))}
    columns |= {"reason": reason, "detail": detail}
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)


def _position_column(table: str) -> str:
    return "image_id" if table == "image" else "position"


def _positions(rows: pa.Table, table: str, rules: RowRules) -> npt.NDArray[np.int64]:
    values = rows[_position_column(table)]
    shift = rules.id_base if table == "image" else 0
    result: npt.NDArray[np.int64] = pc.subtract(values, shift).to_numpy()
    return result


def _read(
    root: Path, rules: RowRules, block: Block, table: str, columns: list[str] | None = None
) -> pa.Table:
    name = _name(block, table)
    if name is None:
        empty = TABLES[table].empty_table()
        return empty.select(columns) if columns else empty
    with open_checked(root / table / name) as parquet:
        return parquet.read(columns)


def _name(block: Block, table: str) -> str | None:
    return next((file.name for file in block.files if file.table == table), None)


def _replace(
    root: Path, rules: RowRules, block: Block, table: str, rows: pa.Table
) -> DataFile | None:
    path = root / table / block_file_name(rules.run_id, block.number)
    with disk_errors(path):
        old = _name(block, table)
        if old is not None:
            (root / table / old).unlink()
        if not rows.num_rows:
            return None
        path.parent.mkdir(exist_ok=True)
        with parquet_writer(path, TABLES[table]) as writer:
            writer.write_table(rows, row_group_size=rules.shape.group_members)
        return seal(path, rows.num_rows)
