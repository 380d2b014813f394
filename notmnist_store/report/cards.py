"""Pictures with their captions: one by one, as pairs with their difference, folded where many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from notmnist_store.report.evidence import Answer
from notmnist_store.report.markup import Content, Html, command, count, element, join, number
from notmnist_store.report.sprites import Pictures

MOST_ROWS = 200
_OPEN = 24


@dataclass(frozen=True)
class ImageFacts:
    """What a caption says of an image; an image that is gone has no label."""

    image_id: int
    label: str | None
    split: str | None
    pixel_hash: str | None
    decision: str | None = None


class Tiles:
    """Makes the pictures of one section, which a click decides on."""

    def __init__(self, pictures: Pictures, section: str, facts: dict[int, ImageFacts]) -> None:
        self._pictures = pictures
        self._section = section
        self._facts = facts

    def of(self, image_id: int) -> ImageFacts:
        """What is known of an image."""
        return self._facts.get(image_id, ImageFacts(image_id, None, None, None))

    def image(
        self,
        image_id: int,
        *caption: Content,
        twin: int | None = None,
        suggested: str | None = None,
        split: str | None = None,
        below: Html | None = None,
    ) -> Html:
        """One picture with its label, split and `caption`; `twin` is what it may be no copy of.

        `split` goes before the one that is known, for an image that stands in two.
        """
        known = self.of(image_id)
        label = "not in the store" if known.label is None else known.label
        placed = known.split if split is None else split
        where = "" if placed is None else f" · {placed}"
        spoken = f"image {image_id}, label {label}{where}"
        decided = known.decision and element("span", f"decided: {known.decision}", class_="decided")
        return element(
            "figure",
            self._pictures.image(self._section, image_id, spoken),
            below,
            element("figcaption", element("b", label), where, *caption, decided),
            data_image=str(image_id) if known.pixel_hash else None,
            data_twin=None if twin is None else self.of(twin).pixel_hash,
            data_suggested=suggested,
        )

    def pair(
        self,
        a: int,
        b: int,
        distance: float,
        *facts: Content,
        splits: tuple[str | None, str | None] = (None, None),
    ) -> Html:
        """A card of two pictures side by side, and how they differ."""
        if a == b:
            apart: Content = _instead("the same image")
        elif distance == 0:
            apart = _instead("equal pixels")
        else:
            spoken = f"difference of {a} and {b}, stretched to full contrast"
            apart = element(
                "figure",
                self._pictures.difference(self._section, a, b, spoken),
                element("figcaption", "difference"),
            )
        pictures = (
            self.image(a, twin=b, split=splits[0]),
            self.image(b, twin=a, split=splits[1]),
            apart,
        )
        told = "distance 0" if distance == 0 else f"distance {number(distance)}"
        return element(
            "li",
            element("div", pictures, class_="tiles"),
            element("p", told, *facts, class_="facts"),
            element("p", f"{a}", element("br"), f"{b}", class_="ids"),
            class_="card",
        )

    def beside(self, first: int, image_id: int, distance: float, images: int) -> Html:
        """A picture with its difference from the `first` below it."""
        spoken = f"difference of {first} and {image_id}, stretched to full contrast"
        return self.image(
            image_id,
            element("br"),
            f"{number(distance, 2)} away",
            f", {count(images)} copies" if images > 1 else None,
            twin=first,
            below=self._pictures.difference(self._section, first, image_id, spoken),
        )


def _instead(text: str) -> Html:
    return element("figure", element("span", text, class_="same"))


def folded(items: Sequence[Html], *, classes: str, noun: str, first: int = _OPEN) -> Html:
    """A list of items: the first of them open, the others behind a fold."""
    shown = element("ul", items[:first], class_=classes)
    rest = items[first:]
    if not rest:
        return shown
    more = element("summary", f"{len(rest):,} more {noun}")
    return join(shown, element("details", more, element("ul", rest, class_=classes), class_="more"))


def all_rows(answer: Answer, shown: int, noun: str) -> Html | None:
    """Where there is more than is shown: how much, and the command that lists all."""
    if len(answer) <= shown:
        return None
    told = f"The first {count(shown)} of {count(len(answer))} {noun}. All of them:"
    return join(element("p", told, class_="note"), command(answer.command))


def missing_of(answer: Answer) -> Html:
    """Why an answer has no rows, and what makes them."""
    return absent(answer.missing or "", answer.remedy)


def absent(missing: str, remedy: str | None) -> Html:
    """What a section says that has no evidence to show, and the command that makes it."""
    return element(
        "div",
        element("p", missing),
        command(remedy) if remedy else None,
        class_="absent",
    )
