"""The split of the course notebook, replayed: the same draws of NumPy's legacy generator.

The notebook holds each class as an array of its images. It shuffles each in place, takes the first
as validation and the next as training images, does the same for the test archive, and permutes
each of the three merged sets. Shuffling indices draws the same numbers as shuffling the images.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from notmnist_store.schema.arrays import Ints


def replay(
    train_classes: Sequence[Ints],
    test_classes: Sequence[Ints],
    *,
    train_size: int,
    valid_size: int,
    test_size: int,
    seed: int,
) -> dict[str, Ints]:
    """Which images stand in train, valid and test, and in which order.

    `train_classes` and `test_classes` hold for each class, in the order of the labels, what
    identifies its images (int64, any values) in the order in which the notebook reads the files.
    Sizes are those the notebook is given; a class gives size // classes of each. The generator is
    seeded right before the first shuffle (``np.random.seed``), and nothing else is drawn between.
    """
    random = np.random.RandomState(seed)
    valid, train = _merge(random, train_classes, train_size, valid_size)
    _, test = _merge(random, test_classes, test_size, 0)
    # The order of these three draws is the notebook's: train, test, valid.
    return {
        "train": train[random.permutation(len(train))],
        "test": test[random.permutation(len(test))],
        "valid": valid[random.permutation(len(valid))],
    }


def _merge(
    random: np.random.RandomState, classes: Sequence[Ints], train_size: int, valid_size: int
) -> tuple[Ints, Ints]:
    of_train, of_valid = train_size // len(classes), valid_size // len(classes)
    train, valid = [], []
    for images in classes:
        if len(images) < of_train + of_valid:
            raise ValueError(f"a class has {len(images)} images, not {of_train + of_valid}")
        shuffled = images.copy()
        random.shuffle(shuffled)
        valid.append(shuffled[:of_valid])
        train.append(shuffled[of_valid : of_valid + of_train])
    return np.concatenate(valid), np.concatenate(train)
