"""The data section of a paper: a paragraph and a table, in LaTeX, of what the store knows."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.near.evidence import covering_join, lacking
from notmnist_store.report.evidence import Evidence
from notmnist_store.schema.radius import GROUP, Radius
from notmnist_store.storage.tables import Tables
from notmnist_store.text import printable, share_text

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "-": "{-}",
}
_HASH_PIECE = 16


def latex(text: str) -> str:
    """Text with LaTeX's special characters escaped; control characters are left out."""
    return "".join(_SPECIAL.get(letter, letter) for letter in printable(text))


def make_paper(tables: Tables, catalog: Catalog, split_set: str) -> str:
    """The paragraph and the table on one split set; they need no LaTeX package."""
    evidence = Evidence(tables, catalog, split_set)
    values = {"split_set": split_set}
    radius = GROUP.scaled(catalog.shape)
    search = covering_join(catalog, split_set)
    if search is not None and search["threshold"] < radius.squared:
        radius = Radius(search["radius"])
    sql = load_queries("report")
    splits = catalog.query(
        sql["paper_splits"].sql, values | {"squared": radius.squared}
    ).to_pylist()
    drops = catalog.query(sql["paper_drops"].sql, values).to_pylist()
    unknown = lacking(catalog, split_set=split_set, crossing=True)
    sentences = [
        *_on_sources(evidence),
        *_on_splits(evidence, splits, drops),
        *_on_leaks(splits),
        *_on_search(evidence, search, splits, radius, unknown),
    ]
    near = None if search is None or unknown else radius
    return "\n".join(sentences) + "\n\n" + _table(split_set, splits, near)


def _on_sources(evidence: Evidence) -> list[str]:
    sources, ledger, rejects = (
        evidence.ask(name).rows() for name in ("sources", "ingest_ledger", "reject_reasons")
    )
    shape = str(evidence.marker.shape).replace("x", r"$\times$")
    listed = "; ".join(
        f"{latex(row['source'])}, {_images(row['images'])}"
        + (f", sha256 {_hash(row['source_sha256'])}" if row["source_sha256"] else "")
        for row in sources
    )
    demo = " (an offline demo set, not notMNIST)" if evidence.marker.demo else ""
    stored = sum(row["images"] for row in sources)
    seen, rejected = (sum(row[key] for row in ledger) for key in ("seen", "rejected"))
    sentences = [f"The data are {_images(stored)} of {shape} pixels{demo}, from {listed}."]
    if rejected:
        reasons: Counter[str] = Counter()
        for row in rejects:
            reasons[row["reason"]] += row["members"]
        most_first = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        why = ", ".join(f"{latex(reason)}: {members:,}" for reason, members in most_first)
        sentences.append(f"Of {seen:,} members {rejected:,} were rejected ({why}).")
    else:
        sentences.append(f"Of {seen:,} members none was rejected.")
    return sentences


def _on_splits(
    evidence: Evidence, splits: list[dict[str, Any]], drops: list[dict[str, Any]]
) -> list[str]:
    counts = ", ".join(f"{row['images']:,} in {row['split']}" for row in splits)
    name = rf"\texttt{{{latex(evidence.split_set)}}}"
    made = evidence.version
    if made.digest is None:
        return [f"Split set {name}, as the images were ingested, has {counts}."]
    seed = "" if made.seed is None else f", seed {made.seed}"
    sentences = [
        f"Split set {name}, version {made.version} (recipe {latex(made.recipe)}{seed}), "
        f"has {counts}, and {made.counts['unused']:,} unused.",
    ]
    if drops:
        radius = json.loads(made.arguments).get("radius")
        within = f", at radius {latex(str(radius))}," if radius is not None else ""
        left_out = _images(sum(drop["images"] for drop in drops))
        rules = ", ".join(f"{drop['rule'].replace('_', ' ')}: {drop['images']:,}" for drop in drops)
        sentences.append(f"Left out of it{within} were {left_out} ({latex(rules)}).")
    sentences.append(f"The sha256 over its splits, labels and pixels is {_hash(made.digest)}.")
    return sentences


def _on_leaks(splits: list[dict[str, Any]]) -> list[str]:
    exact = sum(row["exact"] for row in splits)
    judged = sum(row["images"] for row in splits if row["split"] != "train")
    return [
        f"Of {judged:,} images in valid and test, {exact:,} have exactly the pixels of an image in "
        "a split before theirs (train, for test also valid)."
    ]


def _on_search(
    evidence: Evidence,
    search: dict[str, Any] | None,
    splits: list[dict[str, Any]],
    radius: Radius,
    unknown: int,
) -> list[str]:
    if search is None:
        return ["Near copies were not searched for."]
    near = sum(row["near"] for row in splits)
    partly = f" (without {unknown:,} images of the split set)" if unknown else ""
    across = "" if search["split_set"] is None else " that stand in different splits"
    return [
        f"All pairs of {search['distinct_images']:,} distinct images{partly}{across} within "
        f"Euclidean distance {search['radius']}, pixels scaled to $[0, 1]$, were searched for; "
        f"within {radius} of a different image in a split before theirs are {_images(near)} of "
        "valid and test.",
        *_on_checks(evidence),
    ]


def _on_checks(evidence: Evidence) -> list[str]:
    """What the most telling certificate says: of the split set itself, or else of a sample."""
    rows = evidence.ask("certificates").rows(1)
    if not rows:
        return []
    row = rows[0]
    compared = f"{row['compared']:,} comparisons by an independent method"
    outcome = (
        f"of {row['pairs']:,} pairs within the radius the search has missed {row['missed']:,} and "
        f"has {row['wrong']:,} wrongly"
    )
    if row["method"] == "exhaustive":
        return [f"Checked by all {compared}: {outcome}."]
    share = latex(share_text(row["bound"])).replace(" ", r"\,")
    bound = f"at most {share} of all pairs"
    return [f"Checked by {compared}, of a random sample: {outcome} ({bound}, at 95\\,\\%)."]


def _table(split_set: str, splits: list[dict[str, Any]], radius: Radius | None) -> str:
    """The splits with their leaks; near ones where all were searched for, up to `radius`."""
    lines = [
        r"\begin{table}[htbp]",
        r"  \centering",
        rf"  \caption{{Split set \texttt{{{latex(split_set)}}}}}",
        r"  \begin{tabular}{lrrrrr}",
        r"    \hline",
        r"    split & images & classes & distinct images & exact leaks & "
        + ("near leaks" if radius is None else f"near leaks ({radius})")
        + r" \\",
        r"    \hline",
    ]
    for row in splits:
        trained = row["split"] == "train"
        exact = "--" if trained else f"{row['exact']:,}"
        near = "--" if trained or radius is None else f"{row['near']:,}"
        lines.append(
            f"    {row['split']} & {row['images']:,} & {row['labels']:,} & "
            rf"{row['distinct_pixels']:,} & {exact} & {near} \\"
        )
    lines += [r"    \hline", r"  \end{tabular}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number:,} images"


def _hash(digest: str) -> str:
    """A hash that TeX may break between pieces of 16 digits."""
    digits = re.sub("[^0-9a-f]", "", digest)
    pieces = [digits[i : i + _HASH_PIECE] for i in range(0, len(digits), _HASH_PIECE)]
    return r"\texttt{" + r"\allowbreak ".join(pieces) + "}"
