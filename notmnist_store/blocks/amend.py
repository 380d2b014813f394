"""What can only be known at a source's end: copies of a path, files outside a class folder,
folders that turn out to be splits, or classes, among their siblings, and images to leave out.

All are rare. The blocks that hold such rows are written anew, before anything is committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.blocks.kernels.rows import RowRules, split_column
from notmnist_store.blocks.kernels.tally import Key, Tally
from notmnist_store.blocks.writer import Block, block_stem
from notmnist_store.location.location import Location
from notmnist_store.schema.tables import TABLES
from notmnist_store.sources.kernels.provenance import Place, place
from notmnist_store.storage.datafile import DataFile, DataFileWriter, open_checked
from notmnist_store.storage.filesystem import disk_errors, take_back

_TABLES = ("image", "reject")
_NOWHERE: Key = (None, None, None)


def amend_blocks(
    root: Location,
    rules: RowRules,
    blocks: Sequence[Block],
    changed: Mapping[str, Place],
    known_pixels: pa.Array | None = None,
) -> list[Block]:
    """Move second members of a path to the rejects, and unreadable strays to the ignored.

    A stray is a rejected member of a folder that holds no image and has class folders below it
    (a README beside the class folders). Members of the folders in ``changed`` get the label and
    the split of their place there; those that are not stored there are ignored, and so are images
    of ``known_pixels``, which are pixel hashes. Returns the blocks with their files and tallies as
    they are now.
    """
    copies = _copies(root, rules, blocks)
    known = _Known(rules, _outside(blocks), changed, known_pixels)
    concerned = known.outside | changed.keys()
    amended = []
    for block in blocks:
        positions = set(block.path_keys[:, 0].tolist())
        here = copies & positions
        folders = {folder for folder, *_ in block.tally.outcomes}
        if here or not concerned.isdisjoint(folders) or _has_known(root, known, block):
            block = _amend(root, known, block, here)
        amended.append(block)
    return amended


class _Known(NamedTuple):
    """What is known of the whole source: folders of strays, places that are not as told, and the
    hashes of pixels that the store has.
    """

    rules: RowRules
    outside: Set[str]
    changed: Mapping[str, Place]
    pixels: pa.Array | None

    def place(self, path: str) -> Place:
        where = place(path)
        return self.changed.get(where.directory, where)


def _outside(blocks: Sequence[Block]) -> set[str]:
    folders: set[str] = set()
    with_images: set[str] = set()
    for block in blocks:
        for folder, *_, outcome in block.tally.outcomes:
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


def _copies(root: Location, rules: RowRules, blocks: Sequence[Block]) -> set[int]:
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
    root: Location, rules: RowRules, blocks: Sequence[Block], wanted: set[int]
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


def _amend(root: Location, known: _Known, block: Block, copies: set[int]) -> Block:
    rules = known.rules
    images = _read(root, rules, block, "image")
    rejects = _read(root, rules, block, "reject")
    tally = _moved(known, block.tally)
    if not rules.labels_given:
        images, rejects = _placed(known, images, tally), _relabelled(known, rejects)
    copied = np.array(sorted(copies), np.int64)

    twice = np.isin(_positions(images, "image", rules), copied)
    moved = images.filter(pa.array(twice))
    images = images.filter(pa.array(~twice))
    for row in moved.select(["path", "label", "split"]).to_pylist():
        key = _key(known, tally, **row)
        tally.splits[*key, row["split"]] -= 1
        tally.outcomes[*key, "stored"] -= 1
        tally.outcomes[*key, "rejected"] += 1

    images = _without_known(known, images, tally)

    stray = []
    for path, reason in zip(*(rejects[n].to_pylist() for n in ("path", "reason")), strict=True):
        where = None if reason == "unsafe_name" or rules.labels_given else known.place(path)
        stray.append(where is not None and where.directory in known.outside)
        if stray[-1]:
            key = rules.key(where)
            tally.seen[key] -= 1
            tally.seen[_NOWHERE] += 1
            tally.outcomes[*key, "rejected"] -= 1
            tally.outcomes[*_NOWHERE, "ignored_outside"] += 1
    twice = np.isin(_positions(rejects, "reject", rules), copied)
    rejects = pa.concat_tables(
        [
            rejects.filter(pa.array(~twice & ~np.array(stray, bool))),
            _as_copies(rejects.filter(pa.array(twice & ~np.array(stray, bool)))),
            _as_copies(_as_rejects(moved, rules)),
        ]
    ).sort_by("position")
    attributes = _read(root, rules, block, "attribute")
    attributes = attributes.filter(pc.is_in(attributes["image_id"], images["image_id"]))
    files = [
        file
        for table, rows in (("image", images), ("reject", rejects), ("attribute", attributes))
        if (file := _replace(root, rules, block, table, rows)) is not None
    ]
    tally = replace(tally, seen=+tally.seen, outcomes=+tally.outcomes, splits=+tally.splits)
    return replace(block, files=tuple(files), tally=tally)


def _has_known(root: Location, known: _Known, block: Block) -> bool:
    if known.pixels is None:
        return False
    hashes = _read(root, known.rules, block, "image", ["pixel_hash"])["pixel_hash"]
    return bool(pc.any(pc.is_in(hashes, known.pixels)).as_py())


def _without_known(known: _Known, images: pa.Table, tally: Tally) -> pa.Table:
    """The images but those whose pixels the store has, which are counted."""
    if known.pixels is None:
        return images
    held = pc.is_in(images["pixel_hash"], known.pixels)
    for row in images.filter(held).select(["path", "label", "split"]).to_pylist():
        key = _key(known, tally, **row)
        tally.splits[*key, row["split"]] -= 1
        tally.outcomes[*key, "stored"] -= 1
        tally.outcomes[*key, "ignored_known"] += 1
    return images.filter(pc.invert(held))


def _moved(known: _Known, tally: Tally) -> Tally:
    """The tally with the keys of places that have changed; of those, splits are not counted yet."""
    moved = replace(tally, seen=Counter(), outcomes=Counter(), splits=Counter())
    for key, count in tally.seen.items():
        moved.seen[_new_key(known, key)] += count
    for (folder, label, rule, outcome), count in tally.outcomes.items():
        where = known.changed.get(folder or "")
        if outcome == "stored" and where is not None and not known.rules.is_stored(where):
            outcome = "ignored_outside"
        moved.outcomes[*_new_key(known, (folder, label, rule)), outcome] += count
    for counted, count in tally.splits.items():
        if counted[0] not in known.changed:
            moved.splits[counted] += count
    return moved


def _new_key(known: _Known, key: Key) -> Key:
    where = known.changed.get(key[0] or "")
    return key if where is None else known.rules.key(where)


def _placed(known: _Known, images: pa.Table, tally: Tally) -> pa.Table:
    """The images of places that have changed with their labels and splits, or without them."""
    paths = images["path"].to_pylist()
    places = {row: known.changed.get(place(path).directory) for row, path in enumerate(paths)}
    changed = {row: where for row, where in places.items() if where is not None}
    if not changed:
        return images
    rows = list(changed)
    labels, splits = images["label"].to_pylist(), images["split"].to_pylist()
    hashes = images["pixel_hash"].take(pa.array(rows)).to_pylist()
    found = split_column(known.rules, [where.split for where in changed.values()], hashes)
    for row, split in zip(rows, found.to_pylist(), strict=True):
        labels[row], splits[row] = changed[row].label, split
    kept = [row for row, where in changed.items() if known.rules.is_stored(where)]
    for row in kept:
        tally.splits[*known.rules.key(changed[row]), splits[row]] += 1
    for name, values in (("label", labels), ("split", splits)):
        column = images.schema.get_field_index(name)
        images = images.set_column(column, images.field(name), pa.array(values, pa.string()))
    dropped = changed.keys() - kept
    return images.filter(pa.array([row not in dropped for row in range(len(paths))]))


def _relabelled(known: _Known, rejects: pa.Table) -> pa.Table:
    rows = zip(rejects["path"].to_pylist(), rejects["label"].to_pylist(), strict=True)
    labels = [None if label is None else known.place(path).label for path, label in rows]
    column = rejects.schema.get_field_index("label")
    return rejects.set_column(column, rejects.field("label"), pa.array(labels, pa.string()))


def _key(known: _Known, tally: Tally, path: str, label: str | None, split: str) -> Key:
    """What an image was tallied under; of labels that are given, the row does not say the rule."""
    if not known.rules.labels_given:
        return known.rules.key(known.place(path))
    fitting = (
        key[:3]
        for key, count in tally.splits.items()
        if key[1] == label and key[3] == split and count > 0
    )
    return next(fitting)


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
    root: Location, rules: RowRules, block: Block, table: str, columns: list[str] | None = None
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
    root: Location, rules: RowRules, block: Block, table: str, rows: pa.Table
) -> DataFile | None:
    folder = root / table
    old = _name(block, table)
    if old is not None:
        with disk_errors(folder / old):
            take_back(folder / old)
    if not rows.num_rows:
        return None
    writer = DataFileWriter(TABLES[table])
    writer.write(rows, rules.shape.group_members)
    return writer.put(folder, block_stem(rules.run_id, block.number))
