"""The audit against a partner's hashes: exact copies of images that nobody here has seen.

It is no file of ``sql/audits``, since it needs a file and a key: see `export.hashes`.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from notmnist_store.audits.audit import AuditResult, check_fail_on, parse_tolerances
from notmnist_store.audits.verdicts import Verdict, status_of, verdict_rows
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.split_sets import find_split_set
from notmnist_store.export.hashes import match_hashes, read_key
from notmnist_store.progress import Progress
from notmnist_store.schema.words import USED
from notmnist_store.storage.tables import Tables

_NAME = "against"


def audit_against(
    tables: Tables,
    hashes: Path,
    key_file: Path,
    *,
    rows: bool,
    split_set: str,
    fail_on: str,
    tolerance: float | str,
    progress: Progress,
    thumbnails: Callable[[Sequence[int]], dict[int, bytes]] | None = None,
) -> AuditResult:
    """Look for exact copies of a partner's images among train, valid and test of a split set.

    Returns the one verdict, of severity must, or with `rows` those of `match_hashes`.
    """
    check_fail_on(fail_on)
    borne = parse_tolerances({_NAME: tolerance}, [_NAME])[_NAME]
    catalog = Catalog(tables)
    counted = find_split_set(catalog, split_set)
    progress.note(counted.line)
    started = time.perf_counter()
    copies = match_hashes(tables, split_set, hashes, read_key(key_file))
    theirs, key = shlex.quote(str(hashes)), shlex.quote(str(key_file))
    rows_again = (
        f"notmnist-store audit-against {theirs} --key-file {key} --split-set {split_set} --rows"
    )
    total = sum(counted.counts[split] for split in USED)
    status = status_of(copies.num_rows, total, borne)
    verdict = Verdict(
        name=_NAME,
        severity="must",
        status=status,
        seconds=round(time.perf_counter() - started, 3),
        violating=copies.num_rows,
        total=total,
        tolerance=borne,
        next=None if status == "pass" else rows_again,
        grain="evaluated image",
    )
    shown = copies if rows else verdict_rows([verdict])
    return AuditResult(shown, thumbnails if rows else None, [verdict], fail_on, split_set)
