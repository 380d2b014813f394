"""The one result type: what it prints, what it converts to, and that names stay data."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from notmnist_store.errors import StoreError, UsageError
from notmnist_store.result import Result
from notmnist_store.schema.words import RESULT_FORMATS
from notmnist_store.store import Store
from notmnist_store.text import number_text, printable, share_text

NASTY = "\x1b[31mred\x1b[0m\n\r\t\x07\u202e<b>|🦊"
TABLE = pa.table(
    {
        "name": ["=1+1", "+x", "-x", "@x", NASTY, None],
        "number": [1, -2, 3, None, 5, 6],
        "share": [0.1, float("nan"), float("inf"), None, 1e-9, 2.0],
        "when": [datetime(2011, 9, 8, tzinfo=UTC)] * 6,
        "raw": [b"\xff\x00"] * 6,
        "list": [[1, 2]] * 6,
        "exact": [Decimal(10), Decimal("0.5"), None, Decimal(2) ** 80, Decimal(0), Decimal(1)],
    }
)


def result() -> Result:
    return Result(TABLE)


def test_it_prints_as_a_table() -> None:
    text = repr(result())
    assert text.splitlines()[0].split() == TABLE.column_names
    assert "2 bytes" in text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text)
    assert "… and 30 more rows" in repr(Result(pa.table({"n": range(50)})))
    assert repr(Result(pa.table({"n": range(40)}))).splitlines()[-1].split() == ["39"]


NUMBERS = {
    0.0: "0",
    1.0: "1",
    0.5: "0.5",
    0.123456789: "0.123457",
    0.999999: "0.999999",
    0.9999999: "0.9999999",
    0.999999999: "0.999999999",
    -0.9999999: "-0.9999999",
    1.0000001: "1.0000001",
    1e-9: "1e-09",
    2.0000004: "2.0000004",
    0.1 + 0.2 + 0.7: "1",
    1.9999999999999996: "2",
    1234567.0: "1234567",
    1234567.25: "1234567.2",
    1e300: "1e+300",
    float("inf"): "inf",
    float("nan"): "nan",
}
"""What stands in a table for a number: no share is rounded to none or all."""


@pytest.mark.parametrize(("value", "shown"), NUMBERS.items())
def test_a_number_is_never_rounded_to_a_whole_one(value: float, shown: str) -> None:
    rows = Result(pa.table({"share": [value]}))
    assert repr(rows).split()[-1] == shown
    assert f"<td>{shown}</td>" in rows._repr_html_()
    for form in ("table", "markdown"):
        assert f" {shown} " in f" {rows.to_bytes(form).decode()} ".replace("\n", " ")


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_a_share_is_none_or_all_only_where_it_is(one: int, other: int) -> None:
    share = min(one, other) / max(one, other)
    assert (float(number_text(share)) == 1) == (share_text(share) == "100 %") == (one == other)
    assert float(number_text(1 - share)) != 0 or one == other
    assert (share_text(1 - share) == "0 %") == (one == other)


@given(st.text())
def test_what_is_printed_has_no_control_characters(text: str) -> None:
    shown = printable(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert [c for c in text if c.isalnum()] == [c for c in shown if c.isalnum()]


def test_arrow_streams_into_other_libraries() -> None:
    some = Result(TABLE.select(["name", "number", "list"]))
    assert pa.table(some).equals(some.arrow())
    assert polars.DataFrame(some).rows() == some.pl().rows()
    assert some.pl()["number"].to_list() == [1, -2, 3, None, 5, 6]
    assert isinstance(some.df(), pandas.DataFrame)
    assert some.df()["name"].tolist()[:5] == ["=1+1", "+x", "-x", "@x", NASTY]
    with duckdb.connect() as connection:
        connection.register("registered", some.arrow())
        assert connection.sql("select sum(number) from registered").fetchall() == [(13,)]


def test_json_is_an_array_of_objects() -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    rows = json.loads(result().to_bytes("json"), parse_constant=refuse)
    assert [row["name"] for row in rows][4] == NASTY
    assert [row["share"] for row in rows] == [0.1, None, None, None, 1e-9, 2.0]
    assert [row["exact"] for row in rows] == [10, 0.5, None, 2**80, 0, 1]
    assert rows[0]["raw"] == "ff00"
    assert rows[0]["when"] == "2011-09-08T00:00:00+00:00"
    assert json.loads(Result(TABLE.slice(0, 0)).to_bytes("json")) == []


def test_csv_escapes_formulas_and_nothing_else() -> None:
    rows = list(csv.reader(io.StringIO(result().to_bytes("csv").decode(), newline="")))
    assert rows[0] == TABLE.column_names
    assert [row[0] for row in rows[1:]] == ["'=1+1", "'+x", "'-x", "'@x", NASTY, ""]
    assert [row[1] for row in rows[1:]] == ["1", "-2", "3", "", "5", "6"]


def test_arrow_and_parquet_come_back_as_they_were(tmp_path: Path) -> None:
    with pa.ipc.open_file(result().to_bytes("arrow")) as reader:
        assert str(reader.read_all().to_pylist()) == str(TABLE.to_pylist())
    result().write(tmp_path / "x.parquet")
    assert str(pq.read_table(tmp_path / "x.parquet").to_pylist()) == str(TABLE.to_pylist())


def test_markdown_is_a_table_whatever_stands_in_it() -> None:
    lines = result().to_bytes("markdown").decode().splitlines()
    assert len(lines) == 2 + 6
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(TABLE.columns) + 1}


@pytest.mark.parametrize("form", RESULT_FORMATS)
def test_every_format_takes_no_rows_and_no_columns(form: str) -> None:
    for table in (TABLE.slice(0, 0), pa.table({})):
        assert Result(table).to_bytes(form) is not None


def test_columns_of_one_name_all_arrive() -> None:
    twice = pa.table([[1], [2], [3], [4]], names=["a", "a", "a_1", "a"])
    assert Result(twice).rows() == [{"a": 1, "a_1": 2, "a_1_1": 3, "a_2": 4}]


def test_what_cannot_be_written_is_an_error_with_a_hint(tmp_path: Path) -> None:
    interval = pa.table({"i": pa.array([(1, 2, 3)], pa.month_day_nano_interval())})
    for wrong in (
        lambda: Result(interval).to_bytes("parquet"),
        lambda: result().to_bytes("xlsx"),
        lambda: result().write(tmp_path / "no folder" / "x.csv"),
    ):
        with pytest.raises(StoreError) as refused:
            wrong()
        assert refused.value.hint
    assert isinstance(refused.value, StoreError)
    assert not isinstance(refused.value, UsageError)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("x.csv", b"name,"),
        ("x.JSON", b"[{"),
        ("x.md", b"| name"),
        ("x.arrow", b"ARROW1"),
        ("x.parquet", b"PAR1"),
        ("x", b"name "),
    ],
)
def test_the_suffix_tells_the_format(tmp_path: Path, name: str, start: bytes) -> None:
    (tmp_path / name).write_bytes(b"old")
    result().write(tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_notebook_shows_the_pictures(shared_store: Store) -> None:
    query = (
        "select image_id, label as \"<label>\" from image where path like '%/0000%' order by path"
    )
    shown = shared_store.sql(query)
    text = shown._repr_html_()
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    pixels = shared_store.sql(
        "select pixels from image_pixels inner join image using (image_id) "
        "where path like '%/0000%' order by path"
    )
    wanted = [np.frombuffer(row["pixels"], np.uint8).reshape(28, 28) for row in pixels.rows()]
    assert len(pictures) == len(wanted) == 12
    for encoded, image in zip(pictures, wanted, strict=True):
        seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("L"))
        np.testing.assert_array_equal(seen, image)
    assert "<th>&lt;label&gt;</th>" in text


def test_a_notebook_shows_names_as_text(shared_store: Store) -> None:
    script = "<script>alert(1)</script>"
    text = shared_store.sql("select $s as x, 1 as image_id", params={"s": script})._repr_html_()
    assert script not in text
    assert "&lt;script&gt;" in text
    for odd in ("18446744073709551615::ubigint", "'a'", "null::bigint", "1.5"):
        assert "<img" not in shared_store.sql(f"select {odd} as image_id")._repr_html_()
