"""A store in a bucket is the store on a disk: the same commands, rows and errors."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import notmnist_store
from notmnist_store.catalog.views_file import refresh_views_file
from notmnist_store.drawing.kernels.encode import png_files
from notmnist_store.errors import BucketError, SourceError, StoreError, UsageError
from notmnist_store.location.bucket import BucketPath
from notmnist_store.location.location import location
from notmnist_store.storage.tables import Tables, new_run_id
from notmnist_store.store import Store
from tests.support.archives import class_files, pack
from tests.support.s3 import KEY, SECRET, Fault, Proxy

PACKAGE = str(Path(notmnist_store.__file__).parents[1])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("archive") / "set.tar.gz", class_files(each=12))


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory, archive: Path) -> Store:
    return furnished(tmp_path_factory.mktemp("disk") / "store", archive)


@pytest.fixture
def in_bucket(bucket: str, on_disk: Store) -> Store:
    """A copy of the store on the disk: it has the same files."""
    root = Path(str(on_disk.path))
    for file in (file for file in root.rglob("*") if file.is_file()):
        name = file.relative_to(root).as_posix()
        (BucketPath.parse(bucket) / "store" / name).upload(file)
    store = notmnist_store.open(f"{bucket}/store")
    refresh_views_file(Tables.open(store.path))
    return store


def furnished(where: str | Path, archive: Path) -> Store:
    """A store with images, a split set, near pairs, a clean set, and a decision."""
    store = notmnist_store.open(where)
    store.ingest(archive)
    store.split("halves", train=0.5, valid=0.25, test=0.25)
    store.near_duplicates(radius="4")
    store.sanitize("clean", base="halves", keep="train,valid,test", yes=True)
    first = "select min(image_id) as image_id from image"
    store.decide(sql=first, action="keep", note="looked at", yes=True)
    return store


def command(*arguments: object, pause: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "notmnist_store", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": PACKAGE, "NOTMNIST_STORE_PAUSE": pause},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows(store: Store) -> dict[str, Any]:
    """What a store says, without what differs from run to run."""
    asked = {
        "image": "select image_id, label, split, path, file_hash, pixel_hash, ink_mean from image",
        "reject": "select path, reason from reject",
        "pair": "select a, b, squared_distance, transform from pair",
        "star": "select image_id, group_id from duplicate_image where kind = 'near'",
        "split": "select split_set, version, split, image_id, position from split_image",
        "run": "select verb, sequence, members_stored, state from run",
        "decision": "select image_id, action, note from decision",
    }
    found = {name: store.sql(f"{sql} order by all").rows() for name, sql in asked.items()}
    verdicts = store.audit(split_set="halves").rows()
    return found | {"audit": [(v["name"], v["status"], v["violating"]) for v in verdicts]}


def test_both_come_to_hold_the_same(bucket: str, archive: Path, on_disk: Store) -> None:
    assert rows(furnished(f"{bucket}/store", archive)) == rows(on_disk)


def test_both_say_the_same(on_disk: Store, in_bucket: Store, tmp_path: Path) -> None:
    assert rows(in_bucket) == rows(on_disk)
    there, here = (store.load("clean", "train").to_arrow() for store in (in_bucket, on_disk))
    assert there == here
    assert [row["status"] for row in in_bucket.verify(full=True).rows()].count("damaged") == 0
    pages = [
        store.report(tmp_path / f"{n}.html", split_set="clean").rows()[0]["bytes"]
        for n, store in enumerate((in_bucket, on_disk))
    ]
    assert pages[0] == pytest.approx(pages[1], rel=0.02)
    in_bucket.undo()
    assert not in_bucket.sql("select * from decision").rows()
    assert str(in_bucket.path) in in_bucket.info().rows()[0].values()


def test_sources_and_exports_in_a_bucket(
    bucket: str, archive: Path, on_disk: Store, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (BucketPath.parse(bucket) / f"raw/{name}.tar.gz").upload(
            archive if name == "a" else pack(tmp_path / "b.tar.gz", class_files(each=3, start=50))
        )
    store = notmnist_store.open(tmp_path / "store")
    assert sum(row["stored"] for row in store.ingest(f"{bucket}/raw/*.tar.gz").rows()) == 45
    assert {row["source"] for row in store.sql("select source from run").rows()} == {"a", "b"}
    with pytest.raises(SourceError, match="is a prefix, not an object"):
        store.ingest(f"{bucket}/raw")
    with pytest.raises(SourceError, match="there is no s3://"):
        store.ingest(f"{bucket}/raw/c.tar.gz")
    assert on_disk.near_against(f"{bucket}/raw/a.tar.gz", radius=0.5).rows()
    for form in ("npz", "parquet", "idx"):
        out = f"{bucket}/exports/{form}"
        on_disk.export("clean", out, form=form)
        with pytest.raises(UsageError, match="--force replaces"):
            on_disk.export("clean", out, form=form)
        on_disk.export("clean", out, form=form, force=True)
        here = tmp_path / form
        on_disk.export("clean", here, form=form)
        there = {str(p).removeprefix(f"{out}/") for p in BucketPath.parse(out).files()}
        assert there == {str(p.relative_to(here)) for p in here.rglob("*") if p.is_file()}
    npz = next(p for p in BucketPath.parse(f"{bucket}/exports/npz").files() if p.suffix == ".npz")
    again = notmnist_store.open(tmp_path / "again")
    assert sum(row["stored"] for row in again.ingest(str(npz)).rows())


def test_an_export_that_is_replaced_keeps_nothing_of_the_earlier_one(
    bucket: str, on_disk: Store
) -> None:
    out = f"{bucket}/out"
    on_disk.export("clean", out, form="npz")
    on_disk.export("clean", out, form="idx", force=True)
    names = {path.name for path in BucketPath.parse(out).files()}
    assert "SHA256SUMS" in names
    assert not any(name.endswith(".npz") for name in names)


def test_an_export_never_goes_into_the_store(in_bucket: Store) -> None:
    for out in (in_bucket.path, in_bucket.path / "x", in_bucket.path.parent):
        with pytest.raises(UsageError):
            in_bucket.export("clean", str(out), form="npz", force=True)


def test_what_is_no_store_is_told_apart(bucket: str, proxy: Proxy, archive: Path) -> None:
    store = notmnist_store.open(f"{bucket}/store")
    with pytest.raises(StoreError, match="there is no store at s3://"):
        store.info()
    (BucketPath.parse(bucket) / "store/other").put(b"")
    with pytest.raises(StoreError, match="is not a store: it has no"):
        store.info()
    with pytest.raises(StoreError, match="with other things in it, not a store"):
        store.ingest(archive)
    with pytest.raises(BucketError, match="there is no bucket absent"):
        notmnist_store.open("s3://absent/store").info()
    proxy.faults = lambda number, method, path: Fault(403, "AccessDenied")
    with pytest.raises(BucketError, match="have no right to it"):
        store.info()


def test_a_large_table_that_cannot_be_read_is_not_damaged(
    bucket: str, proxy: Proxy, tmp_path: Path
) -> None:
    """Beyond 4 MiB DuckDB reads through pyarrow, which asks by HEAD first, as nobody else does."""
    noise = np.random.default_rng(0).integers(0, 256, (6_000, 28, 28), dtype=np.uint8)
    files = [(f"set/A/{n}.png", content) for n, content in enumerate(png_files(noise))]
    store = notmnist_store.open(f"{bucket}/store")
    store.ingest(pack(tmp_path / "noise.tar", files))
    (file,) = (path for path in (BucketPath.parse(bucket) / "store/image").glob("*.parquet"))
    assert file.stat().st_size > 4 << 20
    query = "select count(*) as n from image where ink_mean > 0"
    assert store.sql(query).rows() == [{"n": 6_000}]
    proxy.faults = lambda number, method, path: (
        Fault(403, "AccessDenied") if method == "HEAD" and file.name in path else None
    )
    with pytest.raises(BucketError, match="have no right to it"):
        store.sql(query)


def test_views_for_a_plain_duckdb_name_objects_and_no_credentials(in_bucket: Store) -> None:
    text = (in_bucket.path / "views.sql").read_text()
    names = re.findall(r"'([^']*\.parquet)'", text)
    files = [name for name in names if name.startswith("s3://")]
    assert files
    assert all(location(name).is_file() for name in files)
    assert KEY not in text
    assert SECRET not in text


@pytest.mark.sql
def test_a_plain_duckdb_reads_the_store_by_its_views(in_bucket: Store, on_disk: Store) -> None:
    package = pytest.importorskip("duckdb_extension_httpfs", reason="DuckDB has no httpfs here")
    (extension,) = Path(package.__file__).parent.glob(f"extensions/v{duckdb.__version__}/*")
    plain = duckdb.connect()
    plain.execute(f"load '{extension}'")
    server = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    plain.execute(
        f"create secret (type s3, key_id '{KEY}', secret '{SECRET}', region 'us-east-1', "
        f"endpoint '{server}', url_style 'path', use_ssl false)"
    )
    plain.execute((in_bucket.path / "views.sql").read_text())
    for view in ("image", "pair", "split_image", "label", "decision", "run"):
        query = f"select * from {view} order by all"
        found = plain.sql(query).to_arrow_table()
        assert found.to_pylist() == on_disk.sql(query).rows(), view
        assert found.num_rows
    assert plain.sql("select count(*) from halves.train").fetchall() == [(18,)]


def test_credentials_are_never_stored_or_said(in_bucket: Store, proxy: Proxy) -> None:
    for path in in_bucket.path.files():
        content = path.read_bytes()
        assert KEY.encode() not in content, path
        assert SECRET.encode() not in content, path
    proxy.faults = lambda number, method, path: Fault(403, "SignatureDoesNotMatch")
    process = command("audit", "--store", in_bucket.path)
    out, said = process.communicate()
    assert process.returncode == 3
    assert "AWS_SECRET_ACCESS_KEY" in said
    assert not {KEY, SECRET} & set(re.split(r"[\s'\"=]", out + said))


@pytest.mark.slow
def test_requests_do_not_grow_with_the_runs(bucket: str, proxy: Proxy, archive: Path) -> None:
    store = notmnist_store.open(f"{bucket}/store")
    store.ingest(archive)

    def requests() -> int:
        before = len(proxy.asked)
        process = command("sql", "--store", store.path, "label_counts")
        assert not process.wait()
        process.communicate()
        return len(proxy.asked) - before

    counted = []
    tables = Tables.open(store.path)
    for _ in range(3):
        for _ in range(16):  # commits between two checkpoints
            now = datetime.now(UTC)
            row = {"run_id": new_run_id(), "verb": "trial", "arguments": "{}"}
            tables.finish(row | {"started_at": now, "seconds": 0.0})
        counted.append(requests())
    assert store.sql("select count(*) as n from run").rows() == [{"n": 49}]
    assert max(counted) < 120, counted
    assert counted[-1] <= counted[0], counted


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_line_that_fails_and_cuts_loses_nothing(
    bucket: str, proxy: Proxy, archive: Path, on_disk: Store, seed: int
) -> None:
    faults = (Fault(500, "InternalError"), Fault(503, "SlowDown"), Fault(), Fault(cut=0.5))

    def faulty(number: int, method: str, path: str) -> Fault | None:
        drawn = (number * 7919 + seed * 104_729) % 37
        return faults[drawn] if drawn < len(faults) else None

    proxy.faults = faulty
    store = furnished(f"{bucket}/store", archive)
    assert rows(store) == rows(on_disk)
    proxy.faults = lambda number, method, path: None
    assert "damaged" not in {row["status"] for row in store.verify(full=True).rows()}


def test_three_writers_at_once(bucket: str, archive: Path, tmp_path: Path) -> None:
    other = pack(tmp_path / "other.tar.gz", class_files(each=5, start=200))
    at = f"{bucket}/store"
    writers = [command("ingest", "--store", at, source) for source in (archive, other, archive)]
    said = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], said
    store = notmnist_store.open(at)
    runs = store.sql("select source, sequence from run order by sequence").rows()
    assert sorted(run["source"] for run in runs) == ["other", "set"]
    assert [run["sequence"] for run in runs] == [1, 2]
    assert store.sql("select count(*) as n, count(distinct image_id) as ids from image").rows() == [
        {"n": 36 + 15, "ids": 36 + 15}
    ]
    assert "damaged" not in {row["status"] for row in store.verify(full=True).rows()}


STAGES = ("store made", "image written", "image committed", "run written", "run committed")


@pytest.mark.slow
@pytest.mark.parametrize("point", STAGES)
def test_a_writer_killed_at_each_stage(bucket: str, archive: Path, point: str) -> None:
    at = f"{bucket}/store"
    process = command("ingest", "--store", at, archive, pause=point)
    os.waitpid(process.pid, os.WUNTRACED)
    process.send_signal(signal.SIGKILL)
    process.send_signal(signal.SIGCONT)
    process.communicate()
    store = notmnist_store.open(at)
    landed = point == "run committed"
    assert store.sql("select count(*) as n from image").rows() == [{"n": 36 if landed else 0}]
    store.ingest(archive)
    assert store.sql("select count(*) as n from image").rows() == [{"n": 36}]
    assert "damaged" not in {row["status"] for row in store.verify(full=True).rows()}
    left = store.gc(older_than=0, yes=True).rows()
    assert bool(left) == (point in ("image written", "run written"))
    assert "damaged" not in {row["status"] for row in store.verify(full=True).rows()}
