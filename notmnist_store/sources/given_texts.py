"""What a table or a file says of an image, as text: its label, its split, its group."""

from __future__ import annotations

import json
from collections.abc import Mapping

from notmnist_store.errors import SourceError
from notmnist_store.sources.kernels.provenance import said_split

_LONGEST_TEXT = 1_024

MOST_ATTRIBUTES = 100
"""Further columns of a table that are kept; those after them are left out."""


def given_text(value: object, what: str) -> str | None:
    """A value as text, null where it is empty: numbers as they are written, 3.0 as 3.

    Raises:
        SourceError: it is neither text nor a number, or a long text.
    """
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SourceError(
            f"{what} is given {value!r}, neither text nor number", advice="write it as text"
        )
    text = str(value)
    length = len(text.encode("utf-8", "surrogatepass"))
    if length > _LONGEST_TEXT or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise SourceError(
            f"{what} is given a text of {length:,} bytes that is too long, or is no Unicode",
            advice=f"write it as Unicode of at most {_LONGEST_TEXT:,} bytes",
        )
    return text


def given_split(word: str | None, what: str) -> str | None:
    """The split that a word stands for; ``SourceError`` where it stands for none."""
    if word is None:
        return None
    split = said_split(word)
    if split is None:
        raise SourceError(
            f"{what} has the split {word!r}; known are train, valid and test",
            advice="name it train, valid or test, or leave it empty",
        )
    return split


def given_attributes(row: Mapping[str, object]) -> str | None:
    """What else is said of an image, as a JSON object of texts; null where nothing is.

    Truth is written true or false. What is neither text nor number is left out, and so is a text of
    more than 1,024 bytes.
    """
    kept: dict[str, str] = {}
    for name, value in row.items():
        said = str(value).lower() if isinstance(value, bool) else value
        try:
            text = given_text(said, name)
            name.encode()
        except (SourceError, UnicodeEncodeError):
            continue
        if text is not None and len(kept) < MOST_ATTRIBUTES:
            kept[name] = text
    return json.dumps(kept, ensure_ascii=False) if kept else None
