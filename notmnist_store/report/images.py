"""Sections on single images: blank ones, and those whose label is likely wrong."""

from __future__ import annotations

from notmnist_store.report.evidence import Answer
from notmnist_store.report.gallery import Material, gallery
from notmnist_store.report.markup import Content, count, element, number, share


def render_blanks(material: Material, answers: dict[str, Answer]) -> Content:
    """Images of one single value, and those with hardly any ink or hardly any paper."""
    low_ink = answers["image_low_ink"]
    kinds = {
        "blanks": ("Images of one single value", answers["image_blank"]),
        "low-ink": (low_ink.query.title, low_ink),
    }
    return [
        [
            element("h3", title),
            gallery(
                material,
                name,
                answer,
                lambda tiles, row: tiles.image(row["image_id"], f"ink {number(row['ink_mean'])}"),
                noun="images",
                empty="None.",
                caption=element("p", f"{count(len(answer))} images.", class_="note"),
                first=36,
            ),
        ]
        for name, (title, answer) in kinds.items()
    ]


def render_suspects(material: Material, answers: dict[str, Answer]) -> Content:
    """Images whose label a model that has not seen them does not believe."""
    answer = answers["suspects"]
    return gallery(
        material,
        "suspects",
        answer,
        lambda tiles, row: tiles.image(
            row["image_id"],
            f"rather {row['suggested_label']}",
            f"its own: {share(row['self_confidence'])}",
            suggested=row["suggested_label"],
        ),
        noun="suspects",
        empty="The search found no label that is likely wrong.",
        caption=f"{count(len(answer))} labels are likely wrong, by models that had not seen the "
        "image (confident learning over cross-validation). The likeliest errors come first.",
        classes="cells wide",
    )
