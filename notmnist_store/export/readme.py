"""README.md of an export: what it holds, where it comes from, how to open and check it."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np

from notmnist_store.export.plan import ExportPlan
from notmnist_store.schema.words import USED

_MARKDOWN = re.compile(r"([\\`*_\[\]|#~])")


def plain_text(text: str) -> str:
    """`text` as Markdown that shows exactly it: nothing in it is markup, HTML or a line break."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return _MARKDOWN.sub(r"\\\1", html.escape(shown, quote=False))


def readme(
    plan: ExportPlan, about: dict[str, Any], sources: list[dict[str, Any]], opening: str
) -> str:
    """The page: `about` is what export.json says, `opening` how to open the files."""
    parts = [
        f"# Split set {about['split_set']}, version {about['version']}",
        f"{sum(about['splits'].values()):,} images of {about['shape']} bytes (height, width, "
        f"channels), exported as {about['format']} by notmnist-store.",
        "## Counts",
        _counts(plan),
    ]
    if "digest" in about:
        parts += ["## Sources", _sources(sources), "## Digest", _digest(plan, about)]
    parts += ["## Open", opening]
    if about.get("labels_file"):
        parts += ["## Labels", _labels_apart(about["labels_file"])]
    parts += ["## Check", "```sh\nsha256sum -c SHA256SUMS\n```"]
    return plan.front_matter + "\n\n".join(parts) + "\n"


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


def _digest(plan: ExportPlan, about: dict[str, Any]) -> str:
    given = {k: v for k, v in about["arguments"].items() if k != "recipe"}
    arguments = plain_text(", ".join(f"{k} {v}" for k, v in given.items()) or "its defaults")
    lines = [
        f"`{about['digest']}`",
        "sha256 over a line `split TAB label TAB pixel hash LF` for each image of train, valid and "
        "test, in this order, each by position. A pixel hash is the XXH3-128, in hex, of height, "
        "width and channels (32-bit, little-endian) and the pixels, row by row. "
        f"Made by recipe {about['recipe']} with {arguments}.",
    ]
    if any(plan.split_set.counts[name] and name not in plan.splits for name in USED):
        lines.append(
            "It covers the whole split set. It can be computed again from an export of all of its "
            "splits that have images."
        )
    return "\n\n".join(lines)


def _labels_apart(labels_file: str) -> str:
    return (
        f"They stand in {labels_file} alone: split, position (counted from 0), image_id, label, "
        f"label_id. Who is not to know them gets this folder without {labels_file}, and checks it "
        "with `sha256sum -c --ignore-missing SHA256SUMS`. Image ids stand there, too, and paths "
        "nowhere: both tell an image's place in its archive, and with it the class."
    )
