"""Spark as an engine: a Spark Connect server that others run, or one of this process."""

from __future__ import annotations

import importlib.util
import os
import re
import secrets
import shutil
import socket
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql.connect.client.retries import DefaultPolicy
from pyspark.sql.connect.session import SparkSession

from notmnist_store.catalog.connection import Catalog
from notmnist_store.engines.engine import Answer, Engine, Job
from notmnist_store.engines.spark.catalog import SparkCatalog
from notmnist_store.engines.spark.tasks import run_tasks, shuffle_tasks
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.location.location import Location
from notmnist_store.progress import Progress
from notmnist_store.storage.tables import Tables

_LOCAL = re.compile(r"local(\[[0-9*]+(,[0-9]+)?\]|-cluster\[[0-9]+,[0-9]+,[0-9]+\])?")
_PORT = 15002
_REACH_SECONDS = 10.0
_MOST_RETRIES = 4  # in about 5 seconds; Spark's own 15 would take 10 minutes to say who is gone
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # Over views of views Spark would else spend minutes on what follows from their conditions.
    "spark.sql.constraintPropagation.enabled": "false",
}


class SparkEngine(Engine):
    """A cluster that Spark Connect reaches, or, of `local[…]`, a Spark of this machine."""

    def __init__(self, url: str) -> None:
        """Reach it (UsageError for another kind of address, StoreError where nobody answers)."""
        if _LOCAL.fullmatch(url):
            self._address = _start_here(url)
        else:
            self._address = url
            _reach(url)
        self._session().stop()

    def catalog(self, tables: Tables, memory: float | None = None) -> Catalog:
        """As the local one does; statements over large tables run there, in their own session."""
        session = self._session()
        made = SparkCatalog(tables, session, memory)
        weakref.finalize(made, session.stop)
        return made

    together = sys.maxsize
    box_pictures = 1_000_000
    processes = 1
    threads = 1

    def reached(self, place: Location) -> Location:
        """Workers have another folder that they are in."""
        return place.absolute() if isinstance(place, Path) else place

    def run(
        self,
        work: Callable[[Job, Progress], Answer],
        jobs: Sequence[Job],
        kind: type[Answer],
        progress: Progress,
        title: str,
    ) -> Iterator[Answer | StoreError]:
        """As the local engine does; each job is a task, and the answers come when all are done."""
        what = f"{len(jobs):,} {title} on Spark"
        with progress.during(what, 0, title), self._short_session() as session:
            yield from run_tasks(session, work, jobs, kind, progress)

    def shuffle(
        self,
        spread: Callable[[Job], Iterator[pa.RecordBatch]],
        jobs: Sequence[Job],
        schema: pa.Schema,
        gather: Callable[[int, pa.Table], Answer],
        kind: type[Answer],
        progress: Progress,
        title: str,
    ) -> Iterator[Answer | StoreError]:
        """As the local engine does; the rows go through Spark's shuffle."""
        with progress.during(f"{title} on Spark", 0, title), self._short_session() as session:
            yield from shuffle_tasks(session, spread, jobs, schema, gather, kind, progress)

    @contextmanager
    def _short_session(self) -> Iterator[SparkSession]:
        """A session that ends with the block: else it would be looked for at this process's end."""
        session = self._session()
        try:
            yield session
        finally:
            session.stop()

    def _session(self) -> SparkSession:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of pandas, which we do not hand over
            try:
                session = SparkSession.builder.remote(self._address).create()
                session.client.set_retry_policies([DefaultPolicy(max_retries=_MOST_RETRIES)])
                for name, value in _SETTINGS.items():
                    session.conf.set(name, value)
            except PySparkException as error:
                raise StoreError(
                    f"the Spark Connect server at {_shown(self._address)} does not open a "
                    f"session: {str(error)[:200]}",
                    "notmnist-store sql --help",
                ) from error
        return session


def _reach(url: str) -> None:
    """Make sure that somebody listens: Spark's client would try for many minutes."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        host = None
    if parts.scheme != "sc" or host is None:
        raise UsageError(
            "--spark-url is sc://HOST:PORT of a Spark Connect server, or local[2,4] for one of "
            "this machine",
            "notmnist-store audit --engine spark --spark-url sc://localhost:15002",
        )
    try:
        socket.create_connection((host, port), _REACH_SECONDS).close()
    except OSError as error:
        raise StoreError(
            f"no Spark Connect server answers at {_shown(url)}: {error}",
            "notmnist-store audit --engine local",
        ) from error


def _shown(url: str) -> str:
    """An address without what may be secret in it."""
    return url.partition(";")[0].rpartition("@")[2]


@cache
def _start_here(master: str) -> str:
    """Start a server below this process, for it alone; its address. It ends with the process."""
    if importlib.util.find_spec("py4j") is None or shutil.which("java") is None:
        raise StoreError(
            f"{master} needs the whole of Spark, and Java 17",
            "pip install 'pyspark[connect]==4.3.0' && apt-get install openjdk-17-jre-headless",
        )
    from pyspark import SparkConf, SparkContext

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_CONNECT_AUTHENTICATE_TOKEN", secrets.token_hex(16))
    settings = {
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.sql.shuffle.partitions": str(2 * (os.cpu_count() or 1)),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    conf = SparkConf().setMaster(master).setAppName("notmnist-store").setAll(settings.items())
    SparkContext.getOrCreate(conf)
    return f"sc://localhost:{port}"
