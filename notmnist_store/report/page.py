"""The report page: one HTML file without network or need of scripts; same store, same bytes."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from importlib import resources

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.progress import Progress
from notmnist_store.report.evidence import Evidence, Read
from notmnist_store.report.gallery import Material
from notmnist_store.report.markup import Html, count, element, join
from notmnist_store.report.section import framed
from notmnist_store.report.sections import SECTIONS
from notmnist_store.report.sprites import Pictures
from notmnist_store.report.verdict import against, render_verdict
from notmnist_store.storage.pixels import pixels_by_id
from notmnist_store.storage.tables import Tables


@dataclass(frozen=True)
class Page:
    """The file's bytes, and the names of the audits that stand against training on the data."""

    content: bytes
    against: tuple[str, ...]


def make_page(tables: Tables, catalog: Catalog, split_set: str, progress: Progress) -> Page:
    """Make the page of one split set.

    Raises:
        UsageError: there is no such split set.
        StoreError: a data file is damaged.
    """
    evidence = Evidence(tables, catalog, split_set)
    evidence.judge(progress)
    material = Material(evidence, Pictures(tables.marker.shape))
    sections = []
    progress.stage("reporting", len(SECTIONS), "sections")
    try:
        for done, section in enumerate(SECTIONS):
            sections.append(framed(section, material))
            progress.advance(done + 1)
    finally:
        progress.end()
    pixels = pixels_by_id(tables, material.pictures.ids())
    style = _part("page.css") + material.pictures.css(pixels)
    blocking = tuple(verdict.name for verdict in against(evidence))
    return Page(_document(evidence, sections, style).encode(), blocking)


def _part(name: str) -> str:
    return resources.files("notmnist_store.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _document(evidence: Evidence, sections: list[Html], style: str) -> str:
    script = _part("page.js")
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(style)}'; "
        f"script-src 'sha256-{_hash(script)}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    title = _title(evidence)
    head = join(
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("link", rel="icon", href="data:,"),
        element("title", f"{title}: data report"),
        element("style", Html(style)),
    )
    body = join(
        element(
            "div",
            element(
                "header",
                element("p", _kicker(evidence), class_="kicker"),
                element("h1", title),
                render_verdict(evidence),
                _figures(evidence),
                _hint(),
            ),
            _contents(),
            element("main", sections),
            _footer(),
            class_="page",
        ),
        _decisions(),
        _labels(evidence),
        element("script", Html(script)),
    )
    whole = element("html", element("head", head), element("body", body), lang="en")
    return f"<!doctype html>\n{whole}\n"


def _title(evidence: Evidence) -> str:
    sources = [row["source"] for row in evidence.ask(Read("sources")).rows()]
    named = ", ".join(sources[:3]) + (f" and {len(sources) - 3} more" if len(sources) > 3 else "")
    return named or "An empty store"


def _kicker(evidence: Evidence) -> str:
    version = evidence.version
    line = f"Data report · split set {evidence.split_set}"
    if version.digest is not None:
        line += f", version {version.version}, digest {version.digest[:12]}…"
    if evidence.marker.demo:
        line += " · the offline demo set, not notMNIST"
    return f"{line} · images {evidence.marker.shape}"


def _figures(evidence: Evidence) -> Html:
    (row,) = evidence.catalog.query(load_queries("report")["totals"].sql).to_pylist()
    shown = {
        "images": count(row["images"]),
        "labels": count(row["labels"]),
        "distinct images": count(row["distinct_images"]),
        "rejected members": count(row["rejects"]),
        "exact leaks": _counted(evidence, "split_leak_exact"),
        "near leaks": _counted(evidence, "split_leak_near"),
    }
    return element(
        "dl",
        [
            element("div", element("dt", name), element("dd", value))
            for name, value in shown.items()
        ],
        class_="figures",
    )


def _counted(evidence: Evidence, audit: str) -> str:
    """What an audit counted; a search that was not made has not found nothing."""
    verdict = evidence.verdicts[audit]
    if verdict.status == "stale":
        return "not searched"
    return "not known" if verdict.status == "broken" else count(verdict.violating)


def _hint() -> Html:
    return element(
        "p",
        "To decide on a picture, click it: drop, keep, relabel, not a duplicate. The marks come "
        "out as CSV for ",
        element("code", "notmnist-store decide"),
        ". All else here works without scripts.",
        class_="note",
    )


def _contents() -> Html:
    links = [
        element("li", element("a", section.title, href=f"#{section.id}")) for section in SECTIONS
    ]
    inner = element("div", element("h2", "On this page"), element("ul", links))
    return element("nav", inner, aria_label="On this page")


def _decisions() -> Html:
    return element(
        "div",
        element("b", "", id="said", role="status"),
        element("button", "Copy CSV", type="button", id="copy", class_="first"),
        element("a", "Download", id="download", class_="button", download="decisions.csv"),
        element("button", "Clear", type="button", id="clear"),
        element(
            "details",
            element("summary", "The CSV, and what to do with it"),
            element("p", "Save it as decisions.csv, then: ", element("code", _DECIDE)),
            element("textarea", "", id="csv", readonly=True, aria_label="decisions as CSV"),
        ),
        class_="bar",
        id="decisions",
        role="region",
        aria_label="decisions",
        hidden=True,
    )


_DECIDE = "notmnist-store decide decisions.csv --yes"


def _labels(evidence: Evidence) -> Html:
    labels = evidence.catalog.query("select label from label order by label_id")["label"]
    text = json.dumps(labels.to_pylist()).replace("<", "\\u003c")
    return element("script", Html(text), type="application/json", id="labels")


def _footer() -> Html:
    return element(
        "footer",
        element(
            "p",
            "Made by notmnist-store. The same store gives the same file. Commands are to be typed "
            "beside the folder ",
            element("code", "store"),
            ", or with ",
            element("code", "--store"),
            " and the store's path.",
        ),
    )
