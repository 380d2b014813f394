"""The command that takes decisions, as a method."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pyarrow as pa

from notmnist_store.errors import UsageError
from notmnist_store.result import Result
from notmnist_store.storage.tables import Tables
from notmnist_store.store_base import StoreBase

__all__ = ["ArrowRows", "StoreDecisions"]


class ArrowRows(Protocol):
    """Rows of any library that gives an Arrow C stream: a Result, a polars or pandas frame."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class StoreDecisions(StoreBase):
    """Decide about pictures: drop, relabel, not_duplicate, keep."""

    def decide(
        self,
        decisions: str | Path | ArrowRows | None = None,
        *,
        sql: str | None = None,
        action: str | None = None,
        value: str | None = None,
        note: str | None = None,
        by: str | None = None,
        yes: bool = False,
    ) -> Result:
        """Say what decisions would do, and with ``yes`` take them.

        They are a CSV file (``-`` is stdin), rows of any Arrow kind, or what the SELECT ``sql``
        finds, with columns image_id or pixel_hash, action, value and note; ``action``, ``value``
        and ``note`` fill what is empty or not there. A decision is about every image of the same
        pixels. Actions are ``drop``; ``relabel`` (value: the new label); ``not_duplicate`` (value:
        image_id or pixel_hash of the other picture, or empty: of none); ``keep``, which takes a
        drop or relabel back and keeps audits from listing the image, or with the value
        ``duplicate`` takes not_duplicate back. ``by`` is who decides: by default the login name.

        Returns one row a decision: image_id, pixel_hash, label (as it is now), action, value, note,
        images (which it touches), effect (new, no change, new note, or what it replaces).

        Raises:
            UsageError: rows that cannot be meant, that name images that are not there, or that
                contradict each other.
            QueryError: the SELECT does not run.
        """
        from notmnist_store.decide import decide, login_name
        from notmnist_store.decision_rows import Defaults, read_csv, read_rows

        if (decisions is None) == (sql is None):
            raise UsageError(
                "decisions come from a CSV file or from --sql: give one of the two",
                "notmnist-store decide --help",
            )
        tables = Tables.open(self.path)
        defaults = Defaults(action, value, note)
        if sql is not None:
            where = "the query"
            given = read_rows(self._catalog().query(sql), defaults, where)
        elif isinstance(decisions, str | Path):
            where = str(decisions)
            given = read_csv(Path(decisions), defaults)
        else:
            where = "the table"
            given = read_rows(pa.table(decisions), defaults, where)
        done = decide(
            tables,
            given,
            where=where,
            by=login_name() if by is None else by,
            yes=yes,
            progress=self._progress,
        )
        return self._result(done)
