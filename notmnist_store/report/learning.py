"""The section on what models say of the data: learning curves, and the price of leaks."""

from __future__ import annotations

from notmnist_store.report.evidence import Answer
from notmnist_store.report.gallery import Material, Row, absent, listing
from notmnist_store.report.markup import NOTHING, Content, count, element, number, share, table
from notmnist_store.report.plots import curves

_SUBSETS = {
    "raw": "all",
    "clean": "clean: no copy in train",
    "leaked_exact": "leaked: equal pixels in train",
    "leaked_near": "leaked: near copy in train",
}


def render_curves(material: Material, scores: Answer, price: Answer) -> Content:
    """Accuracy by training size on all, clean and leaked images, and what leaks add to it."""
    if scores.missing:
        return absent(scores)
    own = [row for row in scores.rows() if row["eval_set"] == material.evidence.split_set]
    models = list(dict.fromkeys(row["model"] for row in own))
    return [
        [_of_model(model, place, own) for place, model in enumerate(models)],
        _price(price),
    ]


def _of_model(model: str, place: int, own: list[Row]) -> Content:
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
    scored = {(row["size"], row["subset"]): row for row in rows}
    subsets = [subset for subset in _SUBSETS if any(key[1] == subset for key in scored)]
    counted = {s: max(row["n"] for row in rows if row["subset"] == s) for s in subsets}
    listed = [
        (count(size), *(_interval(scored.get((size, subset))) for subset in subsets))
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


def _interval(row: Row | None) -> Content:
    if row is None:
        return NOTHING
    ends = f"{share(row['low'])} to {share(row['high'])}"
    return [share(row["accuracy"]), element("span", ends, class_="share")]


def _price(answer: Answer) -> Content:
    if not len(answer):
        return element("p", "Nothing leaks, or nothing was measured of what leaks add.")
    return [
        element("h3", "The price of leaks"),
        listing(
            answer,
            ("model", "split", "against", "trained on", "leaked", "all", "without", "points added"),
            lambda row: (
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
                        "span",
                        f"{number(row['low'], 2)} to {number(row['high'], 2)}",
                        class_="share",
                    ),
                ],
            ),
            noun="rows",
            caption="What leaks add to accuracy, in percentage points, with the 95 % interval of a "
            "paired bootstrap over the evaluation images",
            text_columns=3,
        ),
    ]
