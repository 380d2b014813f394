"""peek and verify: what they show is what is stored, and what is broken is named."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import notmnist_store
from notmnist_store.blocks.kernels import fingerprint
from notmnist_store.errors import QueryError, StoreError, UsageError
from notmnist_store.schema.shape import Shape
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import pack, picture, png

# peek


def stored(store: Store, image_id: int) -> np.ndarray:
    query = "select pixels from image_pixels where image_id = $id"
    row = store.sql(query, params={"id": image_id}).rows()[0]
    return np.frombuffer(row["pixels"], np.uint8).reshape(28, 28)


def test_a_sheet_shows_the_stored_pixels(shared_store: Store, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    rows = shared_store.peek(label="A", n=2, output=sheet).rows()
    assert len(rows) == 2
    pixels = np.asarray(Image.open(sheet).convert("RGB"))
    for row in rows:
        wanted = np.kron(stored(shared_store, row["image_id"]), np.ones((2, 2), np.uint8))
        height, width = wanted.shape
        found = [
            (top, left)
            for top in range(pixels.shape[0] - height + 1)
            for left in range(pixels.shape[1] - width + 1)
            if pixels[top, left, 0] == wanted[0, 0]
            and (pixels[top : top + height, left : left + width] == wanted[:, :, None]).all()
        ]
        copies = [
            r for r in rows if (stored(shared_store, r["image_id"]) == wanted[::2, ::2]).all()
        ]
        assert len(found) == len(copies)


def test_a_sample_depends_on_the_seed_alone(shared_store: Store) -> None:
    def sample(seed: int) -> list[int]:
        return [row["image_id"] for row in shared_store.peek(n=6, seed=seed).rows()]

    assert sample(1) == sample(1)
    assert len(set(sample(1))) == 6
    assert sample(1) != sample(2)


def test_images_come_in_the_order_asked_for(shared_store: Store) -> None:
    ids = [r["image_id"] for r in shared_store.sql("select image_id from image").rows()]
    asked = [ids[3], ids[0], ids[3], ids[9]]
    assert [row["image_id"] for row in shared_store.peek(*asked).rows()] == [
        ids[3],
        ids[0],
        ids[9],
    ]
    query = "select image_id, label from image where label = 'B' order by image_id desc"
    found = shared_store.peek(sql=query, n=3).rows()
    assert [row["image_id"] for row in found] == [
        row["image_id"] for row in shared_store.sql(f"{query} limit 3").rows()
    ]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"label": "Q"}, QueryError, "no image has the label 'Q'; there are: A, B, C"),
        ({"n": 0}, UsageError, "-n lies between"),
        ({"n": 10_001}, UsageError, "-n lies between"),
        ({"label": "A", "sql": "select 1"}, UsageError, "not by several"),
        ({"sql": "select label from image"}, QueryError, "no column image_id"),
        ({"sql": "select 'x' as image_id"}, QueryError, "no column image_id"),
        ({"sql": "drop view image"}, QueryError, "only SELECT"),
    ],
)
def test_peek_says_what_it_cannot_show(
    shared_store: Store, options: dict[str, object], error: type, message: str
) -> None:
    with pytest.raises(error, match=message) as refused:
        shared_store.peek(**options)  # type: ignore[arg-type]
    assert refused.value.hint


@pytest.mark.parametrize("image_id", [5, -1, 2**63 - 1])
def test_peek_at_an_unknown_image(shared_store: Store, image_id: int) -> None:
    with pytest.raises(QueryError, match=f"no image {image_id}"):
        shared_store.peek(image_id)
    assert len(shared_store.peek(sql="select 5 as image_id")) == 0


def test_a_terminal_sheet_is_made_of_the_pixels(shared_store: Store) -> None:
    rows = shared_store.peek(label="C", n=1)
    image = stored(shared_store, rows.rows()[0]["image_id"]).astype(int)
    lines = shared_store.terminal_sheet(rows, width=80, colour=True).splitlines()
    assert len(lines) == 14 + 1
    assert lines[-1].strip() == "C"
    cells = re.findall(r"\x1b\[38;2;(\d+);\d+;\d+;48;2;(\d+);\d+;\d+m▀", lines[3])
    assert [(int(a), int(b)) for a, b in cells] == list(zip(image[6], image[7], strict=True))
    plain = shared_store.terminal_sheet(rows, width=80, colour=False)
    assert "\x1b" not in plain
    many = shared_store.terminal_sheet(shared_store.peek(n=13), width=60, colour=False)
    assert max(map(len, many.splitlines())) <= 60


def test_labels_on_a_sheet_are_stripped(tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "x.tar", [("x/a\x1b[1m\u202e/1.png", png(picture(3)))]))
    rows = store.peek(output=tmp_path / "sheet.png")
    assert not re.search(
        "[\x00-\x09\x1b\u202e]", store.terminal_sheet(rows, width=80, colour=False)
    )


# verify


def damaged(store: Store, *, full: bool = False) -> dict[str, str]:
    return {
        row["table"]: row["detail"]
        for row in store.verify(full=full).rows()
        if row["status"] == "damaged"
    }


def data_file(store: Store, table: str = "image") -> Path:
    return next(store.path.glob(f"{table}/*.parquet"))


def test_a_whole_store_is_all_ok(shared_store: Store) -> None:
    assert {row["status"] for row in shared_store.verify(full=True).rows()} == {"ok"}


@pytest.mark.parametrize("table", ["image", "reject", "ledger", "run"])
def test_every_flipped_byte_is_found(store: Store, table: str) -> None:
    file = data_file(store, table)
    content = file.read_bytes()
    data_end = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    for offset in (*range(40, data_end, data_end // 6), data_end + 9, len(content) - 20):
        broken = bytearray(content)
        broken[offset] ^= 0x10
        file.write_bytes(broken)
        shown = damaged(store)
        same = pq_equal(content, bytes(broken))
        assert shown.get(table) or same, offset


def pq_equal(a: bytes, b: bytes) -> bool:
    """Whether the flip fell on a byte that means nothing: the same rows, footers and checksums."""
    try:
        return pq.read_table(pa.BufferReader(a)).equals(
            pq.read_table(pa.BufferReader(b), page_checksum_verification=True)
        )
    except (OSError, pa.ArrowException):
        return False


@pytest.mark.parametrize("table", ["image", "reject", "ledger", "run"])
@pytest.mark.parametrize("damage", ["cut", "gone", "empty"])
def test_a_file_that_is_not_whole_is_named(store: Store, table: str, damage: str) -> None:
    file = data_file(store, table)
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-5] if damage == "cut" else b"")
    assert file.name in damaged(store)[table] or table == "run"


def test_a_log_that_cannot_be_read_is_named(store: Store) -> None:
    for log in store.path.glob("image/_delta_log/*.json"):
        log.write_text("{")
    assert "log" in damaged(store)["image"]


def test_odd_files_are_noted_and_do_no_harm(store: Store) -> None:
    stray = data_file(store).with_name("20990101T000000Z-0123456789-000000-0.parquet")
    shutil.copy(data_file(store), stray)
    notes = [row for row in store.verify().rows() if row["status"] != "ok"]
    assert [(row["table"], row["status"]) for row in notes] == [("image", "note")]
    assert stray.name in notes[0]["detail"]


def test_rows_of_an_unfinished_run_are_noted(store: Store) -> None:
    tables = Tables.open(store.path)
    rows = pq.read_table(data_file(store, "ledger"))
    tables.append("ledger", [tables.write_rows("ledger", "20990101T000000Z-0123456789", rows)])
    notes = [row for row in store.verify().rows() if row["status"] != "ok"]
    assert [(row["check"], row["status"]) for row in notes] == [
        ("unfinished runs", "note"),
        ("up to date", "note"),
    ]
    assert store.sql("select count(*) as n from ledger").rows() == [{"n": 3}]


def test_a_lost_commit_is_found(store: Store) -> None:
    shutil.rmtree(store.path / "reject" / "_delta_log")
    assert "wrote 1 file to reject, the log names 0" in damaged(store)["reject"]


def test_only_full_finds_pixels_that_are_not_those_hashed(
    tmp_path: Path, small_archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows written whole, with a wrong hash among them: only hashing the pixels again can tell."""
    hashes = fingerprint.pixel_hashes

    def one_wrong(pixels: npt.NDArray[np.uint8], shape: Shape) -> list[str]:
        first, *others = hashes(pixels, shape)
        return [first[::-1], *others]

    with monkeypatch.context() as patch:
        patch.setattr(fingerprint, "pixel_hashes", one_wrong)
        store = notmnist_store.open(tmp_path / "wrong")
        store.ingest(small_archive, workers=1)
    assert damaged(store) == {}
    assert "1 images do not match their pixel_hash" in damaged(store, full=True)["image"]


def test_views_sql_that_was_lost_is_found_and_comes_back(store: Store, small_archive: Path) -> None:
    (store.path / "views.sql").unlink()
    assert [row["table"] for row in store.verify().rows() if row["status"] == "damaged"] == [
        "views.sql"
    ]
    store.ingest(small_archive)
    assert {row["status"] for row in store.verify().rows()} == {"ok"}


# info


def test_info_says_what_there_is(store: Store) -> None:
    rows = store.info().rows()
    assert rows[0]["what"] == "store"
    assert "real data; images 28x28x1" in rows[0]["detail"]
    found = {(row["what"], row["name"]): row["rows"] for row in rows}
    assert found["table", "image"] == 13
    assert found["source", "small"] == 13
    assert found["split set", "ingest"] == 13


def test_info_lists_every_split_set_and_counts_the_runs_it_does_not_show(store: Store) -> None:
    def listed(what: str) -> list[tuple[str, int, str]]:
        rows = (row for row in store.info().rows() if row["what"] == what)
        return [(row["name"], row["rows"], row["detail"]) for row in rows]

    assert [name for name, *_ in listed("split set")] == ["ingest"]
    assert len(listed("run")) == 1
    assert not listed("runs")
    store.split("b", train=6, valid=3, test=3)
    store.split("a", train=3)
    store.split("gone")
    store.undo()
    assert (len(listed("run")), listed("runs")) == (5, [])
    store.split("b", train=3, valid=3, test=3, replace=True)
    store.split("c", recipe="hash", train="1.0", valid="0.0", test="0.0")
    assert listed("split set")[1:] == [
        ("a", 13, "train 3, unused 10; version 1, recipe stratified"),
        ("b", 13, "train 3, valid 3, test 3, unused 4; version 2, recipe stratified"),
        ("c", 13, "train 13; version 1, recipe hash"),
    ]
    assert len(listed("run")) == 5
    assert listed("runs") == [("earlier ones", 2, "not shown; all: select * from run")]


def test_what_is_no_store_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").touch()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "notmnist_store.json").write_text("{")
    for name, message in (("none", "no store"), ("other", "not a store"), ("broken", "damaged")):
        store = notmnist_store.open(tmp_path / name)
        for use in (store.info, store.verify, store.peek, lambda s=store: s.sql("select 1")):
            with pytest.raises(StoreError, match=message) as refused:
                use()
            assert refused.value.hint


def test_a_log_that_counts_otherwise_is_found(store: Store) -> None:
    for log in store.path.glob("image/_delta_log/*.json"):
        log.write_text(
            log.read_text()
            .replace(r"\"numRecords\":13", r"\"numRecords\":12")
            .replace(r"\"numRecords\": 13", r"\"numRecords\": 12")
        )
    assert "wrote 1 file to image, the log names others" in damaged(store)["image"]
