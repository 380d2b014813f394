"""Text for people: safe on a terminal, and safe in a spreadsheet."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

_NOT_PRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_FORMULA = re.compile("'*[=+\\-@\t\r]")

_MOST_DIGITS = 12


def printable(text: str) -> str:
    """`text` without control characters and direction marks, safe to send to a terminal."""
    return _NOT_PRINTABLE.sub("", text)


def with_apostrophe(cell: str) -> str:
    """A cell of CSV; text that a spreadsheet would run as a formula gets a leading apostrophe.

    So does such text behind apostrophes, for `without_apostrophe` to know what was added.
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def without_apostrophe(cell: str) -> str:
    """A cell of our CSV as it was before it got the apostrophe that a formula gets."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def share_text(share: float) -> str:
    """A share of 1 in percent, never rounded to none or all where it is neither."""
    sign, part = "-" if share < 0 else "", abs(share)
    if 0 < part < 0.0001:
        return f"{sign}<0.01 %"
    if 0.9999 <= part < 1:
        return f"{sign}>99.99 %"
    digits = 0 if part in (0, 1) else 2 if part < 0.1 or 0.999 <= part < 1 else 1
    return f"{sign}{100 * part:.{digits}f} %"


def number_text(value: float, digits: int = 6, kind: str = ".{}g") -> str:
    """A number in so many digits, or in more where those make it a whole one that it is not.

    What differs from a whole number by less than 12 digits tell is taken for one.
    """
    texts = (format(value, kind.format(more)) for more in range(digits, _MOST_DIGITS + 1))
    first = text = next(texts)
    while (shown := float(text.replace(",", ""))).is_integer() and shown != value:
        text = next(texts, "")
        if not text:
            return first
    return text


def closest(name: str, known: Iterable[str]) -> str | None:
    """The one of these names that was perhaps meant, or None."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def did_you_mean(what: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is none of these: which was perhaps meant, or which there are."""
    names = list(known)
    close = closest(name, names)
    meant = f"did you mean {close}?" if close else f"there are {', '.join(names)}"
    return f"there is no {what} {name!r}; {meant}"


def side_by_side(
    columns: Iterable[tuple[str, Sequence[str], bool]], *, markdown: bool = False
) -> str:
    """Columns (heading, cells, whether they stand on the right) under a line, as plain text."""
    padded = []
    for heading, cells, right in columns:
        texts = [text.replace("|", "\\|") for text in cells] if markdown else cells
        width = max([_width(heading) + 2, *map(_width, texts)])
        head, *below = (_padded(text, width, right=right) for text in (heading, *texts))
        padded.append([head, "-" * width, *below])
    lines = list(zip(*padded, strict=True))
    if markdown:
        rows = [f"| {' | '.join(line)} |" for line in lines]
        return "\n".join([*rows[:1], *(row.replace(" ", "-") for row in rows[1:2]), *rows[2:]])
    return "\n".join("  ".join(line).rstrip() for line in lines)


def counts_of(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of labels and numbers: the labels first, the numbers on the right."""
    return side_by_side(
        (heading, [printable(str(value)) for value in values], place > 0)
        for place, (heading, *values) in enumerate(zip(headings, *rows, strict=True))
    )


def _padded(text: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if right else text + blanks


def _width(text: str) -> int:
    """Columns of a terminal that `text` takes: none for combining marks, two for wide letters."""
    if text.isascii():
        return len(text)
    import unicodedata

    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
