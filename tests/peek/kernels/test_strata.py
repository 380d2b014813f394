"""A sample in equal shares of bins: whole, fair, seeded."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from notmnist_store.peek.kernels.strata import equal_shares


@example(values=[2.2e-309], n=0, bins=1, seed=0)  # bins / 2.2e-309 is no finite number
@given(
    values=st.lists(st.floats(0, 5, allow_nan=False), max_size=200),
    n=st.integers(0, 220),
    bins=st.integers(1, 25),
    seed=st.integers(0, 3),
)
def test_each_bin_gives_as_many_as_any_other_or_all_it_has(
    values: list[float], n: int, bins: int, seed: int
) -> None:
    array = np.array(values, np.float64)
    chosen = equal_shares(array, n, bins=bins, seed=seed)
    assert len(chosen) == min(n, len(values))
    assert np.array_equal(chosen, np.unique(chosen))
    assert np.array_equal(chosen, equal_shares(array, n, bins=bins, seed=seed))
    if n >= len(values):
        return
    if n:
        assert array.min() in array[chosen]
    bins = max(1, min(bins, n))
    most = array.max()
    places = [min(int(v / most * bins), bins - 1) if most else 0 for v in values]
    there = np.bincount(places, minlength=bins)
    given_ = np.bincount(np.array(places)[chosen], minlength=bins)
    not_empty = given_ < there
    if not_empty.any():
        assert given_.max() - given_[not_empty].min() <= 1


def test_another_seed_draws_others_and_each_row_is_drawn_by_some() -> None:
    values = np.repeat(np.arange(0.5, 5), 10)
    drawn = [equal_shares(values, 5, bins=5, seed=seed) for seed in range(100)]
    assert all((np.bincount((rows // 10).astype(int), minlength=5) == 1).all() for rows in drawn)
    assert set(np.concatenate(drawn)) == set(range(50))


def test_fewer_rows_than_bins_still_show_the_whole_range() -> None:
    """Of many far values and few near ones, as pairs are: the near ones stay among the shown."""
    values = np.concatenate([np.linspace(0.01, 1, 30), np.linspace(1.4, 2, 3_000)])
    for n in (1, 2, 6, 19, 40):
        shown = values[equal_shares(values, n, bins=20, seed=0)]
        assert shown[0] == 0.01
        parts = np.bincount(np.minimum(shown / 2 * min(n, 20), min(n, 20) - 1).astype(int))
        assert len(parts) == min(n, 20)
        assert parts.max() <= 2 * n / np.count_nonzero(parts)
