"""The verb split: make a named assignment of images to train, valid, test or unused.

A split set is fixed once made. Its recipe, arguments and digest say how to make it again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.run import Run, show_runs
from notmnist_store.catalog.split_sets import SplitSet, current_split_set, ingest_runs
from notmnist_store.decisions.effects import decision_note
from notmnist_store.engines.engine import Engine
from notmnist_store.errors import UsageError
from notmnist_store.progress import Progress
from notmnist_store.schema.words import SPLITS
from notmnist_store.splits.plan import Placed, SplitOptions
from notmnist_store.splits.recipes import place_images
from notmnist_store.splits.sanitize_options import SANITIZE, SanitizeOptions
from notmnist_store.storage.once import Once
from notmnist_store.storage.tables import Tables

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DIGEST_ROWS = 65_536
_RESERVED = re.compile(r"ingest|main|temp|system|information_schema|pg_catalog|.*_v[0-9]+")


@dataclass(frozen=True)
class MadeSplit:
    """A version of a split set that was made, or would be: its digest and its counts."""

    name: str
    version: int
    digest: str
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Origin:
    """How a version of a split set comes about; `arguments` are JSON, and say all of it."""

    verb: str
    recipe: str
    arguments: str
    seed: int


def check_name(name: str) -> None:
    """A new split set's name: [a-z][a-z0-9_]*, and not one that stands for something else."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"a split set's name is made of a-z, 0-9 and _, beginning with a letter: not {name!r}",
            "notmnist-store split clean",
        )
    if _RESERVED.fullmatch(name):
        raise UsageError(
            f"{name} cannot be the name of a new split set", "notmnist-store split clean"
        )


def split_digest(rows: pa.Table) -> str:
    """Sha256 (hex) over lines of split, label and pixel_hash, separated by tabs.

    Rows come in order: train, valid, test, each by position. Unused images do not count.
    """
    digest = hashlib.sha256()
    for part in rows.to_batches(max_chunksize=_DIGEST_ROWS):
        columns = (part[name] for name in ("split", "label", "pixel_hash"))
        lines = pc.binary_join_element_wise(*columns, "\t")
        lines = pc.binary_join_element_wise(lines, "", "\n")
        _, _, text = lines.buffers()
        digest.update(memoryview(text)[: pc.sum(pc.binary_length(lines)).as_py()])
    return digest.hexdigest()


def make_split(
    tables: Tables,
    name: str,
    options: SplitOptions,
    *,
    dry_run: bool = False,
    replace: bool = False,
    extend: bool = False,
    engine: Engine | None = None,
    progress: Progress,
) -> MadeSplit:
    """Make version 1 of a split set, or, with `replace` or `extend`, the next version.

    The same name and arguments again is a no-op, unless `replace` is to follow decisions taken
    since; `extend` keeps every row and places new images. Statements run on the engine; what they
    give is put together and written here.
    """
    check_name(name)
    started = datetime.now(UTC)
    catalog = (engine or Engine()).catalog(tables)
    earlier = current_split_set(catalog, name)
    if extend:
        if earlier is None:
            raise UsageError(
                f"there is no split set {name} to extend", f"notmnist-store split {name}"
            )
        _check_extendable(earlier)
        options = SplitOptions.from_json(earlier.arguments)
    options = options.with_radius(catalog.shape)
    origin = Origin("split", options.recipe, options.to_json(), options.seed)
    if earlier is not None and not extend:
        decided = decision_note(catalog, earlier)
        known = made_already(earlier, origin.arguments, decided, replace=replace)
        if known is not None:
            if not dry_run:
                show_runs(tables, progress)
            return known
    placed = place_images(catalog, options, name if extend else None)
    if extend and not placed.new_images:
        assert earlier is not None
        if not dry_run:
            show_runs(tables, progress)
        return _unchanged(earlier, f"{name} has every image of the store already")
    if dry_run:
        return _named(catalog, name, placed)
    return save_split(tables, catalog, name, origin, placed, started, progress)


def _check_extendable(earlier: SplitSet) -> None:
    if earlier.recipe == SANITIZE:
        again = SanitizeOptions.from_json(earlier.arguments).command(earlier.name, "--replace")
        raise UsageError(
            f"{earlier.name} was made by {SANITIZE}, which looks at all of its images at once; "
            "to have new images in it, extend what it was made from and sanitize that again",
            again,
        )


def made_already(
    earlier: SplitSet, arguments: str, decided: str | None, *, replace: bool
) -> MadeSplit | None:
    """The version that is there, where it was made with the same arguments.

    None where it was made with others, or decisions would change it (`decided` says so), and it may
    be replaced.
    """
    name = earlier.name
    if earlier.arguments == arguments:
        if replace and decided:
            return None
        anew = f"{decided}; --replace makes it anew" if decided else None
        return _unchanged(earlier, f"{name} is there already, made with the same arguments", anew)
    if not replace:
        raise UsageError(
            f"split set {name} was made with other arguments: {earlier.arguments}",
            f"notmnist-store split-show {name}",
        )
    return None


def save_split(
    tables: Tables,
    catalog: Catalog,
    name: str,
    origin: Origin,
    placed: Placed,
    started: datetime,
    progress: Progress,
) -> MadeSplit:
    """Make the next version of a split set from placed images; one run."""
    made = _named(catalog, name, placed)
    key = {"split_set": made.name, "version": made.version}
    once = Once(
        f"split/{name}",
        made.version,
        f"another process has made {name} meanwhile",
        f"notmnist-store split-show {name}",
    )
    by_split = Counter[str]()
    for (split, _), images in made.counts.items():
        by_split[split] += images
    row = {
        "recipe": origin.recipe,
        "arguments": origin.arguments,
        "seed": origin.seed,
        "labels": json.dumps(placed.labels),
        "digest": made.digest,
        **{split: by_split[split] for split in SPLITS},
    }
    with Run(
        tables,
        origin.verb,
        key,
        once=once,
        columns=key,
        started=started,
        progress=progress,
    ) as run:
        run.write("split_image", placed.rows)
        run.write("split_drop", placed.drops)
        run.write("split_set", [row])
        run.reads("image", ingest_runs(catalog))
    return made


def _named(catalog: Catalog, name: str, placed: Placed) -> MadeSplit:
    digest = split_digest(placed.digest_rows())
    return MadeSplit(name, _next_version(catalog, name), digest, placed.counts(), placed.notes)


def _unchanged(earlier: SplitSet, *notes: str | None) -> MadeSplit:
    assert earlier.digest is not None
    given = tuple(note for note in notes if note)
    return MadeSplit(earlier.name, earlier.version, earlier.digest, notes=given)


def _next_version(catalog: Catalog, name: str) -> int:
    """One more than any version there ever was, withdrawn ones included."""
    rows = catalog.query(
        "select arguments from run"
        " where verb in ('split', 'sanitize') and contains(arguments, $said)",
        {"said": json.dumps({"split_set": name})[1:-1]},
    )
    versions = [json.loads(text)["version"] for text in rows["arguments"].to_pylist()]
    return max(versions, default=0) + 1
