"""Sections that count: what came in and what did not, and how classes and splits are filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from notmnist_store.report.evidence import Answer
from notmnist_store.report.gallery import MOST_ROWS, Material, listing, missing
from notmnist_store.report.markup import (
    NOTHING,
    Cell,
    Content,
    Html,
    count,
    element,
    note,
    share,
    table,
)
from notmnist_store.report.plots import bars
from notmnist_store.schema.words import REJECT_REASONS, SPLITS

_MOST_BARS = 60


def render_arrivals(
    material: Material, sources: Answer, rejects: Answer, ledger: Answer
) -> Content:
    """Sources with their sha256, the ledger of every label, and the rejects by reason."""
    return [
        listing(
            sources,
            ("source", "images", "labels", "bytes", "sha256"),
            lambda row: (
                row["source"],
                *(count(row[key]) for key in ("images", "labels", "source_bytes")),
                Cell(row["source_sha256"] or "a folder", "hash"),
            ),
            noun="sources",
            caption="Sources, in the order they were ingested",
        ),
        listing(
            ledger,
            ("source", "label", "seen", "stored", "rejected", "ignored"),
            lambda row: (
                row["source"],
                "outside a class folder" if row["label"] is None else row["label"],
                *(count(row[key]) for key in ("seen", "stored", "rejected", "ignored")),
            ),
            noun="rows",
            caption="What became of every member: seen = stored + rejected + ignored",
            text_columns=2,
        ),
        element("h3", "Rejected"),
        listing(
            rejects,
            ("source", "label", "reason", "members", "first path"),
            lambda row: (
                row["source"],
                NOTHING if row["label"] is None else row["label"],
                f"{row['reason']}: {REJECT_REASONS.get(row['reason'], '')}",
                count(row["members"]),
                Cell(row["first_path"], "hash"),
            ),
            noun="rows",
            caption="Members that could not be stored",
            text_columns=3,
        )
        if len(rejects)
        else element("p", "Nothing was rejected."),
    ]


def render_balance(material: Material, known: Answer, placed: Answer) -> Content:
    """Images by label and split, as a plot and as a table with each class's deviation."""
    if not len(placed):
        return missing(f"Split set {material.evidence.split_set} holds no images.", None)
    counts: dict[str, dict[str, int]] = {}
    for row in placed.rows():
        counts.setdefault(row["label"], {})[row["split"]] = row["images"]
    used = [split for split in SPLITS if any(split in row for row in counts.values())]
    deviations = {row["label"]: row["deviation"] for row in known.rows()}
    labels = _in_order(counts, known.rows())
    total = sum(sum(row.values()) for row in counts.values())
    listed = [
        (
            label,
            *(count(counts[label].get(split, 0)) for split in used),
            count(sum(counts[label].values())),
            share(deviations.get(label)),
        )
        for label in labels[:MOST_ROWS]
    ]
    sums = [count(sum(row.get(split, 0) for row in counts.values())) for split in used]
    return [
        _plot(labels, counts, used),
        table(
            ("label", *used, "all", "from the mean"),
            [*listed, ("all labels", *sums, count(total), "")],
            caption="Images by label and split; the last column compares the store's classes "
            "with their mean",
        ),
        note(f"The first {MOST_ROWS} of {len(labels):,} labels; all are in report split_counts.")
        if len(labels) > MOST_ROWS
        else None,
    ]


def _in_order(counts: dict[str, dict[str, int]], known: Sequence[dict[str, Any]]) -> list[str]:
    """Labels of the split set in the store's order; those the store has no more go last."""
    order = [row["label"] for row in known if row["label"] in counts]
    return order + sorted(set(counts) - set(order))


def _plot(labels: list[str], counts: dict[str, dict[str, int]], used: list[str]) -> Html | None:
    which = None
    shown = labels
    if len(labels) > _MOST_BARS:
        by_size = sorted(labels, key=lambda label: -sum(counts[label].values()))
        half = _MOST_BARS // 2
        shown = by_size[:half] + by_size[-half:]
        which = note(f"The {half} largest and the {half} smallest of {len(labels):,} labels.")
    series = {split: [counts[label].get(split, 0) for label in shown] for split in used}
    spoken = f"stacked bars: images of {len(shown)} labels in {', '.join(used)}"
    return element("div", bars(shown, series, name="balance-plot", alternative=spoken), which)
