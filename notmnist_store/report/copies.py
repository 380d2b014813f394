"""Sections on copies: overlap of the splits, leaks, the largest groups, label conflicts."""

from __future__ import annotations

import pyarrow.compute as pc

from notmnist_store.report.evidence import Answer
from notmnist_store.report.gallery import Material, Row, Tiles, absent, card, gallery
from notmnist_store.report.markup import Cell, Content, Html, count, element, join, share, table
from notmnist_store.report.plots import steps
from notmnist_store.report.section import stale_note
from notmnist_store.schema.radius import GROUP
from notmnist_store.schema.transforms import NONE

_LEAKS = (("test", "train"), ("valid", "train"), ("test", "valid"))
_GROUPS = 40
_OF_A_GROUP = 8


def render_overlap(material: Material, exact: Answer, near: Answer, histogram: Answer) -> Content:
    """Which share of each split has copies in each other split, exact and near."""
    meaning = (
        "Images of the split on the left that have a copy in the split above. The outlined cells "
        "are leaks: there the model has seen what it is asked."
    )
    equal = _matrix(exact.rows(), "Exact copies")
    if near.missing:
        return [element("p", meaning), equal, element("h3", "Near copies"), absent(near)]
    rows = near.rows()
    near_copy = float(GROUP.scaled(material.evidence.marker.shape).text)
    radius = max((row["radius"] for row in rows if row["radius"] <= 1.01 * near_copy), default=0)
    within = [row for row in rows if row["radius"] == radius]
    return [
        element("p", meaning),
        element(
            "div",
            equal,
            _matrix(within, f"Near copies: within {radius:g}, exact ones included"),
            class_="pair-of-tables",
        ),
        _by_radius(rows),
        element("h3", "How far apart near pictures are"),
        _histogram(histogram, near_copy),
        stale_note(material, "split_leak_near"),
    ]


def _matrix(rows: list[Row], caption: str) -> Html:
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


def _by_radius(rows: list[Row]) -> Html:
    radii = sorted({row["radius"] for row in rows})
    leaking = {(row["split"], row["other_split"], row["radius"]): row["images"] for row in rows}
    listed = [
        (f"{split} in {other}", *(count(leaking[split, other, radius]) for radius in radii))
        for split, other in _LEAKS
        if any((split, other, radius) in leaking for radius in radii)
    ]
    heads = ("leaks", *("equal" if radius == 0 else f"within {radius:g}" for radius in radii))
    return table(heads, listed, caption="Images that leak, by the distance that counts as a copy")


def _histogram(answer: Answer, near_copy: float) -> Content:
    if answer.missing:
        return absent(answer)
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
        marked=(near_copy, f"within {near_copy:g}: near copies"),
    )


def _cell(row: Row) -> Cell:
    if row["images"] is None:
        return Cell("not searched", "n h0")
    shared = row["share"] or 0
    heat = 0 if not shared else 1 if shared < 0.01 else 2 if shared < 0.1 else 3
    leaks = (row["split"], row["other_split"]) in _LEAKS and row["images"]
    content = join(count(row["images"]), element("span", share(shared), class_="share"))
    return Cell(content, f"n h{heat} leaks-here" if leaks else f"n h{heat}")


def render_leaks(material: Material, leaks: Answer) -> Content:
    """Evaluation images beside the copy that another split holds."""
    note = stale_note(material, "split_leak_near")
    none = "No image of valid or test has a copy in a split before it"
    meaning = (
        "Left the image of valid or test, beside it the one of the split that must not know it."
        + _moved(material)
    )
    shown = gallery(
        material,
        "leaks",
        leaks,
        lambda tiles, row: tiles.pair(
            row["image_id"], row["twin_id"], row["distance"], (row["split"], row["twin_split"])
        ),
        noun="leaks",
        empty=f"{none}, as far as was searched." if note else f"{none}.",
        caption=meaning,
        ids=_ends,
        classes="cards",
        each=_of_a_pair(material),
    )
    return [note, shown]


def render_groups(material: Material, equal: Answer, near: Answer, pictures: Answer) -> Content:
    """The largest groups of equal images and of near copies, each by its first ingested image."""
    surplus = (pc.sum(equal.table["images"]).as_py() - len(equal)) if len(equal) else 0
    return [
        element("h3", "Equal pixels"),
        gallery(
            material,
            "groups",
            equal,
            lambda tiles, row: tiles.image(
                row["image_id"],
                f"{count(row['images'])} copies"
                + (f", {row['labels']} labels" if row["labels"] > 1 else ""),
            ),
            noun="groups",
            empty="No two images have the same pixels.",
            caption=f"{count(len(equal))} pictures are there more than once; {count(surplus)} "
            "images would go if each were kept once.",
        ),
        element("h3", "Near copies"),
        _near(material, near, pictures),
    ]


def _near(material: Material, groups: Answer, pictures: Answer) -> Content:
    members: dict[int, list[Row]] = {}
    for row in pictures.rows():
        listed = members.setdefault(row["group_id"], [])
        if len(listed) < _OF_A_GROUP:
            listed.append(row)

    def group_of(tiles: Tiles, group: Row) -> Html:
        first = group["image_id"]
        around = [
            tiles.beside(first, row["image_id"], row["distance"], row["images"])
            for row in members.get(first, ())
        ]
        more = group["pictures"] - 1 - len(around)
        images = f"{count(group['images'])} images, {count(group['pictures'])} pictures"
        return card(
            [tiles.image(first), *around],
            images,
            f"; {count(more)} not shown" if more else None,
        )

    return gallery(
        material,
        "near-groups",
        groups,
        group_of,
        noun="groups",
        empty="No two different pictures are within the group radius.",
        caption="On the left the picture ingested first; below each other one how it differs from "
        "it.",
        ids=lambda group: (
            group["image_id"],
            *(row["image_id"] for row in members.get(group["image_id"], ())),
        ),
        classes="rows",
        each=2 * _OF_A_GROUP,
        most=_GROUPS,
        first=8,
    )


def render_conflicts(material: Material, equal: Answer, near: Answer) -> Content:
    """The same or nearly the same picture under several labels: at least one of them is wrong."""
    return [
        element("h3", "Equal pixels under different labels"),
        gallery(
            material,
            "conflicts",
            equal,
            _conflict,
            noun="conflicts",
            empty="None.",
            caption="No model can be right on all of them.",
            together=lambda row: row["group_id"],
            classes="cards",
        ),
        element("h3", "Near copies under different labels"),
        gallery(
            material,
            "near-conflicts",
            near,
            lambda tiles, row, *_: tiles.pair(row["image_id"], row["twin_id"], row["distance"]),
            noun="conflicts",
            empty="None.",
            caption=_moved(material).strip() or None,
            ids=_ends,
            together=lambda row: frozenset(_ends(row)),
            classes="cards",
            each=_of_a_pair(material),
        ),
    ]


def _conflict(tiles: Tiles, row: Row, *others: Row) -> Html:
    pictures = [tiles.image(r["image_id"], f"{count(r['images'])} here") for r in (row, *others)]
    return card(pictures, f"equal pixels, {count(row['of_images'])} images")


def _moved(material: Material) -> str:
    """What a caption adds where pictures may have moved."""
    moved = material.evidence.transforms != NONE
    return " Below a picture that moved: the same, moved back." if moved else ""


def _of_a_pair(material: Material) -> int:
    return 3 if material.evidence.transforms == NONE else 4


def _ends(pair: Row) -> tuple[int, int]:
    return pair["image_id"], pair["twin_id"]
