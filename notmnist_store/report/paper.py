"""The data section of a paper: a paragraph and a table, in LaTeX, of what the store knows."""

from __future__ import annotations

import json
import re
from typing import Any

from notmnist_store.catalog.connection import Catalog
from notmnist_store.near.evidence import current_join
from notmnist_store.report.evidence import Evidence, Read
from notmnist_store.schema.radius import default_radius, threshold
from notmnist_store.storage.tables import Tables
from notmnist_store.text import printable

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
_NEAR = "1.0"

_SOURCES = """
select
    ledger.source,
    min(run.source_sha256) as sha256,
    cast(sum(ledger.seen) as bigint) as seen,
    cast(sum(ledger.stored) as bigint) as stored,
    cast(sum(ledger.rejected) as bigint) as rejected,
    min(run.sequence) as place
from ledger
inner join run on run.run_id = ledger.run_id
group by ledger.source
order by place
"""
_SPLITS = """
select
    split_image.split,
    count(*) as images,
    count(distinct split_image.label) as labels,
    count(distinct image.pixel_hash) as distinct_pixels
from split_image
left join image on image.image_id = split_image.image_id
where split_image.split_set = $split_set and split_image.split <> 'unused'
group by split_image.split
order by case split_image.split when 'train' then 0 when 'valid' then 1 else 2 end
"""
_LEAKS = """
select
    leak.split,
    count(distinct case when leak.kind = 'exact' then leak.image_id end) as exact,
    count(distinct case when leak.kind = 'near' then leak.image_id end) as near
from leak
where leak.split_set = $split_set and leak.squared_distance <= $threshold
group by leak.split
order by leak.split
"""
_UNKNOWN = """
select count(*) as images
from split_image
inner join image on image.image_id = split_image.image_id
left join coverage on coverage.image_run = image.run_id and coverage.evidence = 'pair'
where split_image.split_set = $split_set and split_image.split <> 'unused'
    and coverage.image_run is null
"""
_DROPS = """
select
    split_drop.rule,
    count(distinct split_drop.image_id) as images
from split_drop
where split_drop.split_set = $split_set
group by split_drop.rule
order by images desc, split_drop.rule
"""
_REASONS = """
select
    reject.reason,
    count(*) as members
from reject
group by reject.reason
order by members desc, reject.reason
"""


def latex(text: str) -> str:
    """Text with LaTeX's special characters escaped; control characters are left out."""
    return "".join(_SPECIAL.get(letter, letter) for letter in printable(text))


def make_paper(tables: Tables, catalog: Catalog, split_set: str) -> str:
    """The paragraph and the table on one split set; they need no LaTeX package.

    Raises:
        UsageError: there is no such split set.
    """
    evidence = Evidence(tables, catalog, split_set)
    values = {"split_set": split_set}
    radius = default_radius(_NEAR, catalog.shape)
    search = current_join(catalog)
    if search is not None and search["threshold"] < threshold(radius):
        radius = search["radius"]
    sources = catalog.query(_SOURCES).to_pylist()
    splits = catalog.query(_SPLITS, values).to_pylist()
    found = catalog.query(_LEAKS, values | {"threshold": threshold(radius)}).to_pylist()
    leaks = {row["split"]: row for row in found}
    sentences = [
        *_on_sources(evidence, sources, catalog.query(_REASONS).to_pylist()),
        *_on_splits(evidence, splits, catalog.query(_DROPS, values).to_pylist()),
        *_on_leaks(splits, leaks),
        *_on_search(evidence, search, leaks, radius),
    ]
    near = None if search is None or _unknown(evidence) else radius
    return "\n".join(sentences) + "\n\n" + _table(split_set, splits, leaks, near)


def _unknown(evidence: Evidence) -> int:
    """Images of the split set that the current search does not know."""
    rows = evidence.catalog.query(_UNKNOWN, {"split_set": evidence.split_set})
    return int(rows["images"][0].as_py())


def _on_sources(
    evidence: Evidence, sources: list[dict[str, Any]], reasons: list[dict[str, Any]]
) -> list[str]:
    shape = str(evidence.marker.shape).replace("x", r"$\times$")
    stored = sum(row["stored"] for row in sources)
    seen, rejected = (sum(row[key] for row in sources) for key in ("seen", "rejected"))
    listed = "; ".join(
        f"{latex(row['source'])}, {_images(row['stored'])}"
        + (f", sha256 {_hash(row['sha256'])}" if row["sha256"] else "")
        for row in sources
    )
    demo = " (an offline demo set, not notMNIST)" if evidence.marker.demo else ""
    sentences = [f"The data are {_images(stored)} of {shape} pixels{demo}, from {listed}."]
    if rejected:
        why = ", ".join(f"{latex(row['reason'])}: {row['members']:,}" for row in reasons)
        sentences.append(f"Of {seen:,} members {rejected:,} were rejected ({why}).")
    else:
        sentences.append(f"Of {seen:,} members none was rejected.")
    return sentences


def _on_splits(
    evidence: Evidence, splits: list[dict[str, Any]], drops: list[dict[str, Any]]
) -> list[str]:
    counts = ", ".join(f"{row['images']:,} in {row['split']}" for row in splits)
    name = rf"\texttt{{{latex(evidence.split_set)}}}"
    row = evidence.version
    if row is None:
        return [f"Split set {name}, as the images were ingested, has {counts}."]
    seed = "" if row["seed"] is None else f", seed {row['seed']}"
    sentences = [
        f"Split set {name}, version {row['version']} (recipe {latex(row['recipe'])}{seed}), "
        f"has {counts}, and {row['unused']:,} unused.",
    ]
    if drops:
        radius = json.loads(row["arguments"]).get("radius")
        within = f", at radius {latex(str(radius))}," if radius is not None else ""
        left_out = _images(sum(d["images"] for d in drops))
        rules = ", ".join(f"{d['rule'].replace('_', ' ')}: {d['images']:,}" for d in drops)
        sentences.append(f"Left out of it{within} were {left_out} ({latex(rules)}).")
    sentences.append(f"The sha256 over its splits, labels and pixels is {_hash(row['digest'])}.")
    return sentences


def _on_leaks(splits: list[dict[str, Any]], leaks: dict[str, Any]) -> list[str]:
    exact = sum(row["exact"] for row in leaks.values())
    judged = sum(row["images"] for row in splits if row["split"] != "train")
    return [
        f"Of {judged:,} images in valid and test, {exact:,} have exactly the pixels of an image in "
        "a split before theirs (train, for test also valid)."
    ]


def _on_search(
    evidence: Evidence, search: dict[str, Any] | None, leaks: dict[str, Any], radius: str
) -> list[str]:
    if search is None:
        return ["Near copies were not searched for."]
    near = sum(row["near"] for row in leaks.values())
    unknown = _unknown(evidence)
    partly = f" (without {unknown:,} images of the split set)" if unknown else ""
    return [
        f"All pairs of {search['distinct_images']:,} distinct images{partly} within Euclidean "
        f"distance {search['radius']}, pixels scaled to $[0, 1]$, were searched for; "
        f"within {radius} of a different image in a split before theirs are {_images(near)} of "
        "valid and test.",
        *_on_checks(evidence),
    ]


def _on_checks(evidence: Evidence) -> list[str]:
    """What the most telling certificate says: of the split set itself, or else of a sample."""
    rows = evidence.ask(Read("certificates")).rows(1)
    if not rows:
        return []
    row = rows[0]
    compared = f"{row['compared']:,} comparisons by an independent method"
    found = (
        f"of {row['pairs']:,} pairs within the radius the search has missed {row['missed']:,} and "
        f"has {row['wrong']:,} wrongly"
    )
    if row["method"] == "exhaustive":
        return [f"Checked by all {compared}: {found}."]
    bound = f"at most {100 * row['bound']:.2g}\\,\\% of all pairs"
    return [f"Checked by {compared}, of a random sample: {found} ({bound}, at 95\\,\\%)."]


def _table(
    split_set: str, splits: list[dict[str, Any]], leaks: dict[str, Any], radius: str | None
) -> str:
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
        found = leaks.get(row["split"], {"exact": 0, "near": 0})
        trained = row["split"] == "train"
        exact = "--" if trained else f"{found['exact']:,}"
        near = "--" if trained or radius is None else f"{found['near']:,}"
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
