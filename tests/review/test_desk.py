"""Verdicts get from the journal into the tables once, whoever is killed when; none is lost."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from pathlib import Path

import pytest

import notmnist_store
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.review.desk import Desk
from notmnist_store.review.journal import FOLDER, Journal
from notmnist_store.review.verdicts import Verdict
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.program import end, spawn, wait_for_pause
from tests.support.review import store_of_pairs

DECIDED = "select pixel_hash, action, value, note, decided_by from decision where is_current"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of_pairs(tmp_path_factory.mktemp("desk"), 6)


@pytest.fixture
def pairs(tmp_path: Path, made: Store) -> Store:
    return notmnist_store.open(shutil.copytree(made.path, tmp_path / "store"))


def desk_of(store: Store, by: str = "ada") -> Desk:
    return Desk(Tables.open(Path(str(store.path))), by)


def verdicts(store: Store, action: str, value: str | None = None) -> list[Verdict]:
    """The same verdict on each near pair."""
    rows = store.sql(
        "select pair.b, image.pixel_hash, pair.a, twin.pixel_hash as twin_hash, "
        "pair.squared_distance from near_pair as pair join image on image.image_id = pair.b "
        "join image as twin on twin.image_id = pair.a order by pair.squared_distance, pair.b"
    ).rows()
    return [
        Verdict(
            "near_pairs",
            action,
            row["b"],
            row["pixel_hash"],
            value,
            row["a"],
            row["twin_hash"],
            row["squared_distance"],
            "none",
            "none",
        )
        for row in rows
    ]


def decided(store: Store) -> dict[str, str]:
    return {row["pixel_hash"]: row["action"] for row in store.sql(DECIDED).rows()}


def runs(store: Store) -> list[str]:
    rows = store.sql("select verb from run order by sequence").rows()
    return [row["verb"] for row in rows]


def test_what_is_said_is_in_the_journal_and_by_one_run_in_the_tables(pairs: Store) -> None:
    desk, before = desk_of(pairs), runs(pairs)
    said = verdicts(pairs, "drop")
    desk.judge(said[:2])
    desk.judge([Verdict("near_pairs", "relabel", said[2].image_id, said[2].pixel_hash, "Z")])
    desk.judge(verdicts(pairs, "not_duplicate")[3:4])
    assert decided(pairs) == {}
    assert desk.waiting == 4
    assert len(list((Path(str(pairs.path)) / FOLDER).glob("*.jsonl"))) == 1
    assert desk.drain()
    assert not desk.drain()
    assert [row["action"] for row in pairs.sql(DECIDED + " order by place").rows()] == [
        "drop",
        "drop",
        "relabel",
        "not_duplicate",
    ]
    assert {row["decided_by"] for row in pairs.sql(DECIDED).rows()} == {"ada"}
    assert {row["note"] for row in pairs.sql(DECIDED).rows()} == {"review: near_pairs"}
    assert runs(pairs) == [*before, "decide"]
    assert not (Path(str(pairs.path)) / FOLDER).exists()


def test_of_two_verdicts_on_a_picture_the_last_counts(pairs: Store) -> None:
    desk = desk_of(pairs)
    (first, *_) = verdicts(pairs, "drop")
    desk.judge([first])
    desk.judge([Verdict("blanks", "keep", first.image_id, first.pixel_hash)])
    desk.drain()
    assert decided(pairs) == {first.pixel_hash: "keep"}


def test_what_is_taken_back_before_it_is_stored_was_never_said(pairs: Store) -> None:
    desk, before = desk_of(pairs), runs(pairs)
    (first, second, *_) = verdicts(pairs, "drop")
    (number,) = desk.judge([first])
    assert desk.take_back([number]) == [first]
    assert desk.take_back([number]) == []
    desk.drain()
    assert runs(pairs) == before
    numbers = desk.judge([first, second])
    desk.take_back(numbers[:1])
    desk.drain()
    assert decided(pairs) == {second.pixel_hash: "drop"}


def test_what_is_taken_back_after_it_was_stored_leaves_what_was_said_with_it(pairs: Store) -> None:
    desk = desk_of(pairs)
    said = [*verdicts(pairs, "drop")[:3], verdicts(pairs, "not_duplicate")[4]]
    numbers = desk.judge(said)
    desk.drain()
    pairs.decide(sql=f"select {said[2].image_id} as image_id, 'keep' as action", by="bob", yes=True)
    desk.take_back(numbers[1:2])
    desk.drain()
    assert decided(pairs) == {
        said[0].pixel_hash: "drop",
        said[2].pixel_hash: "keep",
        said[3].pixel_hash: "not_duplicate",
    }
    dropped = pairs.sql("select pixel_hash from image where decision = 'drop'").rows()
    assert [row["pixel_hash"] for row in dropped] == [said[0].pixel_hash]
    desk.take_back(numbers[3:])
    desk.drain()
    assert said[3].pixel_hash not in decided(pairs)


def test_several_that_are_taken_back_at_once_stay_taken_back(pairs: Store) -> None:
    desk = desk_of(pairs)
    said = verdicts(pairs, "drop")[:3]
    numbers = desk.judge(said)
    desk.drain()
    desk.take_back(numbers[:2])
    desk.drain()
    assert decided(pairs) == {said[2].pixel_hash: "drop"}


def test_what_is_said_anew_counts_though_its_run_is_taken_back(pairs: Store) -> None:
    desk = desk_of(pairs)
    (first, second, *_) = verdicts(pairs, "drop")
    numbers = desk.judge([first, second])
    desk.drain()
    desk.judge(verdicts(pairs, "keep")[1:2])
    desk.take_back(numbers[:1])
    desk.drain()
    assert decided(pairs) == {second.pixel_hash: "keep"}


def test_what_a_later_verdict_hid_counts_when_both_runs_are_taken_back(pairs: Store) -> None:
    desk = desk_of(pairs)
    (first, second, *_) = verdicts(pairs, "drop")
    numbers = desk.judge([first, second])
    desk.drain()
    numbers += desk.judge(verdicts(pairs, "keep")[1:2])
    desk.drain()
    desk.take_back([numbers[0], numbers[2]])
    desk.drain()
    assert decided(pairs) == {second.pixel_hash: "drop"}


def test_to_take_back_what_somebody_decided_otherwise_since_changes_nothing(pairs: Store) -> None:
    desk = desk_of(pairs)
    (first, *_) = verdicts(pairs, "drop")
    numbers = desk.judge([first])
    desk.drain()
    keep = f"select {first.image_id} as image_id, 'keep' as action"
    pairs.decide(sql=keep, by="bob", yes=True)
    desk.take_back(numbers)
    desk.drain()
    assert decided(pairs) == {first.pixel_hash: "keep"}


def test_a_journal_that_was_left_is_stored_once(pairs: Store) -> None:
    """Its owner is killed: before it stored, or between the commit and the end of the journal."""
    said = verdicts(pairs, "drop")
    killed = desk_of(pairs)
    killed.judge(said[:2])
    (journal,) = (Path(str(pairs.path)) / FOLDER).glob("*.jsonl")
    content = journal.read_bytes()
    other = desk_of(pairs, "bob")
    assert other.take_over() == 0, "its owner lives, and holds its lock"
    killed.drain()
    keep = f"select {said[0].image_id} as image_id, 'keep' as action"
    pairs.decide(sql=keep, by="bob", yes=True)
    journal.parent.mkdir()
    journal.write_bytes(content)  # as it was when the commit had landed
    before = runs(pairs)
    other.take_over()
    assert runs(pairs) == before
    assert decided(pairs)[said[0].pixel_hash] == "keep"
    assert not journal.exists()
    journal.parent.mkdir()
    journal.with_name("20260101T000000Z-0123456789.jsonl").write_bytes(
        content.replace(said[0].pixel_hash.encode(), said[2].pixel_hash.encode()).replace(
            str(said[0].image_id).encode(), str(said[2].image_id).encode()
        )
    )
    assert [verdict.pixel_hash for verdict in other.left_behind()] == [
        said[2].pixel_hash,
        said[1].pixel_hash,
    ]
    assert other.take_over() == 2
    assert decided(pairs)[said[2].pixel_hash] == "drop"
    assert other.take_over() == 0


def test_two_desks_and_a_decide_beside_them_lose_nothing(pairs: Store) -> None:
    one, other = desk_of(pairs), desk_of(pairs, "bob")
    said = verdicts(pairs, "drop")
    one.judge(said[:2])
    other.judge(said[2:4])
    sql = f"select {said[4].image_id} as image_id, 'drop' as action"
    pairs.decide(sql=sql, by="eve", yes=True)
    one.drain()
    other.drain()
    assert set(decided(pairs)) == {verdict.pixel_hash for verdict in said[:5]}


def test_a_line_that_was_cut_was_never_said_and_damage_is_told(pairs: Store) -> None:
    journal = Journal(Tables.open(Path(str(pairs.path))))
    journal.add([{"verdict": one.to_json()} for one in verdicts(pairs, "drop")[:3]])
    (path,) = (Path(str(pairs.path)) / FOLDER).glob("*.jsonl")
    whole = path.read_bytes()
    for cut in range(len(whole) - 300, len(whole)):
        path.write_bytes(whole[:cut])
        assert len(journal.read()) == whole[:cut].count(b"\n")
    path.write_bytes(b"{" + whole)
    with pytest.raises(StoreError, match="damaged in line 1"):
        journal.read()


def test_judgements_are_rows_of_their_own_and_decide_nothing(pairs: Store) -> None:
    desk = desk_of(pairs)
    for judgement, verdict in zip(
        ("copy", "copy", "different"), verdicts(pairs, "copy"), strict=False
    ):
        desk.judge([Verdict(**{**verdict.__dict__, "action": judgement})])
    first = verdicts(pairs, "nearly")[0]
    desk.judge([first])
    desk.drain()
    rows = pairs.sql("select * from verdict where is_current order by squared_distance").rows()
    assert sorted(row["judgement"] for row in rows) == ["copy", "different", "nearly"]
    assert decided(pairs) == {}
    more = verdicts(pairs, "different")[3:6]
    numbers = desk.judge(more)
    desk.drain()
    desk.take_back(numbers[:1])
    desk.drain()
    rows = pairs.sql("select * from verdict where is_current").rows()
    kept = {row["image_id"]: row["judgement"] for row in rows}
    assert kept[first.image_id] == "nearly"
    assert more[0].image_id not in kept
    assert [kept[one.image_id] for one in more[1:]] == ["different", "different"]


@pytest.mark.parametrize(
    ("action", "value", "message"),
    [
        ("shred", None, "no action 'shred'"),
        ("relabel", None, "relabel without its value"),
        ("relabel", "a\0b", "NUL"),
        ("relabel", "x" * 2_000, "2,000 bytes"),
        ("drop", "A", "takes no value"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_not_written_down(
    pairs: Store, action: str, value: str | None, message: str
) -> None:
    desk = desk_of(pairs)
    (good, *_) = verdicts(pairs, "drop")
    with pytest.raises(UsageError, match=message):
        desk.judge([good, Verdict("near_pairs", action, good.image_id, good.pixel_hash, value)])
    assert desk.waiting == 0
    equal = Verdict("leaks", "not_duplicate", 1, "0" * 32, None, 2, "0" * 32)
    with pytest.raises(UsageError, match="one picture"):
        desk.judge([equal])


def test_a_picture_whose_image_went_away_is_decided_by_its_pixels(pairs: Store) -> None:
    desk = desk_of(pairs)
    (first, *_) = verdicts(pairs, "drop")
    desk.judge([first])
    ingest = pairs.sql("select run_id from run where verb = 'ingest'").rows()[0]["run_id"]
    pairs.undo(ingest)
    desk.drain()
    assert decided(pairs) == {first.pixel_hash: "drop"}


SAY = """
import json, sys
from pathlib import Path
from notmnist_store.progress import Progress
from notmnist_store.review.desk import Desk
from notmnist_store.review.verdicts import Verdict
from notmnist_store.storage.tables import Tables

desk = Desk(Tables.open(Path(sys.argv[1])), "ada")
said = [Verdict.of_json(one) for one in json.loads(sys.argv[2])]
undone = int(sys.argv[3])
numbers = desk.judge(said)
if undone >= 0:
    desk.drain()
    desk.take_back([numbers[undone]])
desk.drain()
"""


def kill_at(store: Store, said: list[Verdict], point: str, undone: int = -1) -> None:
    """Let a process say this and store it, take one back and store that, and kill it on its way."""
    given = json.dumps([verdict.to_json() for verdict in said])
    command = [sys.executable, "-c", SAY, str(store.path), given, str(undone)]
    process = spawn(command, point)
    wait_for_pause(process)
    end(process, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        *("decision written", "decision committed", "run written", "run committed"),
        *("verdict written", "verdict committed"),
    ],
)
def test_killed_at_any_stage_of_storing_each_verdict_is_stored_once(
    pairs: Store, point: str
) -> None:
    said = [*verdicts(pairs, "drop")[:3], verdicts(pairs, "copy")[3]]
    kill_at(pairs, said, point)
    desk_of(pairs).take_over()
    assert decided(pairs) == {verdict.pixel_hash: "drop" for verdict in said[:3]}
    assert len(pairs.sql("select * from verdict").rows()) == 1
    assert len(pairs.sql("select * from decision").rows()) == 3
    assert runs(pairs)[-2:] == ["decide", "review"]
    assert not (Path(str(pairs.path)) / FOLDER).exists()


@pytest.mark.slow
@pytest.mark.parametrize("point", ["run written#2", "run committed#2", "decision committed#2"])
def test_killed_while_one_is_taken_back_the_others_stand(pairs: Store, point: str) -> None:
    """Its run is withdrawn, and what else that had decided is decided anew."""
    said = verdicts(pairs, "drop")[:3]
    kill_at(pairs, said, point, undone=1)
    desk_of(pairs).take_over()
    assert decided(pairs) == {said[0].pixel_hash: "drop", said[2].pixel_hash: "drop"}
