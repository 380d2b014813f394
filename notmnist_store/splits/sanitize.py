"""The verb sanitize: a split set made of another one, with no copy or near copy across splits.

Which images go is decided by `kernels.leak_policies`, of rows and pairs that are put together here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.run import show_runs
from notmnist_store.catalog.split_sets import (
    SplitSet,
    asked_splits,
    check_none_gone,
    current_split_set,
    find_split_set,
    keep_order,
)
from notmnist_store.decisions.effects import decision_note
from notmnist_store.engines.engine import Engine
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.evidence import (
    check_radius,
    check_transforms,
    current_join,
    lacking,
    not_known,
    search_needed,
)
from notmnist_store.near.kernels.join import Pairs
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Bools, Ints
from notmnist_store.schema.radius import GROUP, Radius
from notmnist_store.schema.tables import columns
from notmnist_store.schema.words import SPLITS, TEST_FIRST, USED
from notmnist_store.splits.kernels.leak_policies import (
    EXACT_COPY,
    KEPT,
    LABEL_CONFLICT,
    NEAR_COPY,
    UNUSED,
    Fates,
    SplitTable,
    settle,
)
from notmnist_store.splits.make import Origin, check_name, made_already, save_split, split_digest
from notmnist_store.splits.plan import NO_DROPS, Placed, dropped, labels_of, placed_rows
from notmnist_store.splits.sanitize_options import SANITIZE, SanitizeOptions
from notmnist_store.storage.tables import Tables

STEPS = tuple(map(Radius, ("0", "0.5", "1", "1.5", "2")))
"""Radii at which the result says what would go, as far as pairs are known."""

_RULES = {EXACT_COPY: "exact_copy", NEAR_COPY: "near_copy", LABEL_CONFLICT: "label_conflict"}
_COUNTED = columns(
    "radius float?, split text?, label text?, images int?, exact int?, near int?, conflict int?",
    "refilled int?, left int?",
)


@dataclass(frozen=True)
class _Base:
    """The rows of a split set as Arrow and as the kernel takes them, and their pictures' ids.

    Rows whose images a decision dropped are not among them: `dropped` tells of those.
    """

    version: SplitSet
    rows: pa.Table
    table: SplitTable
    picture_ids: Ints
    dropped: pa.Table


def sanitize(
    tables: Tables,
    new: str,
    options: SanitizeOptions,
    progress: Progress,
    *,
    yes: bool = False,
    replace: bool = False,
    engine: Engine | None = None,
) -> pa.Table:
    """Make split set `new` of `options.base`, or, without `yes`, say only what would go.

    Rows that go, and unused rows, are unused in it; table split_drop says why the former went. The
    others keep their split and their order, and what is drawn from unused takes the places of what
    went. The same name and arguments again is a no-op. Labels are those after decisions, and images
    that one dropped are left out, with the rule decision. Statements run on the engine.

    Returns one row a split and label at the radius asked for, then one row a split (label null) at
    each of STEPS and that radius: radius, split, label, images, exact, near, conflict (images that
    go, by rule), refilled, left.
    """
    check_name(new)
    started = datetime.now(UTC)
    catalog = (engine or Engine()).catalog(tables)
    radius = Radius.of(options.radius, tables.marker.shape, GROUP).shortest
    keep = options.keep or keep_order(catalog, find_split_set(catalog, options.base))
    options = dataclasses.replace(options, radius=radius, keep=keep)
    check_radius(catalog, radius)
    check_transforms(catalog, options.transforms)
    base = _base(catalog, options)
    join = current_join(catalog)
    uncovered = lacking(catalog, base.rows["image_id"])
    asks_across = uncovered and options.parts_across
    if asks_across and not lacking(catalog, split_set=options.base, crossing=True):
        uncovered = 0
    if radius.squared and uncovered:
        stale = not_known(catalog, uncovered, f"split set {base.version.name}")
        across = options.base if options.parts_across else None
        raise StoreError(
            f"pairs are stale: {stale}", search_needed(catalog, radius, options.transforms, across)
        )
    known = int(join["threshold"]) if join is not None and not uncovered else 0
    origin = Origin(SANITIZE, SANITIZE, _arguments(catalog, base, options), options.seed)
    earlier = current_split_set(catalog, new)
    made = None
    if earlier is not None:
        decided = decision_note(catalog, earlier)
        made = made_already(earlier, origin.arguments, decided, replace=replace)
    radii = {step.squared: step for step in STEPS if step.squared <= known}
    radii[radius.squared] = radius
    pairs = _pairs(catalog, base, max(radii), options)
    fates, counted = _settled(base, options, pairs, radii, progress)
    if not yes:
        _tell_orders(base, options, pairs, fates, progress)
    if gone := base.dropped.num_rows:
        progress.note(f"{gone:,} images of {options.base} are left out: decisions dropped them")
    if made is not None:
        for note in made.notes:
            progress.note(note)
        if yes:
            show_runs(tables, progress)
    elif yes:
        save_split(tables, catalog, new, origin, _placed(base, options, fates), started, progress)
    return counted


def _base(catalog: Catalog, options: SanitizeOptions) -> _Base:
    version = find_split_set(catalog, options.base)
    if version.version:
        for split in SPLITS:
            check_none_gone(catalog, version, split)
    values = {
        "split_set": version.name,
        "version": version.version,
        "seed": str(options.seed),
    }
    every = catalog.query(load_queries("sanitize")["rows"].sql, values)
    rows = every.filter(pc.invert(every["is_dropped"])).combine_chunks()
    known = list(version.labels)
    labels = known + [label for label in labels_of(catalog, rows) if label not in known]
    label_ids = pc.index_in(rows["label"], pa.array(labels, pa.string())).cast(pa.int64())
    rows = rows.append_column("label_id", label_ids)
    version = dataclasses.replace(version, labels=tuple(labels))
    place = pc.index_in(rows["split"], pa.array([*options.keep, "unused"]))
    ids, picture = np.unique(rows["picture_id"].to_numpy(), return_inverse=True)
    table = SplitTable(
        place.to_numpy().astype(np.int64),
        picture.astype(np.int64),
        rows["label_id"].to_numpy(),
        rows["draw"].to_numpy(),
        len(ids),
    )
    if (table.place == UNUSED).all():
        raise UsageError(
            f"split set {options.base} has no images in {', '.join(options.keep)}",
            "notmnist-store split-sets",
        )
    stood = every.filter(pc.not_equal(every["split"], "unused"))
    return _Base(version, rows, table, ids, dropped(stood))


def _arguments(catalog: Catalog, base: _Base, options: SanitizeOptions) -> str:
    """The options, which images they were applied to, and which splits those were asked for."""
    version = base.version
    digest = version.digest
    if digest is None:  # of ingest, and so that new unused images count, too
        order = ["split", "image_id"]
        rows = base.rows.select([*order, "label", "pixel_hash"])
        rows = rows.sort_by([(name, "ascending") for name in order])
        digest = split_digest(rows.select(["split", "label", "pixel_hash"]))
    named = dataclasses.replace(options, base=version.name)
    return named.to_json(
        base_version=version.version, base_digest=digest, asked=asked_splits(catalog, options.base)
    )


def _settled(
    base: _Base,
    options: SanitizeOptions,
    pairs: Pairs,
    radii: Mapping[int, Radius],
    progress: Progress,
) -> tuple[Fates, pa.Table]:
    """The fates at the radius asked for, and the rows that tell them at that and all steps."""
    assert options.radius is not None
    parts: list[pa.Table] = []
    with progress.during("sanitizing", len(radii), "radii"):
        for done, most in enumerate(sorted(radii)):
            fates = _fates(base.table, options, pairs, most)
            parts.append(_counts(base, options, radii[most], fates, by_label=False))
            if radii[most] == options.radius:
                asked = fates
            progress.advance(done + 1)
    by_label = _counts(base, options, options.radius, asked, by_label=True)
    return asked, pa.concat_tables([by_label, *parts])


def _fates(table: SplitTable, options: SanitizeOptions, pairs: Pairs, most: int) -> Fates:
    within = int(np.searchsorted(pairs.squared_distance, most, side="right"))
    return settle(
        table,
        pairs.take(slice(within)),
        policy=options.policy,
        conflicts=options.conflicts,
        refill=options.refill,
    )


def _tell_orders(
    base: _Base, options: SanitizeOptions, pairs: Pairs, fates: Fates, progress: Progress
) -> None:
    """What the order of keeping costs, and what the two usual ones would, split by split."""
    assert options.radius is not None
    told = {options.keep: _cost(base.table, options.keep, fates)}
    usual: tuple[tuple[str, ...], ...] = (TEST_FIRST, USED)
    for order in usual:
        if order not in told:
            places = np.array([*map(order.index, options.keep), UNUSED], np.int64)
            table = dataclasses.replace(base.table, place=places[base.table.place])
            other = _fates(table, options, pairs, options.radius.squared)
            told[order] = _cost(table, order, other)
    for order, cost in told.items():
        which = "this" if order == options.keep else "instead"
        progress.note(f"{which}, --keep {','.join(order)}: {cost}")


def _cost(table: SplitTable, keep: tuple[str, ...], fates: Fates) -> str:
    went = np.bincount(table.place[fates.rule != KEPT], minlength=UNUSED)
    by_split = {split: int(n) for split, n in zip(keep, went, strict=False)}
    counted = ", ".join(f"{by_split[split]:,} of {split}" for split in USED)
    return f"{counted} go"


def _pairs(catalog: Catalog, base: _Base, most: int, options: SanitizeOptions) -> Pairs:
    """Pairs of pictures that can matter, the nearest first."""
    matter = np.zeros(base.table.pictures, np.bool_)
    chosen = slice(None) if options.refill else base.table.place != UNUSED
    matter[base.table.picture[chosen]] = True
    numbers = np.flatnonzero(matter)
    home = np.full(len(matter), -1, np.int8)
    if options.parts_across:
        stands = np.zeros((UNUSED, len(matter)), np.bool_)
        for place in range(UNUSED):
            stands[place, base.table.picture[base.table.place == place]] = True
        alone = stands.sum(axis=0) == 1
        home[alone] = stands.argmax(axis=0)[alone]
    picture = pa.table(
        {
            "image_id": base.picture_ids[numbers],
            "number": numbers.astype(np.int32),
            "home": home[numbers],
        }
    )
    rows = catalog.query(
        load_queries("sanitize")["pairs"].sql,
        {"most": most, "transforms": options.transforms.text},
        rows={"picture": picture},
    )
    return Pairs(*(rows[name].to_numpy() for name in rows.column_names))


def _counts(
    base: _Base, options: SanitizeOptions, radius: Radius, fates: Fates, *, by_label: bool
) -> pa.Table:
    """What the result's rows say at one radius; those of labels that have no image are left out."""
    rows, labels = base.table, base.version.labels
    kinds = len(labels) if by_label else 1
    kind = rows.label if by_label else np.zeros(len(rows), np.int64)

    def count(place: Ints, chosen: Bools) -> Ints:
        cells = place[chosen] * kinds + kind[chosen]
        return np.bincount(cells, minlength=UNUSED * kinds)

    before, after = rows.place != UNUSED, fates.place != UNUSED
    columns = {
        "images": count(rows.place, before),
        "exact": count(rows.place, fates.rule == EXACT_COPY),
        "near": count(rows.place, fates.rule == NEAR_COPY),
        "conflict": count(rows.place, fates.rule == LABEL_CONFLICT),
        "refilled": count(fates.place, after & ~before),
        "left": count(fates.place, after),
    }
    shown = np.flatnonzero(columns["images"] > 0) if by_label else np.arange(UNUSED)
    said = {
        "radius": np.full(len(shown), float(radius.text)),
        "split": [options.keep[at] for at in (shown // kinds).tolist()],
        "label": [labels[at] if by_label else None for at in (shown % kinds).tolist()],
        **{name: column[shown] for name, column in columns.items()},
    }
    return pa.table(said, schema=_COUNTED)


def _placed(base: _Base, options: SanitizeOptions, fates: Fates) -> Placed:
    """The rows of the new split set, those of each split in its order, and why others went."""
    place, ids = fates.place, base.rows["image_id"].to_numpy()
    splits = pa.array([*options.keep, "unused"])
    kept = np.flatnonzero(place != UNUSED)
    kept = kept[np.lexsort((_order(base, fates)[kept], place[kept]))]
    left_out = np.flatnonzero(place == UNUSED)
    left_out = left_out[~np.isin(ids[left_out], ids[kept])]  # else it stands in another split
    left_out = left_out[np.unique(ids[left_out], return_index=True)[1]]
    rows = np.concatenate([kept, left_out])
    split = splits.take(pa.array(place[rows]))
    placed = placed_rows(base.rows.take(rows), split, list(base.version.labels))
    gone = np.flatnonzero(fates.rule != KEPT)
    names = pa.array([_RULES.get(rule) for rule in range(max(_RULES) + 1)], pa.string())
    drops = pa.table(
        {
            "image_id": ids[gone],
            "rule": names.take(pa.array(fates.rule[gone])),
            "twin_id": ids[fates.twin[gone]],
            "squared_distance": fates.squared_distance[gone],
        },
        schema=NO_DROPS.schema,
    )
    drops = pa.concat_tables([drops, base.dropped])
    return Placed(placed, drops, list(base.version.labels), placed.num_rows)


def _order(base: _Base, fates: Fates) -> Ints:
    """A number for each row that stands in a split, by which its split is ordered.

    It is the order of the base, or for ingest, which has none, a random one. What was drawn from
    unused takes the places of what went, label by label, so that labels stay mixed as they were.
    """
    rows = base.table
    if base.version.version:
        order: Ints = base.rows["position"].fill_null(0).to_numpy().copy()
    else:
        order = rows.draw.copy()
    labels = len(base.version.labels)
    went, came = np.flatnonzero(fates.rule != KEPT), np.flatnonzero(fates.place != rows.place)
    came = came[fates.place[came] != UNUSED]
    vacant = rows.place[went] * labels + rows.label[went]
    filled = fates.place[came] * labels + rows.label[came]
    by_cell = np.lexsort((order[went], vacant))
    went, vacant = went[by_cell], vacant[by_cell]
    by_cell = np.lexsort((rows.draw[came], filled))
    came, filled = came[by_cell], filled[by_cell]
    number = np.arange(len(came)) - np.searchsorted(filled, filled)
    order[came] = order[went[np.searchsorted(vacant, filled) + number]]
    return order
