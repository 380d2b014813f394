"""HTML that cannot be forgotten to be escaped: text is escaped unless it was made here."""

from __future__ import annotations

import hashlib
import html
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from notmnist_store.text import number_text, printable, share_text

_VOID = {"br", "hr", "img", "input", "link", "meta"}
_CODE = re.compile(r"`([^`]+)`")
NOTHING = "\N{EN DASH}"
"""What stands where there is no number."""

_MINUS = "\N{MINUS SIGN}"
_THIN = "\N{NARROW NO-BREAK SPACE}"


class Html(str):
    """Text that is HTML already; only this module makes it of other text."""

    __slots__ = ()


@dataclass(frozen=True)
class Cell:
    """A table's cell with classes of its own."""

    content: Content
    classes: str | None


Content = Html | str | int | None | Iterable["Content"]
"""What an element can hold: HTML as it is, anything else escaped, None not at all."""


def join(*parts: Content) -> Html:
    """The parts one after the other, escaped where they are not HTML."""
    return Html("".join(map(_rendered, parts)))


def _rendered(part: Content) -> str:
    if part is None:
        return ""
    if isinstance(part, Html):
        return str(part)
    if isinstance(part, str | int):
        return _escaped(str(part))
    return "".join(map(_rendered, part))


def _escaped(text: str) -> str:
    """Text for an element or an attribute; of control characters only line ends are kept."""
    return html.escape("\n".join(map(printable, text.split("\n"))))


def element(tag: str, /, *content: Content, **attributes: str | int | bool | None) -> Html:
    """An element. An attribute's trailing `_` is left out and other `_` become `-`.

    True gives an attribute without a value, None and False leave it out. Values are exact: control
    characters in them, which HTML cannot carry, are left out.
    """
    opened = [tag]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        written = key.rstrip("_").replace("_", "-")
        opened.append(written if value is True else f'{written}="{_escaped(str(value))}"')
    start = f"<{' '.join(opened)}>"
    return Html(start if tag in _VOID else f"{start}{join(*content)}</{tag}>")


def prose(text: str) -> Html:
    """Text in which `code` stands between backticks."""
    parts = _CODE.split(text)
    return join(*(element("code", p) if i % 2 else p for i, p in enumerate(parts)))


def note(*content: Content) -> Html:
    """A paragraph that says less than the others."""
    return element("p", *content, class_="note")


def command(text: str) -> Html:
    """A command line to paste."""
    return element("pre", element("code", text), class_="command")


def count(value: int | None) -> str:
    """A whole number with commas; a dash for none."""
    return NOTHING if value is None else f"{value:,}".replace("-", _MINUS)


def number(value: float | None, digits: int = 3) -> str:
    """A number of so many decimals, more where it is no whole one and they hide it.

    A dash for none, NaN and infinity.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    return number_text(value, digits, ",.{}f").replace("-", _MINUS)


def share(value: float | None) -> str:
    """A share of 1 in percent, never rounded to 0 % or 100 % where it is neither."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return share_text(value).replace("-", _MINUS).replace(" ", _THIN)


def _cell(content: Content | Cell, is_number: bool) -> Cell:
    return content if isinstance(content, Cell) else Cell(content, "n" if is_number else None)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Content | Cell]],
    *,
    caption: str,
    text_columns: int = 1,
    classes: str | None = None,
) -> Html:
    """A table that scrolls sideways by itself; the first `text_columns` columns are text.

    The first cell of a row is its heading. `caption` is read aloud and printed above.
    """
    listed = [
        [_cell(cell, place >= text_columns) for place, cell in enumerate(row)] for row in rows
    ]
    aligned = [cell.classes for cell in listed[0]] if listed else [None] * len(columns)
    head = [
        element("th", name, scope="col", class_="n" if classes and "n" in classes.split() else None)
        for name, classes in zip(columns, aligned, strict=True)
    ]
    body = []
    for first, *others in listed:
        cells = [element("th", first.content, class_=first.classes, scope="row")]
        cells += [element("td", cell.content, class_=cell.classes) for cell in others]
        body.append(element("tr", cells))
    made = element(
        "table", element("thead", element("tr", head)), element("tbody", body), class_=classes
    )
    name = f"table-{hashlib.sha256(caption.encode()).hexdigest()[:8]}"
    scrolled = element(
        "div", made, class_="scroll", tabindex="0", role="region", aria_labelledby=name
    )
    return element("div", element("p", caption, class_="caption", id=name), scrolled)
