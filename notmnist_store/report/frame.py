"""What a section is, and the frame every section stands in: heading, content, its SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from notmnist_store.report.cards import ImageFacts, Tiles, absent
from notmnist_store.report.evidence import Answer, Evidence, Read
from notmnist_store.report.markup import Content, Html, command, element
from notmnist_store.report.sprites import Pictures

_FACTS = """
select
    image.image_id,
    image.label,
    split_image.split,
    image.pixel_hash,
    image.decision
from image
left join split_image
    on split_image.image_id = image.image_id
    and split_image.split_set = $split_set
where image.image_id in (select unnest($ids))
order by image.image_id, split_image.split
"""


@dataclass(frozen=True)
class Desk:
    """What a section is made from: the evidence, and the pictures of all sections."""

    evidence: Evidence
    pictures: Pictures

    def ask(self, read: Read) -> Answer:
        """The rows of a report or audit."""
        return self.evidence.ask(read)

    def tiles(self, section: str, ids: Iterable[int]) -> Tiles:
        """A maker of pictures of these images, for one section."""
        wanted = sorted({i for i in ids if i is not None})
        values = {"ids": wanted, "split_set": self.evidence.split_set}
        rows = self.evidence.catalog.query(_FACTS, values).to_pylist() if wanted else []
        facts = {row["image_id"]: ImageFacts(**row) for row in rows}
        return Tiles(self.pictures, section, facts)


@dataclass(frozen=True)
class Section:
    """A part of the page: its id and title, what it reads, and what makes its content of that."""

    id: str
    title: str
    reads: tuple[Read, ...]
    render: Callable[[Desk, dict[str, Answer]], Content]


def framed(section: Section, desk: Desk) -> Html:
    """The whole section, with the SQL of what it reads behind a fold."""
    answers = {read.name: desk.ask(read) for read in section.reads}
    return element(
        "section",
        element("h2", section.title, id=f"{section.id}-title"),
        section.render(desk, answers),
        _sql(answers.values()),
        id=section.id,
        aria_labelledby=f"{section.id}-title",
    )


def _sql(answers: Iterable[Answer]) -> Html | None:
    parts = [
        element(
            "details",
            element("summary", "SQL: ", element("code", answer.query.name)),
            element("p", answer.query.title, class_="note"),
            command(answer.command),
            element("pre", element("code", answer.query.sql)),
        )
        for answer in answers
    ]
    return element("div", parts, class_="sources") if parts else None


def stale_note(desk: Desk, audit: str) -> Html | None:
    """Where the evidence of an audit does not know all images: that, and the command for it."""
    verdict = desk.evidence.verdicts[audit]
    if verdict.status != "stale":
        return None
    told = (verdict.error or "").rpartition(": ")[2]
    return absent(f"Near copies may be missing here: {told}.", verdict.next)
