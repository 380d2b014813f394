"""An ingest on Spark: the store that the local engine makes of the same sources."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import notmnist_store
from notmnist_store.errors import SourceError, StoreError
from notmnist_store.location.bucket import BucketPath
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.log import LOG_FOLDER
from notmnist_store.store import Store
from tests.support.archives import class_files, pack
from tests.support.numbered import npz
from tests.support.same_store import assert_same_store, rows_of
from tests.support.spark_server import sail_server

pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Archives of each kind: with rejects, a path twice, attributes, an order of classes."""
    folder = tmp_path_factory.mktemp("shards")
    files = [class_files(each=3, start=20 * n) for n in range(4)]
    files[1] += [("set/B/empty.png", b""), ("set/A/00020.png", files[1][0][1])]
    files[2] = [
        ("set/metadata.csv", b"file_name,label,patient\n0.png,A,p1\n1.png,B,p2\n"),
        *((f"set/{n}.png", content) for n, (_, content) in enumerate(files[2][:2])),
    ]
    packed = [
        pack(folder / name, content)
        for name, content in zip(("a.tar.gz", "b.tar", "c.zip", "d"), files, strict=True)
    ]
    return [*packed, npz(folder / "e.npz", [0, 1, 1], ["A", "B"])]


@pytest.fixture(scope="module")
def far(spark_url: str) -> dict[str, Any]:
    """The options that name the engine."""
    return {"engine": "spark", "spark_url": spark_url}


def versions(store: Store) -> dict[str, int]:
    """How many commits each table had after it was made."""
    root = Path(str(store.path))
    counts = {table: len(list((root / table / LOG_FOLDER).glob("*.json"))) for table in TABLES}
    return {table: count - 1 for table, count in counts.items() if count}


@pytest.mark.spark_jvm
def test_it_makes_the_same_store_in_one_commit_a_table(
    tmp_path: Path, shards: Sequence[Path], far: dict[str, Any]
) -> None:
    here, there = (notmnist_store.open(tmp_path / name) for name in ("here", "there"))
    local, spark = here.ingest(*shards), there.ingest(*shards, **far)
    assert [row | {"run_id": 0} for row in spark.rows()] == [
        row | {"run_id": 0} for row in local.rows()
    ]
    assert_same_store(here, there)
    assert len(rows_of(there)["attribute"]) == 2
    tables = ("attribute", "image", "label_order", "ledger", "reject", "run")
    assert versions(there) == dict.fromkeys(tables, 1)
    for store in (here, there):
        store.split("s", seed=1)
    digests = [store.split_sets().rows()[-1]["digest"] for store in (here, there)]
    assert digests[0] == digests[1]
    assert {row["status"] for row in there.verify(full=True).rows()} == {"ok"}

    there.ingest(*shards[:3], **far)
    assert versions(there)["run"] == 2  # the split alone
    images = there.sql("select source, count(*) as n from image group by all").rows()
    before = {row["source"]: row["n"] for row in images}
    gone = there.sql("select run_id from run where source = 'b'").rows()[0]["run_id"]
    there.undo(gone)
    images = there.sql("select source, count(*) as n from image group by all").rows()
    assert {row["source"]: row["n"] for row in images} == {
        source: n for source, n in before.items() if source != "b"
    }
    there.ingest(shards[1], **far)
    assert there.sql("select count(*) as n from image").rows()[0]["n"] == sum(before.values())


@pytest.mark.parametrize(
    "which", ["the same twice", "another of its name", "a broken one", "a missing one", "an order"]
)
def test_what_is_wrong_with_a_source_is_said_and_stops_there(
    tmp_path: Path, shards: Sequence[Path], far: dict[str, Any], which: str
) -> None:
    first, last = shards[0], shards[1]
    (tmp_path / "other").mkdir()
    wrong = {
        "the same twice": lambda: first,
        "another of its name": lambda: pack(tmp_path / "other" / "a.tar.gz", class_files(each=1)),
        "a broken one": lambda: Path(tmp_path / "cut.tar.gz"),
        "a missing one": lambda: tmp_path / "none.tar.gz",
        "an order": lambda: npz(tmp_path / "f.npz", [1, 0], ["B", "A"]),
    }[which]()
    if which == "a broken one":
        wrong.write_bytes(first.read_bytes()[:-200])
    sources = [shards[4], first, wrong, last]
    said = []
    stores = [notmnist_store.open(tmp_path / name) for name in ("here", "there")]
    for store, engine in zip(stores, ({}, far), strict=True):
        try:
            store.ingest(*sources, **engine)
        except SourceError as error:
            words = re.sub("run [0-9TZ]+-[0-9a-f]+", "run", error.message)
            said.append((type(error), words, error.hint.replace("/there", "/here")))
    assert_same_store(*stores)
    assert said[:1] == said[1:]
    assert bool(said) == (which != "the same twice")
    left = {row["path"].partition("/")[0] for row in stores[1].gc(older_than=0).rows()}
    assert left <= {"run"}  # earlier files of its rows


def test_known_pixels_are_those_of_the_sources_before(
    tmp_path: Path, shards: Sequence[Path], far: dict[str, Any]
) -> None:
    again = pack(tmp_path / "again.tar", [*class_files(each=3), *class_files(each=1, start=90)])
    stores = [notmnist_store.open(tmp_path / name) for name in ("here", "there")]
    for store, engine in zip(stores, ({}, far), strict=True):
        store.ingest(shards[0], again, skip_known=True, **engine)
    assert_same_store(*stores)
    assert sum(row["ignored_known"] for row in rows_of(stores[1])["ledger"]) == 9


def test_a_store_and_its_sources_in_a_bucket(
    bucket: str, tmp_path: Path, shards: Sequence[Path], spark_url: str
) -> None:
    for shard in shards[:3]:
        (BucketPath.parse(bucket) / "raw" / shard.name).upload(shard)
    here = notmnist_store.open(tmp_path / "here")
    here.ingest(*shards[:3])
    there = notmnist_store.open(f"{bucket}/store")
    with sail_server() as (own, _):  # which is told of the bucket's server
        there.ingest(f"{bucket}/raw/*", engine="spark", spark_url=own)
    assert_same_store(here, there)


def test_a_source_that_is_no_image_leaves_no_store(tmp_path: Path, far: dict[str, Any]) -> None:
    store = notmnist_store.open(tmp_path / "store")
    with pytest.raises(StoreError, match="holds no class folder"):
        store.ingest(pack(tmp_path / "a.tar", [("a.png", class_files()[0][1])]), **far)
    assert not Path(str(store.path)).exists()


def test_arguments_are_those_of_the_local_run(
    tmp_path: Path, shards: Sequence[Path], far: dict[str, Any]
) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(shards[0], split="test", to_grey=True, **far)
    (run,) = store.sql("select arguments from run").rows()
    assert json.loads(run["arguments"])["to_grey"] is True
    assert "engine" not in json.loads(run["arguments"])
