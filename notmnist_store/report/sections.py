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
from notmnist_store.report.images import render_blanks, render_suspects
from notmnist_store.report.learning import render_curves
from notmnist_store.report.section import Section
from notmnist_store.report.trust import render_audits, render_origin

PAIRS = Need(
    "select 1 as there from radius_join where is_current",
    "Near copies were not searched for yet: two pictures that differ by a few grey values count as "
    "two here.",
    "notmnist-store near-duplicates",
)
SUSPECTS = Need(
    "select 1 as there from suspect_search where split_set = $split_set and is_newest",
    "Labels that are likely wrong were not searched for yet in this split set.",
    "notmnist-store suspects --split-set $split_set",
)
SCORES = Need(
    "select 1 as there from score where split_set = $split_set limit 1",
    "No baseline was trained on this split set yet, so nothing says what its leaks are worth.",
    "notmnist-store baseline --split-set $split_set",
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
    Section("suspects", "Suspect labels", (Read("suspects", need=SUSPECTS),), render_suspects),
    Section(
        "curves",
        "Learning curves",
        (Read("scores", need=SCORES), Read("leak_inflation", need=SCORES)),
        render_curves,
    ),
    Section("audits", "Audits", (), render_audits),
    Section(
        "origin",
        "Where these numbers come from",
        (Read("split_sets"), Read("certificates", need=PAIRS)),
        render_origin,
    ),
)
"""Every section reads named reports and audits, and says so where evidence is missing."""
