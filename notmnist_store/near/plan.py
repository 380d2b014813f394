"""What a search for near duplicates has to compare, beside what is known already."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.split_sets import SplitSet, find_split_set, ingest_runs
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.near.evidence import current_join, is_of_all, lacking, pictures
from notmnist_store.near.kernels.pair_rows import pairs_among
from notmnist_store.near.kernels.sides import EVERYWHERE, KnownPairs, Sides, sides_of
from notmnist_store.schema.arrays import Ints
from notmnist_store.schema.radius import GROUP, SEARCH, Radius
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.transforms import NONE, Transforms

_WORTH = 2  # more sides are worth it where they leave half of the comparisons or fewer
_PARTS = """select run_id, split_set, digest, image_runs from radius_join
where run_id in (select run_id from pair_run)"""


@dataclass(frozen=True)
class Asked:
    """What a search is asked for; `crossing` is the name of a split set, None for all pairs."""

    radius: Radius | None = None
    group_radius: Radius | None = None
    transforms: Transforms | None = None
    crossing: str | None = None


@dataclass(frozen=True)
class Plan:
    """A search of all pairs, or, with a split set, of those across its splits.

    group_radius  None where no groups are made, nor were by what it adds to
    crossing      the split set's name as it was given
    runs          ingest runs whose images are there
    base          the row of view radius_join of the search that it adds to; None: it begins anew
    aside         what does not count any more after it, in words
    """

    radius: Radius
    group_radius: Radius | None
    transforms: Transforms
    split_set: SplitSet | None
    crossing: str | None
    runs: list[str]
    base: dict[str, Any] | None
    aside: str | None

    @property
    def grouped_under(self) -> list[Transforms]:
        """What groups are made under: no transform, and all of the search."""
        return [] if self.split_set else list(dict.fromkeys((NONE, self.transforms)))

    @property
    def pair_runs(self) -> list[str]:
        """The runs whose pairs count beside its own."""
        return [] if self.base is None else list(json.loads(self.base["pair_runs"]))

    @property
    def arguments(self) -> dict[str, Any]:
        """The options, as the run has them."""
        given: dict[str, Any] = {"radius": self.radius.text}
        if self.split_set is not None:
            given |= {"crossing": self.split_set.name, "version": self.split_set.version}
        elif self.group_radius is not None:
            given["group_radius"] = self.group_radius.text
        if self.transforms != NONE:
            given["transforms"] = self.transforms.text
        return given


@dataclass(frozen=True, eq=False)
class Scope:
    """The n pictures that a plan is about, among all m that there are, in the order of ingest.

    every   (m,) int64: the image that stands for each picture
    stands  (m,) int64: in which splits it stands; `EVERYWHERE` in a search of all pairs
    rows    (n,) int64: the rows of those that stand in any
    images  how many images they are
    old     so many of the n were all compared with each other, and put into groups: the first
    known   the pairs that need not be stored again, by rows of the n
    sides   what is left to compare, by rows of the n
    """

    every: Ints
    stands: Ints
    rows: Ints
    images: int
    old: int
    known: KnownPairs
    sides: Sides

    @property
    def ids(self) -> Ints:
        """(n,) int64: the image that stands for each."""
        return self.every[self.rows]


def make_plan(catalog: Catalog, asked: Asked) -> Plan | None:
    """What has to be searched, or None where all is known already."""
    runs = ingest_runs(catalog)
    if not runs:
        raise StoreError("there are no images to compare", "notmnist-store ingest")
    if asked.crossing is not None and asked.group_radius is not None:
        raise UsageError(
            "a search across splits makes no groups: --group-radius does not go with --crossing",
            "notmnist-store near-duplicates --group-radius 1.0",
        )
    split_set = None if asked.crossing is None else find_split_set(catalog, asked.crossing)
    radius = Radius.of(asked.radius, catalog.shape, SEARCH)
    groups = _group_radius(asked, catalog.shape, radius)
    current = current_join(catalog)
    known_under = Transforms.of(None if current is None else current["transforms"])
    transforms = known_under if asked.transforms is None else asked.transforms
    transforms.check(catalog.shape)
    if current is None or not _serves(current, asked, radius, groups, transforms):
        aside = _aside(catalog, current, asked.crossing, radius, transforms)
        made = groups if split_set is None else None
        return Plan(radius, made, transforms, split_set, asked.crossing, runs, None, aside)
    if not lacking(catalog, split_set=asked.crossing, crossing=True):
        return None
    radius = Radius(current["radius"])
    made = None
    if is_of_all(current):
        made = Radius(current["group_radius"])
    elif split_set is None:
        made = _group_radius(asked, catalog.shape, radius)
    return Plan(radius, made, known_under, split_set, asked.crossing, runs, current, None)


def _group_radius(asked: Asked, shape: Shape, radius: Radius) -> Radius:
    groups = Radius.of(asked.group_radius, shape, GROUP)
    if asked.group_radius is None and groups.squared > radius.squared:
        return radius
    if groups.squared > radius.squared:
        raise UsageError(
            f"groups of radius {groups} need pairs up to it, not to {radius}",
            f"notmnist-store near-duplicates --radius {groups} --group-radius {groups}",
        )
    return groups


def _serves(
    current: dict[str, Any], asked: Asked, radius: Radius, groups: Radius, transforms: Transforms
) -> bool:
    """Whether a search can add to the current one, at its radius and under its transforms."""
    if radius.squared > current["threshold"]:
        return False
    if not Transforms.of(current["transforms"]).covers(transforms):
        return False
    if is_of_all(current):
        return asked.group_radius is None or groups.squared == current["group_threshold"]
    # All pairs at the radius of a search across splits may be more than was asked for.
    return bool(asked.crossing or asked.radius is None or radius.squared == current["threshold"])


def _aside(
    catalog: Catalog,
    current: dict[str, Any] | None,
    crossing: str | None,
    radius: Radius,
    transforms: Transforms,
) -> str | None:
    """What the current search has, and one that begins anew will not have, in words."""
    if current is None:
        return None
    known_under = Transforms.of(current["transforms"])
    if crossing is None:
        is_less = radius.squared < current["threshold"] or not transforms.covers(known_under)
    else:
        parts = catalog.query(_PARTS)["split_set"].to_pylist()
        is_less = set(parts) != {crossing}
    return f"pairs known before, up to {current['radius']}{known_under.said}" if is_less else None


def make_scope(catalog: Catalog, plan: Plan) -> Scope:
    """The pictures of a plan, and what is left to compare of them."""
    listed = pictures(catalog, plan.crossing)
    stands = _stands(plan, listed["stands"].to_numpy())
    every, rows = listed["image_id"].to_numpy(), np.flatnonzero(stands)
    ids = every[rows]
    images = int(listed["images" if plan.split_set is None else "placed"].to_numpy().sum())
    old, known = 0, KnownPairs.of(len(ids), 0)
    if plan.base is not None:
        old = int(listed["is_known"].to_numpy()[rows].sum())
        added = catalog.query(load_queries("near")["added"].sql)
        known = KnownPairs.of(len(ids), old, pairs_among(ids, added))
    compared = [np.where(np.arange(len(ids)) < old, EVERYWHERE, 0)]
    sides = sides_of(stands[rows], compared)
    across = None if plan.base is None else _across_before(catalog, plan)
    if across is not None:
        finer = sides_of(stands[rows], [*compared, across[rows]])
        if finer.comparisons * _WORTH <= sides.comparisons:
            sides = finer
    return Scope(every, stands, rows, images, old, known, sides)


def _stands(plan: Plan, stands: Ints) -> Ints:
    return np.full(len(stands), EVERYWHERE) if plan.split_set is None else stands


def _across_before(catalog: Catalog, plan: Plan) -> Ints | None:
    """Where all pictures stood for the newest search across splits that the plan adds to.

    That of the same split set goes before others. None where there is none, or its split set was
    withdrawn.
    """
    parts = catalog.query(_PARTS).to_pylist()
    order = {run_id: place for place, run_id in enumerate(plan.pair_runs)}
    own = plan.split_set.name if plan.split_set else None
    parts = [part for part in parts if part["split_set"] is not None]
    for part in sorted(parts, key=lambda part: (part["split_set"] != own, -order[part["run_id"]])):
        name = _shown(catalog, part["split_set"], part["digest"])
        if name is not None:
            stands: Ints = pictures(catalog, name, json.loads(part["image_runs"]))[
                "stands"
            ].to_numpy()
            return stands
    return None


def _shown(catalog: Catalog, split_set: str, digest: str | None) -> str | None:
    """A name that statements find the split set of this digest by."""
    if digest is None:
        return split_set
    made = catalog.query(
        "select split_set, version from split_set where digest = $digest limit 1",
        {"digest": digest},
    ).to_pylist()
    if not made:
        return None
    name = f"{made[0]['split_set']}_v{made[0]['version']}"
    find_split_set(catalog, name)
    return name


def count_known(catalog: Catalog, plan: Plan, scope: Scope) -> int:
    """How many of the pairs that a plan is about are there before it."""
    if plan.base is None:
        return 0
    if plan.split_set is None:
        counted = catalog.query("select count(*) as pairs from searched_pair")
    else:
        standing = pa.table({"image_id": scope.every, "stands": scope.stands})
        counted = catalog.query(
            load_queries("near")["crossing"].sql, rows={"standing_picture": standing}
        )
    return int(counted["pairs"][0].as_py())
