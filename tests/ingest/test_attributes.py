"""What a source says of its images beyond their labels: kept, asked for, grouped by, audited."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import notmnist_store
from notmnist_store.errors import UsageError
from notmnist_store.sources.given_texts import MOST_ATTRIBUTES, given_attributes
from notmnist_store.store import Store
from tests.support.archives import pack, picture, png

ROWS: list[dict[str, Any]] = [
    {"file_name": f"{n}.png", "label": "AB"[n % 2], "patient": f"p{n // 4}", "age": n, "x,y": "ü"}
    for n in range(40)
]
EXPECTED = sorted(
    (f"{n}.png", name, value)
    for n in range(40)
    for name, value in (("patient", f"p{n // 4}"), ("age", str(n)), ("x,y", "ü"))
)


def table(name: str) -> bytes:
    if name.endswith(".jsonl"):
        return "".join(json.dumps({**row, "nested": [1]}) + "\n" for row in ROWS).encode()
    if name.endswith(".parquet"):
        sink = io.BytesIO()
        nested = pa.array([[1.0]] * 40)
        pq.write_table(pa.Table.from_pylist(ROWS).append_column("nested", nested), sink)
        return sink.getvalue()
    header = 'file_name,label,patient,age,"x,y"\n'
    return (header + "".join(",".join(map(str, row.values())) + "\n" for row in ROWS)).encode()


def files(name: str) -> list[tuple[str, bytes]]:
    return [(f"m/{n}.png", png(picture(n))) for n in range(40)] + [(f"m/{name}", table(name))]


def image_table(kind: str, arrow: bool) -> pa.Table:
    """The same images as a table: files in structs or as they are, or a column for each pixel."""
    pixels = [picture(n) for n in range(40)]
    if kind == "pixels":
        flat = np.stack(pixels).reshape(40, -1)
        columns = {f"pixel{n}": pa.array(column) for n, column in enumerate(flat.T)}
    else:
        files = [png(each) for each in pixels]
        named = [{"bytes": file, "path": f"{n}.png"} for n, file in enumerate(files)]
        columns = {"image": pa.array(named if kind == "struct" else files)}
    table = pa.Table.from_pylist([{k: v for k, v in r.items() if k != "file_name"} for r in ROWS])
    for name, column in columns.items():
        table = table.append_column(name, column)
    if not arrow and kind != "pixels":
        table = table.append_column("nested", pa.array([[1.0]] * 40))
        table = table.append_column("raw", pa.array([b"x"] * 40))
    return table


@pytest.mark.parametrize(
    ("kind", "ending"),
    [*itertools.product(["struct", "files", "pixels"], ["parquet", "arrow"]), ("pixels", "csv")],
)
def test_further_columns_of_tables_are_kept(tmp_path: Path, kind: str, ending: str) -> None:
    table, file = image_table(kind, ending == "arrow"), tmp_path / f"m.{ending}"
    if ending == "parquet":
        pq.write_table(table, file, row_group_size=9)
    elif ending == "arrow":
        with pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, 7)
    else:
        pa.csv.write_csv(table, file)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(file, workers=1)
    query = """
        select pixel_hash, name, value
        from attribute inner join image using (image_id) order by pixel_hash, name
    """
    found = [tuple(row.values()) for row in store.sql(query).rows()]
    in_folders = notmnist_store.open(tmp_path / "other")
    in_folders.ingest(pack(tmp_path / "m", files("metadata.csv")), workers=1)
    assert found == [tuple(row.values()) for row in in_folders.sql(query).rows()]
    assert len(found) == len(EXPECTED)


def test_values_of_a_column_that_are_no_text_of_ours_are_left_out(tmp_path: Path) -> None:
    """What comes later in a column of a CSV may be of another kind than its first value."""
    head = ",".join(["label", "age", *(f"pixel{n}" for n in range(16))])
    lines = [",".join(["A", age, *map(str, range(n, n + 16))]) for n, age in enumerate(["07", "x"])]
    (tmp_path / "m.csv").write_text("\n".join([head, *lines, ""]))
    files = [png(picture(n)[:4, :4]) for n in range(4)]
    notes = pa.array([b"fits", b"\xff", b"x" * 1_025, b""], pa.binary()).cast(pa.large_binary())
    text = pa.LargeStringArray.from_buffers(4, *notes.buffers()[1:])
    table = pa.table({"image": files, "label": ["A"] * 4, "note": text, "when": pa.nulls(4)})
    pq.write_table(table, tmp_path / "n.parquet")
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(tmp_path / "m.csv", tmp_path / "n.parquet", shape="4x4", workers=1)
    rows = store.sql("select name, value from attribute order by all").rows()
    assert [tuple(row.values()) for row in rows] == [("age", "07"), ("age", "x"), ("note", "fits")]


def attributes(store: Store) -> list[tuple[Any, ...]]:
    query = "select path, name, value from attribute inner join image using (image_id)"
    found = (tuple(row.values()) for row in store.sql(query).rows())
    return sorted((path.removeprefix("m/"), name, value) for path, name, value in found)


@pytest.mark.parametrize("packing", ["", ".tar.gz"])
@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "metadata.parquet"])
def test_further_columns_of_metadata_are_kept(tmp_path: Path, name: str, packing: str) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / f"m{packing}", files(name)), workers=1)
    assert attributes(store) == EXPECTED


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("attributes")
    store = notmnist_store.open(folder / "store")
    store.ingest(pack(folder / "m.tar", files("metadata.csv")), workers=1)
    return store


def test_a_split_keeps_a_group_together_and_the_audit_says_where_it_is_not(store: Store) -> None:
    sizes = {"train": "0.5", "valid": "0.2", "test": "0.3"}
    store.split("whole", group_by="patient", **sizes)
    query = """
        select value, count(distinct split) as splits
        from attribute inner join split_image using (image_id)
        where name = 'patient' and split_set = '{}' group by value order by value
    """
    whole = store.sql(query.format("whole")).rows()
    assert [row["splits"] for row in whole] == [1] * 10
    store.split("parted", **sizes)
    parted = {row["value"] for row in store.sql(query.format("parted")).rows() if row["splits"] > 1}
    assert parted

    def leaks(split_set: str, **how: str) -> list[dict[str, Any]]:
        found = store.audit("split_leak_group", split_set=split_set, fail_on="never", **how)
        return found.rows()

    assert leaks("whole", group_by="patient") == []
    assert {row["group_value"] for row in leaks("parted", group_by="patient")} == parted
    rows = store.sql("""
        select image_id, split, value
        from attribute inner join split_image using (image_id)
        where name = 'patient' and split_set = 'parted'
    """).rows()
    above = {"test": ("train", "valid"), "valid": ("train",), "train": (), "unused": ()}
    expected = sorted(
        row["image_id"]
        for row in rows
        if any(o["value"] == row["value"] and o["split"] in above[row["split"]] for o in rows)
    )
    assert sorted(row["image_id"] for row in leaks("parted", group_by="patient")) == expected
    assert leaks("parted") == []  # none has a family
    (verdict,) = store.audit("split_leak_group", split_set="parted", group_by="patient").verdicts
    assert (verdict.status, verdict.total) == ("fail", 20)
    assert verdict.next == "notmnist-store split by_group --group-by patient"
    with pytest.raises(UsageError, match="not 'writer'; there are age, patient, x,y") as caught:
        store.audit(group_by="writer")
    assert caught.value.hint == "notmnist-store audit --group-by age"


def test_a_name_that_is_none_is_an_error_that_lists_them(store: Store) -> None:
    with pytest.raises(UsageError, match=r"no column 'writer' .* attributes age, patient, x,y"):
        store.split("other", group_by="writer")
    with pytest.raises(UsageError, match="no column"):
        store.split("other", group_by="' or 1=1 --")


def test_images_that_are_not_stored_have_none(tmp_path: Path) -> None:
    """Rejects, copies of a path and what is known have no rows, nor has what was undone."""
    store = notmnist_store.open(tmp_path / "store")
    listed = "file_name,label,n\n" + "".join(f"{n}.png,A,{n}\n" for n in range(3))
    members = [(f"m/{n}.png", png(picture(n)) if n else b"") for n in range(3)]
    members += [("m/metadata.csv", listed.encode()), ("m/1.png", png(picture(1)))]
    store.ingest(pack(tmp_path / "m.tar", members), workers=1)
    assert attributes(store) == [("1.png", "n", "1"), ("2.png", "n", "2")]
    more = [(f"o/{n}.png", png(picture(n))) for n in (1, 7)]
    more.append(("o/metadata.csv", b"file_name,label,n\n1.png,A,1\n7.png,A,7\n"))
    store.ingest(pack(tmp_path / "o.tar", more), skip_known=True, workers=1)
    assert ("o/7.png", "n", "7") in attributes(store)
    assert len(attributes(store)) == 3
    assert store.verify(full=True)
    store.undo()
    assert len(attributes(store)) == 2


def test_coarse_labels_of_cifar_100(tmp_path: Path) -> None:
    record = [bytes([coarse, 1, *[n] * 3_072]) for n, coarse in enumerate((0, 1, 1))]
    named = [
        ("c/train.bin", b"".join(record)),
        ("c/fine_label_names.txt", b"apple\nbee"),
        ("c/coarse_label_names.txt", b"fruit\ninsects"),
    ]
    for number, packed in enumerate((named, named[:2])):
        store = notmnist_store.open(tmp_path / f"store{number}")
        source = pack(tmp_path / f"c{number}.tar.gz", packed)
        store.ingest(source, shape="32x32x3", workers=1)
        found = [(name, value) for _, name, value in attributes(store)]
        words = ("fruit", "insects", "insects") if not number else ("0", "1", "1")
        assert found == [("coarse_label", word) for word in words]


def test_keys_of_a_sample(tmp_path: Path) -> None:
    said = json.dumps({"label": "cat", "writer": 7, "box": [1], "ok": True, "split": "test"})
    members = [("1.png", png(picture(1))), ("1.json", said.encode())]
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "x.tar", members), workers=1)
    assert attributes(store) == [("1.png", "ok", "true"), ("1.png", "writer", "7")]


def test_what_is_kept_of_a_row() -> None:
    row = {"a": 1, "b": 2.0, "c": 0.5, "d": False, "e": "", "f": None, "g": [1], "h": "x" * 1_025}
    kept = {"a": "1", "b": "2", "c": "0.5", "d": "false"}
    assert json.loads(given_attributes({**row, "i": "\ud800"}) or "") == kept
    assert given_attributes({"e": "", "g": {}}) is None
    many = given_attributes({str(n): n for n in range(1_000)})
    assert len(json.loads(many or "")) == MOST_ATTRIBUTES
    assert given_attributes({"n": 0}) == '{"n": "0"}'
