"""The registry of the page's sections, in their order."""

from __future__ import annotations

from notmnist_store.report.copies import (
    render_conflicts,
    render_groups,
    render_leaks,
    render_overlap,
)
from notmnist_store.report.counts import render_arrivals, render_balance
from notmnist_store.report.evidence import Need, Read
from notmnist_store.report.frame import Section
from notmnist_store.report.looks import render_audits, render_blanks, render_origin

__all__ = ["PAIRS", "SECTIONS"]

PAIRS = Need(
    "select 1 as there from radius_join where is_current",
    "Near copies were not searched for yet: two pictures that differ by a few grey values count as "
    "two here.",
    "notmnist-store near-duplicates",
)
SECTIONS = (
    Section(
        "arrivals",
        "What came in",
        (Read("sources"), Read("reject_reasons"), Read("ingest_ledger")),
        render_arrivals,
    ),
    Section("balance", "Balance", (Read("label_counts"), Read("split_counts")), render_balance),
    Section(
        "overlap",
        "Overlap of the splits",
        (
            Read("overlap_matrix"),
            Read("near_overlap_matrix", need=PAIRS),
            Read("distance_histogram", need=PAIRS),
        ),
        render_overlap,
    ),
    Section("leaks", "Leaks", (Read("leaks"),), render_leaks),
    Section(
        "groups",
        "Largest groups of copies",
        (
            Read("duplicate_groups"),
            Read("near_groups", need=PAIRS),
            Read("near_group_pictures", need=PAIRS),
        ),
        render_groups,
    ),
    Section(
        "conflicts",
        "Label conflicts",
        (Read("label_conflicts"), Read("label_conflict_near", "audits", need=PAIRS)),
        render_conflicts,
    ),
    Section(
        "blanks",
        "Blank and nearly blank images",
        (Read("image_blank", "audits"), Read("image_low_ink", "audits")),
        render_blanks,
    ),
    Section("audits", "Audits", (), render_audits),
    Section("origin", "Where these numbers come from", (Read("split_sets"),), render_origin),
)
"""Every section reads named reports and audits, and says so where evidence is missing."""
