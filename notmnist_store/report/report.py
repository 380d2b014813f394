"""What the command report does: make the page or the paper's text, and put it into its file."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from notmnist_store.catalog.connection import Catalog
from notmnist_store.errors import UsageError
from notmnist_store.progress import Progress
from notmnist_store.report.page import make_page
from notmnist_store.report.paper import make_paper
from notmnist_store.result import Document
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.storage.tables import Tables


class ReportResult(Document):
    """One row about the report that was made; `content` is the report itself.

    `against` names the audits of severity must that do not pass; of a paper's text it is None.
    """

    def __init__(
        self, content: bytes, output: Path | None, split_set: str, against: tuple[str, ...] | None
    ) -> None:
        ready = None if against is None else not against
        super().__init__(content, output, split_set=split_set, ready=ready)
        self.against = against


def report(
    tables: Tables,
    catalog: Catalog,
    output: Path | None,
    *,
    split_set: str,
    paper: bool,
    tolerance: Mapping[str, float | str],
    transforms: Transforms,
    progress: Progress,
) -> ReportResult:
    """Make the page, or with `paper` the LaTeX text; write it to `output` unless that is None."""
    if paper and (tolerance or transforms != NONE):
        raise UsageError(
            "--tolerance and --transforms go without --paper, which judges nothing",
            f"notmnist-store report --split-set {shlex.quote(split_set)} --paper",
        )
    if paper:
        text, against = make_paper(tables, catalog, split_set), None
    else:
        text, against = make_page(tables, catalog, split_set, tolerance, transforms, progress)
    return ReportResult(text.encode(), output, split_set, against)
