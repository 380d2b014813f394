"""What can go wrong with a Spark that others run: each is said, with a command that helps."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from notmnist_store.catalog.connection import Catalog
from notmnist_store.engines.choice import choose_engine
from notmnist_store.errors import QueryError, StoreError, UsageError
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.conftest import REPOSITORY
from tests.support.spark_server import sail_server

COUNT = "select count(*) as images, sum(image.file_bytes) as bytes from image"
LONG = (
    "select count(*) as n from image as a cross join image as b cross join image as c"
    " cross join image as d cross join image as e cross join image as f cross join image as g"
    " cross join image as h cross join image as i cross join image as j cross join image as k"
    " where a.file_bytes + b.file_bytes + c.file_bytes + d.file_bytes + e.file_bytes"
    " + f.file_bytes + g.file_bytes + h.file_bytes + i.file_bytes + j.file_bytes < k.file_bytes"
)
"""More than any machine does in an hour."""


@pytest.mark.parametrize(
    ("name", "url", "says"),
    [
        ("flink", None, "--engine is one of local, spark"),
        ("local", "sc://localhost", "--spark-url goes with --engine spark"),
        ("spark", None, "--engine spark needs --spark-url"),
    ],
)
def test_options_that_do_not_go_together(name: str, url: str | None, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        choose_engine(name, url)


def test_the_extra_is_missing(store: Store) -> None:
    """A Python without it: the error names the install command."""
    program = (
        "import sys; sys.modules['pyspark'] = None\n"
        "from notmnist_store.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["sql", COUNT, "--store", str(store.path), "--engine", "spark", "--spark-url", "sc://h"]
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 3, done.stderr
    assert "pip install 'notmnist-store[spark]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def client() -> None:
    pytest.importorskip("pyspark", reason="pyspark-client is not installed: make test-spark")


@pytest.mark.spark
@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    "url", ["", "localhost:15002", "http://localhost:1", "sc://", "sc://h:70000", "local[x]"]
)
def test_an_address_of_another_kind(url: str) -> None:
    with pytest.raises(UsageError, match="--spark-url is sc://HOST:PORT"):
        choose_engine("spark", url)


@pytest.mark.spark
@pytest.mark.usefixtures("client")
def test_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"sc://127.0.0.1:{free.getsockname()[1]}/;token=secret"
    with pytest.raises(StoreError, match="no Spark Connect server answers at") as raised:
        choose_engine("spark", url)
    assert "secret" not in str(raised.value)


@pytest.mark.spark
def test_spark_itself_is_not_here() -> None:
    pytest.importorskip("pysail", reason="the client alone: make test-spark")
    with pytest.raises(StoreError, match="needs the whole of Spark") as raised:
        choose_engine("spark", "local[2,4]")
    assert "openjdk-17-jre-headless" in str(raised.value)


def far(store: Store, url: str) -> Catalog:
    return choose_engine("spark", url).catalog(Tables.open(store.path))


@pytest.mark.spark
def test_a_statement_that_may_differ(store: Store, spark_url: str) -> None:
    with pytest.raises(QueryError, match="on Spark this may give another result"):
        far(store, spark_url).query("select list(image.image_id) as ids from image")


@pytest.mark.spark
def test_a_statement_that_is_wrong(store: Store, spark_url: str) -> None:
    """DuckDB says it, as it does without Spark."""
    with pytest.raises(QueryError, match="imagee"):
        far(store, spark_url).query("select count(*) as n from imagee")
    with pytest.raises(QueryError, match="only SELECT is run here"):
        far(store, spark_url).query("drop table image")


@pytest.mark.spark
def test_a_store_without_images(spark_url: str, tmp_path: Path, store: Store) -> None:
    store.undo()
    assert far(store, spark_url).query(COUNT).to_pylist() == [{"images": 0, "bytes": None}]


def image_file(store: Store) -> Path:
    (path,) = (store.path / "image").glob("*.parquet")
    return path


@pytest.mark.spark
def test_a_damaged_page(store: Store, spark_url: str) -> None:
    path = image_file(store)
    content = bytearray(path.read_bytes())
    at = len(content) // 2
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(QueryError, match=r"a data file is damaged: .* is damaged"):
        far(store, spark_url).query(
            "select count(image.path) as n, min(md5(image.path)) as m,"
            " sum(image.ink_mean) as i from image"
        )


@pytest.mark.spark
def test_a_damaged_footer(store: Store, spark_url: str) -> None:
    path = image_file(store)
    content = bytearray(path.read_bytes())
    content[-12] ^= 1
    path.write_bytes(content)
    with pytest.raises(QueryError, match="its footer is not the one that was written"):
        far(store, spark_url).query(COUNT)


@pytest.mark.spark
def test_a_missing_file(store: Store, spark_url: str) -> None:
    """Missing where workers look: here it may be there."""
    image_file(store).unlink()
    with pytest.raises(QueryError, match="is missing"):
        far(store, spark_url).query(COUNT)


@pytest.fixture
def spark_itself() -> None:
    pytest.importorskip("py4j", reason="Sail answers nobody while it computes: test-spark-jvm")


@pytest.mark.spark
@pytest.mark.spark_jvm
@pytest.mark.usefixtures("spark_itself")
def test_what_takes_too_long_is_stopped(shared_store: Store, spark_url: str) -> None:
    catalog = far(shared_store, spark_url)
    with pytest.raises(QueryError, match="stopped after 1 seconds; --timeout gives it more"):
        catalog.query(LONG, timeout=1)
    assert catalog.query(COUNT).num_rows == 1


@pytest.fixture
def own_server(store: Store) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    pytest.importorskip("pysail", reason="pysail is not installed: make test-spark")
    with sail_server() as (url, server):
        yield url, server


@pytest.mark.spark
def test_a_server_that_dies_in_a_query(
    shared_store: Store, own_server: tuple[str, subprocess.Popen[str]]
) -> None:
    url, server = own_server
    catalog = far(shared_store, url)
    catalog.query(COUNT)
    threading.Timer(1, server.kill).start()
    with pytest.raises(QueryError, match="the Spark Connect server is gone"):
        catalog.query(LONG)


@pytest.mark.spark
@pytest.mark.spark_jvm
@pytest.mark.usefixtures("spark_itself")
def test_ctrl_c_in_a_query(shared_store: Store, spark_url: str) -> None:
    catalog = far(shared_store, spark_url)
    catalog.query(COUNT)
    threading.Timer(1, lambda: signal.raise_signal(signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        catalog.query(LONG)
    assert catalog.query(COUNT).num_rows == 1
