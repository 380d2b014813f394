"""How many images of each class each split is asked to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from notmnist_store.errors import UsageError
from notmnist_store.schema.words import USED
from notmnist_store.text import counts_of, number_text

_EXAMPLE = "notmnist-store split my_split --train 0.8 --valid 0.1 --test 0.1"
_HASH_RANGE = 1 << 128


@dataclass(frozen=True)
class Sizes:
    """Sizes of train, valid and test: all counts, or all fractions of the images there are."""

    sizes: tuple[Fraction, Fraction, Fraction]
    are_counts: bool

    @classmethod
    def parse(cls, given: Mapping[str, str | int | float | None]) -> Sizes:
        """Read sizes by split; '8000' is a count and '0.8' a fraction; None is 0 of its kind."""
        texts = {split: str(given[split]) for split in USED if given.get(split) is not None}
        if not texts:
            texts = dict(zip(USED, ("0.8", "0.1", "0.1"), strict=True))
        try:
            numbers = {split: Fraction(text) for split, text in texts.items()}
        except (ValueError, ZeroDivisionError):
            raise UsageError(
                f"sizes are numbers, not {', '.join(texts.values())}", _EXAMPLE
            ) from None
        if any(number < 0 for number in numbers.values()):
            raise UsageError("a size cannot be negative", _EXAMPLE)
        are_counts = {
            number.denominator == 1 and "." not in texts[split] and "/" not in texts[split]
            for split, number in numbers.items()
            if number != 0
        }
        if len(are_counts) > 1:
            raise UsageError("sizes are all counts or all fractions, not both", _EXAMPLE)
        counts = are_counts.pop() if are_counts else True
        sizes = tuple(numbers.get(split, Fraction(0)) for split in USED)
        if not any(sizes):
            raise UsageError("at least one split needs a size over 0", _EXAMPLE)
        if not counts and sum(sizes) > 1:
            raise UsageError(
                f"the fractions add up to {number_text(float(sum(sizes)))}, which is more than 1",
                _EXAMPLE,
            )
        return cls((sizes[0], sizes[1], sizes[2]), counts)


def class_quotas(
    sizes: Sizes, available: Mapping[str, int], *, keep_ratio: bool
) -> dict[str, dict[str, int]]:
    """Images asked of each class for each split: {label: {split: images}}, labels in their order.

    Equal for all classes unless `keep_ratio`, which gives each class its share. Fractions are of
    the smallest class (with `keep_ratio`, of each class), rounded down. Counts are of the whole
    split: what does not divide by the classes goes, one each, to the first labels (with
    `keep_ratio`, to the largest remainders).
    """
    labels = list(available)
    quotas: dict[str, dict[str, int]] = {label: {} for label in labels}
    smallest, total = min(available.values()), sum(available.values())
    for split, size in zip(USED, sizes.sizes, strict=True):
        if not sizes.are_counts:
            for label in labels:
                quotas[label][split] = int(size * (available[label] if keep_ratio else smallest))
            continue
        exact = {
            label: size
            * (Fraction(available[label], total) if keep_ratio else Fraction(1, len(labels)))
            for label in labels
        }
        rest = int(size) - sum(int(share) for share in exact.values())
        by_remainder = sorted(labels, key=lambda name: (-(exact[name] % 1), labels.index(name)))
        for label in labels:
            quotas[label][split] = int(exact[label]) + (label in by_remainder[:rest])
    short = [label for label in labels if sum(quotas[label].values()) > available[label]]
    if short:
        rows = [(label, available[label], *quotas[label].values()) for label in labels]
        table = counts_of(("label", "images", *USED), rows)
        raise UsageError(
            f"more is asked for than there is of {', '.join(short)}:\n{table}", _EXAMPLE
        )
    return quotas


def hash_bounds(sizes: Sizes) -> list[tuple[str, str, str]]:
    """(split, low, high): the shares as ranges of md5 digests, as strings that compare alike.

    A digest of 32 hexadecimal digits lies in a range where low <= digest < high; the high end of
    all is 'g', above every digit.
    """
    if sizes.are_counts:
        raise UsageError(
            "recipe hash takes fractions: it places each image by itself, so it cannot count",
            "notmnist-store split my_split --recipe hash --train 0.8 --valid 0.1 --test 0.1",
        )
    bounds, total = [], Fraction(0)
    for split, size in zip(USED, sizes.sizes, strict=True):
        low, total = total, total + size
        if size:
            bounds.append((split, _digest(low), _digest(total)))
    return bounds


def _digest(share: Fraction) -> str:
    return "g" if share == 1 else f"{int(share * _HASH_RANGE):032x}"
