"""What a terminal is shown by rich: tables that fit its width, and bars."""

from __future__ import annotations

import sys

import pyarrow as pa
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from notmnist_store.result import Result, cell, is_number
from notmnist_store.text import printable

_GAP = 2
_FOLDED = 16
_STYLES = {
    **dict.fromkeys(("pass", "ok", "downloaded", "present", "resumed"), "green"),
    **dict.fromkeys(("fail", "damaged", "broken"), "bold red"),
    **dict.fromkeys(("stale", "note", "empty"), "yellow"),
}


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed or 0.0
        power = next((k for k in (3, 2, 1) if speed >= 1000**k), 0)
        number = f"{speed / 1000**power:,.{1 if power else 0}f}{' kMG'[power].strip()}"
        return Text(f"{number} {task.fields['unit']}/s" if speed else "")


def bar(title: str, total: int, unit: str) -> Progress:
    """A bar on stderr, of one task, that moves when it is refreshed: it needs no thread."""
    share = (BarColumn(20), TaskProgressColumn()) if total else (TextColumn("{task.completed:,}"),)
    bars = Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        *share,
        _Rate(table_column=Column(no_wrap=True)),
        *((TimeRemainingColumn(),) if total else ()),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    bars.add_task(title, total=total or None, unit=unit)
    return bars


def show_table(result: Result, most: int) -> list[str]:
    """Print the first rows as a table no wider than the terminal; returns the columns left out.

    The first column, numbers and short texts stay whole; longer texts are folded in their cells.
    Left out are those on the right for which there is no room; columns without any value in all
    rows are neither shown nor named. One row alone goes down the page instead.
    """
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    every = result.arrow()
    shown = [k for k in range(every.num_columns) if k == 0 or every[k].null_count < len(every)]
    rows = every.slice(0, most)
    texts = {k: [cell(value) for value in rows[k].to_pylist()] for k in shown}
    names = [printable(name) for name in rows.column_names]
    widths = {k: max(map(len, [names[k], *texts[k]])) for k in shown}
    kept: list[tuple[int, int]] = []
    room = console.width + _GAP
    for k in shown:
        whole = k == 0 or is_number(rows.schema.field(k).type)
        least = widths[k] if whole else min(widths[k], max(_FOLDED, len(names[k])))
        room -= least + _GAP
        if room < 0 and kept:
            break
        kept.append((k, least))
    if len(kept) < len(shown) and len(rows) == 1:
        return show_table(_down_the_page(names, texts), len(texts))
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for k, least in kept:
        number = is_number(rows.schema.field(k).type)
        table.add_column(
            Text(names[k]), justify="right" if number else "left", min_width=least, overflow="fold"
        )
    for row in zip(*(texts[k] for k, _ in kept), strict=True):
        table.add_row(*(_coloured(names[k], text) for (k, _), text in zip(kept, row, strict=True)))
    console.print(table)
    return [names[k] for k in shown[len(kept) :]]


def _down_the_page(names: list[str], texts: dict[int, list[str]]) -> Result:
    """The one row as rows of its columns."""
    values = [column[0] for column in texts.values()]
    return Result(pa.table({"column": [names[k] for k in texts], "value": values}))


def _coloured(name: str, text: str) -> Text:
    return Text(text, style=_STYLES.get(text, "") if name == "status" else "")
