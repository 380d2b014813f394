"""The report page: one HTML file without network or need of scripts; same store, same bytes."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from string import Template

from notmnist_store.audits.audit import parse_tolerances
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.progress import Progress
from notmnist_store.report.evidence import Evidence
from notmnist_store.report.gallery import Material
from notmnist_store.report.markup import Html, count, element, join
from notmnist_store.report.section import framed
from notmnist_store.report.sections import SECTIONS
from notmnist_store.report.sprites import Pictures
from notmnist_store.report.verdict import against, render_verdict
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.storage.pixels import pixels_by_id
from notmnist_store.storage.tables import Tables


def make_page(
    tables: Tables,
    catalog: Catalog,
    split_set: str,
    tolerance: Mapping[str, float | str],
    transforms: Transforms,
    progress: Progress,
) -> tuple[str, tuple[str, ...]]:
    """The page of one split set, and the audits that stand against training on it, by name.

    `tolerance` is the share of violations to bear, by audit; near copies may have moved by one of
    `transforms`, which the page says then.
    """
    tolerances = parse_tolerances(tolerance, sorted(load_queries("audits")))
    evidence = Evidence(tables, catalog, split_set, tolerances, transforms)
    evidence.judge(progress)
    material = Material(evidence, Pictures(tables.marker.shape))
    sections = []
    with progress.during("reporting", len(SECTIONS), "sections"):
        for done, section in enumerate(SECTIONS):
            sections.append(framed(section, material))
            progress.advance(done + 1)
    pixels = pixels_by_id(tables, material.pictures.ids())
    style = _part("page.css") + material.pictures.css(pixels)
    blocking = tuple(verdict.name for verdict in against(evidence))
    return _document(evidence, sections, style), blocking


def _part(name: str) -> str:
    return resources.files("notmnist_store.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _document(evidence: Evidence, sections: list[Html], style: str) -> str:
    """The file page.html, whose lines are put end to end, with what this page says."""
    script = _part("page.js")
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(style)}'; "
        f"script-src 'sha256-{_hash(script)}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    links = (element("a", section.title, href=f"#{section.id}") for section in SECTIONS)
    parts = {
        "policy": element("meta", http_equiv="Content-Security-Policy", content=policy),
        "style": Html(style),
        "script": Html(script),
        "title": _title(evidence),
        "kicker": _kicker(evidence),
        "verdict": render_verdict(evidence),
        "figures": _figures(evidence),
        "contents": [element("li", link) for link in links],
        "sections": sections,
        "labels": _labels(evidence),
    }
    frame = Template("".join(_part("page.html").splitlines()))
    return f"<!doctype html>\n{frame.substitute({k: join(part) for k, part in parts.items()})}\n"


def _title(evidence: Evidence) -> str:
    sources = [row["source"] for row in evidence.ask("sources").rows()]
    named = ", ".join(sources[:3]) + (f" and {len(sources) - 3} more" if len(sources) > 3 else "")
    return named or "An empty store"


def _kicker(evidence: Evidence) -> str:
    version = evidence.version
    line = f"Data report · split set {evidence.split_set}"
    if version.digest is not None:
        line += f", version {version.version}, digest {version.digest[:12]}…"
    if evidence.transforms != NONE:
        line += f" · near copies under {evidence.transforms}"
    if evidence.marker.demo:
        line += " · the offline demo set, not notMNIST"
    return f"{line} · images {evidence.marker.shape}"


def _figures(evidence: Evidence) -> list[Html]:
    (row,) = evidence.catalog.query(load_queries("report")["totals"].sql).to_pylist()
    shown = {
        "images": count(row["images"]),
        "labels": count(row["labels"]),
        "distinct images": count(row["distinct_images"]),
        "rejected members": count(row["rejects"]),
        "exact leaks": _counted(evidence, "split_leak_exact"),
        "near leaks": _counted(evidence, "split_leak_near"),
    }
    return [
        element("div", element("dt", name), element("dd", value)) for name, value in shown.items()
    ]


def _counted(evidence: Evidence, audit: str) -> str:
    """What an audit counted; a search that was not made has not found nothing."""
    verdict = evidence.verdicts[audit]
    if verdict.status == "stale":
        return "not searched"
    return "not known" if verdict.status == "broken" else count(verdict.violating)


def _labels(evidence: Evidence) -> Html:
    labels = evidence.catalog.query("select label from label order by label_id")["label"]
    return Html(json.dumps(labels.to_pylist()).replace("<", "\\u003c"))
