"""Stratified draws and folds that keep groups whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.errors import UsageError
from notmnist_store.learning.kernels.folds import draw_quotas, grouped_folds, stratified_draw

labels_of = st.lists(st.integers(0, 4), min_size=1, max_size=80).map(np.array)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8).map(np.array), st.data())
def test_quotas_sum_to_the_size_and_stay_near_their_share(
    images: np.ndarray, data: st.DataObject
) -> None:
    total = int(images.sum())
    size = data.draw(st.integers(0, total))
    quotas = draw_quotas(images, size)
    assert quotas.sum() == size
    assert np.all((quotas >= 0) & (quotas <= images))
    classes = np.count_nonzero(images)
    if size >= classes:
        assert np.all(quotas[images > 0] >= 1)
    if total and np.all(images * size >= total):  # every class has one by its share alone
        assert np.all(np.abs(quotas - images * size / total) < 1)


@given(labels_of, st.integers(0, 9), st.data())
def test_a_draw_is_stratified_nested_and_seeded(
    labels: np.ndarray, seed: int, data: st.DataObject
) -> None:
    size = data.draw(st.integers(0, len(labels)))
    drawn = stratified_draw(labels, size, (seed, 0))
    assert len(np.unique(drawn)) == size
    assert np.all(np.diff(drawn) > 0)
    quotas = draw_quotas(np.bincount(labels), size)
    assert np.array_equal(np.bincount(labels[drawn], minlength=len(quotas)), quotas)
    assert np.array_equal(drawn, stratified_draw(labels, size, (seed, 0)))
    more = stratified_draw(labels, min(size + 5, len(labels)), (seed, 0))
    more_quotas = draw_quotas(np.bincount(labels), len(more))
    if np.all(more_quotas >= quotas):
        assert set(drawn.tolist()) <= set(more.tolist())


def test_every_repeat_is_another_draw() -> None:
    labels = np.arange(1000) % 10
    draws = [tuple(stratified_draw(labels, 50, (0, repeat))) for repeat in range(20)]
    assert len(set(draws)) == 20
    counts = np.bincount(np.concatenate([stratified_draw(labels, 500, (s, 0)) for s in range(200)]))
    assert counts.min() > 60
    assert counts.max() < 140


@given(labels_of, st.integers(2, 6), st.integers(0, 9), st.integers(1, 40))
def test_no_group_straddles_folds(labels: np.ndarray, folds: int, seed: int, groups: int) -> None:
    group = np.random.default_rng(seed).integers(-groups, groups, len(labels))
    fold = grouped_folds(group, labels, folds, seed)
    assert np.all((fold >= 0) & (fold < folds))
    for one in np.unique(group):
        assert len(set(fold[group == one].tolist())) == 1
    assert np.array_equal(fold, grouped_folds(group, labels, folds, seed))


@given(labels_of, st.integers(2, 6), st.integers(0, 9))
def test_without_groups_the_folds_of_a_class_differ_by_one_at_most(
    labels: np.ndarray, folds: int, seed: int
) -> None:
    fold = grouped_folds(np.arange(len(labels)), labels, folds, seed)
    for label in np.unique(labels):
        counts = np.bincount(fold[labels == label], minlength=folds)
        assert counts.max() - counts.min() <= 1


@given(labels_of, st.integers(2, 6), st.integers(0, 9))
def test_single_images_level_out_what_groups_leave(
    labels: np.ndarray, folds: int, seed: int
) -> None:
    """No class has a fold that a single image could have left for one two images emptier."""
    group = np.where(np.arange(len(labels)) % 3 > 0, np.arange(len(labels)), labels + 1000)
    fold = grouped_folds(group, labels, folds, seed)
    single = np.isin(group, [g for g in np.unique(group) if np.sum(group == g) == 1])
    for label in np.unique(labels):
        counts = np.bincount(fold[labels == label], minlength=folds)
        for one in np.unique(fold[single & (labels == label)]):
            assert counts[one] - counts.min() <= 1


def test_groups_of_each_class_spread_over_the_folds() -> None:
    """Five groups of each of four classes, and nothing else: one of each class in each fold."""
    labels = np.repeat(np.arange(4), 20)
    for seed in range(10):
        fold = grouped_folds(np.arange(80) // 4, labels, 5, seed)
        for label in range(4):
            assert np.bincount(fold[labels == label], minlength=5).tolist() == [4] * 5


def test_many_groups_come_out_even() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 1000)
    group = np.where(random.random(10_000) < 0.1, labels * 30 + random.integers(0, 30, 10_000), 0)
    group = np.where(group == 0, 10_000 + np.arange(10_000), group)
    group[labels == 8] = np.where(np.arange(1000) < 141, -1, group[labels == 8])
    fold = grouped_folds(group, labels, 5, 0)
    for label in range(10):
        assert np.bincount(fold[labels == label]).tolist() == [200] * 5


def test_a_single_fold_is_an_error() -> None:
    for mistake in (
        lambda: grouped_folds(np.arange(3), np.zeros(3, np.int64), 1, 0),
        lambda: stratified_draw(np.zeros(3, np.int64), 4, (0,)),
    ):
        with pytest.raises(UsageError) as caught:
            mistake()
        assert not caught.value.hint  # a kernel knows of no command
