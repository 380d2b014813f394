"""What verify finds damaged it names, with what brings it back; and that brings it back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from notmnist_store.errors import QueryError
from notmnist_store.store import Store


def damaged(store: Store) -> dict[str, str]:
    rows = store.verify(full=True).rows()
    return {row["table"]: row["detail"] for row in rows if row["status"] == "damaged"}


def test_a_damaged_file_is_named_with_its_source_and_what_is_said_mends_it(
    store: Store, small_archive: Path
) -> None:
    (file,) = store.path.glob("image/*.parquet")
    file.write_bytes(file.read_bytes()[:-1])
    run_id = store.sql("select run_id from run").rows()[0]["run_id"]
    said = damaged(store)["image"]
    assert file.name in said
    assert said.endswith(f"notmnist-store undo {run_id}, and ingest small anew")
    with pytest.raises(QueryError, match=r"parquet is damaged: its footer's length") as refused:
        store.sql("select * from image")
    assert "Traceback" not in refused.value.message
    assert refused.value.message.count("\n") == 0
    store.undo(run_id)
    store.ingest(small_archive)
    assert damaged(store) == {}
    assert store.sql("select count(*) as n from image").rows() == [{"n": 13}]


def test_of_another_run_its_command_is_named(store: Store) -> None:
    store.split("s", train="0.5", test="0.5")
    (file,) = store.path.glob("split_image/*.parquet")
    file.unlink()
    assert damaged(store)["split_image"].endswith(", and run split anew")


@pytest.mark.parametrize(("table", "sources"), [("ledger", "small"), ("run", "its sources")])
def test_where_a_log_is_lost_the_sources_are_named(store: Store, table: str, sources: str) -> None:
    shutil.rmtree(store.path / table / "_delta_log")
    assert damaged(store)[table].endswith(f"; make a new store: ingest {sources} anew")
