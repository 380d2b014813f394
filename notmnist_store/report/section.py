"""What a section is, and the frame every section stands in: heading, content, its SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from notmnist_store.report.evidence import Answer
from notmnist_store.report.gallery import Material, missing
from notmnist_store.report.markup import Content, Html, command, element, note


@dataclass(frozen=True)
class Section:
    """A part of the page: its id and title, what it reads, and what makes its content of that."""

    id: str
    title: str
    reads: tuple[str, ...]
    render: Callable[..., Content]  # of Material, and the answer to each of `reads`


def framed(section: Section, material: Material) -> Html:
    """The whole section, with the SQL of what it reads behind a fold."""
    answers = [material.evidence.ask(name) for name in section.reads]
    return element(
        "section",
        element("h2", section.title, id=f"{section.id}-title"),
        section.render(material, *answers),
        _sql(answers),
        id=section.id,
        aria_labelledby=f"{section.id}-title",
    )


def _sql(answers: Iterable[Answer]) -> Html | None:
    parts = [
        element(
            "details",
            element("summary", "SQL: ", element("code", answer.query.name)),
            note(answer.query.title),
            command(answer.command),
            element("pre", element("code", answer.query.sql)),
        )
        for answer in answers
    ]
    return element("div", parts, class_="sources") if parts else None


def stale_note(material: Material, audit: str) -> Html | None:
    """Where the evidence of an audit does not know all images: that, and the command for it."""
    verdict = material.evidence.verdicts[audit]
    if verdict.status != "stale":
        return None
    lacking = (verdict.error or "").rpartition(": ")[2]
    return missing(f"Near copies may be missing here: {lacking}.", verdict.next)
