"""Intervals against their definitions, solved or drawn in another way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from notmnist_store.errors import UsageError
from notmnist_store.learning.kernels.intervals import (
    paired_difference,
    percentile_interval,
    wilson_interval,
)


@given(st.integers(1, 100_000), st.floats(0, 1), st.floats(0.5, 0.999))
def test_wilson_is_where_the_score_test_stops_rejecting(
    n: int, share: float, confidence: float
) -> None:
    """The shares p at which |observed - p| is z standard errors, these taken at p."""
    correct = round(share * n)
    observed, z = correct / n, norm.ppf(0.5 + confidence / 2)

    def excess(p: float) -> float:
        return float((observed - p) ** 2 - z * z * p * (1 - p) / n)

    low, high = wilson_interval(correct, n, confidence)
    # At 0 and 1 themselves the excess is 0; a hair inside it has its sign.
    inside = min(max(observed, 1e-12), 1 - 1e-12)
    expected_low = 0.0 if correct == 0 else brentq(excess, 1e-15, inside, xtol=1e-14)
    expected_high = 1.0 if correct == n else brentq(excess, inside, 1 - 1e-15, xtol=1e-14)
    assert low == pytest.approx(expected_low, abs=1e-9)
    assert high == pytest.approx(expected_high, abs=1e-9)
    assert 0 <= low <= observed <= high <= 1


def test_wilson_beside_published_figures() -> None:
    """Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3."""
    for correct, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson_interval(correct, n) == pytest.approx((low, high), abs=5e-5)


def test_no_trials_say_nothing() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_percentiles_are_those_of_the_middle() -> None:
    values = np.random.default_rng(0).permutation(np.arange(1001, dtype=np.float64))
    assert percentile_interval(values) == pytest.approx((25, 975))


values = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(0, 1), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
    )
)


@given(values, st.integers(0, 5))
def test_a_paired_difference_is_that_of_loops(
    drawn: tuple[list[float], list[bool], list[bool]], seed: int
) -> None:
    value, first, second = (np.array(column) for column in drawn)
    got = paired_difference(value, first, second, resamples=20, seed=seed)
    if not first.any() or not second.any():
        assert got is None
        return
    assert got is not None
    assert got.value == pytest.approx(value[first].mean() - value[second].mean(), abs=1e-12)
    random = np.random.default_rng(seed)
    differences = []
    for rows in random.integers(0, len(value), (20, len(value)), dtype=np.int32):
        one = [value[row] for row in rows if first[row]]
        other = [value[row] for row in rows if second[row]]
        if one and other:
            differences.append(sum(one) / len(one) - sum(other) / len(other))
    if differences:
        assert (got.low, got.high) == pytest.approx(
            percentile_interval(np.array(differences)), abs=1e-12
        )


def test_pairing_makes_a_difference_of_two_nearly_equal_sets_narrow() -> None:
    """What both means share cancels out: unpaired, the interval would be about 0.03 wide."""
    random = np.random.default_rng(1)
    right = (random.random(4_000) < 0.85).astype(np.float64)
    clean = np.ones(4_000, np.bool_)
    clean[:40] = False
    right[:40] = 1
    got = paired_difference(right, np.ones(4_000, np.bool_), clean, resamples=400)
    assert got is not None
    assert 0 < got.low < got.value < got.high
    assert got.high - got.low < 0.002


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Nine in ten at 90 %, within what 200 trials can tell."""
    held = 0
    for trial in range(200):
        random = np.random.default_rng(trial)
        leaked = random.random(300) < 0.2
        right = (random.random(300) < np.where(leaked, 0.95, 0.8)).astype(np.float64)
        got = paired_difference(
            right, np.ones(300, np.bool_), ~leaked, resamples=200, seed=trial, confidence=0.9
        )
        assert got is not None
        held += got.low <= 0.2 * 0.15 <= got.high
    assert 165 <= held <= 195


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: wilson_interval(2, 1),
        lambda: wilson_interval(-1, 1),
        lambda: wilson_interval(1, 2, 1.0),
        lambda: percentile_interval(np.zeros(0)),
        lambda: paired_difference(np.zeros(2), np.ones(2, np.bool_), np.ones(3, np.bool_)),
        lambda: paired_difference(
            np.zeros(2), np.ones(2, np.bool_), np.ones(2, np.bool_), resamples=0
        ),
    ],
)
def test_what_cannot_be_meant_is_said(mistake: object) -> None:
    assert callable(mistake)
    with pytest.raises(UsageError) as caught:
        mistake()
    assert not caught.value.hint  # a kernel knows of no command
