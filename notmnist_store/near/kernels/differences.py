"""What two searches of the same images disagree on, and what a sample says about the rest.

One way of searching is held against another, independent one: pairs that only the second has were
missed, and those that it has not, or has at another distance, are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from notmnist_store.errors import UsageError
from notmnist_store.near.kernels.join import Pairs
from notmnist_store.schema.arrays import Ints


@dataclass(frozen=True, eq=False)
class Differences:
    """What `differences` finds.

    pairs   how many different pairs the second way has
    missed  those of them that the first has not, with their squared distances
    wrong   those of the first that are none, stand twice, or have another squared distance
    """

    pairs: int
    missed: Pairs
    wrong: Pairs


def joined_pairs(parts: list[Pairs]) -> Pairs:
    """Some parts as one, in their order; of no part, an empty one."""
    if not parts:
        return Pairs(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int64))
    return Pairs(
        np.concatenate([part.left for part in parts]),
        np.concatenate([part.right for part in parts]),
        np.concatenate([part.squared_distance for part in parts]),
    )


def differences(known: Pairs, found: Pairs) -> Differences:
    """Hold `known` against `found`, the pairs of another way of searching the same images.

    Each pair of `found` has the lesser row on the left; it may come more than once, and its least
    distance counts. In `known` it may not, and a row that is none there is -1.
    """
    found = found.take(np.argsort(found.squared_distance, kind="stable"))
    keys, first = np.unique(_keys(found), return_index=True)
    known_keys = _keys(known)
    once = np.zeros(len(known_keys), np.bool_)
    once[np.unique(known_keys, return_index=True)[1]] = True
    if len(keys):
        place = np.minimum(np.searchsorted(keys, known_keys), len(keys) - 1)
        there = keys[place] == known_keys
        right = there & (found.squared_distance[first][place] == known.squared_distance) & once
    else:
        right = np.zeros(len(known_keys), np.bool_)
    missed = first[~np.isin(keys, known_keys)]
    return Differences(len(keys), found.take(missed), known.take(~right))


def upper_bound(misses: int, trials: int, confidence: float = 0.95) -> float:
    """The greatest share of misses that `misses` of `trials` independent ones are compatible with.

    One-sided, exact: a greater share would give so few misses with a probability below
    1 - `confidence`. Without trials it is 1. Needs scipy.

    Clopper, C. J. and Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated
    in the case of the binomial. Biometrika 26.
    """
    if not 0 <= misses <= trials or not 0 < confidence < 1:
        raise UsageError(
            f"a bound takes misses of trials, not {misses} of {trials} at {confidence}"
        )
    if misses == trials:
        return 1.0
    from scipy.special import betaincinv

    return float(betaincinv(misses + 1, trials - misses, confidence))


def _keys(pairs: Pairs) -> Ints:
    return pairs.left.astype(np.int64) * (1 << 32) + pairs.right
