"""Sections on how far this page can be trusted: its audits, and where its numbers come from."""

from __future__ import annotations

from dataclasses import replace

import pyarrow.compute as pc

from notmnist_store.report.evidence import Answer
from notmnist_store.report.gallery import Material, listing
from notmnist_store.report.markup import Cell, Content, command, count, element, share, table
from notmnist_store.report.verdict import status

_CERTIFY = "notmnist-store certify"


def render_audits(material: Material) -> Content:
    """Every audit with its status, and what it counted."""
    rows = [
        (
            status(verdict),
            verdict.severity,
            [
                element("code", verdict.name),
                element("br"),
                material.evidence.audits[verdict.name].title,
            ],
            count(verdict.violating),
            count(verdict.total),
            share(verdict.share),
            share(verdict.tolerance),
        )
        for verdict in material.evidence.verdicts.values()
    ]
    return [
        table(
            ("status", "severity", "audit", "found", "of", "share", "borne"),
            rows,
            caption="An audit passes where the share of what it found is not above what is borne",
            text_columns=3,
            classes="audits",
        ),
        command(material.evidence.audit_command),
    ]


def render_origin(material: Material, split_sets: Answer, certificates: Answer) -> Content:
    """Split sets with their digests, and how far the search for near copies was checked."""
    return [
        _split_sets(split_sets),
        element("h3", "The search for near copies"),
        _certificates(certificates),
    ]


def _split_sets(answer: Answer) -> Content:
    current = replace(answer, table=answer.table.filter(pc.field("is_current")))
    if not len(current):
        return element(
            "p", "No split set was made; the splits are those that the images came in with."
        )
    return listing(
        current,
        ("split set", "version", "recipe", "train", "valid", "test", "unused", "digest"),
        lambda row: (
            row["split_set"],
            count(row["version"]),
            row["recipe"],
            *(count(row[key]) for key in ("train", "valid", "test", "unused")),
            Cell(row["digest"], "hash"),
        ),
        noun="split sets",
        caption="Split sets; equal digests mean equal images and labels in equal places",
    )


def _certificates(answer: Answer) -> Content:
    if not answer.missing and not len(answer):
        return [element("p", "The pairs were not checked by another method."), command(_CERTIFY)]
    return listing(
        answer,
        (
            "check",
            "of",
            "radius",
            "moved by",
            "compared",
            "pairs",
            "missed",
            "wrong",
            "at most missed",
        ),
        lambda row: (
            row["method"],
            "the whole store" if row["split_set"] is None else row["split_set"],
            row["radius"],
            row["transforms"],
            *(count(row[key]) for key in ("compared", "pairs", "missed", "wrong")),
            share(row["bound"]),
        ),
        noun="checks",
        caption="Pairs of the search, checked by comparing pictures one by one; the last column is "
        "the upper end of a 95 % interval where the check is of a sample",
        text_columns=2,
    )
