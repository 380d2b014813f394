"""Galleries of pictures with their captions: one by one, in cards, folded where there are many."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from notmnist_store.catalog.queries import load_queries
from notmnist_store.near.kernels.transforms import Moves, nearest_move
from notmnist_store.report.evidence import Answer, Evidence
from notmnist_store.report.markup import (
    Cell,
    Content,
    Html,
    command,
    count,
    element,
    join,
    note,
    number,
    table,
)
from notmnist_store.report.sprites import Pictures
from notmnist_store.schema.arrays import Pixels
from notmnist_store.schema.transforms import NONE
from notmnist_store.storage.pixels import pixels_by_id

MOST_ROWS = 200
_OPEN = 24

Row = dict[str, Any]

_GONE: Row = dict.fromkeys(("label", "split", "pixel_hash", "decision"))
"""What a caption says of an image that is not in the store."""


class Tiles:
    """Makes the pictures of one section, which a click decides on."""

    def __init__(self, material: Material, section: str, facts: dict[int, Row]) -> None:
        self._pictures = material.pictures
        self._evidence = material.evidence
        self._section = section
        self._facts = facts

    def image(
        self,
        image_id: int,
        *caption: Content,
        twin: int | None = None,
        suggested: str | None = None,
        split: str | None = None,
        below: Html | None = None,
    ) -> Html:
        """One picture with its label, split and, a line each, `caption`.

        `twin` is what it may be no copy of. `split` goes before the one that is known, for an image
        that stands in two.
        """
        known = self._facts.get(image_id, _GONE)
        label = "not in the store" if known["label"] is None else known["label"]
        placed = known["split"] if split is None else split
        where = "" if placed is None else f" · {placed}"
        lines = [join(element("br"), line) for line in caption]
        decision = known["decision"]
        decided = decision and element("span", f"decided: {decision}", class_="decided")
        return element(
            "figure",
            self._pictures.image(
                self._section, image_id, f"image {image_id}, label {label}{where}"
            ),
            below,
            element("figcaption", element("b", label), where, lines, decided),
            data_image=str(image_id) if known["pixel_hash"] else None,
            data_twin=None if twin is None else self._facts.get(twin, _GONE)["pixel_hash"],
            data_suggested=suggested,
        )

    def pair(
        self,
        a: int,
        b: int,
        distance: float,
        splits: tuple[str | None, str | None] = (None, None),
    ) -> Html:
        """Two pictures side by side, one that moved moved back below it, and how they differ."""
        transform = self._transform(a, b)
        which, _, how = transform.partition(":")
        spoken = f"{a if which == 'a' else b} moved by {how}"
        moved = self._pictures.moved(self._section, a, b, transform, spoken) if how else None
        if distance == 0:
            same = "the same image" if a == b else "equal, once moved" if how else "equal pixels"
            apart = element("figure", element("span", same, class_="same"))
        else:
            shown = self._difference(a, b, transform)
            apart = element("figure", shown, element("figcaption", "difference"))
        pictures = (
            self.image(
                image_id,
                *([f"moved by {how}"] if side == which else []),
                twin=twin,
                split=split,
                below=moved if side == which else None,
            )
            for side, image_id, twin, split in (("a", a, b, splits[0]), ("b", b, a, splits[1]))
        )
        line = "distance 0" if distance == 0 else f"distance {number(distance)}"
        ids = element("p", f"{a}", element("br"), f"{b}", class_="ids")
        return join(card([*pictures, apart], line), ids)

    def beside(self, first: int, image_id: int, distance: float, images: int) -> Html:
        """A picture with its difference from the `first` below it."""
        copies = f", {count(images)} copies" if images > 1 else ""
        return self.image(
            image_id,
            f"{number(distance, 2)} away{copies}",
            twin=first,
            below=self._difference(first, image_id),
        )

    def _difference(self, a: int, b: int, transform: str = NONE.text) -> Html:
        spoken = f"difference of {a} and {b}, stretched to full contrast"
        return self._pictures.difference(self._section, a, b, spoken, transform)

    def _transform(self, a: int, b: int) -> str:
        """By what of the page's transforms which of the two moves to be nearest the other."""
        one, other = self._pixels.get(a), self._pixels.get(b)
        if one is None or other is None:
            return NONE.text
        number = nearest_move(self._moves, one.reshape(-1), other.reshape(-1))[1]
        return self._moves.names[number]

    @cached_property
    def _moves(self) -> Moves:
        return Moves(self._evidence.transforms, self._evidence.marker.shape)

    @cached_property
    def _pixels(self) -> dict[int, Pixels]:
        """Those of the images of the section, where a picture may have moved."""
        wanted = list(self._facts) if self._moves.moves else []
        return pixels_by_id(self._evidence.tables, wanted)


@dataclass(frozen=True)
class Material:
    """What sections are made from: the evidence, and the pictures of all sections."""

    evidence: Evidence
    pictures: Pictures

    def tiles(self, section: str, ids: Iterable[int | None]) -> Tiles:
        """A maker of pictures of these images, for one section."""
        wanted = sorted({i for i in ids if i is not None})
        values = {"ids": wanted, "split_set": self.evidence.split_set}
        sql = load_queries("report")["image_facts"].sql
        rows = self.evidence.catalog.query(sql, values).to_pylist() if wanted else []
        return Tiles(self, section, {row["image_id"]: row for row in rows})


def card(pictures: Iterable[Html], *facts: Content) -> Html:
    """Pictures in a row over what is known of them together."""
    return join(element("div", pictures, class_="tiles"), element("p", facts, class_="facts"))


def gallery(
    material: Material,
    name: str,
    answer: Answer,
    item: Callable[..., Html],
    *,
    noun: str,
    empty: Content,
    caption: Content = None,
    ids: Callable[[Row], Iterable[int | None]] = lambda row: (row["image_id"],),
    together: Callable[[Row], Hashable] = id,
    classes: str = "cells",
    each: int = 1,
    most: int = MOST_ROWS,
    first: int = _OPEN,
) -> Content:
    """The rows of an answer as a list of pictures, the `first` of them open; or why there are none.

    `item` is given Tiles and the rows for which `together` gives the same, by default a row alone.
    `ids` gives the images of a row, which shows about `each` pictures. `empty` stands where there
    is no row, and `caption` above them.
    """
    if answer.missing:
        return absent(answer)
    if not len(answer):
        return element("p", empty)
    most = material.pictures.most(each, most)
    rows = answer.rows(most)
    tiles = material.tiles(name, (image_id for row in rows for image_id in ids(row)))
    items: dict[Hashable, list[Row]] = {}
    for row in rows:
        items.setdefault(together(row), []).append(row)
    of_item = None if "cells" in classes else "card"
    listed = [element("li", item(tiles, *members), class_=of_item) for members in items.values()]
    rest = listed[first:]
    return [
        element("p", caption) if isinstance(caption, str) else caption,
        element("ul", listed[:first], class_=classes),
        element(
            "details",
            element("summary", f"{len(rest):,} more {noun}"),
            element("ul", rest, class_=classes),
            class_="more",
        )
        if rest
        else None,
        _all_rows(answer, most, noun),
    ]


def listing(
    answer: Answer,
    columns: tuple[str, ...],
    cells: Callable[[Row], Iterable[Content | Cell]],
    *,
    noun: str,
    caption: str,
    text_columns: int = 1,
) -> Content:
    """The first rows of an answer as a table, a line of `cells` each; or why there are none."""
    if answer.missing:
        return absent(answer)
    rows = [list(cells(row)) for row in answer.rows(MOST_ROWS)]
    return [
        table(columns, rows, caption=caption, text_columns=text_columns),
        _all_rows(answer, MOST_ROWS, noun),
    ]


def _all_rows(answer: Answer, shown: int, noun: str) -> Html | None:
    """Where there is more than is shown: how much, and the command that lists all."""
    if len(answer) <= shown:
        return None
    line = f"The first {count(shown)} of {count(len(answer))} {noun}. All of them:"
    return join(note(line), command(answer.command))


def absent(answer: Answer) -> Html:
    """Why there are no rows to show, and the command that makes them."""
    return missing(answer.missing or "", answer.remedy)


def missing(text: str, remedy: str | None) -> Html:
    """What is not known here, and the command that finds it out."""
    line = command(remedy) if remedy else None
    return element("div", element("p", text), line, class_="absent")
