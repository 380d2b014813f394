"""A Spark Connect server: Sail, or the one that NOTMNIST_SPARK_URL names."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from notmnist_store.store import Store
from tests.support.rich_store import make_rich_store
from tests.support.spark_server import sail_server


@pytest.fixture(scope="session")
def spark_url() -> Iterator[str]:
    pytest.importorskip("pyspark", reason="pyspark-client is not installed: make test-spark")
    if url := os.environ.get("NOTMNIST_SPARK_URL"):
        yield url
        return
    pytest.importorskip("pysail", reason="pysail is not installed: make test-spark")
    with sail_server() as (url, _):
        yield url


@pytest.fixture(scope="session")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Rows for every view and statement; to be read only."""
    return make_rich_store(tmp_path_factory.mktemp("rich"))
