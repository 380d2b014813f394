"""The registry of the page's sections, in their order."""

from __future__ import annotations

from notmnist_store.report.copies import (
    render_conflicts,
    render_groups,
    render_leaks,
    render_overlap,
)
from notmnist_store.report.counts import render_arrivals, render_balance
from notmnist_store.report.images import render_blanks, render_suspects
from notmnist_store.report.learning import render_curves
from notmnist_store.report.section import Section
from notmnist_store.report.trust import render_audits, render_origin

SECTIONS = (
    Section(
        "arrivals",
        "What came in",
        ("sources", "reject_reasons", "ingest_ledger"),
        render_arrivals,
    ),
    Section("balance", "Balance", ("label_counts", "split_counts"), render_balance),
    Section(
        "overlap",
        "Overlap of the splits",
        ("overlap_matrix", "near_overlap_matrix", "distance_histogram"),
        render_overlap,
    ),
    Section("leaks", "Leaks", ("leaks",), render_leaks),
    Section(
        "groups",
        "Largest groups of copies",
        ("duplicate_groups", "near_groups", "near_group_pictures"),
        render_groups,
    ),
    Section(
        "conflicts", "Label conflicts", ("label_conflicts", "label_conflict_near"), render_conflicts
    ),
    Section(
        "blanks", "Blank and nearly blank images", ("image_blank", "image_low_ink"), render_blanks
    ),
    Section("suspects", "Suspect labels", ("suspects",), render_suspects),
    Section("curves", "Learning curves", ("scores", "leak_inflation"), render_curves),
    Section("audits", "Audits", (), render_audits),
    Section(
        "origin", "Where these numbers come from", ("split_sets", "certificates"), render_origin
    ),
)
"""Every section reads named reports and audits, and says so where evidence is missing."""
