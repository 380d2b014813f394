"""The verb baseline: train on draws of the training images, and score with and without leaks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.split_sets import (
    SplitRows,
    SplitSet,
    find_split_set,
    split_rows,
    unlabelled_note,
)
from notmnist_store.learning.classifiers import Fitted, check_model, fit, one_thread
from notmnist_store.learning.evaluation import Evaluated, evaluation_splits, predict
from notmnist_store.learning.kernels.intervals import paired_difference, wilson_interval
from notmnist_store.learning.leaks import CLEAN, RAW, leak_subsets
from notmnist_store.learning.plan import Draw, plan_draws, read_sizes
from notmnist_store.learning.runs import save_learned
from notmnist_store.near.groups import known_near
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Bools, Floats
from notmnist_store.schema.radius import Radius
from notmnist_store.storage.gather import pixels_of
from notmnist_store.storage.tables import Tables

RESAMPLES = 1_000
"""Resamples of the paired bootstrap."""

_POINTS = 100  # of a share, in percent
_SHOWN_LABELS = 10
_COLUMNS = (
    "each row: models trained on `size` images of {0}; `accuracy` is theirs on all `n` images of "
    "its eval_split, `versus_accuracy` on `versus_n` of versus_set (versus_subset clean: those "
    "without a copy in train of {0}; raw: all); `points` is the first less the second in "
    "percentage points, `low` to `high` its 95 % interval"
)


def baseline(
    tables: Tables,
    name: str,
    *,
    sizes: str | Sequence[int | str],
    seed: int,
    repeats: int,
    model: str,
    radius: Radius | None,
    versus: str | None,
    progress: Progress,
) -> str:
    """Train and score: one run with tables score, leak_price and prediction. Returns its id.

    Every size is trained on `repeats` stratified draws of the training images, the whole split on
    one. Every model is scored on valid and test: on all of a split, on its clean images, and on
    those that leaked. A leak is a copy in train, be it among the images drawn or not.
    """
    check_model(model)
    given = read_sizes(sizes)
    started = datetime.now(UTC)
    catalog = Catalog(tables)
    split_set = find_split_set(catalog, name)
    train = split_rows(catalog, split_set, "train")
    pixels = tables.marker.shape.size
    draws, notes = plan_draws(
        given,
        train.label_ids,
        len(split_set.labels),
        pixels,
        model=model,
        repeats=repeats,
        seed=seed,
    )
    evaluated: list[Evaluated] = []
    second = find_split_set(catalog, versus or name)
    for other in [split_set] if second == split_set else [split_set, second]:
        parts, more = evaluation_splits(tables, catalog, other, split_set)
        evaluated += parts
        notes += more
    ids = np.concatenate([train.ids, *(part.images.ids for part in evaluated)])
    near, more = known_near(catalog, ids, radius, name if second == split_set else None)
    masks = leak_subsets(catalog, train.ids, ids[len(train.ids) :], near)
    start = 0
    for part in evaluated:
        here = slice(start, start + len(part.images))
        part.subsets = {subset: mask[here] for subset, mask in masks.items()}
        start = here.stop
    notes += more + _missing_labels(split_set, train, evaluated) + unlabelled_note(catalog)
    for note in notes:
        progress.note(note)
    with one_thread():
        models = _train(tables, train, model, draws, len(split_set.labels), progress)
        # The first repeat of the largest size: its predictions are kept, image by image.
        kept = next(n for n, draw in enumerate(draws) if draw.size == draws[-1].size)
        said = predict(evaluated, models, kept, split_set, progress)
    stopped = sum(not model.converged for model in models)
    if stopped:
        progress.note(
            f"{stopped} of {len(models)} models stopped at the solver's limit of iterations, as "
            "scikit-learn's defaults have it; column converged says which"
        )
    size, repeat = draws[kept].size, draws[kept].repeat
    written = {
        "score": _score_rows(evaluated, draws, models, near),
        "leak_price": _price_rows(evaluated, draws, seed),
        "prediction": said.append_column("size", pa.repeat(size, len(said))).append_column(
            "repeat", pa.repeat(repeat, len(said))
        ),
    }
    constants = {
        "sizes": given,
        "seed": seed,
        "repeats": repeats,
        "model": model,
        "radius": near and near.text,
        "versus": versus,
        "resamples": RESAMPLES,
    }
    run_id = save_learned(tables, "baseline", split_set, written, constants, started, progress)
    progress.note(_COLUMNS.format(split_set.name))
    return run_id


def _missing_labels(
    split_set: SplitSet, train: SplitRows, evaluated: Sequence[Evaluated]
) -> list[str]:
    known = set(train.label_ids.tolist())
    judged = {label for part in evaluated for label in np.unique(part.labels).tolist()}
    missing = [split_set.labels[label] for label in sorted(judged - known) if label >= 0]
    if not missing:
        return []
    shown = ", ".join(missing[:_SHOWN_LABELS]) + (", …" if len(missing) > _SHOWN_LABELS else "")
    return [f"{len(missing):,} labels have no training image, and count as wrong: {shown}"]


def _train(
    tables: Tables,
    train: SplitRows,
    model: str,
    draws: Sequence[Draw],
    classes: int,
    progress: Progress,
) -> list[Fitted]:
    """One model a draw. Pixels are read anew for each, so the largest draw is all that is held."""
    done, fitted = 0, []
    with progress.during("training", sum(draw.size for draw in draws), "images"):
        for draw in draws:
            pixels = pixels_of(tables, train.ids[draw.rows], dtype=np.float32)
            fitted.append(fit(model, pixels, train.label_ids[draw.rows], classes))
            done += draw.size
            progress.advance(done)
    return fitted


def _score_rows(
    evaluated: Sequence[Evaluated],
    draws: Sequence[Draw],
    models: Sequence[Fitted],
    near: Radius | None,
) -> pa.Table:
    rows = []
    for part in evaluated:
        for number, (draw, model) in enumerate(zip(draws, models, strict=True)):
            for subset, mask in part.subsets.items():
                n = int(mask.sum())
                if not n:
                    continue
                correct = int(part.correct[number, mask].sum())
                low, high = wilson_interval(correct, n)
                rows.append(
                    {
                        "size": draw.size,
                        "repeat": draw.repeat,
                        "eval_set": part.set_name,
                        "eval_split": part.split,
                        "subset": subset,
                        "n": n,
                        "correct": correct,
                        "accuracy": correct / n,
                        "low": low,
                        "high": high,
                        "iterations": model.iterations,
                        "converged": model.converged,
                        "seconds": model.seconds,
                    }
                )
    return pa.Table.from_pylist(rows)


def _price_rows(evaluated: Sequence[Evaluated], draws: Sequence[Draw], seed: int) -> pa.Table:
    """What a split's accuracy is above that of its clean images, or of another split set's split.

    Averaged over repeats, which share their evaluation images.
    """
    rows: list[dict[str, Any]] = []
    sizes = list(dict.fromkeys(draw.size for draw in draws))
    own = [part for part in evaluated if part.set_name == evaluated[0].set_name]
    for part in own:
        others = [o for o in evaluated if o.split == part.split and o.set_name != part.set_name]
        for size in sizes:
            models = [number for number, draw in enumerate(draws) if draw.size == size]
            share = part.correct[models].mean(axis=0)
            compared = [(part.set_name, CLEAN, share, part.subsets[RAW], part.subsets[CLEAN])]
            compared += [
                (
                    other.set_name,
                    RAW,
                    *_joined(part, share, other, other.correct[models].mean(axis=0)),
                )
                for other in others
            ]
            for versus_set, versus_subset, values, first, second in compared:
                found = paired_difference(values, first, second, resamples=RESAMPLES, seed=seed)
                if found is None:
                    continue
                rows.append(
                    {
                        "size": size,
                        "repeats": len(models),
                        "eval_set": part.set_name,
                        "eval_split": part.split,
                        "versus_set": versus_set,
                        "versus_subset": versus_subset,
                        "n": int(first.sum()),
                        "versus_n": int(second.sum()),
                        "accuracy": float(values[first].mean()),
                        "versus_accuracy": float(values[second].mean()),
                        "points": _POINTS * found.value,
                        "low": _POINTS * found.low,
                        "high": _POINTS * found.high,
                    }
                )
    return pa.Table.from_pylist(rows)


def _joined(
    part: Evaluated, share: Floats, other: Evaluated, other_share: Floats
) -> tuple[Floats, Bools, Bools]:
    """The images of both splits, each once: their shares, and which split they stand in."""
    ids = np.union1d(part.images.ids, other.images.ids)
    values = np.zeros(len(ids))
    masks = []
    for images, shares in ((other.images, other_share), (part.images, share)):
        at = np.searchsorted(ids, images.ids)
        values[at] = shares
        masks.append(np.isin(ids, images.ids))
    return values, masks[1], masks[0]
