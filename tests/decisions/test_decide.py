"""Decisions: what counts, what follows them and what does not, and what is refused."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import notmnist_store
from notmnist_store.audits.audit import rows_found
from notmnist_store.audits.verdicts import Scope
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.cli.main import main
from notmnist_store.decisions import rows as decision_rows
from notmnist_store.errors import UsageError
from notmnist_store.progress import Progress
from notmnist_store.result import Result
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from notmnist_store.testing import make_bad_store
from notmnist_store.text import without_apostrophe
from tests.support.archives import class_files, pack, picture, png

pytestmark = pytest.mark.sql


class Notes(Progress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def ids(store: Store, label: str) -> list[int]:
    """Image ids of a class folder, in the order of ingest."""
    rows = store.sql(
        "select image_id from image where label_ingested = $label order by image_id",
        params={"label": label},
    )
    return [row["image_id"] for row in rows.rows()]


def take(store: Store, *rows: tuple[object, ...], **options: Any) -> list[dict[str, Any]]:
    """Decide on rows (image_id, action[, value])."""
    named = [
        {"image_id": row[0], "action": row[1], "value": str(row[2]) if len(row) > 2 else None}
        for row in rows
    ]
    return store.decide(pa.Table.from_pylist(named), yes=True, by="ada", **options).rows()


def one(store: Store, image_id: int) -> dict[str, Any]:
    (row,) = store.sql(
        "select label, label_ingested, split, decision, is_dropped from image where image_id = $i",
        params={"i": image_id},
    ).rows()
    return row


def label_counts(store: Store) -> dict[str, int]:
    return {
        row["label"]: row["images"] for row in store.sql("select label, images from label").rows()
    }


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# What counts

_PICTURES = ("a" * 32, "b" * 32, "c" * 32)
_SAID = st.one_of(
    st.tuples(st.sampled_from(_PICTURES), st.just("drop"), st.none()),
    st.tuples(st.sampled_from(_PICTURES), st.just("relabel"), st.sampled_from("XY")),
    st.tuples(st.sampled_from(_PICTURES), st.just("keep"), st.sampled_from([None, "duplicate"])),
    st.tuples(
        st.sampled_from(_PICTURES), st.just("not_duplicate"), st.sampled_from([None, *_PICTURES])
    ).filter(lambda row: row[0] != row[2]),
)


def counted(said: list[tuple[str, str, str | None]]) -> set[int]:
    """Which rows count, said one after the other: the rule of docs/format.md, step by step."""
    pictures: dict[str, int] = {}
    pairs: dict[frozenset[str | None], int] = {}
    back: dict[str, int] = {}
    for n, (pixels, action, value) in enumerate(said):
        if action == "not_duplicate":
            pairs[frozenset((pixels, value))] = n
            for named in (pixels, value):
                back.pop(str(named), None)
        elif action == "keep" and value is not None:
            pairs = {pair: at for pair, at in pairs.items() if pixels not in pair}
            back[pixels] = n
        else:
            pictures[pixels] = n
    return {*pictures.values(), *pairs.values(), *back.values()}


@pytest.fixture(scope="module")
def views() -> Iterator[duckdb.DuckDBPyConnection]:
    """The views of decisions, over tables that are yet to be registered."""
    with duckdb.connect() as connection:
        connection.register("stored_decision", TABLES["decision"].empty_table())
        connection.register("stored_run", TABLES["run"].empty_table())
        for name in ("decision", "picture_decision", "not_duplicate"):
            connection.execute(f"create view {name} as {load_queries('views')[name].sql}")
        yield connection


_A, _B, _C = _PICTURES
_BACK = ("keep", "duplicate")


@example([[(_A, "not_duplicate", _B)], [(_B, *_BACK)]])
@example([[(_B, "not_duplicate", _A)], [(_B, *_BACK)], [(_A, "not_duplicate", _C)]])
@example([[(_A, "not_duplicate", _B), (_B, "not_duplicate", _A)], [(_A, "not_duplicate", None)]])
@example([[(_A, *_BACK)], [(_C, "not_duplicate", _A)], [(_C, *_BACK), (_A, "keep", None)]])
@example([[(_A, "drop", None)], [(_A, *_BACK)], [(_A, "not_duplicate", None)]])
@given(runs=st.lists(st.lists(_SAID, max_size=4), max_size=4))
def test_the_last_word_counts(
    views: duckdb.DuckDBPyConnection, runs: list[list[tuple[str, str, str | None]]]
) -> None:
    """The views against the rule, over runs whose ids do not sort by their sequence."""
    said = [(f"run{9 - n}", place, *row) for n, rows in enumerate(runs) for place, row in
            enumerate(rows)]  # fmt: skip
    rows = [
        {
            "run_id": run_id,
            "place": place,
            "pixel_hash": picture,
            "action": action,
            "value": value,
            "decided_by": "ada",
            "decided_at": datetime.now(UTC),
        }
        for run_id, place, picture, action, value in said
    ]
    order = [{"run_id": f"run{9 - n}", "sequence": n + 1} for n in range(len(runs))]
    schema = pa.schema([("run_id", pa.string()), ("sequence", pa.int64())])
    views.register("stored_run", pa.Table.from_pylist(order, schema=schema))
    said_rows = pa.Table.from_pylist(rows[::-1], schema=TABLES["decision"])
    views.register("stored_decision", said_rows)
    found = views.sql("select * from decision").to_arrow_table().to_pylist()
    chosen = views.sql("select * from picture_decision").to_arrow_table().to_pylist()
    apart = views.sql("select a, b from not_duplicate").fetchall()
    current = {(row["run_id"], row["place"]) for row in found if row["is_current"]}
    assert len(found) == len(said)
    assert current == {said[n][:2] for n in counted([row[2:] for row in said])}
    assert {(row["pixel_hash"], row["action"], row["new_label"]) for row in chosen} == {
        (row["pixel_hash"], row["action"], row["value"])
        for row in found
        if row["is_current"] and row["lane"] == "picture"
    }
    assert sorted(apart, key=str) == sorted(
        {
            (min(row["pixel_hash"], row["value"] or "z"), max(row["pixel_hash"], row["value"]))
            if row["value"]
            else (row["pixel_hash"], None)
            for row in found
            if row["is_current"] and row["action"] == "not_duplicate"
        },
        key=str,
    )


def test_views_show_labels_and_drops_after_decisions(store: Store) -> None:
    first, second, third, fourth, copy = ids(store, "A")
    (wrong, *_) = ids(store, "B")
    rows = take(store, (first, "drop"), (second, "relabel", "C"), (third, "keep"),
                (wrong, "relabel", "Ä<b>\x1b"))  # fmt: skip
    assert [row["effect"] for row in rows] == ["new"] * 4
    assert [row["images"] for row in rows] == [2, 1, 1, 1]
    for image_id in (first, copy):
        dropped = one(store, image_id)
        assert (dropped["label"], dropped["split"]) == ("A", "unused")
        assert (dropped["decision"], dropped["is_dropped"]) == ("drop", True)
    relabelled = one(store, second)
    assert (relabelled["label"], relabelled["label_ingested"]) == ("C", "A")
    assert (one(store, third)["decision"], one(store, third)["is_dropped"]) == ("keep", False)
    assert (one(store, fourth)["decision"], one(store, fourth)["is_dropped"]) == (None, False)
    assert label_counts(store) == {"A": 2, "B": 3, "C": 5, "Ä<b>\x1b": 1}
    by_image = store.sql("select label, count(*) as n from image where not is_dropped group by 1")
    assert {row["label"]: row["n"] for row in by_image.rows()} == label_counts(store)
    columns = "label, label_ingested, split, is_dropped"
    assert (
        store.sql(f"select image_id, {columns} from image_pixels order by image_id").rows()
        == store.sql(f"select image_id, {columns} from image order by image_id").rows()
    )
    assert store.audit("ledger_conservation").passed
    assert {row["stored"] for row in store.sql("ingest_ledger").rows()} == {4, 5}
    assert store.verify(full=True).rows()


def test_a_store_without_decisions_counts_labels_without_images(store: Store) -> None:
    plan = str(store.sql("explain select * from label").rows())
    assert "ARROW_SCAN" in plan
    assert "pixel_hash" not in plan


def test_a_later_decision_takes_the_place_of_an_earlier_one(store: Store) -> None:
    image_id = ids(store, "A")[1]
    take(store, (image_id, "drop"))
    assert take(store, (image_id, "relabel", "B"))[0]["effect"] == "replaces drop"
    assert one(store, image_id)["label"] == "B"
    assert take(store, (image_id, "relabel", "B"))[0]["effect"] == "no change"
    assert take(store, (image_id, "keep"))[0]["effect"] == "replaces relabel"
    assert one(store, image_id)["label"] == "A"
    assert take(store, (image_id, "keep"), note="looked twice")[0]["effect"] == "new note"
    found = store.sql("select action, is_current from decision order by decided_at").rows()
    assert [row["action"] for row in found if row["is_current"]] == ["keep"]
    assert len(found) == 4


def test_undo_takes_decisions_back_and_undoing_it_restores_them(store: Store) -> None:
    image_id = ids(store, "C")[0]
    before = label_counts(store)
    take(store, (image_id, "relabel", "A"))
    after = label_counts(store)
    undone = store.undo().rows()[0]["run_id"]
    assert (label_counts(store), one(store, image_id)["decision"]) == (before, None)
    store.undo(undone)
    assert (label_counts(store), one(store, image_id)["decision"]) == (after, "relabel")
    assert after == before | {"A": before["A"] + 1, "C": before["C"] - 1}


def test_copies_that_come_later_are_meant_too(store: Store, tmp_path: Path) -> None:
    store_ids = ids(store, "A")
    take(store, (store_ids[1], "drop"), (store_ids[2], "relabel", "Z"))
    later = [("late/B/1.png", png(picture(1))), ("late/B/2.png", png(picture(2)))]
    store.ingest(pack(tmp_path / "late.tar.gz", later))
    rows = store.sql("select label, is_dropped from image where source = 'late' order by path")
    assert [tuple(row.values()) for row in rows.rows()] == [("B", True), ("Z", False)]
    arrivals = [row["label"] for row in store.sql("label_counts").rows()]
    assert arrivals == ["A", "B", "C", "Z"]


@pytest.mark.slow
def test_decisions_move_to_another_store_by_their_pixels(store: Store, tmp_path: Path) -> None:
    """Other sources, so other ids; a label that a spreadsheet would run comes through."""
    a = ids(store, "A")
    value = store.sql("select pixel_hash from image where image_id = $i", params={"i": a[3]})
    take(store, (a[0], "drop"), (a[1], "relabel", "=1+1"), (a[2], "not_duplicate", a[3]),
         (ids(store, "B")[0], "keep"), (a[3], "relabel", "'-x"))  # fmt: skip
    file = tmp_path / "decisions.csv"
    store.sql("decisions").write(file)
    with file.open(newline="") as text:
        header, *lines = csv.reader(text)
    assert header == list(decision_rows.COLUMNS)
    assert "'=1+1" in lines[1]
    notes = Notes()
    other = Store(tmp_path / "other", progress=notes)
    other.ingest(pack(tmp_path / "other.tar.gz", class_files(("A",), each=4, root="other")))
    done = other.decide(file, yes=True, by="bob").rows()
    assert [row["effect"] for row in done] == ["new"] * 5
    assert [row["images"] for row in done] == [1, 1, 1, 0, 1]
    assert any("1 pictures are not in this store" in note for note in notes.said)
    assert label_counts(other) == {"'-x": 1, "=1+1": 1, "A": 1}
    assert done[2]["value"] == value.rows()[0]["pixel_hash"]
    assert {row["effect"] for row in other.decide(file, yes=True).rows()} == {"no change"}
    keys = ("pixel_hash", "action", "value", "note")
    assert [[row[key] for key in keys] for row in other.sql("decisions").rows()] == [
        [row[key] for key in keys] for row in store.sql("decisions").rows()
    ]
    later = pack(tmp_path / "b.tar.gz", class_files(("B",), each=1, root="b", start=4))
    other.ingest(later)
    assert [row["decision"] for row in other.sql("select * from image where source = 'b'").rows()
            ] == ["keep"]  # fmt: skip


@given(st.text(alphabet="'=+-@\t\rab,\"\n", max_size=6))
def test_apostrophes_of_our_csv_are_taken_back(text: str) -> None:
    written = Result(pa.table({"label": [text], "x": [1]})).to_bytes("csv").decode()
    _, (cell, _) = csv.reader(io.StringIO(written, newline=""))
    assert without_apostrophe(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


# What follows them


def digest_of(folder: Path) -> str:
    """Of all files but croissant.json, which says what is measured now, and what sums it up."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("croissant.json", "SHA256SUMS"):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@pytest.mark.slow
def test_a_split_set_that_is_there_stays_bit_for_bit(store: Store, tmp_path: Path) -> None:
    store.split("s", train=0.5, valid=0.25, test=0.25)
    store.export("s", tmp_path / "before", form="npz")
    before = store.load("s").to_arrow()
    placed = store.sql("select * from split_image where split_set = 's' order by image_id").rows()
    pictures = dict(
        zip(before["pixel_hash"].to_pylist(), before["image_id"].to_pylist(), strict=True)
    )
    one, other, *_ = pictures.values()
    take(store, (one, "drop"), (other, "relabel", "NEW"))
    noted = Store(store.path, progress=(notes := Notes()))
    noted.export("s", tmp_path / "after", form="npz")
    assert digest_of(tmp_path / "before") == digest_of(tmp_path / "after")
    assert noted.load("s").to_arrow().equals(before)
    assert sum("decisions since would touch" in note for note in notes.said) == 2
    after = store.sql("select * from split_image where split_set = 's' order by image_id").rows()
    assert after == placed
    assert {
        row["status"]
        for row in store.audit(
            "split_missing", "split_leak_exact", "split_empty", split_set="s"
        ).rows()
    } == {"pass"}


@pytest.mark.slow
def test_new_split_sets_follow(store: Store) -> None:
    a, b = ids(store, "A"), ids(store, "B")
    store.split("old", train=0.5, valid=0.25, test=0.25)
    take(store, (a[0], "drop"), (b[0], "relabel", "A"), (b[1], "relabel", "D"))
    store.split("new", train=1.0, valid=0.0, test=0.0)
    rows = store.sql("select image_id, label from split_image where split_set = 'new'").rows()
    placed = {row["image_id"]: row["label"] for row in rows}
    assert (a[0] in placed, a[4] in placed) == (False, False)
    assert (placed[b[0]], placed[b[1]]) == ("A", "D")
    drops = store.sql("select image_id, rule from split_drop where split_set = 'new'").rows()
    assert {(row["image_id"], row["rule"]) for row in drops} == {
        (a[0], "decision"), (a[4], "decision")}  # fmt: skip
    notes = Notes()
    noted = Store(store.path, progress=notes)
    again: dict[str, Any] = {"train": 0.5, "valid": 0.25, "test": 0.25}
    noted.split("old", **again)
    assert any("made with the same arguments" in note for note in notes.said)
    assert any("4 images of old (2 dropped, 2 relabelled)" in note for note in notes.said)
    assert noted.split_line("old").startswith("split set old version 1,")
    noted.split("old", replace=True, **again)
    assert noted.split_line("old").startswith("split set old version 2,")
    noted.split("old", replace=True, **again)
    assert noted.split_line("old").startswith("split set old version 2,")
    take(store, (a[0], "keep"))
    noted.split("old", **again)
    assert "2 images of old (2 kept)" in notes.said[-1]


@pytest.mark.slow
def test_extending_places_what_is_not_dropped(store: Store, tmp_path: Path) -> None:
    store.split("s", train=0.5, valid=0.25, test=0.25)
    a = ids(store, "A")
    kept = store.sql("select image_id, split from split_image where split_set = 's'").rows()
    split_of = {row["image_id"]: row["split"] for row in kept}
    later = class_files(("A", "B"), each=2, root="late", start=100)
    later.append(("late/A/copy.png", png(picture(1))))
    store.ingest(pack(tmp_path / "late.tar.gz", later))
    rows = store.sql("select image_id, label from image where source = 'late' order by path").rows()
    dropped, moved = rows[0]["image_id"], rows[3]["image_id"]
    take(store, (dropped, "drop"), (moved, "relabel", "Q"), (a[2], "drop"))
    assert store.audit("split_missing", split_set="s").arrow()["image_id"].to_pylist() == sorted(
        row["image_id"] for row in rows if row["image_id"] != dropped
    )
    store.split("s", extend=True)
    found = store.sql("select image_id, split, label from split_image where split_set = 's'").rows()
    now = {row["image_id"]: (row["split"], row["label"]) for row in found}
    assert all(now[image_id][0] == split for image_id, split in split_of.items())
    assert dropped not in now
    assert now[moved][1] == "Q"
    assert now[rows[2]["image_id"]][0] == split_of[a[1]], "its copy stands there"
    assert store.audit("split_missing", split_set="s").passed


@pytest.mark.slow
def test_the_notebook_recipe_says_that_it_is_not_the_notebooks_any_more(tmp_path: Path) -> None:
    notes = Notes()
    store = Store(tmp_path / "store", progress=notes)
    for name, start in (("large", 0), ("small", 50)):
        store.ingest(pack(tmp_path / f"{name}.tar.gz", class_files(each=6, root=name, start=start)))
    image_id = ids(store, "A")[0]
    sizes: dict[str, Any] = {"recipe": "notebook", "train": 6, "valid": 3, "test": 6}
    store.split("plain", **sizes)
    assert not any("decisions" in note for note in notes.said)
    take(store, (image_id, "drop"))
    store.split("decided", **sizes)
    assert any("not the split that the notebook itself makes" in note for note in notes.said)
    rows = store.sql("select image_id from split_image where split_set = 'decided'").rows()
    assert image_id not in [row["image_id"] for row in rows]


@pytest.mark.slow
def test_ingest_follows(store: Store, tmp_path: Path) -> None:
    """Loaded, exported and as views, even where no image of a label is left."""
    before = {split: len(store.load("ingest", split)) for split in ("train",)}
    train = store.load("ingest", "train")
    gone = [i for i in train.ids.tolist() if i in ids(store, "B")]
    moved = next(i for i in train.ids.tolist() if i in ids(store, "A"))
    take(store, *[(i, "drop") for i in ids(store, "B")], (moved, "relabel", "Z"))
    after = store.load("ingest", "train")
    assert len(after) == before["train"] - len(gone)
    assert after.labels == ["A", "C", "Z"]
    assert dict(zip(after.ids.tolist(), after.label_ids.tolist(), strict=True))[moved] == 2
    copies = Counter(row["label_id"] for row in store.sql("select * from image").rows())
    assert copies[None] == 4
    store.export("ingest", tmp_path / "out", form="npy", splits="train")
    labels = np.load(tmp_path / "out" / "y_train.npy")
    assert labels.tolist() == after.label_ids.tolist()
    rows = store.sql("select image_id from ingest.train order by image_id").arrow()["image_id"]
    assert rows.to_pylist() == sorted(after.ids.tolist())
    assert not store.sql("select image_id from ingest.unused where label = 'B'").rows()


def test_plain_duckdb_says_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    a = ids(store, "A")
    take(store, (a[0], "drop"), (a[1], "relabel", "Z"), (a[2], "not_duplicate"))
    monkeypatch.chdir(store.path)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(Path("views.sql").read_text(encoding="utf-8"))
        for view in ("image", "label", "decision", "not_duplicate", "picture_decision"):
            query = f"select * from {view} order by all"
            plain = connection.sql(query).to_arrow_table().to_pylist()
            assert plain == store.sql(query).rows()


@pytest.mark.slow
def test_audits_skip_what_was_dropped_and_are_silent_on_what_was_kept(tmp_path: Path) -> None:
    bad = make_bad_store(tmp_path / "bad")
    store = notmnist_store.open(tmp_path / "bad")

    def found(*audits: str, split_set: str = "bad") -> list[list[int]]:
        catalog = Catalog(Tables.open(store.path))
        rows = [rows_found(catalog, audit, Scope(split_set)) for audit in audits]
        return [part["image_id"].to_pylist() for part in rows]

    names = ("image_blank", "image_low_ink", "label_conflict_exact", "duplicate_exact",
             "split_missing", "split_leak_exact")  # fmt: skip
    blank, faint, conflicts, surplus, missing, leaks = found(*names)
    assert (blank, faint) == ([bad["black"], bad["white"]], [bad["dot"]])
    assert conflicts == [bad["conflict"]]
    assert bad["late_copy"] in surplus
    assert bad["late_copy"] in missing
    take(store, (bad["black"], "keep"), (bad["white"], "drop"), (bad["dot"], "keep"),
         (bad["conflict"], "relabel", "B"), (bad["late_copy"], "drop"),
         (bad["copy_of_train"], "drop"))  # fmt: skip
    gone = {bad["late_copy"], bad["copy_of_train"], bad["white"]}
    assert found(*names) == [
        [], [], [],
        [image_id for image_id in surplus if image_id not in gone],
        [image_id for image_id in missing if image_id not in gone],
        leaks,
    ], "an audit of a split set is about what stands in it"  # fmt: skip
    assert bad["copy_of_train"] not in found("split_leak_exact", split_set="ingest")[0]


@pytest.mark.slow
def test_pairs_that_are_no_duplicates_are_left_out(tmp_path: Path) -> None:
    """Of two near pairs and a group; later searches go on from all pairs."""
    base = picture(3).astype(np.int16)

    def nearly(off: int) -> bytes:
        changed = base.copy()
        changed[0, :3] = off
        return png(changed.astype(np.uint8))

    files = [("near/A/0.png", nearly(0)), ("near/A/1.png", nearly(20)), ("near/B/2.png", nearly(9)),
             ("near/B/2copy.png", nearly(9)), ("near/B/3.png", png(picture(200)))]  # fmt: skip
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "near.tar.gz", files))
    store.near_duplicates()
    zero, one_, two, copy, _ = (
        row["image_id"] for row in store.sql("select image_id from image order by image_id").rows()
    )

    def pairs() -> set[tuple[int, int]]:
        return {(row["a"], row["b"]) for row in store.sql("select a, b from pair").rows()}

    def group() -> set[int]:
        rows = store.sql("select image_id from duplicate_image where kind = 'near'").rows()
        return {row["image_id"] for row in rows}

    everything = {(zero, one_), (zero, two), (one_, two)}
    assert (pairs(), group()) == (everything, {zero, one_, two, copy})
    conflicts = store.audit("label_conflict_near").arrow()["image_id"].to_pylist()
    assert sorted(conflicts) == [zero, one_, two]
    take(store, (copy, "not_duplicate", zero))
    assert pairs() == everything - {(zero, two)}
    assert group() == {zero, one_}
    take(store, (one_, "not_duplicate"))
    assert (pairs(), group()) == (set(), set())
    assert store.audit("label_conflict_near").passed
    assert take(store, (one_, "drop"))[0]["effect"] == "new", "the lanes are two"
    assert pairs() == set()
    store.ingest(pack(tmp_path / "more.tar.gz", [("more/A/4.png", nearly(4))]))
    store.near_duplicates()
    assert take(store, (one_, "keep", "duplicate"))[0]["effect"] == "replaces not_duplicate"
    assert everything - {(zero, two)} <= pairs()
    assert take(store, (zero, "keep", "duplicate"))[0]["effect"] == "replaces not_duplicate"
    assert everything <= pairs()
    assert len(group()) == 5
    assert one_ not in store.audit("duplicate_near").arrow()["image_id"].to_pylist()
    assert take(store, (zero, "keep", "duplicate"))[0]["effect"] == "no change"


@pytest.mark.slow
def test_sanitize_follows(store: Store) -> None:
    """What was dropped goes with the rule decision, also from unused; labels are those after."""
    a, b, c = (ids(store, label) for label in "ABC")
    store.split("base", train=1.0, valid=0.0, test=0.0, where="label <> 'C'")
    take(store, (a[0], "drop"), (b[0], "relabel", "N"), (c[0], "drop"))
    placed = store.sql("select image_id, split from split_image where split_set = 'base'").rows()
    store.sanitize("clean", base="base", radius="0", yes=True)
    rows = store.sql("select image_id, split, label, label_id from split_image"
                     " where split_set = 'clean'").rows()  # fmt: skip
    labels = {row["image_id"]: (row["label"], row["label_id"]) for row in rows}
    assert set(labels) == {row["image_id"] for row in placed} - {a[0], a[4]}
    assert (labels[b[0]], labels[b[1]]) == (("N", 2), ("B", 1))
    drops = store.sql("select image_id, rule from split_drop where split_set = 'clean'").rows()
    assert {(row["image_id"], row["rule"]) for row in drops} == {
        (a[0], "decision"), (a[4], "decision")}  # fmt: skip
    store.sanitize("of_ingest", base="ingest", radius="0", yes=True)
    found = store.sql("select image_id from split_image where split_set = 'of_ingest'").rows()
    assert not {row["image_id"] for row in found} & {a[0], a[4], c[0]}
    take(store, (b[1], "drop"))
    store.sanitize("clean", base="base", radius="0", yes=True, replace=True)
    assert store.split_line("clean").startswith("split set clean version 2,")


def test_images_that_peek_draws_are_not_dropped(store: Store) -> None:
    take(store, *[(i, "drop") for i in ids(store, "B")])
    assert {row["label"] for row in store.peek(n=40).rows()} == {"A", "C"}
    assert [row["split"] for row in store.peek(*ids(store, "B")[:2]).rows()] == ["unused"] * 2


# What is refused

BAD: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty"),
    "only a mark": (b"\xef\xbb\xbf", "is empty"),
    "no picture": ("action\ndrop\n", "no column image_id or pixel_hash"),
    "no action": ("image_id,acton\n1,drop\n", "no column action (is it 'acton'?)"),
    "semicolons": ("image_id;action\n1;drop\n", "commas are wanted"),
    "twice": ("image_id,action,action\n", "two columns action"),
    "unknown action": ("image_id,action\n{a},delete\n{a},Drop\n", "line 3: there is no action"),
    "blank action": ("image_id,action\n{a},\n", "line 2: no action"),
    "no label": ("image_id,action\n{a},relabel\n", "line 2: relabel without its value"),
    "dropped to": ("image_id,action,value\n{a},drop,B\n", "drop takes no value"),
    "kept as": ("image_id,action,value\n{a},keep,B\n", "keep takes no value but 'duplicate'"),
    "other": ("image_id,action,value\n{a},not_duplicate,B\n", "is an image_id or a pixel_hash"),
    "itself": ("image_id,action,value\n{a},not_duplicate,{copy}\n", "have equal pixels"),
    "no such": ("image_id,action\n{a},drop\n7,drop\n8,keep\n", "line 4: there is no image 8"),
    "no such other": ("image_id,action,value\n{a},not_duplicate,7\n", "there is no image 7"),
    "rounded": ("image_id,action\n3.2E+18,drop\n", "no whole number of 64 bits"),
    "too long": ("image_id,action\n99999999999999999999,drop\n", "no whole number of 64 bits"),
    "hash": ("pixel_hash,action\nABC,drop\n", "is not 32 of"),
    "neither": ("image_id,pixel_hash,action\n,,drop\n", "neither image_id nor pixel_hash"),
    "other hash": ("image_id,pixel_hash,action\n{a},{zero},drop\n", "has the pixel_hash"),
    "fields": ("image_id,action\n{a}\n", "line 2: 1 fields, where the header has 2"),
    "quotes": ('image_id,action\n{a},"drop"x\n', "is no CSV"),
    "open quote": ('image_id,action\n{a},"drop\n', "is no CSV"),
    "latin": (b"image_id,action,note\n1,drop,\xe4\n", "no text in UTF-8"),
    "utf-16": ("image_id,action\n".encode("utf-16"), "no text in UTF-8"),
    "nul": ("image_id,action,value\n{a},relabel,a\0b\n", "NUL"),
    "long label": ("image_id,action,value\n{a},relabel," + "x" * 2_000 + "\n", "2,000 bytes"),
    "long line": ("image_id,action\n" + "1" * (1 << 20) + ",drop\n", "a line of over"),
    "contradiction": ("image_id,action\n{a},drop\n{b},keep\n{copy},keep\n", "contradicts line 2"),
    "labels": ("image_id,action,value\n{a},relabel,X\n{a},relabel,Y\n", "contradicts line 2"),
    "pair": (
        "image_id,action,value\n{b},not_duplicate,{a}\n{copy},keep,duplicate\n",
        "line 3: keep 'duplicate' contradicts line 2: not_duplicate",
    ),
}


@pytest.fixture(scope="module")
def letters(shared_store: Store) -> list[int]:
    return ids(shared_store, "A")


@pytest.mark.parametrize("case", BAD)
def test_rows_that_cannot_be_meant_are_refused_by_line(
    case: str, shared_store: Store, letters: list[int], tmp_path: Path
) -> None:
    text, wanted = BAD[case]
    a = letters
    if isinstance(text, str):
        for name, known in {"a": a[0], "copy": a[4], "b": a[1], "zero": "0" * 32}.items():
            text = text.replace(f"{{{name}}}", str(known))
    with pytest.raises(UsageError) as caught:
        shared_store.decide(write(tmp_path / "bad.csv", text), yes=True)
    assert wanted in caught.value.message
    assert caught.value.hint.startswith(("notmnist-store ", "file ", "ls "))
    assert not (shared_store.path / "decision").exists()


def test_what_is_refused_lists_the_first_lines(store: Store, tmp_path: Path) -> None:
    text = "image_id,action\n" + "".join(f"{n},drop\n" for n in range(9))
    with pytest.raises(UsageError, match="line 6: there is no image 4 in the store\nand 4 more"):
        store.decide(write(tmp_path / "many.csv", text))


def test_too_many_rows_are_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision_rows, "MOST_ROWS", 3)
    a = ids(store, "A")
    text = "image_id,action\n" + "".join(f"{i},drop\n" for i in a[:4])
    with pytest.raises(UsageError, match="more than 3 decisions"):
        store.decide(write(tmp_path / "many.csv", text))
    with pytest.raises(UsageError, match="more than 3 decisions"):
        store.decide(sql="select image_id, 'drop' as action from image")


def test_files_of_any_kind_of_csv_are_taken(store: Store, tmp_path: Path) -> None:
    """A byte order mark, CRLF, blank lines, columns in another order, others, the same twice."""
    a = ids(store, "A")
    text = f"\ufeffnote, action ,x,image_id\r\n\r\nwhy,drop,1,{a[1]}\r\n,keep,2,{a[2]}\r\n"
    text += f"again,drop,3,{a[1]}\r\n"
    notes = Notes()
    noted = Store(store.path, progress=notes)
    rows = noted.decide(write(tmp_path / "x.csv", text), yes=True).rows()
    assert [(row["action"], row["note"]) for row in rows] == [("drop", "why"), ("keep", None)]
    assert "columns not used: x" in notes.said
    assert "1 lines repeat another; they count once" in notes.said
    old_mac = write(tmp_path / "y.csv", f"image_id,action\r{a[1]},drop\r")
    assert noted.decide(old_mac).rows()[0]["effect"] == "no change"


def test_copies_that_are_not_named_are_told_of(store: Store) -> None:
    first, *_, copy = ids(store, "A")
    notes = Notes()
    noted = Store(store.path, progress=notes)
    noted.decide(pa.table({"image_id": [copy]}), action="drop")
    assert any("touch 2 images, 1 of which are not named" in note for note in notes.said)
    notes.said.clear()
    noted.decide(pa.table({"image_id": [first, copy]}), action="drop")
    assert not any("touch" in note for note in notes.said)


def test_a_new_label_is_told_of(store: Store) -> None:
    notes = Notes()
    noted = Store(store.path, progress=notes)
    noted.decide(pa.table({"image_id": ids(store, "A")[1:3]}), action="relabel", value="b")
    assert "new labels: 'b' (2 pictures)" in notes.said


@pytest.mark.parametrize("by", ["", "  ", "a\x1b[2J", "x" * 300])
def test_who_decides_is_a_name(store: Store, by: str) -> None:
    with pytest.raises(UsageError, match="--by"):
        store.decide(sql="select image_id, 'drop' as action from image", by=by)


def test_file_or_query(store: Store) -> None:
    for given_ in ({}, {"decisions": "x.csv", "sql": "select 1"}):
        with pytest.raises(UsageError, match="one of the two"):
            store.decide(**given_)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"nosuch\.csv cannot be read"):
        store.decide("nosuch.csv")


# The command


@pytest.fixture
def run(store: Store, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run_it(*arguments: str) -> tuple[int, str, str]:
        code = main([arguments[0], "--store", str(store.path), *arguments[1:]])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_it


def test_the_command_says_first_and_does_then(
    run: Callable[..., tuple[int, str, str]], store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "blank.csv"
    first = ids(store, "A")[0]
    assert run("sql", f"select image_id, label from image where image_id = {first}", "-o",
               str(file))[0] == 0  # fmt: skip
    before = shutil.copytree(store.path, tmp_path / "before")
    code, out, err = run("decide", str(file), "--action", "drop", "--format", "csv")
    assert (code, out.splitlines()[1].split(",")[3]) == (0, "drop")
    assert "nothing was decided yet (new 1)" in err
    assert "--action drop --yes" in err
    same = [path.relative_to(before) for path in before.rglob("*")]
    assert sorted(same) == sorted(path.relative_to(store.path) for path in store.path.rglob("*"))
    code, _, err = run("decide", str(file), "--action", "drop", "--yes", "--by", "ada")
    assert (code, one(store, first)["is_dropped"]) == (0, True)
    assert "undo" in err
    (said,) = store.sql("select decided_by, image_id, place from decision").rows()
    assert said == {"decided_by": "ada", "image_id": first, "place": 0}
    code, _, err = run("decide", str(file), "--action", "drop", "--yes")
    assert (code, "nothing to do: no change 1" in err) == (0, True)
    assert run("undo")[0] == 0
    assert not one(store, first)["is_dropped"]


def test_the_command_takes_a_query_and_stdin(
    run: Callable[..., tuple[int, str, str]], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "select image_id, 'relabel' as action, 'B' as value from image where label = 'C'"
    assert run("decide", "--sql", query, "--yes")[0] == 0
    assert label_counts(store) == {"A": 5, "B": 8}
    assert run("decide", "--sql", "copy image to 'x'", "--yes")[0] == 3
    text = f"image_id,action\n{ids(store, 'C')[0]},keep\n".encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))
    code, _, err = run("decide", "-", "--yes")
    assert (code, "replaces relabel 1" in err) == (0, True)
    assert label_counts(store) == {"A": 5, "B": 7, "C": 1}
    assert run("decide")[0] == 2
