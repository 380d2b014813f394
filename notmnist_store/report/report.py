"""What the command report does: make the page or the paper's text, and put it into its file."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.errors import UsageError
from notmnist_store.progress import Progress
from notmnist_store.report.page import make_page
from notmnist_store.report.paper import make_paper
from notmnist_store.result import Result
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.storage.filesystem import replacing
from notmnist_store.storage.tables import Tables


class ReportResult(Result):
    """One row about the report that was made; `content` is the report itself.

    `against` names the audits of severity must that do not pass; of a paper's text it is None.
    """

    def __init__(
        self, row: dict[str, object], content: bytes, against: tuple[str, ...] | None
    ) -> None:
        super().__init__(pa.Table.from_pylist([row]))
        self.content = content
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
    content = text.encode()
    if output is not None:
        with replacing(output) as beside:
            beside.write_bytes(content)
    row: dict[str, object] = {
        "path": None if output is None else str(output),
        "split_set": split_set,
        "ready": None if against is None else not against,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return ReportResult(row, content, against)
