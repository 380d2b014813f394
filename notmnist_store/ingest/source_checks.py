"""Checks a source must pass as a whole before its run is committed."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from notmnist_store.blocks.kernels.fingerprint import file_hashes
from notmnist_store.blocks.kernels.tally import OUTCOMES, Tally
from notmnist_store.errors import BudgetError, ChecksError, SourceError, StoreError
from notmnist_store.schema.shape import Shape
from notmnist_store.schema.words import SPLITS
from notmnist_store.sources.base import Source
from notmnist_store.sources.damage import is_pickle, pickled
from notmnist_store.sources.kernels.provenance import place, text_path
from notmnist_store.sources.published import KnownArchive
from notmnist_store.storage.datafile import open_checked
from notmnist_store.storage.tables import Tables
from notmnist_store.text import counts_of, printable

_EXAMPLES = 5
_UNLABELLED = (
    "--unlabelled keep stores them without one, --unlabelled ignore passes them over; or give "
    "them class folders (SPLIT/LABEL/name.png)"
)


Ledger = dict[tuple[str | None, str | None], dict[str, int]]
"""Counts by label (None: outside any class folder) and split rule: `seen`, outcomes, splits."""


def ledger_rows(tally: Tally) -> Ledger:
    """The ledger of a tally, sorted by label and rule, with None last."""
    rows: Ledger = {}

    def row(label: str | None, rule: str | None) -> dict[str, int]:
        return rows.setdefault((label, rule), dict.fromkeys(("seen", *OUTCOMES, *SPLITS), 0))

    for (_, *key), seen in tally.seen.items():
        row(*key)["seen"] += seen
    for counts in (tally.outcomes, tally.splits):
        for (_, label, rule, what), count in counts.items():
            row(label, rule)[what] += count
    return dict(
        sorted(rows.items(), key=lambda item: [(key is None, key or "") for key in item[0]])
    )


def check_conservation(ledger: Ledger, image_rows: int) -> None:
    """Seen = stored + rejected + ignored in each row, and as many rows written as stored."""
    for (label, _), row in ledger.items():
        lost = row["seen"] != sum(row[outcome] for outcome in OUTCOMES)
        if lost or row["stored"] != sum(row[split] for split in SPLITS):
            raise StoreError(f"members of label {label!r} were lost on the way: {row}")
    stored = sum(row["stored"] for row in ledger.values())
    if stored != image_rows:
        raise StoreError(f"{stored} images were stored, but {image_rows} rows were written")


def images_of(row: Mapping[str, int]) -> int:
    """Images that a row of the ledger counts: those stored, and those that the store had."""
    return row["stored"] + row["ignored_known"]


def _images(ledger: Ledger) -> dict[str, int]:
    """Images by label, of labels that have any."""
    images: Counter[str] = Counter()
    for (label, _), row in ledger.items():
        if label is not None:
            images[label] += images_of(row)
    return dict(+images)


def check_labels(
    source: Source, tally: Tally, ledger: Ledger, max_labels: int, shape: Shape
) -> None:
    """At least one class folder with an image in it, and no more labels than allowed."""
    labels = {label for label, _ in ledger if label is not None}
    if len(labels) > max_labels:
        raise BudgetError(
            f"{source.path} has {len(labels):,} labels, more than {max_labels:,}",
            f"notmnist-store ingest --max-labels {len(labels)} {_quoted(source)}",
        )
    if any(images_of(row) for row in ledger.values()):
        return
    seen = sum(row["seen"] for row in ledger.values())
    rejected = sum(row["rejected"] for row in ledger.values())
    unsafe = sum(row["rejected"] for (label, _), row in ledger.items() if label is None)
    if unsafe and unsafe == rejected:
        raise SourceError(
            f"none of the {rejected:,} names in {source.path} is safe: they are absolute, or lead "
            "out of it by ..; unpacked, they stand below a folder",
            _unpacked(source),
        )
    if sum(row["ignored_link"] for row in ledger.values()) == seen > 0:
        raise SourceError(
            f"{source.path} holds links only ({seen:,}), and those are not followed",
            f"cp -RL {_quoted(source)} copied && notmnist-store ingest copied"
            if source.path.is_dir()
            else _listing(source),
        )
    if rejected and (name := _first_pickle(source)):
        raise pickled(source.path, f"holds pickles ({printable(name)})")
    if tally.reasons["colour"] > rejected // 2:
        raise ChecksError(
            f"none of the images in {source.path} is grey, as the store is: {_counted(tally)}",
            _into_another(source, replace(shape, channels=3)),
            advice="--to-grey takes them in grey",
        )
    if rejected:
        raise SourceError(
            f"none of the {rejected:,} files with a label in {source.path} is an image that "
            f"can be stored: {_counted(tally)}",
            f"file {_quoted(source)}",
        )
    if source.gives_labels:
        raise SourceError(
            f"{source.path} holds no image with a label ({seen:,} members seen)",
            f"ls -l {_quoted(source)}",
        )
    raise SourceError(
        f"{source.path} holds no class folder with files in it ({seen:,} members seen); images "
        "are expected as LABEL/name.png",
        _listing(source),
    )


def _counted(tally: Tally) -> str:
    """The reasons for which images were rejected, the most frequent first."""
    return ", ".join(f"{count:,} {reason}" for reason, count in tally.reasons.most_common())


def check_unlabelled(
    source: Source, tally: Tally, unlabelled: Mapping[str, str], ledger: Ledger
) -> None:
    """No images of a split without a label, whether in folders that are splits or elsewhere.

    ``unlabelled`` are such folders with their splits. Files without a label elsewhere are passed
    over, but not where they are all that there is of their split.
    """
    found: Counter[str] = Counter()
    for (folder, *_, outcome), count in tally.outcomes.items():
        if folder is not None and folder in unlabelled and outcome == "stored":
            found[folder] += count
    for folder, count in found.items():
        raise SourceError(
            f"{source.path}: {printable(folder)} holds {count:,} images of split "
            f"{unlabelled[folder]} in no class folder, so they have no label; {_UNLABELLED}",
            option="--unlabelled keep",
        )
    for split, count in tally.unlabelled.items():
        if not any(row[split] for row in ledger.values()):
            raise SourceError(
                f"{source.path} holds {count:,} images of split {split}, and none of them has a "
                f"label; {_UNLABELLED}",
                option="--unlabelled keep",
            )


def check_shape(source: Source, tally: Tally, shape: Shape) -> None:
    """Most images must have the store's shape; else the source was meant for another store."""
    fitting = ("stored", "ignored_known")
    stored = sum(n for (*_, outcome), n in tally.outcomes.items() if outcome in fitting)
    other = tally.other_shapes.total()
    if other <= stored:
        return
    common, count = tally.other_shapes.most_common(1)[0]
    not_so = f"{other:,} of the {other + stored:,} images in {source.path} are not {shape}"
    if 2 * count <= other:
        wanted = replace(shape, channels=Shape.parse(common).channels)
        raise ChecksError(
            f"{not_so}, but of {len(tally.other_shapes):,} other shapes (most often {common}: "
            f"{count:,})",
            f"notmnist-store ingest --shape {shape} --fit pad {_quoted(source)}"
            if wanted == shape
            else _into_another(source, wanted, "--fit pad "),
            advice="a store has one shape: --fit resize, pad or crop brings them to it, and "
            "--shape HEIGHTxWIDTHxCHANNELS says another one",
        )
    raise ChecksError(
        f"{not_so}: {count:,} are {common}",
        _into_another(source, Shape.parse(common)),
        advice=f"--fit resize, pad or crop brings them to {shape}, and --shape makes a store of "
        "theirs",
    )


def _into_another(source: Source, shape: Shape, options: str = "") -> str:
    """The command that ingests the source into a store of this shape."""
    return f"notmnist-store ingest --store store_{shape} --shape {shape} {options}{_quoted(source)}"


def check_counts(
    source: Source,
    ledger: Ledger,
    *,
    expect_classes: int | None,
    min_per_class: int | None,
    published: KnownArchive | None,
) -> None:
    """The number of classes, the least images a class, and a known archive's own counts."""
    stored = _images(ledger)
    table = counts_of(("label", "images"), stored.items())
    hint = f"notmnist-store ingest {_quoted(source)}"
    if expect_classes is not None and len(stored) != expect_classes:
        raise ChecksError(
            f"{source.path} has {len(stored)} classes, not {expect_classes}:\n{table}", hint
        )
    few = [label for label, count in stored.items() if count < (min_per_class or 0)]
    if few:
        raise ChecksError(
            f"{source.path} has fewer than {min_per_class} images of "
            f"{printable(', '.join(few))}:\n{table}",
            hint,
        )
    if published is not None and stored != published.counts:
        wanted = counts_of(("label", "published"), published.counts.items())
        raise ChecksError(
            f"{source.path} is the published {published.file}, but other counts were read:\n"
            f"{table}\n{wanted}",
            "pip install --force-reinstall notmnist-store",
        )


def name_taken(tables: Tables, source: Source, run_id: str) -> SourceError:
    """The error for a source whose name is in the store with other bytes: where they differ."""
    stored: dict[str, str | None] = {}
    for table, columns in (("image", ["path", "file_hash"]), ("reject", ["path"])):
        for file in tables.live(table, run_id):
            with open_checked(file) as parquet:
                rows = parquet.read(columns)
            hashes = rows["file_hash"].to_pylist() if table == "image" else [None] * len(rows)
            stored.update(zip(rows["path"].to_pylist(), hashes, strict=True))
    folders = {place(path).directory for path in stored}
    differing: Counter[str] = Counter()
    examples: list[str] = []

    def differs(what: str, path: str) -> None:
        differing[what] += 1
        if len(examples) < _EXAMPLES:
            examples.append(f"{what}: {printable(path)}")

    for batch in source.members():
        paths = [text_path(raw) for raw in batch.column("path").to_pylist()]
        data = batch.column("data").fill_null(b"")
        for path, file_hash in zip(paths, file_hashes(data), strict=True):
            if path not in stored:
                if not place(path).hidden and not _is_stray(path, folders):
                    differs("not in the store", path)
            elif stored.pop(path) not in (None, file_hash):
                differs("other bytes", path)
    for path in stored:
        differs("only in the store", path)
    found = "; ".join(examples) if examples else "the same files, packed otherwise"
    more = differing.total() - len(examples)
    return SourceError(
        f"the store has another source named {source.name} (run {run_id}): {found}"
        + (f"; and {more:,} more" if more > 0 else ""),
        f"notmnist-store ingest --store {shlex.quote(str(tables.root))} "
        f"--as {shlex.quote(source.name + '_2')} {_quoted(source)}",
    )


def _quoted(source: Source) -> str:
    return shlex.quote(str(source.path))


def _listing(source: Source) -> str:
    """A command that shows what is in a source."""
    if source.path.is_dir():
        return f"ls {_quoted(source)}"
    return f"unzip -l {_quoted(source)}" if source.kind == "zip" else f"tar tf {_quoted(source)}"


def _unpacked(source: Source) -> str:
    """A command that unpacks an archive and ingests the folder."""
    unpack = (
        f"unzip -d unpacked {_quoted(source)}"
        if source.kind == "zip"
        else f"mkdir unpacked && tar xf {_quoted(source)} -C unpacked"
    )
    return f"{unpack}; notmnist-store ingest unpacked"


def _first_pickle(source: Source) -> str | None:
    """Name of a member in the first batch that is a pickle."""
    for batch in source.members():
        for path, data in zip(batch["path"].to_pylist(), batch["data"].to_pylist(), strict=True):
            if data and is_pickle(data):
                return text_path(path)
        break
    return None


def _is_stray(path: str, folders: set[str]) -> bool:
    """Whether a path lies beside or above the class folders, where ingest ignores it."""
    folder = place(path).directory
    return folder not in folders and any(other.startswith(f"{folder}/") for other in folders)
