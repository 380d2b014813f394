"""Report radius_precision beside the same worked out in Python, and the radius it proposes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from notmnist_store.audits.verdicts import Scope
from notmnist_store.catalog.connection import Catalog
from notmnist_store.learning.kernels.intervals import wilson_interval
from notmnist_store.review.calibration import precision, proposed, sampled_pairs
from notmnist_store.review.desk import Desk
from notmnist_store.review.verdicts import Verdict
from notmnist_store.schema.radius import distance
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.review import store_of_pairs

# Pairs lie at 8, 11.3, 13.9, 16 and 17.9 grey values: so many of each are judged copies.
JUDGED = {1: (9, 9), 2: (9, 8), 3: (9, 5), 4: (9, 1), 5: (0, 0)}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = store_of_pairs(tmp_path_factory.mktemp("calibration"), 60)
    desk = Desk(Tables.open(Path(str(store.path))), "ada")
    rows = store.sql("select a, b, squared_distance from near_pair order by a, b").rows()
    seen = dict.fromkeys(JUDGED, 0)
    for row in rows:
        pixels = row["squared_distance"] // 64
        seen[pixels] += 1
        n, copies = JUDGED[pixels]
        if seen[pixels] <= n:
            action = "copy" if seen[pixels] <= copies else "different"
            facts = (row["squared_distance"], "none", "none")
            hashes = (f"{row['b']:032x}"[-32:], f"{row['a']:032x}"[-32:])
            pair = (row["b"], hashes[0], None, row["a"], hashes[1])
            desk.judge([Verdict("calibration", action, *pair, *facts)])
    desk.drain()
    return store


def report(store: Store, width: float) -> list[dict[str, Any]]:
    return store.sql("radius_precision", params={"width": width}).rows()


def test_a_range_has_its_share_of_copies_with_wilsons_interval(judged: Store) -> None:
    rows = report(judged, 0.01)
    ranges = {math.floor(distance(64 * n) / 0.01): n for n in JUDGED}
    assert [round(row["distance"] / 0.01) for row in rows] == sorted(ranges)
    for row in rows:
        n, copies = JUDGED[ranges[round(row["distance"] / 0.01)]]
        assert (row["pairs"], row["judged"], row["copies"]) == (12, n, copies)
        assert row["different"] == n - copies
        if not n:
            assert (row["precision"], row["low"], row["high"]) == (None, None, None)
            assert row["within_precision"] is None
            continue
        low, high = wilson_interval(copies, n)
        assert row["precision"] == copies / n
        assert row["low"] == pytest.approx(low, abs=1e-6)
        assert row["high"] == pytest.approx(high, abs=1e-6)


def test_up_to_a_distance_each_range_counts_by_its_pairs(judged: Store) -> None:
    """All in one range is the simple case: as if the pairs had been drawn at random."""
    rows = report(judged, 0.01)
    shares = []
    for row, n in zip(rows, sorted(JUDGED), strict=True):
        if JUDGED[n][0]:
            shares.append(JUDGED[n][1] / JUDGED[n][0])
            assert row["within_precision"] == pytest.approx(sum(shares) / len(shares))
            assert row["within_low"] < row["within_precision"] <= row["within_high"]
            assert row["within_judged"] == 9 * len(shares)
    (one,) = report(judged, 9.0)
    low, high = wilson_interval(23, 36)
    assert one["within_precision"] == one["precision"] == pytest.approx(23 / 36)
    assert (one["low"], one["high"]) == (
        pytest.approx(low, abs=1e-6),
        pytest.approx(high, abs=1e-6),
    )
    # Smoothed by a pair of each kind, the spread tells as much as 38 draws would: near enough.
    assert one["within_low"] == pytest.approx(low, abs=0.01)


def test_the_radius_proposed_is_the_greatest_with_the_precision_wanted(judged: Store) -> None:
    rows = precision(Catalog(Tables.open(Path(str(judged.path)))), Scope())
    for wanted in (0.3, 0.65, 0.8, 0.95, 1.0):
        enough = [row for row in rows if (row["within_precision"] or 0) >= wanted]
        found = proposed(rows, wanted)
        assert found == (max(enough, key=lambda row: row["within"]) if enough else None)
    strict, lax = proposed(rows, 0.9), proposed(rows, 0.55)
    assert strict is not None
    assert lax is not None
    assert strict["within"] < lax["within"]
    assert proposed([], 0.5) is None


def test_pairs_to_judge_are_drawn_evenly_and_were_not_judged(judged: Store) -> None:
    images, twins = sampled_pairs(Catalog(Tables.open(Path(str(judged.path)))), Scope())
    done = judged.sql("select image_id, twin_id from verdict").rows()
    assert len(images) == 60 - len(done)
    assert not {(row["image_id"], row["twin_id"]) for row in done} & set(
        zip(images, twins, strict=True)
    )


def test_the_ranges_come_in_turn(judged: Store) -> None:
    """Who stops early has judged of each range as many, give or take one."""
    rows = judged.sql("select a, b, squared_distance from near_pair").rows()
    pixels = {(row["b"], row["a"]): row["squared_distance"] // 64 for row in rows}
    drawn = sampled_pairs(Catalog(Tables.open(Path(str(judged.path)))), Scope())
    order = [pixels[pair] for pair in zip(*drawn, strict=True)]
    # Three pairs are left of each of the first four, which lie in ranges of their own, and twelve.
    assert [sorted(order[n : n + 5]) for n in (0, 5, 10)] == [[1, 2, 3, 4, 5]] * 3
    assert order[15:] == [5] * 9
    assert order[:5] != order[5:10]


def test_without_pairs_or_verdicts_there_are_no_rows(shared_store: Store) -> None:
    assert report(shared_store, 0.1) == []
    catalog = Catalog(Tables.open(Path(str(shared_store.path))))
    assert sampled_pairs(catalog, Scope()) == ([], [])
    assert precision(catalog, Scope()) == []
