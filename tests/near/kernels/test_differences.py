"""Two sets of pairs held against each other: by sets of tuples; the bound: by its definition."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from notmnist_store.errors import UsageError
from notmnist_store.near.kernels.differences import differences, joined_pairs, upper_bound
from notmnist_store.near.kernels.join import Pairs

Triple = tuple[int, int, int]


def pairs(triples: Iterable[Triple]) -> Pairs:
    left, right, squared = np.array(list(triples), np.int64).reshape(-1, 3).T
    return Pairs(left.astype(np.int32), right.astype(np.int32), squared)


def triples(found: Pairs) -> list[Triple]:
    columns = (found.left, found.right, found.squared_distance)
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


rows = st.integers(0, 5)
some = st.lists(st.tuples(rows, rows, st.integers(1, 2)), max_size=12)


@given(known=some, found=some)
@example(known=[(0, 1, 1), (0, 1, 1)], found=[(0, 1, 1)])
@example(known=[(-1, 1, 1), (1, -1, 1)], found=[(0, 1, 1)])
@example(known=[], found=[])
def test_what_is_missed_and_what_is_wrong(known: list[Triple], found: list[Triple]) -> None:
    true = {(a, b): d for a, b, d in reversed(found)}
    result = differences(pairs(known), pairs([(a, b, true[a, b]) for a, b, _ in found]))
    have = {(a, b) for a, b, _ in known}
    assert result.pairs == len(true)
    assert triples(result.missed) == sorted((*k, d) for k, d in true.items() if k not in have)
    wrong, seen = [], set()
    for a, b, d in known:
        if true.get((a, b)) != d or (a, b) in seen:
            wrong.append((a, b, d))
        seen.add((a, b))
    assert triples(result.wrong) == sorted(wrong)


def test_parts_are_put_together_in_their_order() -> None:
    assert triples(joined_pairs([])) == []
    assert triples(joined_pairs([pairs([(0, 1, 2)]), pairs([]), pairs([(1, 2, 3)])])) == [
        (0, 1, 2),
        (1, 2, 3),
    ]


@given(trials=st.integers(0, 10**7), share=st.floats(0, 1), confidence=st.floats(0.5, 0.999))
@example(trials=300, share=0.0, confidence=0.95)
@example(trials=0, share=0.0, confidence=0.95)
def test_the_bound_is_clopper_and_pearson_s(trials: int, share: float, confidence: float) -> None:
    misses = int(share * trials)
    bound = upper_bound(misses, trials, confidence)
    if misses == trials:
        assert bound == 1
        return
    assert bound == pytest.approx(beta.ppf(confidence, misses + 1, trials - misses), rel=1e-9)
    assert binom.cdf(misses, trials, bound) == pytest.approx(1 - confidence, rel=1e-4)
    assert misses / trials < bound


def test_none_of_300_is_the_rule_of_three() -> None:
    assert upper_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300), rel=1e-12)


@pytest.mark.parametrize("given", [(-1, 3), (4, 3), (0, 3, 0.0), (0, 3, 1.0)])
def test_what_has_no_bound(given: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="misses of trials"):
        upper_bound(*given)
