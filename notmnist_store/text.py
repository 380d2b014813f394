"""Text for people: safe on a terminal, and safe in a spreadsheet."""

from __future__ import annotations

import re

_NOT_PRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_FORMULA = re.compile("'*[=+\\-@\t\r]")


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
