"""What can be learned from a split set, as methods."""

from __future__ import annotations

from collections.abc import Sequence

from notmnist_store.result import Result
from notmnist_store.storage.tables import Tables
from notmnist_store.store_base import StoreBase

__all__ = ["StoreLearning"]

_OF_RUN = """
select
    model, size, eval_split, versus_set, versus_subset, n, versus_n,
    accuracy, versus_accuracy, points, low, high
from stored_leak_price
where run_id = $run_id
order by versus_subset, versus_set, case eval_split when 'valid' then 0 else 1 end, size
"""


_FOR_DECIDE = """
select
    suspect.image_id,
    'relabel' as action,
    suspect.suggested_label as value,
    'suspects: ' || suspect.label || ' is ' || round(suspect.self_confidence, 3)
        || ' likely, margin ' || round(suspect.margin, 3) as note
from stored_suspect as suspect
where suspect.run_id = $run_id
order by suspect.margin, suspect.image_id
"""


class StoreLearning(StoreBase):
    """Baselines and the search for suspects: each call is one run, or nothing."""

    def baseline(
        self,
        split_set: str = "ingest",
        *,
        sizes: str | Sequence[int | str] = (50, 100, 1000, 5000, "all"),
        seed: int = 0,
        repeats: int = 5,
        model: str = "logistic",
        radius: str | float | None = None,
        versus: str | None = None,
    ) -> Result:
        """Train scikit-learn's logistic regression, and score it with and without leaks.

        Each of ``sizes`` is trained on ``repeats`` stratified draws of that many training images;
        ``all`` on all, once. ``model`` is ``logistic`` (scikit-learn's defaults) or
        ``liblinear-ovr`` (those of the course's time). Up to ``radius`` a copy counts as near.
        ``versus`` names a split set whose valid and test the same models are scored on as well.
        Tables score, leak_price and prediction keep it; reports scores, learning_curve, confusion
        and hardest_images show it.

        Returns for each size and evaluation split the accuracy on all images and on clean ones, and
        the difference in percentage points with its 95 % interval, averaged over the repeats.

        Raises:
            UsageError: an option that cannot be meant, or a split set that cannot be learned from.
            StoreError: scikit-learn is not installed.
        """
        from notmnist_store.baseline import baseline
        from notmnist_store.baseline_plan import BaselineOptions

        options = BaselineOptions.of(sizes, seed, repeats, model, radius, versus)
        run = baseline(Tables.open(self.path), split_set, options, self._progress)
        return self._result(self._catalog().query(_OF_RUN, {"run_id": run}))

    def suspects(self, split_set: str = "ingest", *, folds: int = 5, seed: int = 0) -> Result:
        """Find labels that are likely wrong: confident learning over cross-validation.

        Every image of train, valid and test is judged by a model that has seen neither it nor a
        copy of it. Tables suspect and outlier keep what was found; the reports of these names show
        it.

        Returns one row a suspect, the likeliest errors first, as `decide` takes them: image_id,
        action (relabel), value (the suggested label) and note.

        Raises:
            UsageError: an option that cannot be meant, or a split set that cannot be learned from.
            StoreError: scikit-learn is not installed.
        """
        from notmnist_store.suspects import suspects

        run = suspects(Tables.open(self.path), split_set, folds, seed, self._progress)
        return self._result(self._catalog().query(_FOR_DECIDE, {"run_id": run}))
