"""docs/format.md says enough to read a store without this program: its Python is held to one."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import notmnist_store
from notmnist_store.schema.tables import TABLES
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.source import open_source
from tests.support.documents import read, run_python

PAGE = "docs/format.md"


@pytest.fixture(scope="module")
def definitions(scratch: Path) -> Iterator[dict[str, Any]]:
    """What docs/format.md defines in Python, after it has read the store."""
    with contextlib.chdir(scratch):
        yield run_python(PAGE)


@pytest.mark.slow
@pytest.mark.parametrize(("store", "stride"), [("store", 2_000), ("colours", 1)])
def test_the_format_says_how_to_recompute_every_value(
    definitions: dict[str, Any], scratch: Path, store: str, stride: int
) -> None:
    if store == "colours":
        notmnist_store.open(scratch / store).ingest(scratch / "animals", shape="32x32x3")
    marker = json.loads((scratch / store / "notmnist_store.json").read_text())
    runs = definitions["read_table"](scratch / store, "run").to_pylist()
    (run,) = (run for run in runs if run["verb"] == "ingest")
    rows = definitions["read_table"](scratch / store, "image").sort_by("image_id").to_pylist()
    shape = marker["shape"]
    positions = {row["image_id"] - definitions["image_id"](run["source_sha256"], 0) for row in rows}
    assert positions == set(range(len(rows)))
    for row in rows:
        assert definitions["pixel_hash"](row["pixels"], *shape) == row["pixel_hash"]
        split = definitions["split_by_pixels"](row["pixel_hash"], marker["fractions"])
        assert split == row["split"]
    for row in rows[::stride]:
        assert definitions["dhash"](row["pixels"], *shape) == row["dhash"]
        scaled = np.frombuffer(row["pixels"], np.uint8) / 255
        assert row["ink_mean"] == pytest.approx(scaled.mean(), rel=1e-12)
        assert row["ink_std"] == pytest.approx(scaled.std(), rel=1e-12)


def test_the_format_says_how_a_folder_is_hashed(
    definitions: dict[str, Any], scratch: Path, tmp_path: Path
) -> None:
    files = {"b/A/1.png": b"x", "b/A.png": b"", "é/.hidden": b"y", "b/Z": b"z"}
    for path, content in files.items():
        (tmp_path / "set" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / path).write_bytes(content)
    digest, size = open_source(tmp_path / "set", limits=Limits()).identity()
    assert digest == definitions["folder_sha256"](files)
    assert size == sum(map(len, files.values()))


def test_the_format_says_which_runs_count(scratch: Path, definitions: dict[str, Any]) -> None:
    """By the document's own rule: after an ingest, an undo, and the undo of that."""
    path = scratch / "undone"
    store = notmnist_store.open(path)
    store.ingest(scratch / "animals", shape="32x32x3")
    (run,) = (row["run_id"] for row in definitions["read_table"](path, "run").to_pylist())
    undone = None
    for shown in (False, True):
        undone = store.undo(undone).rows()[0]["run_id"]
        assert (run in definitions["live_runs"](path)) == shown
        assert len(store.sql("select image_id from image")) == (10 if shown else 0)


def test_only_the_types_the_format_names_are_stored() -> None:
    _, _, rest = read(PAGE).partition("Only types that any engine reads are used: ")
    named = set(re.findall("`([^`]+)`", rest.partition(".\n")[0]))
    assert {str(field.type) for schema in TABLES.values() for field in schema} <= named


def test_the_format_says_how_files_are_written(scratch: Path) -> None:
    (file,) = (scratch / "store" / "image").glob("*.parquet")
    metadata = pq.ParquetFile(file).metadata
    assert metadata.metadata is None
    group = metadata.row_group(0)
    columns = {c.path_in_schema: c for c in map(group.column, range(metadata.num_columns))}
    assert {c.compression for c in columns.values()} == {"ZSTD"}
    plain = {name for name, c in columns.items() if "RLE_DICTIONARY" not in c.encodings}
    assert plain == {"image_id", "path", "file_hash", "pixel_hash", "dhash", "pixels"}
    assert {name for name, c in columns.items() if c.statistics is None} == {"pixels"}
    logs = sorted((scratch / "store" / "run" / "_delta_log").glob("*.json"))
    actions = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    (protocol,) = (action["protocol"] for action in actions if "protocol" in action)
    assert (protocol["minReaderVersion"], protocol["minWriterVersion"]) == (1, 2)
    marks = {action["txn"]["appId"].partition("/")[0] for action in actions if "txn" in action}
    assert marks >= {"notmnist_store", "source"}
    assert marks <= set(re.findall(r"^- `(\w+)/?[^`]*`, version", read(PAGE), re.MULTILINE))
