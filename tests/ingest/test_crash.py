"""One run or nothing: whatever ends an ingest, at whatever moment, the views are as they were."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

import notmnist_store
from notmnist_store.blocks.kernels.rows import RowRules
from notmnist_store.engines import wire
from notmnist_store.engines.block_worker import BlockJob
from notmnist_store.errors import StoreError
from notmnist_store.ingest.ingest import DEFAULT_FRACTIONS
from notmnist_store.schema.shape import DEFAULT_SHAPE
from notmnist_store.schema.tables import MEMBER_SCHEMA
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.source import open_source
from notmnist_store.storage.marker import Marker
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import class_files, pack

PACKAGE = str(Path(notmnist_store.__file__).parents[1])
DAMAGED = "damaged"
EACH = 1_000


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Large enough that its ingest can be met in every stage."""
    return pack(tmp_path_factory.mktemp("archive") / "big.tar", class_files(each=EACH))


def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "notmnist_store", *map(str, arguments)]
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        command,
        env={**os.environ, "PYTHONPATH": PACKAGE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def count(store: Store) -> int:
    return int(store.sql("select count(*) as n from image").rows()[0]["n"])


def views(store: Store) -> Mapping[str, object]:
    names = ("image", "image_pixels", "reject", "ledger", "label", "run")
    return {name: store.sql(f"select * from {name} order by all").arrow() for name in names}


def end(process: subprocess.Popen[str], how: int) -> tuple[int, str]:
    """Send a signal; the process and all it had started are gone soon after. Code and stderr."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    process.send_signal(how)
    _, said = process.communicate(timeout=30)
    _, alive = psutil.wait_procs(family, timeout=15)
    assert not alive
    return process.returncode, said


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None and not happened():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def moments(root: Path) -> dict[str, Callable[[], bool]]:
    """What can be seen of an ingest from outside, in its order."""

    def has(pattern: str) -> Callable[[], bool]:
        return lambda: any(root.glob(pattern))

    return {
        "begun": has("notmnist_store.json"),
        "writing": has("image/*.parquet"),
        "image committed": has("image/_delta_log/*1.json"),
        "ledger committed": has("ledger/_delta_log/*1.json"),
        "row of the run written": has("run/*.parquet"),
        "run committed": has("run/_delta_log/*1.json"),
    }


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("moment", list(moments(Path())))
def test_kill_at_each_stage_of_a_first_ingest(
    tmp_path: Path, archive: Path, small_archive: Path, moment: str, workers: int
) -> None:
    if workers == 2 and moment not in ("begun", "writing"):
        pytest.skip("from the commits on, there are no workers")
    store = notmnist_store.open(tmp_path / "store")
    process = start("ingest", "--store", store.path, "--workers", workers, archive)
    wait_for(moments(store.path)[moment], process)
    end(process, signal.SIGKILL)
    stored = {row["source"] for row in store.sql("select source from run").rows()}
    assert stored <= ({"big"} if moment in list(moments(Path()))[-2:] else set())
    assert count(store) == (3 * EACH if stored else 0)
    assert store.ingest(small_archive).rows()[0]["stored"] == 5
    store.ingest(archive)
    assert count(store) == 3 * EACH + 13
    assert DAMAGED not in {row["status"] for row in store.verify(full=True).rows()}


def test_kill_at_any_moment_leaves_the_views_as_they_were(store: Store, archive: Path) -> None:
    before = views(store)
    chance = random.Random(8)
    for _ in range(4):
        process = start("ingest", "--store", store.path, "--workers", 2, archive)
        time.sleep(chance.uniform(0.1, 1.6))
        end(process, signal.SIGKILL)
        if len(store.sql("select * from run")) == 2:
            break  # it was faster: there is nothing to be seen any more
        assert views(store) == before
        assert DAMAGED not in {row["status"] for row in store.verify().rows()}
    store.ingest(archive)
    assert count(store) == 3 * EACH + 13
    assert DAMAGED not in {row["status"] for row in store.verify(full=True).rows()}


def test_kill_of_a_search_for_near_duplicates_leaves_the_views_as_they_were(
    tmp_path: Path, archive: Path
) -> None:
    """At each stage that can be seen from outside, and at random moments between them."""
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(archive)
    names = ("pair", "radius_join", "certificate", "duplicate_group", "leak", "coverage", "run")

    def seen() -> Mapping[str, pa.Table]:
        return {name: store.sql(f"select * from {name} order by all").arrow() for name in names}

    before = seen()
    chance = random.Random(5)
    stages = ["pair/*.parquet", "pair/_delta_log/*.json", "certificate/*.parquet", None]
    for stage in stages:
        process = start("near-duplicates", "--store", store.path, "--radius", "6")
        if stage is None:
            time.sleep(chance.uniform(0.3, 2.0))
        else:
            there = set(store.path.glob(stage))
            wait_for(lambda s=stage, t=there: bool(set(store.path.glob(s)) - t), process)
        end(process, signal.SIGKILL)
        if len(store.sql("select * from run")) > len(before["run"]):
            store.undo()  # it was faster
            before = seen()
        assert seen() == before
    (row,) = store.near_duplicates(radius="6").rows()
    assert row["pairs"] == len(store.sql("select a from pair")) > 0
    assert store.certify(sample=50).rows()[0]["missed"] == 0
    assert DAMAGED not in {row["status"] for row in store.verify(full=True).rows()}


@pytest.mark.parametrize("whole", [True, False])
def test_a_worker_takes_its_files_away_when_its_caller_dies(
    tmp_path: Path, small_archive: Path, whole: bool
) -> None:
    """Killed, a caller can say no more: its stream just ends, at whatever place."""
    rules = RowRules(
        source="small",
        run_id="20110908T120000Z-0123456789",
        id_base=0,
        shape=DEFAULT_SHAPE,
        fractions=DEFAULT_FRACTIONS,
    )
    sent = io.BytesIO(json.dumps(wire.pack(BlockJob(tmp_path, rules))).encode() + b"\n")
    sent.seek(0, io.SEEK_END)
    with pa.ipc.new_stream(sent, MEMBER_SCHEMA) as stream:
        for batch in open_source(small_archive, limits=Limits()).members():
            stream.write_batch(batch)
    content = sent.getvalue() + b"."
    done = subprocess.run(
        [sys.executable, "-m", "notmnist_store.engines.block_worker"],
        input=content if whole else content[:-1],
        env={**os.environ, "PYTHONPATH": PACKAGE},
        capture_output=True,
        check=False,
        timeout=60,
    )
    answer = json.loads(done.stdout)
    files = list(tmp_path.rglob("*.parquet"))
    assert (len(files), "answer" in answer, done.returncode) == (
        (2, True, 0) if whole else (0, False, 1)
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, archive: Path, workers: int) -> None:
    root = tmp_path / "store"
    process = start("ingest", "--store", root, "--workers", workers, archive)
    wait_for(moments(root)["writing"], process)
    code, said = end(process, signal.SIGINT)
    assert code == 130
    assert "stopped" in said
    assert "Traceback" not in said
    assert not root.exists()


def test_ctrl_c_in_an_existing_store_leaves_its_files_as_they_were(
    store: Store, archive: Path
) -> None:
    before = {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}
    process = start("ingest", "--store", store.path, archive)
    wait_for(lambda: len(list(store.path.glob("image/*.parquet"))) > 1, process)
    assert end(process, signal.SIGINT)[0] == 130
    assert {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()} == before


def test_ctrl_c_ends_a_long_query(store: Store) -> None:
    long = "select count(*) from range(100000000) a, range(100000) b"
    process = start("sql", "--store", store.path, long)
    time.sleep(2)
    code, said = end(process, signal.SIGINT)
    assert code == 130
    assert "Traceback" not in said


def test_a_run_that_has_landed_is_never_discarded(store: Store) -> None:
    """Ctrl-C may come between the commit and its return; the files are the run's by then."""
    before = views(store)
    Tables.open(store.path).discard(str(store.sql("select run_id from run").rows()[0]["run_id"]))
    assert views(store) == before


# A target that cannot be written


def test_a_limit_on_file_size_ends_it_cleanly(store: Store, archive: Path) -> None:
    """RLIMIT_FSIZE makes write() fail in the middle of a file, as a full disk does, anywhere."""
    before = views(store)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    for workers in (1, 2):
        process = start(
            "ingest", "--store", store.path, "--workers", workers, archive, preexec_fn=limit
        )
        _, said = process.communicate(timeout=60)
        assert process.returncode == 3, said
        assert "cannot write" in said
        assert "Traceback" not in said
        assert views(store) == before
        assert len(list(store.path.glob("image/*.parquet"))) == 1
    store.ingest(archive)
    assert count(store) == 3 * EACH + 13


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None or sys.platform != "linux":
        pytest.skip("mounting a small disk takes root on Linux")
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not allow mounts")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("kilobytes", [8, 150])
def test_a_full_disk_ends_it_cleanly(
    tmp_path: Path, archive: Path, small_archive: Path, kilobytes: int
) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "size=1400k"):
        store = notmnist_store.open(disk / "store")
        store.ingest(small_archive)
        before = views(store)
        filler = disk / "filler"
        room = shutil.disk_usage(disk).free - kilobytes * 1024
        filler.write_bytes(b"x" * max(0, room))
        if kilobytes < 1_000:
            with pytest.raises(StoreError, match="cannot"):
                store.ingest(archive)
            assert views(store) == before
        filler.unlink()
        store.ingest(archive)
        assert count(store) == 3 * EACH + 13
        assert DAMAGED not in {row["status"] for row in store.verify(full=True).rows()}


def test_a_read_only_store_can_be_read_and_says_so_when_written(
    tmp_path: Path, archive: Path, small_archive: Path
) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "size=4m"):
        store = notmnist_store.open(disk / "store")
        store.ingest(small_archive)
        before = views(store)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert views(store) == before
        assert len(store.peek(n=3)) == 3
        assert {row["status"] for row in store.verify(full=True).rows()} == {"ok"}
        store.ingest(small_archive)  # it is there already: nothing is written
        with pytest.raises(StoreError, match="Read-only file system"):
            store.ingest(archive)
        with pytest.raises(StoreError, match="Read-only file system"):
            notmnist_store.open(disk / "other").ingest(archive)


# Several at once


def results(processes: list[subprocess.Popen[str]]) -> list[str]:
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return said


def test_of_two_ingests_of_one_source_one_lands(tmp_path: Path) -> None:
    archive = pack(tmp_path / "set.tar", class_files(each=100))
    for number in range(3):
        store = notmnist_store.open(tmp_path / f"store {number}")
        results([start("ingest", "--store", store.path, archive) for _ in range(3)])
        assert count(store) == 300
        assert len(store.sql("select * from run")) == 1
        assert DAMAGED not in {row["status"] for row in store.verify(full=True).rows()}


def test_of_different_sources_at_once_all_land(tmp_path: Path) -> None:
    archives = [
        pack(tmp_path / f"set{n}.tar", class_files(each=100, start=400 * n)) for n in range(3)
    ]
    for number in range(2):
        store = notmnist_store.open(tmp_path / f"store {number}")
        results([start("ingest", "--store", store.path, archive) for archive in archives])
        assert count(store) == 900
        assert [row["sequence"] for row in store.sql("select sequence from run").rows()] == [
            1,
            2,
            3,
        ]
        text = (store.path / "views.sql").read_text()
        assert {row["check"]: row["status"] for row in store.verify().rows()}["up to date"] == "ok"
        assert text.count("image/2") == 3


def test_a_first_ingest_that_fails_does_not_take_the_store_from_another(tmp_path: Path) -> None:
    good = pack(tmp_path / "good.tar", class_files(each=100))
    bad = pack(tmp_path / "bad.tar", class_files(each=100, start=400))
    bad.write_bytes(bad.read_bytes()[:150_000])
    for number in range(3):
        store = notmnist_store.open(tmp_path / f"store {number}")
        failing, working = (start("ingest", "--store", store.path, path) for path in (bad, good))
        results([working])
        failing.communicate(timeout=60)
        assert failing.returncode == 3
        assert count(store) == 300


def test_a_store_in_use_is_not_removed_as_unused(tmp_path: Path) -> None:
    """What the test above can only meet by chance."""
    tables = Tables.create(
        tmp_path / "store", Marker(shape=DEFAULT_SHAPE, fractions=DEFAULT_FRACTIONS, demo=False)
    )
    with tables.in_use():
        tables.remove_if_unused()
        assert Tables.open(tables.root).marker == tables.marker
    tables.remove_if_unused()
    assert not tables.root.exists()
