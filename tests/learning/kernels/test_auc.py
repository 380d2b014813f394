"""The area under the curve: what pairs say, its variance, and how often its interval holds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from notmnist_store.errors import UsageError
from notmnist_store.learning.kernels.auc import auc, mean_auc

scores = arrays(np.float64, st.integers(2, 30), elements=st.integers(0, 6).map(float))


@given(positive=scores, negative=scores)
def test_it_is_the_share_of_pairs_in_order(positive: np.ndarray, negative: np.ndarray) -> None:
    value, variance = auc(positive, negative)
    above = positive[:, np.newaxis] > negative
    equal = positive[:, np.newaxis] == negative
    share = above + equal / 2
    assert value == pytest.approx(share.mean())
    # DeLong's components, as defined: the mean of each row, and of each column.
    by_definition = share.mean(axis=1).var(ddof=1) / len(positive)
    by_definition += share.mean(axis=0).var(ddof=1) / len(negative)
    assert variance == pytest.approx(by_definition, abs=1e-12)
    sides = np.repeat([1, 0], [len(positive), len(negative)])
    assert value == pytest.approx(roc_auc_score(sides, np.concatenate([positive, negative])))


def test_the_interval_holds_the_area_as_often_as_it_says() -> None:
    """Normal scores a standard deviation apart: the area is Phi(1 / sqrt 2) = 0.7602."""
    random = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        folds = [auc(random.normal(1, 1, 60), random.normal(0, 1, 90)) for _ in range(3)]
        value, low, high = mean_auc(folds)
        assert low <= value <= high
        held += low <= 0.76025 <= high
    assert 0.92 <= held / 400 <= 0.98


def test_its_ends_are_shares() -> None:
    assert mean_auc([(0.99, 0.01)]) == (0.99, pytest.approx(0.794, abs=1e-3), 1.0)
    assert mean_auc([auc(np.array([2.0, 3.0]), np.array([0.0, 1.0]))]) == (1.0, 1.0, 1.0)


def test_too_few_scores_are_refused() -> None:
    with pytest.raises(UsageError, match="two scores or more"):
        auc(np.array([1.0]), np.array([0.0, 1.0]))
