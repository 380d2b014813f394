"""Sections on copies: overlap of the splits, leaks, the largest groups, label conflicts."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pyarrow.compute as pc

from notmnist_store.report.cards import MOST_ROWS, all_rows, folded, missing_of
from notmnist_store.report.evidence import Answer
from notmnist_store.report.frame import Desk, stale_note
from notmnist_store.report.markup import Cell, Content, Html, count, element, join, share, table
from notmnist_store.report.plots import steps

_LEAKS = (("test", "train"), ("valid", "train"), ("test", "valid"))
_NEAR = 1.0
_GROUPS = 40
_OF_A_GROUP = 8


def render_overlap(desk: Desk, answers: dict[str, Answer]) -> Content:
    """Which share of each split has copies in each other split, exact and near."""
    near = answers["near_overlap_matrix"]
    told = (
        "Images of the split on the left that have a copy in the split above. The outlined cells "
        "are leaks: there the model has seen what it is asked."
    )
    exact = _matrix(answers["overlap_matrix"].rows(), "Exact copies")
    if near.missing:
        return [element("p", told), exact, element("h3", "Near copies"), missing_of(near)]
    rows = near.rows()
    radius = max((row["radius"] for row in rows if row["radius"] <= _NEAR), default=0)
    within = [row for row in rows if row["radius"] == radius]
    return [
        element("p", told),
        element(
            "div",
            exact,
            _matrix(within, f"Near copies: within {radius:g}, exact ones included"),
            class_="pair-of-tables",
        ),
        _by_radius(rows),
        element("h3", "How far apart near pictures are"),
        _histogram(answers["distance_histogram"]),
        stale_note(desk, "split_leak_near"),
    ]


def _matrix(rows: list[dict[str, Any]], caption: str) -> Html:
    splits = list(dict.fromkeys(row["split"] for row in rows))
    cells = {(row["split"], row["other_split"]): row for row in rows}
    body: list[tuple[Content | Cell, ...]] = [
        (
            f"{split} ({count(cells[split, split]['of_images'])})",
            *(_cell(cells[split, other]) for other in splits),
        )
        for split in splits
    ]
    return table(
        ("", *(f"in {split}" for split in splits)), body, caption=caption, classes="matrix"
    )


def _by_radius(rows: list[dict[str, Any]]) -> Html:
    radii = sorted({row["radius"] for row in rows})
    found = {(row["split"], row["other_split"], row["radius"]): row["images"] for row in rows}
    listed = [
        (f"{split} in {other}", *(count(found[split, other, radius]) for radius in radii))
        for split, other in _LEAKS
        if (split, other, radii[0]) in found
    ]
    heads = ("leaks", *("equal" if radius == 0 else f"within {radius:g}" for radius in radii))
    return table(heads, listed, caption="Images that leak, by the distance that counts as a copy")


def _histogram(answer: Answer) -> Content:
    rows = answer.rows()
    if not rows:
        return element("p", "No two different pictures are within the radius of the search.")
    counted = {round(10 * row["distance"]): row["pairs"] for row in rows}
    tenths = range(max(counted) + 1)
    pairs = sum(counted.values())
    spoken = f"histogram of the distances of {pairs:,} pairs of different pictures"
    return steps(
        [tenth / 10 for tenth in (*tenths, len(tenths))],
        [counted.get(tenth, 0) for tenth in tenths],
        name="distance-plot",
        alternative=spoken,
        x_title="distance, pixels scaled to [0, 1]",
        y_title="pairs",
        marked=(_NEAR, f"within {_NEAR:g}: near copies"),
    )


def _cell(row: dict[str, Any]) -> Cell:
    shared = row["share"] or 0
    heat = 0 if not shared else 1 if shared < 0.01 else 2 if shared < 0.1 else 3
    leaks = (row["split"], row["other_split"]) in _LEAKS and row["images"]
    content = join(count(row["images"]), element("span", share(shared), class_="share"))
    return Cell(content, f"n h{heat} leaks-here" if leaks else f"n h{heat}")


def render_leaks(desk: Desk, answers: dict[str, Answer]) -> Content:
    """Evaluation images beside the copy that another split holds."""
    answer = answers["leaks"]
    note = stale_note(desk, "split_leak_near")
    if not len(answer):
        none = "No image of valid or test has a copy in a split before it"
        return [element("p", f"{none}, as far as was searched." if note else f"{none}."), note]
    most = desk.pictures.most(3, MOST_ROWS)
    rows = answer.rows(most)
    tiles = desk.tiles("leaks", [row[key] for row in rows for key in ("image_id", "twin_id")])
    cards = [
        tiles.pair(
            row["image_id"],
            row["twin_id"],
            row["distance"],
            splits=(row["split"], row["twin_split"]),
        )
        for row in rows
    ]
    told = "Left the image of valid or test, beside it the one of the split that must not know it."
    return [
        element("p", told),
        note,
        folded(cards, classes="cards", noun="leaks"),
        all_rows(answer, most, "leaks"),
    ]


def render_groups(desk: Desk, answers: dict[str, Answer]) -> Content:
    """The largest groups of equal images and of near copies, each by its first ingested image."""
    return [
        element("h3", "Equal pixels"),
        _equal(desk, answers["duplicate_groups"]),
        element("h3", "Near copies"),
        _near(desk, answers["near_groups"], answers["near_group_pictures"]),
    ]


def _equal(desk: Desk, answer: Answer) -> Content:
    if not len(answer):
        return element("p", "No two images have the same pixels.")
    most = desk.pictures.most(1, MOST_ROWS)
    rows = answer.rows(most)
    tiles = desk.tiles("groups", [row["image_id"] for row in rows])
    cells = [
        element(
            "li",
            tiles.image(
                row["image_id"],
                element("br"),
                f"{count(row['images'])} copies",
                f", {row['labels']} labels" if row["labels"] > 1 else None,
            ),
        )
        for row in rows
    ]
    surplus = pc.sum(answer.table["images"]).as_py() - len(answer)
    told = (
        f"{count(len(answer))} pictures are there more than once; {count(surplus)} images would "
        "go if each were kept once."
    )
    return [
        element("p", told),
        folded(cells, classes="cells", noun="groups"),
        all_rows(answer, most, "groups"),
    ]


def _near(desk: Desk, groups: Answer, pictures: Answer) -> Content:
    if groups.missing:
        return missing_of(groups)
    if not len(groups):
        return element("p", "No two different pictures are within the group radius.")
    most = desk.pictures.most(2 * _OF_A_GROUP, _GROUPS)
    members: dict[int, list[dict[str, Any]]] = {}
    for row in pictures.rows():
        members.setdefault(row["group_id"], []).append(row)
    chosen = [row for row in groups.rows(most) if row["image_id"] in members]
    shown = {row["image_id"]: members[row["image_id"]][:_OF_A_GROUP] for row in chosen}
    ids = [*shown, *(row["image_id"] for rows in shown.values() for row in rows)]
    tiles = desk.tiles("near-groups", ids)
    cards = []
    for group in chosen:
        first = group["image_id"]
        around = [
            tiles.beside(first, row["image_id"], row["distance"], row["images"])
            for row in shown[first]
        ]
        more = group["pictures"] - 1 - len(around)
        told = f"{count(group['images'])} images, {count(group['pictures'])} pictures"
        cards.append(
            element(
                "li",
                element("div", tiles.image(first), around, class_="tiles"),
                element("p", told, f"; {count(more)} not shown" if more else "", class_="facts"),
                class_="card",
            )
        )
    return [
        element(
            "p",
            "On the left the picture ingested first; below each other one how it differs from it.",
        ),
        folded(cards, classes="rows", noun="groups", first=8),
        all_rows(groups, most, "groups"),
    ]


def render_conflicts(desk: Desk, answers: dict[str, Answer]) -> Content:
    """The same or nearly the same picture under several labels: at least one of them is wrong."""
    return [
        element("h3", "Equal pixels under different labels"),
        _equal_conflicts(desk, answers["label_conflicts"]),
        element("h3", "Near copies under different labels"),
        _near_conflicts(desk, answers["label_conflict_near"]),
    ]


def _equal_conflicts(desk: Desk, answer: Answer) -> Content:
    if not len(answer):
        return element("p", "None.")
    most = desk.pictures.most(1, MOST_ROWS)
    rows = answer.rows(most)
    tiles = desk.tiles("conflicts", [row["image_id"] for row in rows])
    cards = []
    for _, members in groupby(rows, key=lambda row: row["group_id"]):
        listed = list(members)
        pictures = [
            tiles.image(row["image_id"], element("br"), f"{count(row['images'])} here")
            for row in listed
        ]
        told = f"equal pixels, {count(listed[0]['of_images'])} images"
        cards.append(
            element(
                "li",
                element("div", pictures, class_="tiles"),
                element("p", told, class_="facts"),
                class_="card",
            )
        )
    return [
        element("p", "No model can be right on all of them."),
        folded(cards, classes="cards", noun="conflicts"),
        all_rows(answer, most, "labels in conflict"),
    ]


def _near_conflicts(desk: Desk, answer: Answer) -> Content:
    if answer.missing:
        return missing_of(answer)
    if not len(answer):
        return element("p", "None.")
    most = desk.pictures.most(3, MOST_ROWS)
    pairs: dict[frozenset[int], tuple[int, int, float]] = {}
    for row in answer.rows(most):
        pair = (row["image_id"], row["twin_id"], row["distance"])
        pairs.setdefault(frozenset(pair[:2]), pair)
    tiles = desk.tiles("near-conflicts", [i for pair in pairs.values() for i in pair[:2]])
    cards = [tiles.pair(a, b, distance) for a, b, distance in pairs.values()]
    return [
        folded(cards, classes="cards", noun="conflicts"),
        all_rows(answer, most, "pictures in conflict"),
    ]
