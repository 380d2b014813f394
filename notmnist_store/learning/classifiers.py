"""The models of the baselines: scikit-learn's logistic regression, as the course has it.

- ``logistic``: ``LogisticRegression()`` with its defaults, for every size: multinomial, L-BFGS, at
  most 100 iterations. 200,000 images of 28x28 fit in minutes and in the memory of their pixels.
- ``liblinear-ovr``: one regression a label against all others by liblinear, which was the default
  when the course was made. It copies the pixels into lists of 16 bytes each, hence a limit.

Suspect labels are looked for with a better one: logistic regression on the kernel features of
Williams, C., Seeger, M. (2001), Using the Nyström method to speed up kernel machines, NIPS 13: 500
training images drawn by seed, kernel exp(-8 d^2 / pixels), C = 10. Of labels flipped at random it
finds as many, with half as many false alarms; figures are in docs/suspects.md.

Pixels are float32 in the notebook's scale. BLAS is held to one thread: then sums are in one order
whatever the number of cores: the same versions on the same kind of processor give the same bits.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from notmnist_store.errors import StoreError, UsageError
from notmnist_store.schema.arrays import Floats, Ints, Singles

MODELS = {"logistic": None, "liblinear-ovr": 20_000}
"""Name of each model, and how many training images it takes at the most (None: no limit)."""

_GAMMA, _FEATURES, _STRENGTH = 8.0, 500, 10.0
_PACKAGES = ("numpy", "scikit-learn", "scipy")


@dataclass(frozen=True)
class Fitted:
    """A fitted model of k classes, whether its solver came to an end, and what it took.

    ``iterations`` is that of the slowest of its parts; ``converged`` is false where the solver
    stopped at its limit, which is as the course's own models stopped, and no error.
    """

    estimator: Any
    classes: int
    iterations: int
    converged: bool
    seconds: float

    def probabilities(self, pixels: Singles) -> Floats:
        """Of each class for each image, float64 (n, k); 0 for classes it was not trained on."""
        found = np.zeros((len(pixels), self.classes))
        found[:, self.estimator.classes_] = self.estimator.predict_proba(pixels)
        return found


def check_model(name: str) -> None:
    """Raise what stands against this model."""
    if name not in MODELS:
        raise UsageError(
            f"there is no model {name!r}; there are {', '.join(MODELS)}",
            "notmnist-store baseline --model logistic",
        )
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise StoreError(
            "scikit-learn, which the baselines need, is not installed",
            "python -m pip install 'notmnist-store[baseline]'",
        ) from error


def fit(
    name: str,
    pixels: Singles,
    labels: Ints,
    classes: int,
) -> Fitted:
    """Train the model `name` on float32 (n, size) and labels (n,), classes 0 to `classes` - 1.

    Labels of at least two classes are needed.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    if name == "logistic":
        estimator: Any = LogisticRegression()
        return _fit(estimator, lambda: [estimator], pixels, labels, classes)
    estimator = OneVsRestClassifier(LogisticRegression(solver="liblinear"))
    return _fit(estimator, lambda: estimator.estimators_, pixels, labels, classes)


def fit_for_suspects(pixels: Singles, labels: Ints, classes: int, seed: int) -> Fitted:
    """Train the model that looks for suspect labels; arguments and result are those of `fit`.

    `seed` draws the images that the kernel features are made of.
    """
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    features = Nystroem(
        gamma=_GAMMA / pixels.shape[1],
        n_components=min(_FEATURES, len(pixels)),
        random_state=seed,
    )
    regression = LogisticRegression(C=_STRENGTH)
    estimator = make_pipeline(features, regression)
    return _fit(estimator, lambda: [regression], pixels, labels, classes)


def _fit(
    estimator: Any,
    parts: Callable[[], list[Any]],
    pixels: Singles,
    labels: Ints,
    classes: int,
) -> Fitted:
    from sklearn.exceptions import ConvergenceWarning

    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        estimator.fit(pixels, labels)
    seconds = time.perf_counter() - started
    for one in said:
        if not issubclass(one.category, ConvergenceWarning):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return Fitted(
        estimator=estimator,
        classes=classes,
        iterations=max(int(np.max(part.n_iter_)) for part in parts()),
        converged=not any(issubclass(one.category, ConvergenceWarning) for one in said),
        seconds=seconds,
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """BLAS and OpenMP work with one thread here, so that results do not depend on the cores."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


def package_versions() -> dict[str, str]:
    """Versions of the packages that shape the models."""
    from importlib.metadata import version

    return {package: version(package) for package in _PACKAGES}
