"""Sections on what models say of the data: suspect labels, learning curves, the price of leaks."""

from __future__ import annotations

from typing import Any

from notmnist_store.report.cards import MOST_ROWS, all_rows, folded, missing_of
from notmnist_store.report.evidence import Answer
from notmnist_store.report.frame import Desk
from notmnist_store.report.markup import NOTHING, Content, count, element, number, share, table
from notmnist_store.report.plots import curves

_SUBSETS = {
    "raw": "all",
    "clean": "clean: no copy in train",
    "leaked_exact": "leaked: equal pixels in train",
    "leaked_near": "leaked: near copy in train",
}


def render_suspects(desk: Desk, answers: dict[str, Answer]) -> Content:
    """Images whose label a model that has not seen them does not believe."""
    answer = answers["suspects"]
    if answer.missing:
        return missing_of(answer)
    if not len(answer):
        return element("p", "The search found no label that is likely wrong.")
    most = desk.pictures.most(1, MOST_ROWS)
    rows = answer.rows(most)
    tiles = desk.tiles("suspects", [row["image_id"] for row in rows])
    cells = [
        element(
            "li",
            tiles.image(
                row["image_id"],
                element("br"),
                f"rather {row['suggested_label']}",
                element("br"),
                f"its own: {share(row['self_confidence'])}",
                suggested=row["suggested_label"],
            ),
        )
        for row in rows
    ]
    return [
        element(
            "p",
            f"{count(len(answer))} labels are likely wrong, by models that had not seen the image "
            "(confident learning over cross-validation). The likeliest errors come first.",
        ),
        folded(cells, classes="cells wide", noun="suspects"),
        all_rows(answer, most, "suspects"),
    ]


def render_curves(desk: Desk, answers: dict[str, Answer]) -> Content:
    """Accuracy by training size on all, clean and leaked images, and what leaks add to it."""
    answer = answers["scores"]
    if answer.missing:
        return missing_of(answer)
    own = [row for row in answer.rows() if row["eval_set"] == desk.evidence.split_set]
    models = list(dict.fromkeys(row["model"] for row in own))
    return [
        [_of_model(model, place, own) for place, model in enumerate(models)],
        _price(answers["leak_inflation"]),
    ]


def _of_model(model: str, place: int, own: list[dict[str, Any]]) -> Content:
    rows = [row for row in own if row["model"] == model]
    split = "test" if any(row["eval_split"] == "test" for row in rows) else "valid"
    rows = [row for row in rows if row["eval_split"] == split]
    lines: dict[str, list[tuple[float, float, float, float]]] = {}
    for subset, title in _SUBSETS.items():
        points = [
            (row["size"], row["accuracy"], row["low"], row["high"])
            for row in rows
            if row["subset"] == subset
        ]
        if points:
            lines[title] = points
    found = {(row["size"], row["subset"]): row for row in rows}
    subsets = [subset for subset in _SUBSETS if any(key[1] == subset for key in found)]
    counted = {s: max(row["n"] for row in rows if row["subset"] == s) for s in subsets}
    listed = [
        (count(size), *(_interval(found.get((size, subset))) for subset in subsets))
        for size in sorted({row["size"] for row in rows})
    ]
    spoken = f"accuracy of {model} on {split} by training images, with 95 % intervals"
    return [
        element("h3", f"{model}, accuracy on {split}"),
        curves(
            lines,
            name=f"curve-plot-{place}",
            alternative=spoken,
            x_title="training images",
            y_title="accuracy",
        ),
        table(
            ("training images", *(f"{_SUBSETS[s]} ({count(counted[s])})" for s in subsets)),
            listed,
            caption=f"Accuracy of {model} on {split}, with the 95 % Wilson interval; averages "
            "over the repeats of a size",
        ),
    ]


def _interval(row: dict[str, Any] | None) -> Content:
    if row is None:
        return NOTHING
    ends = f"{number(100 * row['low'], 1)} to {number(100 * row['high'], 1)}"
    return [share(row["accuracy"]), element("span", ends, class_="share")]


def _price(answer: Answer) -> Content:
    rows = answer.rows(MOST_ROWS)
    if not rows:
        return element("p", "Nothing leaks, or nothing was measured of what leaks add.")
    listed = [
        (
            row["model"],
            row["eval_split"],
            "its clean images" if row["versus_subset"] == "clean" else row["versus_set"],
            count(row["size"]),
            count(row["leaked"]),
            share(row["accuracy"]),
            share(row["versus_accuracy"]),
            [
                element("b", number(row["points"], 2)),
                element(
                    "span", f"{number(row['low'], 2)} to {number(row['high'], 2)}", class_="share"
                ),
            ],
        )
        for row in rows
    ]
    heads = ("model", "split", "against", "trained on", "leaked", "all", "without", "points added")
    return [
        element("h3", "The price of leaks"),
        table(
            heads,
            listed,
            caption="What leaks add to accuracy, in percentage points, with the 95 % interval of a "
            "paired bootstrap over the evaluation images",
            text_columns=3,
        ),
        all_rows(answer, MOST_ROWS, "rows"),
    ]
