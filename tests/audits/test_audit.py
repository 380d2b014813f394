"""Audits: golden results on the bad store, silence on the clean one, and what a verdict says.

The golden files are what each audit prints. That they are right is held apart from them: the tests
below derive the same rows from the defects that `make_bad_store` was told to make.
"""

from __future__ import annotations

import itertools
import shlex
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import notmnist_store
from notmnist_store.audits.audit import AuditResult, find_audits
from notmnist_store.audits.verdicts import Verdict
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.cli.main import main
from notmnist_store.errors import QueryError, UsageError
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from notmnist_store.testing import GONE_IMAGE, make_bad_store, make_clean_store
from tests.support.archives import class_files, pack
from tools import make_audits

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "audits"
AUDITS = [audit.name for audit in find_audits([])]
SPLIT_SET_OF = {"split_empty": "no_valid"}
LEAKS = (("test", "train"), ("test", "valid"), ("valid", "train"))

pytestmark = pytest.mark.sql
every_audit = pytest.mark.parametrize("name", AUDITS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict[str, int]]:
    path = tmp_path_factory.mktemp("audits") / "bad"
    ids = make_bad_store(path)
    return notmnist_store.open(path), ids


@pytest.fixture(scope="module")
def bad(made: tuple[Store, dict[str, int]]) -> Store:
    return made[0]


@pytest.fixture(scope="module")
def ids(made: tuple[Store, dict[str, int]]) -> dict[str, int]:
    return made[1]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return notmnist_store.open(make_clean_store(tmp_path_factory.mktemp("audits") / "clean"))


def rows(store: Store, name: str) -> list[dict[str, object]]:
    return store.audit(name, split_set=SPLIT_SET_OF.get(name, "bad")).rows()


def found(store: Store, name: str, *columns: str) -> list[tuple[object, ...]]:
    return [tuple(row[column] for column in columns) for row in rows(store, name)]


def verdicts(result: AuditResult) -> dict[str, Verdict]:
    return {verdict.name: verdict for verdict in result.verdicts}


def test_no_audit_lacks_a_golden_result() -> None:
    assert sorted(AUDITS) == sorted(path.stem for path in GOLDEN.glob("*.csv"))


@every_audit
def test_an_audit_finds_what_is_bad(name: str, bad: Store) -> None:
    result = bad.audit(name, split_set=SPLIT_SET_OF.get(name, "bad"))
    assert len(result)
    assert result.to_bytes("csv") == (GOLDEN / f"{name}.csv").read_bytes()
    assert result.verdicts[0].status == "fail"


def test_nothing_is_found_in_the_clean_store(clean: Store) -> None:
    result = clean.audit(split_set="clean", fail_on="should")
    assert {row["name"]: row["status"] for row in result.rows()} == dict.fromkeys(AUDITS, "pass")
    assert result.passed
    assert not any(row["violating"] for row in result.rows())


@pytest.mark.slow
def test_ingest_claims_no_order(clean: Store) -> None:
    verdict = verdicts(clean.audit())["order_shuffled"]
    assert (verdict.status, verdict.total, verdict.share) == ("empty", 0, None)


@pytest.mark.slow
def test_copies_conflicts_and_collisions_are_those_that_were_made(
    bad: Store, ids: dict[str, int]
) -> None:
    """Twins are the first ingested: 1001 + n is train's n-th image, whose picture is number n."""
    of_train = {"copy_of_train": 1001, "copy_in_valid": 1041, "copy_of_both": 1041}
    copies = {ids[name]: twin for name, twin in of_train.items()}
    copies |= {ids["copy_of_valid"]: ids["in_valid"], ids["collision"]: ids["victim"]}
    copies |= {ids["conflict_b"]: ids["conflict"], ids["conflict_c"]: ids["conflict"]}
    copies |= {ids["late_copy"]: 1002}
    assert dict(found(bad, "duplicate_exact", "image_id", "twin_id")) == copies
    assert ids["late_copy"] < 1002, "its run is later, though its id is smaller"
    assert found(bad, "label_conflict_exact", "image_id", "images", "labels") == [
        (ids["conflict"], 3, 2)
    ]
    (collision,) = rows(bad, "hash_collision")
    assert {collision["image_id"], collision["twin_id"]} == {ids["victim"], ids["collision"]}


def test_leaks_are_those_that_were_made(bad: Store, ids: dict[str, int]) -> None:
    """An image that was put into two splits is its own twin."""
    assert found(bad, "split_leak_exact", "image_id", "split", "twin_id", "twin_split") == [
        (ids["in_two_splits"], "test", ids["in_two_splits"], "train"),
        (ids["copy_of_train"], "test", 1001, "train"),
        (ids["copy_of_valid"], "test", ids["in_valid"], "valid"),
        (ids["copy_of_both"], "test", 1041, "train"),
        (ids["copy_in_valid"], "valid", 1041, "train"),
    ]
    assert found(bad, "split_leak_group", "image_id", "group_value", "twin_split", "twins") == [
        (ids["copy_of_train"], "serif", "train", 3),
        (ids["copy_of_valid"], "mono", "valid", 1),
        (ids["sans_in_valid"], "sans", "train", 1),
    ]


@pytest.mark.slow
def test_missing_rows_are_those_that_were_made(bad: Store, ids: dict[str, int]) -> None:
    assert found(bad, "split_missing", "image_id", "missing") == [
        (GONE_IMAGE, "image"),
        (ids["late_copy"], "split"),
        (ids["look_alike"], "split"),
    ]
    assert found(bad, "split_empty", "split") == [("valid",)]
    assert found(bad, "label_missing", "split", "label") == [
        ("test", "C"),
        ("test", "c "),
        ("train", "c "),
        ("valid", "A"),
        ("valid", "C"),
        ("valid", "c "),
    ]
    assert found(bad, "ledger_conservation", "label", "seen", "stored", "rejected", "rejects") == [
        ("B", 51, 49, 2, 1),
        ("C", 6, 5, 0, 0),
    ]
    assert found(bad, "archive_reject", "label", "reason") == [("A", "empty"), ("B", "unreadable")]


def test_faint_images_and_uneven_classes_are_those_that_were_made(
    bad: Store, ids: dict[str, int]
) -> None:
    assert found(bad, "image_blank", "image_id") == [(ids["black"],), (ids["white"],)]
    assert found(bad, "image_low_ink", "image_id", "ink_mean") == [(ids["dot"], 8 / 784)]
    sizes = {"A": 40 + 35 + 8, "B": 40 + 6 + 3, "C": 5, "c ": 1}
    mean = sum(sizes.values()) / 4
    alike = [("C", "C", "43"), ("c ", "C", "6320")]
    assert found(bad, "label_lookalike", "label", "alike_label", "utf8") == alike
    assert found(bad, "label_imbalance", "label", "images", "deviation") == [
        (label, images, pytest.approx(images / mean - 1)) for label, images in sizes.items()
    ]
    assert found(bad, "split_label_imbalance", "split", "label", "images") == [
        ("test", "A", 37),
        ("test", "B", 2),
        ("train", "A", 40),
        ("train", "B", 40),
        ("train", "C", 5),
    ]


def pixels(store: Store, split: str, label: str) -> np.ndarray:
    """Pixels of a class in a split of split set bad, (images, 784), on a scale from 0 to 1."""
    found = store.sql(
        "select image_pixels.pixels from image_pixels"
        " inner join split_image on split_image.image_id = image_pixels.image_id"
        " where split_image.split_set = 'bad' and split_image.split = $split"
        " and split_image.label = $label order by split_image.position",
        params={"split": split, "label": label},
    )
    joined = b"".join(found.arrow()["pixels"].to_pylist())
    return np.frombuffer(joined, np.uint8).reshape(-1, 784) / 255


def test_drift_is_welch_and_cohen_on_the_pixels(bad: Store) -> None:
    """The same statistics, from the pixels: of mean and std only the mean of A has moved."""
    train, test = pixels(bad, "train", "A"), pixels(bad, "test", "A")
    a, b = train.mean(axis=1), test.mean(axis=1)
    error = np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
    effect = (b.mean() - a.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    assert found(bad, "ink_drift", "label", "split", "statistic", "images", "z", "effect") == [
        ("A", "test", "mean", 37, round((b.mean() - a.mean()) / error, 2), round(effect, 2))
    ]
    audit = load_queries("audits")["ink_drift"]
    every = {"split_set": "bad", "alpha": 1e9, "effect": 0.0, "least": 30}
    _, std = Catalog(Tables.open(bad.path)).query(audit.sql, every).to_pylist()
    square_a, square_b = (np.square(each - each.mean()).mean(axis=1) for each in (train, test))
    difference = square_b.mean() - square_a.mean()
    error = np.sqrt(square_a.var(ddof=1) / len(a) + square_b.var(ddof=1) / len(b))
    assert std["statistic"] == "std"
    assert std["value"] == pytest.approx(test.std(), abs=1e-8)
    assert std["train_value"] == pytest.approx(train.std(), abs=1e-8)
    assert std["z"] == round(difference / error, 2)


def test_the_runs_test_has_the_moments_of_all_orders(bad: Store) -> None:
    """Mean and variance of the repeats, against all 1,260 orders of AAAABBBCC."""
    repeats = [
        sum(a == b for a, b in itertools.pairwise(order))
        for order in set(itertools.permutations("AAAABBBCC"))
    ]
    given = pa.table(
        {
            "split_set": ["given"] * 9,
            "split": ["train"] * 9,
            "position": pa.array(range(9), pa.int64()),
            "label": list("AAAABBBCC"),
        }
    )
    audit = load_queries("audits")["order_shuffled"]
    catalog = Catalog(Tables.open(bad.path))
    sql = audit.sql.replace("split_image", "given_image")
    values = {"split_set": "given", "alpha": 1e9, "least": 2}
    (row,) = catalog.query(sql, values, rows={"given_image": given}).to_pylist()
    assert row["repeats"] == 6
    assert row["expected"] == round(np.mean(repeats), 2)
    assert row["z"] == round((6 - np.mean(repeats)) / np.std(repeats), 2)


def test_reports_of_overlap_agree_with_brute_force(bad: Store) -> None:
    placed = bad.sql(
        "select split_image.image_id, split_image.split, image.pixel_hash from split_image"
        " inner join image on image.image_id = split_image.image_id"
        " where split_image.split_set = 'bad' and split_image.split <> 'unused'"
    ).rows()
    hashes = Counter((row["split"], row["pixel_hash"]) for row in placed)
    matrix = bad.sql("overlap_matrix", params={"split_set": "bad"}).rows()
    assert len(matrix) == 9
    for row in matrix:
        split, other = row["split"], row["other_split"]
        least = 2 if split == other else 1
        shared = [p["pixel_hash"] for p in placed if p["split"] == split]
        shared = [pixel_hash for pixel_hash in shared if hashes[other, pixel_hash] >= least]
        assert (row["images"], row["distinct_pixels"]) == (len(shared), len(set(shared)))
    leaks = bad.sql(
        "select split, twin_split, count(*) as images from leak"
        " where split_set = 'bad' and kind = 'exact'"
        " group by split, twin_split order by split, twin_split"
    ).rows()
    directions = {(row["split"], row["other_split"]): row["images"] for row in matrix}
    assert [(row["split"], row["twin_split"], row["images"]) for row in leaks] == [
        (*direction, directions[direction]) for direction in LEAKS
    ]


def test_reports_of_conflicts_families_and_copies(bad: Store, ids: dict[str, int]) -> None:
    conflicts = bad.sql("label_conflicts").rows()
    assert [(row["label"], row["images"], row["image_id"]) for row in conflicts] == [
        ("B", 2, ids["conflict_b"]),
        ("A", 1, ids["conflict"]),
    ]
    families = bad.sql("leaks_by_family", params={"split_set": "bad"}).rows()
    assert [tuple(row.values()) for row in families] == [
        ("serif", 3, 0, 1, 1),
        ("sans", 1, 1, 0, 0),
    ]
    copies = bad.sql("duplicates_by_label").rows()
    counts = {row["label"]: row["copies"] for row in copies}
    assert counts == {"A": 3, "B": 4, "C": 0, "c ": 0}
    groups = bad.sql("duplicate_groups").rows()
    assert [row["images"] for row in groups] == [3, 3, 2, 2, 2, 2]
    assert groups[1]["labels"] == 2


@pytest.mark.slow
def test_the_verdict_of_the_bad_store(bad: Store) -> None:
    result = bad.audit(split_set="bad")
    assert not result.passed
    leak = verdicts(result)["split_leak_exact"]
    assert (leak.violating, leak.total, leak.share, leak.tolerance) == (5, 43, 5 / 43, 0)
    assert leak.next == "notmnist-store peek --audit split_leak_exact --split-set bad"
    assert verdicts(result)["split_empty"].next is None
    counts = verdicts(result)["split_label_imbalance"].next
    assert counts == "notmnist-store sql split_counts --param split_set=bad"
    assert result.columns == [
        *("name", "severity", "status", "violating", "total", "share", "tolerance", "seconds"),
        *("next", "overridden", "error"),
    ]
    severities = [row["severity"] for row in result.rows()]
    assert severities == sorted(severities, key=("must", "should", "info").index)


@pytest.mark.parametrize(
    ("severity", "status", "stopped_by"),
    [
        ("must", "pass", []),
        ("must", "fail", ["must", "should"]),
        ("must", "empty", ["must", "should"]),
        ("must", "broken", ["must", "should"]),
        ("must", "stale", ["must", "should"]),
        ("should", "empty", []),
        ("should", "fail", ["should"]),
        ("should", "broken", ["should"]),
        ("should", "stale", ["should"]),
        ("info", "fail", []),
    ],
)
def test_what_stops_a_gate(severity: str, status: str, stopped_by: list[str]) -> None:
    verdict = Verdict("x", severity, status, 0.0)
    assert [on for on in ("must", "should", "never") if verdict.stops(on)] == stopped_by


@pytest.mark.slow
def test_a_tolerance_is_a_share_that_may_be_reached(bad: Store) -> None:
    def status(value: float | str) -> str:
        result = bad.audit(
            "split_leak_exact",
            "image_blank",
            split_set="bad",
            tolerance={"split_leak_exact": value},
        )
        return verdicts(result)["split_leak_exact"].status

    assert status(5 / 43) == "pass"
    assert status("0.11") == "fail"


@pytest.mark.parametrize("value", ["x", "-0.1", "1.5", "nan", ""])
def test_what_is_no_share_is_no_tolerance(bad: Store, value: str) -> None:
    with pytest.raises(UsageError, match="a share from 0 to 1") as caught:
        bad.audit(tolerance={"image_blank": value})
    assert "image_blank=0.01" in caught.value.hint


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda store: store.audit("split_leak_exat"), "did you mean split_leak_exact"),
        (lambda store: store.audit("qqq"), "there are archive_reject"),
        (lambda store: store.audit(split_set="bda"), "did you mean bad"),
        (lambda store: store.audit(split_set="qqq"), "there are ingest, bad, no_valid"),
        (lambda store: store.audit(fail_on="may"), "must, should, never"),
        (lambda store: store.audit(tolerance={"imageblank": 0}), "did you mean image_blank"),
        (lambda store: store.peek(audit="imageblank"), "did you mean image_blank"),
        (lambda store: store.peek(audit="image_blank", split_set="x"), "there are ingest"),
        (lambda store: store.peek(1001, audit="image_blank"), "not by several"),
    ],
)
def test_what_cannot_be_meant(bad: Store, call: Callable[[Store], object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        call(bad)
    assert caught.value.hint.startswith("notmnist-store ")


HEADER = """\
-- title: Mine
-- grain: image
-- severity: must
-- tolerance: 0
-- total: select count(*) from image
"""
BROKEN = {
    "syntax": (f"{HEADER}selec 1", "syntax"),
    "column": (f"{HEADER}select nosuch from image", "nosuch"),
    "two": (f"{HEADER}select 1; select 2", "one SELECT is wanted"),
    "writing": (f"{HEADER}delete from stored_image", "only SELECT"),
    "copying": (f"{HEADER}copy (select 1) to 'x.csv'", "only SELECT"),
    "reading": (f"{HEADER}select * from read_csv('/etc/passwd')", "disabled"),
    "undeclared": (f"{HEADER}select 1 where 1 = $most", "it uses $most"),
    "no_value": (f"{HEADER}-- param most: float\nselect 1 where 1 = $most", "needs a value"),
    "no_total": (HEADER.replace("-- total", "-- sum") + "select 1", "-- total"),
    "bare": (
        "-- title: Mine\n-- severity: must\nselect 1",
        "lacks '-- grain: …', '-- tolerance: …', '-- total: …'",
    ),
    "needy": (f"{HEADER}-- needs: luck\nselect 1", "needs 'luck'; there is pair"),
    "open_quote": (f"{HEADER}-- next: sql it's\nselect 1", "a next that is no command"),
    "no_share": (HEADER.replace("tolerance: 0", "tolerance: 5 %") + "select 1", "5 %"),
    "severe": (HEADER.replace("must", "fatal") + "select 1", "fatal"),
    "not_a_number": (HEADER.replace("count(*)", "label") + "select 1", "one whole number"),
}


def folder_of(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.sql").write_text(text)
    return tmp_path


@pytest.mark.slow
def test_a_broken_audit_is_a_verdict_and_the_others_still_run(tmp_path: Path, clean: Store) -> None:
    folder = folder_of(tmp_path, **{name: text for name, (text, _) in BROKEN.items()})
    result = clean.audit(split_set="clean", sql_dir=folder)
    found = verdicts(result)
    for name, (_, message) in BROKEN.items():
        assert found[name].status == "broken", name
        assert message in str(found[name].error), name
        assert found[name].overridden == str(folder / f"{name}.sql")
        assert str(found[name].next).startswith(f"notmnist-store audit {name}")
    assert [found[name].status for name in AUDITS] == ["pass"] * len(AUDITS)
    assert not result.passed
    assert clean.audit(split_set="clean", sql_dir=folder, fail_on="never").passed


@pytest.mark.parametrize("name", ["column", "no_value", "no_total"])
def test_a_broken_audit_alone_is_an_error(name: str, tmp_path: Path, clean: Store) -> None:
    text, message = BROKEN[name]
    folder = folder_of(tmp_path, **{name: text})
    with pytest.raises(QueryError, match="is broken: ") as caught:
        clean.audit(name, sql_dir=folder)
    assert message in caught.value.message
    assert caught.value.hint


def test_a_header_that_lacks_lines_names_a_whole_file_to_copy(tmp_path: Path, clean: Store) -> None:
    folder = folder_of(tmp_path, mine="-- title: Mine\n-- severity: info\nselect 1")
    with pytest.raises(QueryError, match="lacks '-- grain: …', '-- tolerance: …', '-- total") as e:
        clean.audit("mine", sql_dir=folder)
    command, path = shlex.split(e.value.hint)
    assert command == "cat"
    (folder / "mine.sql").write_text(Path(path).read_text(encoding="utf-8"))
    assert clean.audit("mine", sql_dir=folder).verdicts[0].status == "pass"


@pytest.mark.slow
def test_an_audit_of_ones_own_goes_before_ours(tmp_path: Path, clean: Store) -> None:
    mine = f"{HEADER}select image_id, label from image order by image_id limit 3;\n"
    folder = folder_of(tmp_path, image_blank=mine, report="-- title: No audit\nselect 1")
    result = clean.audit(sql_dir=folder)
    verdict = verdicts(result)["image_blank"]
    assert "report" not in verdicts(result)
    assert (verdict.status, verdict.violating, verdict.severity) == ("fail", 3, "must")
    assert verdict.overridden == str(folder / "image_blank.sql")
    assert verdict.next == f"notmnist-store audit image_blank --sql-dir {folder}"
    assert verdicts(result)["image_low_ink"].overridden is None
    assert len(clean.audit("image_blank", sql_dir=folder)) == 3
    assert len(clean.peek(audit="image_blank", sql_dir=folder)) == 3


def test_a_folder_that_is_not_there(tmp_path: Path, clean: Store) -> None:
    with pytest.raises(QueryError, match="is not a folder"):
        clean.audit(sql_dir=tmp_path / "nosuch")


def test_peek_shows_the_rows_of_an_audit(bad: Store, ids: dict[str, int]) -> None:
    shown = bad.peek(audit="split_leak_exact", split_set="bad", n=2).rows()
    assert [row["image_id"] for row in shown] == [ids["in_two_splits"], ids["copy_of_train"]]
    with pytest.raises(QueryError, match="no column image_id"):
        bad.peek(audit="label_imbalance")
    gone_is_left_out = bad.peek(audit="split_missing", split_set="bad").rows()
    later = [ids["late_copy"], ids["look_alike"]]
    assert [row["image_id"] for row in gone_is_left_out] == later


def run(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


@pytest.mark.slow
def test_the_command_is_a_gate(
    bad: Store, clean: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("audit", "--store", clean.path, "--split-set", "clean") == 0
    assert capsys.readouterr().err.startswith("split set clean version 1, digest ")
    assert run("audit", "--store", bad.path, "--split-set", "bad") == 1
    said = capsys.readouterr()
    assert "hash_collision" in said.out
    assert "peek --store" in said.err
    assert run("audit", "--store", bad.path, "--fail-on", "never") == 0
    assert capsys.readouterr().err.startswith("split set ingest")
    assert run("audit", "--store", bad.path, "image_blank") == 0
    assert capsys.readouterr().out.splitlines()[2].split() == ["1130", "A", "0"]
    assert run("audit", "--store", bad.path, "image_blank", "--fail-on", "should") == 1
    assert run("audit", "--store", bad.path, "image_blanc") == 2
    assert run("audit", "--store", bad.path, "--tolerance", "image_blank") == 2
    assert run("audit", "--store", bad.path / "nosuch") == 3
    tolerated = ("--tolerance", "image_blank=0.02", "--fail-on", "should")
    assert run("audit", "--store", bad.path, "image_blank", *tolerated) == 0
    capsys.readouterr()
    assert run("peek", "--store", bad.path, "--audit", "image_blank") == 0
    assert capsys.readouterr().out


@pytest.mark.slow
def test_the_command_tells_of_files_of_ones_own(
    tmp_path: Path, clean: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(tmp_path, image_blank=f"{HEADER}select nosuch")
    command = ("audit", "--store", clean.path, "--split-set", "clean", "--sql-dir", folder)
    assert run(*command) == 1
    said = capsys.readouterr().err
    assert f"image_blank is yours: {folder / 'image_blank.sql'}" in said
    assert "audit image_blank is broken" in said


# Against a partner's hashes.


@pytest.fixture(scope="module")
def hashes(bad: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The bad store's own images as a partner's hashes, and the key of both."""
    folder = tmp_path_factory.mktemp("partner's files")
    key = folder / "partners.key"
    key.write_bytes(bytes(range(32)))
    bad.export("ingest", folder / "hashed", form="hashes", key_file=key)
    return {"hashes": folder / "hashed" / "hashes.parquet", "key_file": key}


@pytest.mark.slow
def test_copies_of_a_partners_images_are_found(
    bad: Store, clean: Store, hashes: dict[str, Path]
) -> None:
    evaluated = "select image_id from split_image where split_set = 'ingest' and split <> 'unused'"
    images = [row["image_id"] for row in bad.sql(evaluated).rows()]
    result = bad.audit_against(**hashes)
    (verdict,) = result.verdicts
    assert [row["name"] for row in result.rows()] == ["against"]
    assert (verdict.severity, verdict.status, verdict.share) == ("must", "fail", 1)
    assert (verdict.violating, verdict.total) == (len(images), len(images))
    assert not result.passed
    assert bad.audit_against(**hashes, fail_on="never").passed
    assert bad.audit_against(**hashes, tolerance=1).passed
    rows = bad.audit_against(**hashes, rows=True).rows()
    assert sorted(row["image_id"] for row in rows) == sorted(images)
    shared = clean.sql("select pixel_hash from image").rows()
    theirs = {row["pixel_hash"] for row in bad.sql("select pixel_hash from image").rows()}
    found = sum(row["pixel_hash"] in theirs for row in shared)
    assert clean.audit_against(**hashes).verdicts[0].violating == found


@pytest.mark.slow
def test_another_partners_images_pass(
    clean: Store, tmp_path: Path, hashes: dict[str, Path]
) -> None:
    store = notmnist_store.open(tmp_path / "theirs")
    store.ingest(pack(tmp_path / "theirs.tar.gz", class_files(each=3, root="theirs", start=9_000)))
    key = hashes["key_file"]
    store.export("ingest", tmp_path / "out", form="hashes", key_file=key)
    result = clean.audit_against(tmp_path / "out" / "hashes.parquet", key_file=key)
    assert (result.verdicts[0].status, result.verdicts[0].next) == ("pass", None)
    assert result.passed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split_set": "bda"}, "did you mean bad"),
        ({"fail_on": "may"}, "must, should, never"),
        ({"tolerance": 2}, "a share from 0 to 1"),
        ({"key_file": "/nosuch/key"}, "cannot be read"),
    ],
)
def test_what_cannot_be_meant_by_against(
    bad: Store,
    hashes: dict[str, Path],
    options: dict[str, object],
    message: str,
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        bad.audit_against(**{**hashes, **options})  # type: ignore[arg-type]
    assert caught.value.hint


@pytest.mark.slow
def test_the_command_against_is_a_gate_and_says_how_to_see_the_rows(
    bad: Store, hashes: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    given = (hashes["hashes"], "--key-file", hashes["key_file"])
    assert run("audit-against", "--store", bad.path, *given) == 1
    said = capsys.readouterr()
    assert said.err.startswith("split set ingest")
    step = said.err.splitlines()[-1].partition("notmnist-store ")[2]
    assert run(*shlex.split(step)) == 1
    assert "their_split" in capsys.readouterr().out
    assert run("audit-against", "--store", bad.path, *given[:1]) == 2
    assert run("audit-against", "--store", bad.path, hashes["key_file"], *given[1:]) == 3
    assert run("audit", "--store", bad.path, "--against", hashes["hashes"], *given[1:]) == 2
    assert "audit-against" in capsys.readouterr().err


@every_audit
def test_a_header_says_all_that_the_page_shows(name: str) -> None:
    audit = load_queries("audits")[name]
    assert set(audit.header) - {"needs", "suspects"} == {
        "title", "grain", "severity", "tolerance", "total", "next", "why", "do"
    }  # fmt: skip
    assert audit.description
    assert set(audit.parameters) == {word for word in audit.parameters if f"${word}" in audit.sql}


def test_the_audits_page_is_up_to_date(repository: Path) -> None:
    page = repository / "docs" / "audits.md"
    assert page.read_text(encoding="utf-8") == make_audits.audits_text(), "run: make docs"


def test_the_real_images_give_the_published_figures(tmp_path: Path, data_folder: Path) -> None:
    """196 surplus copies in 57 groups of 253 images, no conflict; I is the worst class by far."""
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(data_folder / "notMNIST_t10k.tar.gz")
    store.split("clean")
    found = verdicts(store.audit(split_set="clean"))
    assert (found["duplicate_exact"].violating, found["duplicate_exact"].total) == (196, 10_000)
    assert found["label_conflict_exact"].violating == 0
    assert found["label_conflict_exact"].total == 9_804
    assert found["archive_reject"].violating == 2
    gate = [v.name for v in found.values() if v.severity == "must" and v.status != "pass"]
    assert gate == ["split_leak_near"]
    assert found["split_leak_near"].status == "stale"
    groups = store.sql("duplicate_groups").rows()
    assert (len(groups), sum(row["images"] for row in groups)) == (57, 253)
    assert (groups[0]["images"], groups[0]["first_label"]) == (141, "I")
    distinct = [row["distinct_pixels"] for row in store.sql("duplicates_by_label").rows()]
    assert distinct == [997, 998, 997, 991, 991, 992, 996, 993, 856, 993]
