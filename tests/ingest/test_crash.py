"""One run or nothing: whatever ends an ingest, at whatever moment, the views are as they were."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pytest

import notmnist_store
from notmnist_store.blocks.kernels.rows import RowRules
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
from notmnist_store.workers import wire
from tests.support.archives import class_files, pack
from tests.support.program import PACKAGE, end, spawn, start, wait_for_pause

DAMAGED = "damaged"
EACH = 1_000


@pytest.fixture(scope="module")
def other_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(tmp_path_factory.mktemp("archive") / "other.tar", class_files(each=10, start=100))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More than a small disk holds."""
    return pack(tmp_path_factory.mktemp("archive") / "big.tar", class_files(each=EACH))


def count(store: Store) -> int:
    return int(store.sql("select count(*) as n from image").rows()[0]["n"])


def views(store: Store) -> Mapping[str, object]:
    names = ("image", "image_pixels", "reject", "ledger", "label", "run")
    return {name: store.sql(f"select * from {name} order by all").arrow() for name in names}


BEFORE_COMMIT = (
    "store made",
    "source read",
    "image begun",
    "image written",
    "ledger written",
    "image committed",
    "ledger committed",
    "run written",
)
AFTER_COMMIT = ("run committed", "views.sql written")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "workers"),
    [
        *((point, 1) for point in (*BEFORE_COMMIT, *AFTER_COMMIT)),
        *((point, 2) for point in ("store made", "source read", "run committed")),
    ],
)
def test_kill_at_each_stage_of_a_first_ingest(
    tmp_path: Path, other_archive: Path, small_archive: Path, point: str, workers: int
) -> None:
    store = notmnist_store.open(tmp_path / "store")
    ingest = ("ingest", "--store", store.path, "--workers", workers, other_archive)
    process = start(*ingest, pause=point)
    wait_for_pause(process)
    end(process, signal.SIGKILL)
    stored = {row["source"] for row in store.sql("select source from run").rows()}
    assert stored == ({"other"} if point in AFTER_COMMIT else set())
    assert count(store) == (30 if stored else 0)
    assert store.ingest(small_archive).rows()[0]["stored"] == 5
    store.ingest(other_archive)
    assert count(store) == 30 + 13
    assert DAMAGED not in {row["status"] for row in store.verify(full=True).rows()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, other_archive: Path) -> Path:
    """A store in which every command has something to do."""
    store = notmnist_store.open(tmp_path_factory.mktemp("prepared") / "store")
    store.ingest(other_archive)
    store.split("s", train="0.5", valid="0.2", test="0.3")
    store.near_duplicates(radius="0.1")
    return store.path


DROP = "select min(image_id) as image_id, 'drop' as action from image"
COMMANDS = {
    "ingest(sys.argv[2])": ("image", "ledger"),
    "split('new', train='0.5', test='0.5')": ("split_image", "run_input"),
    "near_duplicates(radius='9')": ("pair", "certificate"),
    "certify(sample=5)": ("certificate", "certificate"),
    "sanitize('fine', base='s', radius='0.1', yes=True)": ("split_image", "run_input"),
    f"decide(sql={DROP!r}, by='ada', yes=True)": ("decision", "decision"),
    "baseline('s', sizes=(10,))": ("score", "prediction"),
    "suspects('s', folds=2)": ("suspect_search", "run_input"),
    "distinguish('s', folds=2)": ("telling_image", "run_input"),
    "undo()": (),
}
"""What writes to a store, with the tables that it writes first and commits last."""


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_kill_of_any_command_at_its_stages(
    tmp_path: Path, prepared: Path, small_archive: Path, command: str
) -> None:
    """Before the commit the store is as it was, after it the run is whole; views.sql is mended."""
    store = notmnist_store.open(Path(shutil.copytree(prepared, tmp_path / "store")))
    program = f"import sys, notmnist_store; notmnist_store.open(sys.argv[1]).{command}"

    def kill_at(point: str) -> None:
        process = spawn([sys.executable, "-c", program, str(store.path), str(small_archive)], point)
        wait_for_pause(process)
        end(process, signal.SIGKILL)

    def live() -> Mapping[str, object]:
        """All that the views show follows from the live files."""
        files = "select * from data_file where state = 'live' order by all"
        return {sql: store.sql(sql).arrow() for sql in (files, "select * from run order by all")}

    tables = COMMANDS[command]
    before = live()
    text = (store.path / "views.sql").read_text()
    stages = [f"{tables[0]} written", f"{tables[1]} committed"] if tables else []
    for point in (*stages, "run written"):
        kill_at(point)
        assert live() == before
        assert DAMAGED not in {row["status"] for row in store.verify().rows()}
    kill_at("run committed")
    runs = store.sql("select verb from run order by sequence").rows()
    assert len(runs) == 4
    assert (store.path / "views.sql").read_text() == text
    stale = [row for row in store.verify(full=True).rows() if row["status"] == DAMAGED]
    assert [row["table"] for row in stale] == ["views.sql"]
    store.ingest(small_archive)
    assert DAMAGED not in {row["status"] for row in store.verify(full=True).rows()}


def test_what_finds_nothing_to_do_mends_the_views_file(
    tmp_path: Path, prepared: Path, other_archive: Path
) -> None:
    store = notmnist_store.open(Path(shutil.copytree(prepared, tmp_path / "store")))
    store.sanitize("fine", base="s", radius="0.1", yes=True)
    store.decide(sql=DROP, by="ada", yes=True)
    views_file = store.path / "views.sql"
    text = views_file.read_text()
    for again in (
        lambda: store.ingest(other_archive),
        lambda: store.near_duplicates(radius="0.1"),
        lambda: store.split("s", train="0.5", valid="0.2", test="0.3"),
        lambda: store.sanitize("fine", base="s", radius="0.1", yes=True),
        lambda: store.decide(sql=DROP, by="ada", yes=True),
    ):
        views_file.write_text("-- older")
        again()
        assert views_file.read_text() == text


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, archive: Path, workers: int) -> None:
    root = tmp_path / "store"
    point = "image begun" if workers == 1 else "source read"
    process = start("ingest", "--store", root, "--workers", workers, archive, pause=point)
    wait_for_pause(process)
    code, said = end(process, signal.SIGINT)
    assert code == 130
    assert "stopped" in said
    assert "Traceback" not in said
    assert not root.exists()


def test_ctrl_c_in_an_existing_store_leaves_its_files_as_they_were(
    store: Store, archive: Path
) -> None:
    before = {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()}
    process = start("ingest", "--store", store.path, archive, pause="image written")
    wait_for_pause(process)
    assert end(process, signal.SIGINT)[0] == 130
    assert {path: path.read_bytes() for path in store.path.rglob("*") if path.is_file()} == before


def test_ctrl_c_ends_a_long_query(store: Store) -> None:
    long = "select count(*) from range(100000000) a, range(100000) b"
    process = start("sql", "--store", store.path, long, pause="query begun")
    wait_for_pause(process)
    code, said = end(process, signal.SIGINT)
    assert code == 130
    assert "Traceback" not in said


def test_a_run_that_has_landed_is_never_discarded(store: Store) -> None:
    """Ctrl-C may come between the commit and its return; the files are the run's by then."""
    before = views(store)
    Tables.open(store.path).discard(str(store.sql("select run_id from run").rows()[0]["run_id"]))
    assert views(store) == before


# A target that cannot be written


@pytest.mark.slow
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


@pytest.mark.slow
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


def fill(filler: Path) -> None:
    """Leave no byte on its disk."""
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_disk_that_is_full_at_any_stage_of_any_command(
    tmp_path: Path, prepared: Path, small_archive: Path, command: str
) -> None:
    """Before the commit it is a clean error and nothing is stored, after it the run stays."""
    program = (
        "import sys, notmnist_store\n"
        "from notmnist_store.errors import StoreError\n"
        "try:\n"
        f"    notmnist_store.open(sys.argv[1]).{command}\n"
        "except StoreError as error:\n"
        "    sys.exit(f'said: {error.message}')\n"
    )
    tables = COMMANDS[command]
    stages = [f"{tables[0]} written", f"{tables[1]} committed"] if tables else []
    disk = tmp_path / "disk"
    with mounted(disk, "size=8m"):
        store = notmnist_store.open(Path(shutil.copytree(prepared, disk / "store")))
        runs = store.sql("select * from run order by all").arrow()
        for point in (*stages, "run written", "run committed"):
            process = spawn(
                [sys.executable, "-c", program, str(store.path), str(small_archive)], point
            )
            wait_for_pause(process)
            fill(disk / "filler")
            process.send_signal(signal.SIGCONT)
            _, said = process.communicate(timeout=60)
            now = store.sql("select * from run order by all").arrow()
            (disk / "filler").unlink()
            if point == "run committed":
                assert process.returncode == 0, said
                assert now.num_rows == runs.num_rows + 1
            else:
                assert said.startswith("said: "), said
                assert "No space left" in said
                assert now == runs
                assert DAMAGED not in {row["status"] for row in store.verify().rows()}
        stale = [row["table"] for row in store.verify().rows() if row["status"] == DAMAGED]
        assert stale == ["views.sql"]
        store.decide(sql=DROP.replace("min", "max"), by="ada", yes=True)
        assert DAMAGED not in {row["status"] for row in store.verify(full=True).rows()}


def test_a_disk_that_turns_read_only_amid_a_command_is_an_error(
    tmp_path: Path, archive: Path, small_archive: Path
) -> None:
    """What was written and cannot be taken back is left for gc."""
    disk = tmp_path / "disk"
    with mounted(disk, "size=4m"):
        store = notmnist_store.open(disk / "store")
        store.ingest(small_archive)
        before = views(store)
        process = start("ingest", "--store", store.path, archive, pause="image written")
        wait_for_pause(process)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 3, said
        assert "Read-only file system" in said
        assert views(store) == before


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


@pytest.mark.slow
def test_of_two_ingests_of_one_source_one_lands(tmp_path: Path) -> None:
    archive = pack(tmp_path / "set.tar", class_files(each=100))
    for number in range(3):
        store = notmnist_store.open(tmp_path / f"store {number}")
        results([start("ingest", "--store", store.path, archive) for _ in range(3)])
        assert count(store) == 300
        assert len(store.sql("select * from run")) == 1
        assert DAMAGED not in {row["status"] for row in store.verify(full=True).rows()}


@pytest.mark.slow
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


@pytest.mark.slow
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
