"""Confident learning against the paper's definitions, written out as loops."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.errors import UsageError
from notmnist_store.learning.kernels.confident_learning import (
    class_thresholds,
    confident_classes,
    find_suspects,
)

Case = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    n, k = draw(st.integers(1, 40)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    # Few different values, so that ties and probabilities at the threshold are common.
    weights = random.integers(1, draw(st.sampled_from([3, 1000])), (n, k)).astype(np.float64)
    return weights / weights.sum(axis=1, keepdims=True), random.integers(0, k, n)


def counted_by_hand(probabilities: list[list[float]], labels: list[int]) -> list[int | None]:
    classes = range(len(probabilities[0]))
    thresholds = {}
    for j in classes:
        own = [row[j] for row, label in zip(probabilities, labels, strict=True) if label == j]
        if own:
            thresholds[j] = sum(own) / len(own)
    counted: list[int | None] = []
    for row in probabilities:
        over = [j for j in classes if j in thresholds and row[j] >= thresholds[j] - 1e-6]
        counted.append(max(over, key=lambda j: (row[j], -j)) if over else None)
    return counted


@given(cases())
def test_the_classes_counted_and_the_suspects_are_those_of_the_paper(case: Case) -> None:
    probabilities, labels = case
    expected = counted_by_hand(probabilities.tolist(), labels.tolist())
    counted = confident_classes(probabilities, class_thresholds(probabilities, labels))
    assert counted.tolist() == [-1 if j is None else j for j in expected]
    found = find_suspects(probabilities, labels)
    wanted = {row for row, j in enumerate(expected) if j is not None and j != labels[row]}
    assert set(found.rows.tolist()) == wanted
    for row, suggested, given_, margin in zip(*(part.tolist() for part in found), strict=True):
        assert suggested == expected[row]
        assert given_ == probabilities[row, labels[row]]
        others = np.delete(probabilities[row], labels[row])
        assert margin == given_ - others.max()
    assert found.margin.tolist() == sorted(found.margin.tolist())


@given(cases())
def test_float32_finds_the_same_where_nothing_is_at_a_threshold(case: Case) -> None:
    probabilities, labels = case
    thresholds = class_thresholds(probabilities, labels)
    off = np.abs(probabilities - thresholds)
    ordered = np.sort(probabilities, axis=1)
    if np.any((off > 1e-7) & (off < 2e-6)) or np.any(np.diff(ordered, axis=1) < 1e-6):
        return
    single = find_suspects(probabilities.astype(np.float32), labels)
    assert sorted(single.rows) == sorted(find_suspects(probabilities, labels).rows)


def test_a_class_without_images_is_suggested_for_none() -> None:
    probabilities = np.array([[0.1, 0.2, 0.7], [0.3, 0.1, 0.6]])
    labels = np.array([0, 1])
    assert class_thresholds(probabilities, labels)[2] == np.inf
    assert 2 not in find_suspects(probabilities, labels).suggested


def test_flipped_labels_are_found_where_classes_are_far_apart() -> None:
    random = np.random.default_rng(0)
    true = np.arange(600) % 3
    labels = true.copy()
    labels[:30] = (true[:30] + 1) % 3
    probabilities = np.full((600, 3), 0.04)
    probabilities[np.arange(600), true] = 0.92
    probabilities += random.random((600, 3)) * 0.02
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = find_suspects(probabilities, labels)
    assert sorted(found.rows.tolist()) == list(range(30))
    assert np.array_equal(found.suggested, true[found.rows])


def test_nothing_is_found_in_nothing() -> None:
    found = find_suspects(np.zeros((0, 3)), np.zeros(0, np.int64))
    assert [len(part) for part in found] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        (np.zeros((2, 2)), np.zeros(3, np.int64)),
        (np.zeros(2), np.zeros(2, np.int64)),
        (np.zeros((1, 2)), np.array([2])),
        (np.zeros((1, 2)), np.array([-1])),
    ],
)
def test_labels_that_do_not_fit_are_an_error(
    probabilities: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]
) -> None:
    with pytest.raises(UsageError) as caught:
        find_suspects(probabilities, labels)
    assert caught.value.hint
