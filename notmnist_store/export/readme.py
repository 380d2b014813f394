"""README.md of an export: what it holds, where it comes from, how to open and check it."""

from __future__ import annotations

import html
import re
from importlib import resources
from string import Template
from typing import Any

import numpy as np

from notmnist_store.export.plan import ExportPlan
from notmnist_store.schema.words import USED

_OF_A_PART = (
    "\n\nIt covers the whole split set. It can be computed again from an export of all of its "
    "splits that have images."
)
_MARKDOWN = re.compile(r"([\\`*_\[\]|#~])")


def plain_text(text: str) -> str:
    """`text` as Markdown that shows exactly it: nothing in it is markup, HTML or a line break."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return _MARKDOWN.sub(r"\\\1", html.escape(shown, quote=False))


def readme(plan: ExportPlan, about: dict[str, Any], sources: list[dict[str, Any]]) -> str:
    """The page readme.md about an export: `about` is what export.json says."""
    head, *sections = _text("readme.md").split("\n\n## ")
    files = {"Labels": "labels_file", "Attributes": "attributes_file"}
    lacking = {title for title, file in files.items() if about.get(file) is None}
    told = {**about, **plan.told, "first": plan.first, "counts": _counts(plan)}
    told |= {"images": f"{sum(about['splits'].values()):,}", "opening": _opening(plan, about)}
    if "digest" in about:
        told |= {"sources": _sources(sources), **_digest(plan, about)}
    else:
        lacking |= {"Sources", "Digest"}
    kept = [part for part in sections if part.partition("\n")[0] not in lacking]
    page = Template("\n\n## ".join([head, *kept])).substitute(told)
    return plan.told.get("front_matter", "") + page


def _text(name: str) -> str:
    return resources.files("notmnist_store.export").joinpath(name).read_text(encoding="utf-8")


def _opening(plan: ExportPlan, about: dict[str, Any]) -> str:
    """How the files of this format are opened."""
    parts = (part.partition("\n\n") for part in _text("opening.md").strip().split("\n\n## "))
    texts = {title: text for title, _, text in parts}
    text = texts[about["format"]]
    if not plan.with_labels:
        text = texts.get(f"{about['format']} without labels", text)
    return Template(text).substitute(plan.told, first=plan.first)


def _table(headers: list[str], rows: list[list[Any]]) -> str:
    lines = [headers, *([("" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        f"| {' | '.join(c.ljust(w) for c, w in zip(line, widths, strict=True))} |" for line in lines
    )


def _counts(plan: ExportPlan) -> str:
    if not plan.with_labels:
        rows = [[name, len(split)] for name, split in plan.splits.items()]
        return _table(["split", "images"], rows)
    counted = {
        name: np.bincount(split.label_ids, minlength=len(plan.labels)).tolist()
        for name, split in plan.splits.items()
    }
    rows = [
        [label_id, plain_text(label), *(counts[label_id] for counts in counted.values())]
        for label_id, label in enumerate(plan.labels)
    ]
    rows.append(["", "all", *map(len, plan.splits.values())])
    return _table(["label_id", "label", *counted], rows)


def _sources(sources: list[dict[str, Any]]) -> str:
    rows = [
        [plain_text(row["source"]), row["images"], row["source_bytes"], row["source_sha256"]]
        for row in sources
    ]
    return _table(["source", "images", "bytes", "sha256"], rows)


def _digest(plan: ExportPlan, about: dict[str, Any]) -> dict[str, str]:
    given = {k: v for k, v in about["arguments"].items() if k != "recipe"}
    arguments = ", ".join(f"{k} {v}" for k, v in given.items()) or "its defaults"
    is_part = any(plan.split_set.counts[name] and name not in plan.splits for name in USED)
    return {"arguments": plain_text(arguments), "covers": _OF_A_PART if is_part else ""}
