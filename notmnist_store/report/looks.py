"""Sections on single images, and on how far this page can be trusted: blanks, audits, origin."""

from __future__ import annotations

from notmnist_store.report.cards import MOST_ROWS, absent, all_rows, folded, missing_of
from notmnist_store.report.evidence import Answer
from notmnist_store.report.frame import Desk
from notmnist_store.report.markup import (
    Cell,
    Content,
    command,
    count,
    element,
    number,
    share,
    table,
)
from notmnist_store.report.verdict import status

_CERTIFY = "notmnist-store near-duplicates --certify"


def render_blanks(desk: Desk, answers: dict[str, Answer]) -> Content:
    """Images of one single value, and those with hardly any ink or hardly any paper."""
    return [
        _seen(desk, answers["image_blank"], "blanks", "Images of one single value"),
        _seen(desk, answers["image_low_ink"], "low-ink", answers["image_low_ink"].query.title),
    ]


def _seen(desk: Desk, answer: Answer, sprite: str, title: str) -> Content:
    heading = element("h3", title)
    if answer.missing:
        return [heading, absent(answer.missing, answer.remedy)]
    if not len(answer):
        return [heading, element("p", "None.")]
    most = desk.pictures.most(1, MOST_ROWS)
    rows = answer.rows(most)
    tiles = desk.tiles(sprite, [row["image_id"] for row in rows])
    cells = [
        element(
            "li",
            tiles.image(row["image_id"], element("br"), f"ink {number(row['ink_mean'])}"),
        )
        for row in rows
    ]
    return [
        heading,
        element("p", f"{count(len(answer))} images.", class_="note"),
        folded(cells, classes="cells", noun="images", first=36),
        all_rows(answer, most, "images"),
    ]


def render_audits(desk: Desk, answers: dict[str, Answer]) -> Content:
    """Every audit with its status, and what it counted."""
    rows = [
        (
            status(verdict),
            verdict.severity,
            [
                element("code", verdict.name),
                element("br"),
                desk.evidence.audits[verdict.name].title,
            ],
            count(verdict.violating),
            count(verdict.total),
            share(verdict.share),
            share(verdict.tolerance),
        )
        for verdict in desk.evidence.verdicts.values()
    ]
    return [
        table(
            ("status", "severity", "audit", "found", "of", "share", "borne"),
            rows,
            caption="An audit passes where the share of what it found is not above what is borne",
            text_columns=3,
            classes="audits",
        ),
        command(desk.evidence.filled("notmnist-store audit --split-set $split_set")),
    ]


def render_origin(desk: Desk, answers: dict[str, Answer]) -> Content:
    """Split sets with their digests, and how far the search for near copies was checked."""
    return [
        _split_sets(answers["split_sets"]),
        element("h3", "The search for near copies"),
        _certificates(answers["certificates"]),
    ]


def _split_sets(answer: Answer) -> Content:
    rows = [
        (
            row["split_set"],
            count(row["version"]),
            row["recipe"],
            *(count(row[key]) for key in ("train", "valid", "test", "unused")),
            Cell(row["digest"], "hash"),
        )
        for row in answer.rows()
        if row["is_current"]
    ]
    if not rows:
        return element(
            "p", "No split set was made; the splits are those that the images came in with."
        )
    listed = table(
        ("split set", "version", "recipe", "train", "valid", "test", "unused", "digest"),
        rows[:MOST_ROWS],
        caption="Split sets; equal digests mean equal images and labels in equal places",
    )
    return [listed, all_rows(answer, MOST_ROWS, "versions")]


def _certificates(answer: Answer) -> Content:
    if answer.missing:
        return missing_of(answer)
    if not len(answer):
        return [element("p", "The pairs were not checked by another method."), command(_CERTIFY)]
    rows = [
        (
            row["method"],
            "the whole store" if row["split_set"] is None else row["split_set"],
            row["radius"],
            count(row["compared"]),
            count(row["pairs"]),
            count(row["missed"]),
            count(row["wrong"]),
            share(row["bound"]),
        )
        for row in answer.rows(MOST_ROWS)
    ]
    heads = ("check", "of", "radius", "compared", "pairs", "missed", "wrong", "at most missed")
    return [
        table(
            heads,
            rows,
            caption="Pairs of the search, checked by comparing pictures one by one; the last "
            "column is the upper end of a 95 % interval where the check is of a sample",
            text_columns=2,
        ),
        all_rows(answer, MOST_ROWS, "checks"),
    ]
