"""A report for the makers of a set: which images of its splits are copies, and what that does."""

from __future__ import annotations

import shlex
from collections import Counter
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import pyarrow as pa

from notmnist_store import __version__
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import bind, load_queries
from notmnist_store.errors import UsageError
from notmnist_store.export.readme import plain_text
from notmnist_store.near.evidence import (
    check_radius,
    check_transforms,
    covering_join,
    lacking,
    search_words,
)
from notmnist_store.report.evidence import Evidence
from notmnist_store.result import Document, Result
from notmnist_store.schema.radius import GROUP, Radius
from notmnist_store.schema.transforms import Transforms
from notmnist_store.schema.words import EVALUATED, USED
from notmnist_store.storage.tables import Tables

_SHOWN = 10
_NONE = "-"


class IssueReport(Document):
    """One row about the report; `content` is its text, `pairs` the rows of the file beside it."""

    def __init__(
        self, content: bytes, output: Path | None, split_set: str, pairs: pa.Table
    ) -> None:
        self.pairs = Result(pairs)
        beside = pairs_file(output)
        if beside is not None:
            self.pairs.write(beside)
        super().__init__(content, output, split_set=split_set, pairs=pairs.num_rows)


def pairs_file(output: Path | None) -> Path | None:
    """Where the pairs stand beside a report."""
    return None if output is None else output.with_suffix(".csv")


def issue_report(
    tables: Tables,
    catalog: Catalog,
    output: Path | None,
    *,
    split_set: str,
    radius: Radius | None,
    transforms: Transforms,
) -> IssueReport:
    """The text, and the pairs beside it, on one split set; near copies within `radius`.

    Raises:
        UsageError: the last search went not so far, or not under these transforms; or `output` is
            where the pairs go.
    """
    if output is not None and output == pairs_file(output):
        raise UsageError(
            f"{output} is where the pairs go; the text is Markdown",
            shlex.join(["notmnist-store", "issue-report", "-o", str(output.with_suffix(".md"))]),
        )
    check_radius(catalog, radius)
    check_transforms(catalog, transforms)
    evidence = Evidence(tables, catalog, split_set, transforms=transforms)
    within = radius or _default_radius(catalog, split_set)
    query = load_queries("report")["issue_pairs"]
    given = {"split_set": split_set, "radius": within.text, "transforms": transforms.text}
    pairs = catalog.query(query.sql, bind(query, given, catalog.shape))
    unknown = lacking(catalog, split_set=split_set, crossing=True)
    facts = _Facts(evidence, within, pairs.to_pylist(), unknown, transforms)
    file = pairs_file(output)
    text = facts.text(None if file is None else file.name)
    return IssueReport(text.encode(), output, split_set, pairs)


def _default_radius(catalog: Catalog, split_set: str) -> Radius:
    """That of groups, or of the search where it went not so far."""
    radius = GROUP.scaled(catalog.shape)
    search = covering_join(catalog, split_set)
    if search is not None and search["threshold"] < radius.squared:
        return Radius(search["radius"])
    return radius


class _Facts:
    """What the report says; `pairs` are the leaks, `unknown` the images that no search knows."""

    def __init__(
        self,
        evidence: Evidence,
        radius: Radius,
        pairs: list[dict[str, Any]],
        unknown: int,
        transforms: Transforms,
    ) -> None:
        self._evidence = evidence
        self._radius = radius
        self._pairs = pairs
        self._unknown = unknown
        self._transforms = transforms
        counts = evidence.version.counts
        self._splits = [split for split in USED if counts[split]]
        self._evaluated = {split: counts[split] for split in EVALUATED if counts[split]}

    def text(self, file: str | None) -> str:
        """The whole report; `file` is the name of the pairs' file."""
        template = resources.files("notmnist_store.report").joinpath("issue.md")
        sources = self._evidence.ask("sources").rows()
        named = ", ".join(plain_text(row["source"]) for row in sources)
        return Template(template.read_text(encoding="utf-8")).substitute(
            evaluated=" and ".join(self._evaluated) or "no split",
            title=f"{named}, split set {self._evidence.split_set}",
            verdict=self._verdict(),
            exact=self._exact(),
            near=self._near(),
            which=self._which(file),
            effect=self._effect(),
            search=self._search(),
            commands=self._commands(file),
            program=__version__,
            sources=_table(
                ["source", "images", "bytes", "sha256"],
                [
                    [
                        plain_text(row["source"]),
                        f"{row['images']:,}",
                        _NONE if row["source_bytes"] is None else f"{row['source_bytes']:,}",
                        row["source_sha256"] or _NONE,
                    ]
                    for row in sources
                ],
            ),
        )

    def _verdict(self) -> str:
        said = []
        for split, images in self._evaluated.items():
            here = [row for row in self._pairs if row["split"] == split]
            exact = {row["image_id"] for row in here if row["kind"] == "exact"}
            near = {row["image_id"] for row in here} - exact
            other = {row["image_id"] for row in here if row["label"] != row["twin_label"]}
            said.append(
                f"- Of {images:,} images in {split}, {len(exact):,} have all the pixels of one in "
                f"a split that they are to be new to, and {len(near):,} more are near copies of "
                f"one. {len(other):,} of these bear another label than their copy."
            )
        return "\n".join(said) or "This split set has nothing that is evaluated."

    def _exact(self) -> str:
        found = {
            (row["split"], row["other_split"]): row["images"]
            for row in self._evidence.ask("overlap_matrix").rows()
        }
        rows = [[a, *(f"{found.get((a, b), 0):,}" for b in self._splits)] for a in self._splits]
        return _table(["split", *self._splits], rows)

    def _near(self) -> str:
        if self._unknown:
            search = shlex.join(search_words(self._evidence.catalog, self._evidence.split_set))
            return (
                f"Near copies of {self._unknown:,} images were not searched for; `{search}` does, "
                "and then this report says more."
            )
        near = Counter(
            (row["split"], row["twin_split"]) for row in self._pairs if row["kind"] != "exact"
        )
        rows = [
            [a, *(f"{near[a, b]:,}" if _must_not_know(a, b) else _NONE for b in self._splits)]
            for a in self._evaluated
        ]
        moved = "" if self._transforms.text == "none" else f", moved by {self._transforms} or not"
        return (
            f"Images within {self._radius} of a different image in a split that must not know "
            "them (Euclidean distance of the pixels, scaled to [0, 1]"
            f"{moved}):\n\n{_table(['split', *self._splits], rows)}"
        )

    def _which(self, file: str | None) -> str:
        if not self._pairs:
            return "None."
        where = "" if file is None else f" All {len(self._pairs):,} stand in `{file}`."
        rows = [
            [
                row["kind"],
                *_place(row, ""),
                *_place(row, "twin_"),
                f"{row['distance']:.3f}",
            ]
            for row in self._pairs[:_SHOWN]
        ]
        headings = ["kind", "image", "row", "label", "copy of", "row", "label", "distance"]
        return (
            "Each image with the nearest image of each split that must not know it. A row is the "
            "image's place in its source, from 0: of arrays (IDX, npz, Parquet) its row, over all "
            f"arrays as they are read; the number in the path is that in its own array.{where}\n\n"
            + _table(headings, rows)
        )

    def _effect(self) -> str:
        answer = self._evidence.ask("leak_inflation")
        rows = [row for row in answer.rows() if row["versus_subset"] == "clean"]
        if not rows:
            command = ["notmnist-store", "baseline", "--split-set", self._evidence.split_set]
            return f"Not measured yet; `{answer.remedy or shlex.join(command)}` does."
        largest: dict[tuple[str, str], dict[str, Any]] = {}
        for row in rows:
            key = (row["model"], row["eval_split"])
            if key not in largest or row["size"] > largest[key]["size"]:
                largest[key] = row
        return "\n".join(
            f"- The baseline `{row['model']}`, trained on {row['size']:,} images, scores "
            f"{row['accuracy']:.4f} on {row['eval_split']} ({row['n']:,} images), and "
            f"{row['versus_accuracy']:.4f} on those of it that are no copies: "
            f"{row['points']:+.2f} percentage points (95 % interval {row['low']:+.2f} to "
            f"{row['high']:+.2f})."
            for row in largest.values()
        )

    def _search(self) -> str:
        said = ["Equal pixels are found by hash, and compared byte by byte."]
        for row in self._evidence.ask("certificates").rows()[:1]:
            said.append(
                f"Near copies are found by a search that misses none; {row['compared']:,} "
                f"comparisons by an independent method found {row['pairs']:,} pairs, of which the "
                f"search has missed {row['missed']:,} and has {row['wrong']:,} wrongly."
            )
        made = self._evidence.version
        splits = "as they are"
        if made.digest is not None:
            arguments = plain_text(made.arguments)
            splits = f"in splits by recipe {made.recipe} with {arguments}, digest {made.digest}"
        return f"{' '.join(said)} With the sources below ingested ({splits}):"

    def _commands(self, file: str | None) -> str:
        search = covering_join(self._evidence.catalog, self._evidence.split_set)
        report = ["issue-report", "--split-set", self._evidence.split_set]
        lines = [report]
        if search is not None:
            moved = Transforms.of(search["transforms"]).option
            lines.insert(0, ["near-duplicates", "--radius", search["radius"], *moved])
            report += ["--radius", self._radius.text, *self._transforms.option]
        report += [] if file is None else ["-o", str(Path(file).with_suffix(".md"))]
        return "\n".join(shlex.join(["notmnist-store", *words]) for words in lines)


def _must_not_know(split: str, other: str) -> bool:
    return other == "train" or (split, other) == ("test", "valid")


def _place(row: dict[str, Any], side: str) -> list[str]:
    split = row[f"{side}split"] if side else row["split"]
    return [
        f"{split}: {plain_text(row[f'{side}path'])}",
        f"{row[f'{side}row_index']:,}",
        plain_text(row[f"{side}label"]),
    ]


def _table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
