"""From member batches to rows: the one function every engine runs on every batch.

A batch of members goes in, rows of the tables ``image`` and ``reject`` come out, with a tally of
what became of each member. No I/O: the same batch and rules give the same rows anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from notmnist_store.blocks.kernels import fingerprint
from notmnist_store.blocks.kernels.attributes import attribute_rows
from notmnist_store.blocks.kernels.decode import Decoded, decode
from notmnist_store.blocks.kernels.tally import Key, Tally
from notmnist_store.schema.fit import Fit
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.tables import KIND_DEVICE, KIND_FILE, KIND_LINK, TABLES
from notmnist_store.sources.kernels.provenance import (
    BY_FOLDER,
    BY_HASH,
    BY_NAME,
    BY_OPTION,
    Place,
    font_family,
    font_name,
    is_picture_name,
    place,
    text_path,
    unsafe_reason,
)

_LONGEST_UNSAFE_PATH = 1_024


@dataclass(frozen=True)
class RowRules:
    """All that rows depend on besides the members.

    ``id_base`` is added to a member's position to make its image id. ``split`` is the split of
    every image; where it is None, a split folder decides, then ``named_split`` (by the name of the
    source), then ``fractions`` (exact decimals) by pixel hash, which is called ``share_rule``.
    Where ``keep_unlabelled``, files without a label are stored if they have a split.
    ``fit`` says how images of another shape are brought to it; where null, they are rejects.
    ``group_regex`` fills ``family`` from the path instead of the font. Where ``labels_given``,
    label, split and group come with each file, not from its path. Whoever makes rows stops where
    the members have more than ``max_labels`` labels.
    """

    source: str
    run_id: str
    id_base: int
    shape: Shape
    fractions: tuple[tuple[str, str], ...]
    split: str | None = None
    to_grey: bool = False
    fit: Fit | None = None
    group_regex: str | None = None
    labels_given: bool = False
    max_labels: int = 10_000
    named_split: str | None = None
    share_rule: str = BY_HASH
    keep_unlabelled: bool = False

    def split_rule(self, where: Place) -> str:
        """What puts an image of this place into its split, one of ``SPLIT_RULES``."""
        if self.split is not None:
            return BY_OPTION
        if where.split is not None:
            return where.rule or BY_FOLDER
        return BY_NAME if self.named_split is not None else self.share_rule

    def is_unlabelled(self, where: Place) -> bool:
        """Whether this is the place of files that have a split, but no label."""
        return where.label is None and (where.split or self.named_split) is not None

    def is_stored(self, where: Place) -> bool:
        """Whether files of this place are images to store."""
        return where.label is not None or (self.keep_unlabelled and self.is_unlabelled(where))

    def key(self, where: Place | None) -> Key:
        """What a member of this place is tallied under; an unsafe name has no place."""
        if where is None:
            return None, None, None
        folder = None if self.labels_given else where.directory
        if not self.is_stored(where):
            return folder, None, None
        return folder, where.label, self.split_rule(where)


@dataclass(frozen=True)
class Rows:
    """Rows of one batch, and (position, xxh3-64 of the path) of each row, to find copies by.

    ``path_keys`` is uint64 of shape (images and rejects with a safe name, 2).
    """

    images: pa.Table
    rejects: pa.Table
    attributes: pa.Table
    tally: Tally
    path_keys: npt.NDArray[np.uint64]


def split_thresholds(fractions: tuple[tuple[str, str], ...]) -> list[tuple[str, int]]:
    """Upper bounds in [0, 2**64] on the leading 64 bits of a pixel hash, one a split, rising."""
    bounds, total = [], Fraction(0)
    for split, share in fractions:
        total += Fraction(share)
        bounds.append((split, int(total * 2**64)))
    return bounds


def make_rows(batch: pa.RecordBatch, rules: RowRules) -> Rows:
    """Decode, fingerprint and describe one batch of members (schema MEMBER_SCHEMA)."""
    tally = Tally()
    positions = batch.column("position").to_pylist()
    sizes = batch.column("size").to_pylist()
    sorted_out = _plain(batch, rules) or _sort_out(batch, rules, tally)
    wanted, paths, places = sorted_out.wanted, sorted_out.paths, sorted_out.places
    tally.seen.update(sorted_out.seen)
    refused = list(sorted_out.refused)

    data = batch.column("data")
    if len(wanted) < len(data):
        data = data.take(pa.array(wanted, pa.int64()))
    decoded = decode(data, rules.shape, to_grey=rules.to_grey, fit=rules.fit)
    for index, reason, detail in decoded.rejects:
        refused.append((wanted[index], paths[index], places[index], reason, detail))
        tally.reasons[reason] += 1
        if reason == "shape" and detail:
            tally.other_shapes[detail] += 1
    refused.sort(key=lambda entry: entry[0])
    rejected = [
        {
            "source": rules.source,
            "path": path if where else path[:_LONGEST_UNSAFE_PATH],
            "label": where.label if where else None,
            "reason": reason,
            "detail": detail,
            "file_bytes": sizes[row],
            "position": positions[row],
            "run_id": rules.run_id,
        }
        for row, path, where, reason, detail in refused
    ]
    for row, *_ in refused:
        tally.outcomes[*sorted_out.seen[row], "rejected"] += 1
    stored = decoded.index.tolist()
    rows = [wanted[index] for index in stored]
    images = _images(
        rules,
        files=data if len(stored) == len(data) else data.take(pa.array(stored, pa.int64())),
        decoded=decoded,
        positions=[positions[row] for row in rows],
        sizes=[sizes[row] for row in rows],
        paths=[paths[index] for index in stored],
        places=[places[index] for index in stored],
        groups=batch.column("group").take(pa.array(rows, pa.int64())),
        origins=batch.column("origin_image_id").take(pa.array(rows, pa.int64())),
    )
    tally.store([sorted_out.seen[row] for row in rows], images["split"].to_pylist())
    named = [positions[row] for row in sorted_out.named]
    return Rows(
        images=images,
        rejects=pa.Table.from_pylist(rejected, schema=TABLES["reject"]),
        attributes=attribute_rows(
            batch.column("attributes").take(pa.array(rows, pa.int64())),
            images["image_id"],
            rules.run_id,
        ),
        tally=tally,
        path_keys=np.stack(
            [np.array(named, np.uint64), np.array(sorted_out.digests, np.uint64)], axis=1
        ),
    )


@dataclass(frozen=True)
class _SortedOut:
    """The members of a batch: which are to be decoded, and what is known of all.

    ``seen`` has a tally key for every member. ``wanted``, ``paths`` and ``places`` go together, as
    do ``named`` and ``digests``; ``refused`` are (row, path, place, reason, detail).
    """

    seen: Sequence[Key]
    wanted: Sequence[int]
    paths: list[str]
    places: list[Place]
    named: Sequence[int]
    digests: list[int]
    refused: Sequence[tuple[int, str, Place | None, str, str | None]] = ()


def _plain(batch: pa.RecordBatch, rules: RowRules) -> _SortedOut | None:
    """The members of a batch in which each is a file with a plain name in a folder, else None.

    This is nearly every batch there is; what it says is what `_sort_out` says, a few times faster.
    """
    names = batch.column("path")
    if rules.labels_given or batch.column("data").null_count or not len(names):
        return None
    if batch.column("kind").to_numpy().any() or pc.max(pc.binary_length(names)).as_py() > 1_024:
        return None
    try:
        text = names.cast(pa.string())
    except pa.ArrowInvalid:
        return None
    odd = [pc.match_substring(text, part) for part in ("/.", "..", "\0", "__MACOSX")]
    odd += [pc.starts_with(text, start) for start in ("/", ".")]
    if any(pc.any(found).as_py() for found in odd):
        return None
    paths = text.to_pylist()
    folders = [path.rpartition("/")[0] for path in paths]
    known = {folder: place(f"{folder}/x") for folder in dict.fromkeys(folders)}
    if any(where.label is None for where in known.values()):
        return None
    keys = {folder: rules.key(where) for folder, where in known.items()}
    every = range(len(paths))
    return _SortedOut(
        seen=[keys[folder] for folder in folders],
        wanted=every,
        paths=paths,
        places=[known[folder] for folder in folders],
        named=every,
        digests=[xxhash.xxh3_64_intdigest(name) for name in names.to_pylist()],
    )


def _sort_out(batch: pa.RecordBatch, rules: RowRules, tally: Tally) -> _SortedOut:
    """The members of any batch; those that are ignored are tallied here."""
    seen: list[Key] = []
    wanted: list[int] = []
    named: list[int] = []
    refused: list[tuple[int, str, Place | None, str, str | None]] = []
    found = _SortedOut(seen, wanted, [], [], named, [], refused)
    absent = batch.column("data").is_null().to_pylist()
    kinds = batch.column("kind").to_pylist()
    given = _given_places(batch) if rules.labels_given else None
    for row, raw in enumerate(batch.column("path").to_pylist()):
        path = text_path(raw)
        unsafe = unsafe_reason(raw)
        where = (given[row] if given else place(path)) if unsafe is None else None
        seen.append(rules.key(where))
        if given and where is not None and where.label is None and place(path).hidden:
            where = replace(where, hidden=True)
        outcome = _ignored(kinds[row], where, rules)
        if outcome:
            if outcome == "ignored_outside" and where is not None and is_picture_name(path):
                split = where.split or rules.named_split
                tally.unlabelled.update([split] if split else [])
            tally.outcomes[*seen[row], outcome] += 1
        elif where is None:
            refused.append((row, path, where, "unsafe_name", unsafe))
        else:
            named.append(row)
            found.digests.append(xxhash.xxh3_64_intdigest(path.encode()))
            if absent[row]:
                refused.append((row, path, where, "too_large", None))
            else:
                wanted.append(row)
                found.paths.append(path)
                found.places.append(where)
    return found


def _given_places(batch: pa.RecordBatch) -> list[Place]:
    columns = (batch.column(name).to_pylist() for name in ("label", "split", "split_rule"))
    return [
        Place(label=label, split=split, hidden=False, directory="", rule=rule)
        for label, split, rule in zip(*columns, strict=True)
    ]


def _ignored(kind: int, where: Place | None, rules: RowRules) -> str | None:
    if kind == KIND_LINK:
        return "ignored_link"
    if kind == KIND_DEVICE:
        return "ignored_device"
    if kind != KIND_FILE:
        raise ValueError(f"unknown kind of member: {kind}")
    if where is None:
        return None
    if where.hidden:
        return "ignored_hidden"
    return None if rules.is_stored(where) else "ignored_outside"


def _images(
    rules: RowRules,
    *,
    files: pa.Array,
    decoded: Decoded,
    positions: list[int],
    sizes: list[int],
    paths: list[str],
    places: list[Place],
    groups: pa.Array,
    origins: pa.Array,
) -> pa.Table:
    count = len(paths)
    pixels, heights, widths = decoded.pixels, decoded.sizes[:, 0], decoded.sizes[:, 1]
    pixel_hash = fingerprint.pixel_hashes(pixels, rules.shape)
    ink_mean, ink_std = fingerprint.ink(pixels)
    fonts = [font_name(_stem(path)) for path in paths]
    if rules.group_regex is not None:
        families = _families(paths, rules.group_regex)
    elif groups.null_count < len(groups):
        families = groups.to_pylist()
    else:
        families = [font_family(font) if font else None for font in fonts]
    columns = {
        "image_id": np.array(positions, np.int64) + rules.id_base,
        "source": _constant(rules.source, count),
        "path": pa.array(paths, pa.string()),
        "label": pa.array([where.label for where in places], pa.string()),
        "split": split_column(rules, [where.split for where in places], pixel_hash),
        "file_hash": fingerprint.file_hashes(files),
        "pixel_hash": pixel_hash,
        "dhash": fingerprint.dhashes(pixels, rules.shape),
        "mode": decoded.modes,
        "height": heights,
        "width": widths,
        "orientation": decoded.turns,
        "fit": _fits(rules, heights, widths),
        "file_bytes": sizes,
        "ink_mean": ink_mean,
        "ink_std": ink_std,
        "font": fonts,
        "family": families,
        "origin_image_id": origins,
        "run_id": _constant(rules.run_id, count),
        "pixels": _pixel_column(pixels, rules.shape),
    }
    schema = TABLES["image"]
    return pa.table({f.name: pa.array(columns[f.name], f.type) for f in schema}, schema=schema)


def _fits(
    rules: RowRules, heights: npt.NDArray[np.int64], widths: npt.NDArray[np.int64]
) -> pa.Array:
    """The rule by which each image was brought to the store's shape, null where it had it."""
    changed = (heights != rules.shape.height) | (widths != rules.shape.width)
    rule = rules.fit.rule if rules.fit is not None else None
    return pc.if_else(pa.array(changed), pa.scalar(rule, pa.string()), None)


def _constant(value: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), count)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].rpartition(".")[0]


def _families(paths: list[str], pattern: str) -> list[str | None]:
    search = re.compile(pattern).search
    matches = [search(path) for path in paths]
    return [match[1] if match else None for match in matches]


def split_column(
    rules: RowRules, known: Sequence[str | None], pixel_hash: Sequence[str]
) -> pa.Array:
    """The split of each image, by the option, by what is known of it, or by the hash."""
    if rules.split is not None:
        return _constant(rules.split, len(known))
    if rules.named_split is not None:
        return pc.fill_null(pa.array(known, pa.string()), rules.named_split)
    points = fingerprint.split_fraction(pixel_hash)
    by_hash = np.full(len(known), "unused", dtype=object)
    for split, bound in reversed(split_thresholds(rules.fractions)):
        below = points < np.uint64(bound) if bound < 2**64 else slice(None)
        by_hash[below] = split
    return pc.coalesce(pa.array(known, pa.string()), pa.array(by_hash, pa.string()))


def _pixel_column(pixels: npt.NDArray[np.uint8], shape: Shape) -> pa.Array:
    offsets = np.arange(len(pixels) + 1, dtype=np.int64) * shape.size
    if offsets[-1] > np.iinfo(np.int32).max:
        raise ValueError("a batch of pixels must stay below 2 GiB")
    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(pixels)]
    return pa.Array.from_buffers(pa.binary(), len(pixels), buffers)
