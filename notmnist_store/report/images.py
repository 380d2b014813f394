"""Sections on single images: blank ones, and those whose label is likely wrong."""

from __future__ import annotations

from notmnist_store.report.evidence import Answer
from notmnist_store.report.gallery import Material, gallery
from notmnist_store.report.markup import Content, count, element, note, number, share


def render_blanks(material: Material, blank: Answer, low_ink: Answer) -> Content:
    """Images of one single value, and those with hardly any ink or hardly any paper."""
    kinds = {
        "blanks": ("Images of one single value", blank),
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
                caption=note(f"{count(len(answer))} images."),
                first=36,
            ),
        ]
        for name, (title, answer) in kinds.items()
    ]


def render_suspects(material: Material, suspects: Answer) -> Content:
    """Images whose label a model that has not seen them does not believe."""
    return gallery(
        material,
        "suspects",
        suspects,
        lambda tiles, row: tiles.image(
            row["image_id"],
            f"rather {row['suggested_label']}",
            f"its own: {share(row['self_confidence'])}",
            suggested=row["suggested_label"],
        ),
        noun="suspects",
        empty="The search found no label that is likely wrong.",
        caption=f"{count(len(suspects))} labels are likely wrong, by models that had not seen the "
        "image (confident learning over cross-validation). The likeliest errors come first.",
        classes="cells wide",
    )
