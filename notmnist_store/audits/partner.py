"""The audit against a partner's hashes: exact copies of images that nobody here has seen.

It is no file of ``sql/audits``, since it needs a file and a key: see `exports.hashes`.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from notmnist_store.audits.audit import AuditResult, check_fail_on, parse_tolerances
from notmnist_store.audits.verdicts import Verdict, verdict_rows
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.split_sets import find_split_set
from notmnist_store.errors import UsageError
from notmnist_store.export.hashes import match_hashes, read_key
from notmnist_store.progress import Progress
from notmnist_store.schema.words import USED
from notmnist_store.storage.tables import Tables

AGAINST = "against"
"""The audit's name; asked for by it, its rows are shown."""


def audit_against(
    tables: Tables,
    names: Sequence[str],
    hashes: Path,
    key_file: Path | None,
    *,
    split_set: str,
    fail_on: str,
    tolerance: Mapping[str, float | str],
    progress: Progress,
    thumbnails: Callable[[Sequence[int]], dict[int, bytes]] | None = None,
) -> AuditResult:
    """Look for exact copies of a partner's images among train, valid and test of a split set.

    Returns the one verdict, of severity must; with AGAINST among `names` its rows, which are those
    of `match_hashes`.

    Raises:
        UsageError: no key or another one, other names beside it, an unknown split set or severity,
            a tolerance that is no share.
        StoreError: the file is no such file, or damaged.
    """
    check_fail_on(fail_on)
    paths = f"--against {shlex.quote(str(hashes))} --key-file "
    if key_file is None:
        raise UsageError(
            "--against needs the key that the hashes were made with",
            f"notmnist-store audit {paths}partners.key",
        )
    command = f"{paths}{shlex.quote(str(key_file))}"
    if not set(names) <= {AGAINST}:
        raise UsageError(
            f"--against is an audit of its own: not with {', '.join(names)}",
            f"notmnist-store audit {command}",
        )
    borne = parse_tolerances(tolerance, [AGAINST]).get(AGAINST, 0.0)
    catalog = Catalog(tables)
    counted = find_split_set(catalog, split_set)
    progress.note(counted.line)
    started = time.perf_counter()
    rows = match_hashes(tables, split_set, hashes, read_key(key_file))
    rows_again = f"notmnist-store audit {AGAINST} {command} --split-set {split_set}"
    verdict = _judged(
        rows, sum(counted.counts[split] for split in USED), borne, started, rows_again
    )
    shown = rows if names else verdict_rows([verdict])
    return AuditResult(shown, thumbnails if names else None, [verdict], fail_on)


def _judged(
    rows: pa.Table, total: int, tolerance: float, started: float, rows_again: str
) -> Verdict:
    share = rows.num_rows / total if total else None
    status = "empty" if share is None else "pass" if share <= tolerance else "fail"
    return Verdict(
        name=AGAINST,
        severity="must",
        status=status,
        violating=rows.num_rows,
        total=total,
        share=share,
        tolerance=tolerance,
        seconds=round(time.perf_counter() - started, 3),
        next=None if status == "pass" else rows_again,
        overridden=None,
        error=None,
    )
