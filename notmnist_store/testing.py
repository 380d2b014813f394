"""Two small stores to test against: one that is bad on purpose, and one in which all is well.

>>> from notmnist_store.testing import make_bad_store
>>> ids = make_bad_store("bad")
>>> notmnist_store.open("bad").audit(split_set="bad")

Both are made in a second, without network, with the same images every time. The clean store is made
by the verbs: 360 images of 3 classes and 180 families, and split set ``clean``. The bad one is
written past all checks, since the verbs refuse what it holds. Every audit of ``sql/audits`` has
something to find there, in split set ``bad`` (split_empty: in ``no_valid``):

=====================  =========================================================================
ledger_conservation    a member of C is missing; a reject of B is in the ledger only
label_missing          C is in train only, ``c`` with a blank in none
split_missing          ``late_copy`` and ``look_alike`` came later; the image of one row is gone
split_empty            ``no_valid`` has no valid
hash_collision         ``collision`` bears the hash of ``victim``
label_conflict_exact   ``conflict`` (A) stands under B twice, as ``conflict_b`` and ``conflict_c``
split_leak_exact       ``copy_of_train``, ``copy_of_valid`` and ``copy_of_both`` in test,
                       ``copy_in_valid`` in valid; ``in_two_splits`` in train and in test
label_imbalance        A, B, C and ``c`` with a blank have 83, 49, 5 and 1 images
label_lookalike        ``look_alike`` is filed under ``c`` with a blank
split_label_imbalance  train has 40 A, 40 B and 5 C, test 37 A and 2 B
image_blank            ``black``, ``white``
image_low_ink          ``dot``: 8 pixels of 784
split_leak_group       ``serif``, ``sans`` and ``mono`` stand on both sides
ink_drift              the A of test are brighter by 60 of 255
order_shuffled         train: all A, then all B, then all C
image_resized          2 C of train were 32x32
archive_reject         an empty file and a text
split_distinguishable  an image of train and one of test are said to tell the two apart
duplicate_exact        the copies above
split_leak_near        ``near_in_valid`` is one grey value off an image of train
label_conflict_near    ``near_conflict`` (A) is one grey value off a B of train
duplicate_near         both of these
pair_certificate       a pair of ``black`` and ``white`` was slipped in, at a distance of 1.8
=====================  =========================================================================
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from notmnist_store.blocks.kernels.fingerprint import dhashes, file_hashes, ink, pixel_hashes
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.run import Run
from notmnist_store.catalog.split_sets import ingest_runs
from notmnist_store.drawing.kernels.encode import png_files
from notmnist_store.engines.engine import Engine
from notmnist_store.errors import StoreError
from notmnist_store.ingest.ingest import DEFAULT_FRACTIONS, ingest
from notmnist_store.ingest.options import IngestOptions
from notmnist_store.near.certify import certify
from notmnist_store.near.evidence import current_join
from notmnist_store.near.search import near_duplicates
from notmnist_store.progress import Progress
from notmnist_store.schema.shape import DEFAULT_SHAPE
from notmnist_store.schema.tables import TABLES
from notmnist_store.schema.words import SPLITS
from notmnist_store.splits.make import make_split
from notmnist_store.splits.plan import SplitOptions
from notmnist_store.storage.marker import Marker
from notmnist_store.storage.tables import Tables

_Pixels = npt.NDArray[np.uint8]

GONE_IMAGE = 9999
"""The image_id of a row of split set ``bad`` whose image is not in the store."""

_LABELS = ("A", "B", "C")
_WHEN = datetime(2011, 9, 8, 12, tzinfo=UTC)
_CLEAN_EACH = 120


def make_clean_store(path: str | Path) -> Path:
    """Make a store in which no audit finds anything, with split set ``clean``; returns its path.

    Raises:
        StoreError: there is something else at `path`.
    """
    root = Path(path)
    random = np.random.default_rng(20110908)
    with tempfile.TemporaryDirectory(prefix="notmnist_store-") as folder:
        archive = Path(folder) / "clean.tar"
        with tarfile.open(archive, "w") as tar:
            for label in _LABELS:
                pixels = random.integers(0, 256, (_CLEAN_EACH, 28, 28), dtype=np.uint8)
                for number, png in enumerate(png_files(pixels)):
                    member = tarfile.TarInfo(f"clean/{label}/{label}{number // 2}_{number % 2}.png")
                    member.size = len(png)
                    tar.addfile(member, io.BytesIO(png))
        options = IngestOptions(group_regex=r"([^/_]+)_[0-9]+[.]png$")
        ingest(root, [archive], options, Engine(), Progress())
    chosen = SplitOptions(train="0.5", valid="0.25", test="0.25", group_by="family")
    make_split(Tables.open(root), "clean", chosen, progress=Progress())
    near_duplicates(Tables.open(root), progress=Progress())
    chance = {"auc": 0.5, "low": 0.4, "high": 0.6}
    (run_id,) = ingest_runs(Catalog(Tables.open(root)))
    _tell_apart(Tables.open(root), "clean", run_id, chance)
    return root


def make_bad_store(path: str | Path) -> dict[str, int]:
    """Make a store with the defects that the module's docstring lists, in a folder of its own.

    Images are 28x28x1; those of the first run have ids from 1001 on, ``late_copy`` has 1.

    Returns the image ids of the bad images, by the names used there.

    Raises:
        StoreError: there is something else at `path`.
    """
    marker = Marker(shape=DEFAULT_SHAPE, fractions=DEFAULT_FRACTIONS, demo=False)
    tables = Tables.create(Path(path), marker)
    first, second = _Source("first", 1, 1001), _Source("second", 2, 1)
    placed = _first_source(first)
    second.add("late_copy", "A", _picture(1), "unused")
    second.add("look_alike", "c ", _picture(170), "unused")
    first.rejects += [("A", "empty", 0), ("B", "unreadable", 12)]
    first.lost |= {"C": 1}
    first.rejected_only_in_ledger |= {"B": 1}
    made_from = [source.write(tables) for source in (first, second)]
    first.named["in_two_splits"] = placed[4]["image_id"]
    gone = {"image_id": GONE_IMAGE, "label": "A", "split": "unused"}
    bad = [*placed, placed[4] | {"split": "test"}, gone]
    _write_split_set(tables, 3, "bad", bad, made_from[0])
    no_valid = [row | {"split": "test"} if row["split"] == "valid" else row for row in placed]
    _write_split_set(tables, 4, "no_valid", no_valid, made_from[0])
    near_duplicates(tables, progress=Progress())
    named = first.named | second.named
    _slip_in_a_pair(tables, 5, named["black"], named["white"])
    _tell_apart(tables, "bad", made_from[0], {"auc": 0.9, "low": 0.8, "high": 1.0})
    return named


def _picture(number: int, brighter: int = 0) -> _Pixels:
    """A picture of its own for each number: 28 rows of stripes, values up to 150."""
    stripes = np.random.default_rng(number).integers(0, 151, 28, dtype=np.uint8)
    return np.repeat(stripes, 28).reshape(28, 28) + np.uint8(brighter)


def _nearly(number: int) -> _Pixels:
    """The picture of this number with one of its 784 values off by 102, a distance of 0.4."""
    picture = _picture(number)
    picture[0, 0] += np.uint8(102)
    return picture


def _first_source(source: _Source) -> list[dict[str, Any]]:
    """Fill the first source; returns its images as rows for a split set, in their order."""
    add = source.add
    for number in range(40):
        add(None, "A", _picture(number), "train", "serif" if number < 3 else None)
    for number in range(40, 80):
        add(None, "B", _picture(number), "train", "sans" if number == 40 else None)
    for number in range(80, 85):
        add(None, "C", _picture(number), "train", own=(32, 32) if number < 82 else (28, 28))
    for number in range(100, 135):
        add(None, "A", _picture(number, 60), "test")
    add("in_valid", "B", _picture(140), "valid", "mono")
    add("copy_in_valid", "B", _picture(40), "valid")
    add("sans_in_valid", "B", _picture(141), "valid", "sans")
    add("copy_of_train", "A", _picture(0), "test", "serif")
    add("copy_of_valid", "B", _picture(140), "test", "mono")
    add("copy_of_both", "B", _picture(40), "test")
    add("conflict", "A", _picture(150), "unused")
    add("conflict_b", "B", _picture(150), "unused")
    add("conflict_c", "B", _picture(150), "unused")
    add("black", "A", np.zeros((28, 28), np.uint8), "unused")
    add("white", "B", np.full((28, 28), 255, np.uint8), "unused")
    dot = np.zeros((28, 28), np.uint8)
    dot[:2, :4] = 255
    add("dot", "A", dot, "unused")
    add("victim", "A", _picture(160), "unused")
    add("collision", "A", _picture(161), "unused")
    source.rows[-1]["pixel_hash"] = source.rows[-2]["pixel_hash"]
    add("near_in_valid", "B", _nearly(41), "valid")
    add("near_conflict", "A", _nearly(42), "unused")
    return [{name: row[name] for name in ("image_id", "label", "split")} for row in source.rows]


class _Source:
    """An ingested source, written row by row."""

    def __init__(self, name: str, sequence: int, first_id: int) -> None:
        self.name = name
        self.sequence = sequence
        self.rows: list[dict[str, Any]] = []
        self.named: dict[str, int] = {}
        self.rejects: list[tuple[str, str, int]] = []
        self.lost: dict[str, int] = {}
        self.rejected_only_in_ledger: dict[str, int] = {}
        self._next_id = first_id

    def add(
        self,
        name: str | None,
        label: str,
        pixels: _Pixels,
        split: str,
        family: str | None = None,
        own: tuple[int, int] = (28, 28),
    ) -> None:
        """Add one image; `name` is what `make_bad_store` calls it, `own` its height and width."""
        flat = pixels.reshape(1, -1)
        (png,) = png_files(pixels[np.newaxis])
        mean, std = ink(flat)
        if name is not None:
            self.named[name] = self._next_id
        self.rows.append(
            {
                "image_id": self._next_id,
                "path": f"{self.name}/{label}/{self._next_id}.png",
                "label": label,
                "split": split,
                "file_hash": file_hashes([png])[0],
                "pixel_hash": pixel_hashes(flat, DEFAULT_SHAPE)[0],
                "dhash": int(dhashes(flat, DEFAULT_SHAPE)[0]),
                "mode": "L",
                "height": own[0],
                "width": own[1],
                "orientation": 1,
                "fit": None if own == (28, 28) else "resize",
                "file_bytes": len(png),
                "ink_mean": float(mean[0]),
                "ink_std": float(std[0]),
                "font": None,
                "family": family,
                "origin_image_id": None,
                "pixels": flat.tobytes(),
            }
        )
        self._next_id += 1

    def write(self, tables: Tables) -> str:
        """Commit the images, the rejects and the ledger as one run; returns its id."""
        rejects = [
            {
                "path": f"{self.name}/{label}/{reason}.png",
                "label": label,
                "reason": reason,
                "detail": None,
                "file_bytes": size,
                "position": position,
            }
            for position, (label, reason, size) in enumerate(self.rejects)
        ]
        labels = sorted({*_LABELS, *(row["label"] for row in self.rows)})
        ledger = [self._ledger_row(label) for label in labels]
        with _run(tables, self.sequence, "ingest", {"source": self.name}) as run:
            run.write("image", self.rows)
            run.write("reject", rejects)
            run.write("ledger", ledger)
            run.row["source"] = self.name
            for name in ("seen", "stored", "rejected"):
                run.row[f"members_{name}"] = sum(row[name] for row in ledger)
        return run.id

    def _ledger_row(self, label: str) -> dict[str, Any]:
        stored = sum(row["label"] == label for row in self.rows)
        rejected = sum(reject[0] == label for reject in self.rejects)
        rejected += self.rejected_only_in_ledger.get(label, 0)
        ignored = [name for name in TABLES["ledger"].names if name.startswith("ignored")]
        splits = [row["split"] for row in self.rows if row["label"] == label]
        return {
            "label": label,
            "split_rule": "folder",
            "seen": stored + rejected + self.lost.get(label, 0),
            "stored": stored,
            "rejected": rejected,
            **dict.fromkeys(ignored, 0),
            **{split: splits.count(split) for split in SPLITS},
        }


def _run(tables: Tables, sequence: int, verb: str, columns: dict[str, Any]) -> Run:
    """A run whose id and times are the same each time."""
    run_id = f"{_WHEN:%Y%m%dT%H%M%SZ}-{sequence:010x}"
    run = Run(tables, verb, {}, columns=columns, started=_WHEN, run_id=run_id)
    run.row["seconds"] = 1.0
    return run


def _write_split_set(
    tables: Tables, sequence: int, name: str, placed: list[dict[str, Any]], made_from: str
) -> None:
    counts = {split: [row for row in placed if row["split"] == split] for split in SPLITS}
    rows = [
        {
            **row,
            "position": None if split == "unused" else position,
            "label_id": _LABELS.index(row["label"]),
        }
        for split, members in counts.items()
        for position, row in enumerate(members)
    ]
    set_row = {
        "recipe": "stratified",
        "arguments": json.dumps({"recipe": "stratified"}),
        "seed": 0,
        "labels": json.dumps(_LABELS),
        "digest": "0" * 64,
        **{split: len(members) for split, members in counts.items()},
    }
    with _run(tables, sequence, "split", {"split_set": name, "version": 1}) as run:
        run.write("split_set", [set_row])
        run.write("split_image", rows)
        run.reads("image", [made_from])


def _tell_apart(tables: Tables, split_set: str, image_run: str, found: dict[str, float]) -> None:
    """Write what `distinguish` might have found, which needs an extra: an image of each split."""
    images = Catalog(tables).query(
        "select min(image_id) as image_id, split, min(label) as label, 0.9e0 as probability"
        " from split_image where split_set = $name and split in ('train', 'test')"
        " group by split order by split",
        {"name": split_set},
    )
    rows = {"folds": 2, "seed": 0, "radius": None, "images": 80, **found}
    columns = {"split_set": split_set, "version": 1, "digest": "0" * 64, **rows}
    with _run(tables, 6, "distinguish", columns) as run:
        run.write("telling_image", images)
        run.reads("image", [image_run])


def _slip_in_a_pair(tables: Tables, sequence: int, a: int, b: int) -> None:
    """Add a pair that is none to the pairs that were found, and a certificate that finds it."""
    join = current_join(Catalog(tables)) or {}
    row = {name: join[name] for name in TABLES["radius_join"].names if name != "run_id"}
    with _run(tables, sequence, "near-duplicates", {}) as run:
        far = {"squared_distance": 210_000, "plain_squared_distance": 210_000, "transform": "none"}
        run.write("pair", [{"a": a, "b": b, **far}])
        run.write("radius_join", [row | {"pairs": join["pairs"] + 1}])
        run.reads("image", json.loads(join["image_runs"]))
        run.reads("pair", [*json.loads(join["pair_runs"]), run.id])
    with suppress(StoreError):  # it says what was found
        certify(tables, None, engine=Engine(), progress=Progress())
