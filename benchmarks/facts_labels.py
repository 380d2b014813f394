"""The rule of `suspects` beside cleanlab's confident learning, on the same probabilities."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from facts_fashion import CLASSES
from results import table
from suspects import flipped

import notmnist_store
from notmnist_store.learning.classifiers import fit_for_suspects, one_thread
from notmnist_store.learning.kernels.confident_learning import class_thresholds, find_suspects
from notmnist_store.learning.kernels.folds import grouped_folds

FOLDS = 5


def labels_beside_cleanlab(folder: Path, work: Path) -> str:
    """The section: of Fashion-MNIST's test images, as its labels are and with labels flipped.

    Raises:
        ImportError: cleanlab is not installed.
    """
    import cleanlab

    store = notmnist_store.open(work / "store")
    store.ingest(folder, name="fashion", labels=",".join(CLASSES))
    split = store.load("ingest", split="test")
    pixels, numbers = split.to_numpy("float32")
    flat, labels = pixels.reshape(len(pixels), -1), numbers.astype(np.int64)
    lines = []
    for share in (0.0, 0.05, 0.2):
        given = flipped(labels, len(CLASSES), share, seed=0)
        probabilities = out_of_sample(flat, given)
        started = time.perf_counter()
        ours = find_suspects(probabilities, given)
        between = time.perf_counter()
        theirs = by_cleanlab(probabilities, given)
        ended = time.perf_counter()
        both = len(np.intersect1d(ours.rows, theirs))
        differing = np.setxor1d(ours.rows, theirs)
        lines.append(
            (
                f"{share:.0%}".replace("%", " %"),
                f"{len(ours.rows):,}",
                f"{len(theirs):,}",
                f"{both:,}",
                f"{len(differing):,}",
                f"{int(below(probabilities, given)[differing].sum()):,}",
                f"{between - started:.3f}",
                f"{ended - between:.3f}",
            )
        )
    return "\n\n".join(
        [
            "Published: confident learning (Northcutt, Jiang, Chuang 2021, JAIR 70) as cleanlab "
            f"{cleanlab.__version__} has it, `find_label_issues(filter_by='confident_learning')`. "
            f"The same probabilities for both: of {len(labels):,} test images of Fashion-MNIST, "
            f"out of sample in {FOLDS} folds by the model of `suspects`, with labels as they are "
            "and with a share of them flipped by seed. `make facts` finds it again, in an "
            "environment apart; cleanlab is no dependency.",
            "They can differ on an image whose likeliest label of all stays below the mean "
            "confidence of its class (column below). The paper counts it in the likeliest of the "
            "classes that it does reach, and so does `suspects`; cleanlab, where there are "
            "several, in the likeliest of all, and takes out images whose own label that is.",
            table(
                (
                    *("flipped", "suspects", "of cleanlab", "of both", "of one alone"),
                    *("of these below", "seconds", "cleanlab's seconds"),
                ),
                lines,
            ),
        ]
    )


def out_of_sample(
    flat: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Probabilities of each class, each image's by a model of the other folds."""
    classes = int(labels.max()) + 1
    fold = grouped_folds(np.arange(len(labels)), labels, FOLDS, 0)
    found = np.zeros((len(labels), classes))
    with one_thread():
        for number in range(FOLDS):
            here = fold == number
            model = fit_for_suspects(flat[~here], labels[~here], classes, 0)
            found[here] = model.probabilities(flat[here])
    return found


def below(
    probabilities: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Of each image, whether its likeliest label stays below its class's mean confidence."""
    likeliest = probabilities.argmax(axis=1)
    return class_thresholds(probabilities, labels)[likeliest] > probabilities.max(axis=1)


def by_cleanlab(
    probabilities: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Rows that cleanlab's confident learning finds."""
    from cleanlab.filter import find_label_issues

    issues = find_label_issues(labels, probabilities, filter_by="confident_learning", n_jobs=1)
    return np.flatnonzero(issues)
