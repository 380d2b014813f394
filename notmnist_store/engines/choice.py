"""Which engine a command runs on."""

from __future__ import annotations

import warnings

from notmnist_store.engines.engine import Engine
from notmnist_store.errors import StoreError, UsageError

ENGINES = ("local", "spark")
_SAID_OTHERWISE = (
    "PySpark does not yet fully support pandas",  # nothing is handed over as its frame
    r"\[RETRIES_EXCEEDED\]",  # an error follows
)


def choose_engine(name: str, spark_url: str | None) -> Engine:
    """The engine of this name; of Spark at this address.

    Raises:
        UsageError: another name, or an address that does not go with it.
        StoreError: the extra is not installed, or there is no server.
    """
    if name not in ENGINES:
        raise UsageError(
            f"--engine is one of {', '.join(ENGINES)}, not {name!r}",
            "notmnist-store audit --engine local",
        )
    if name == "local":
        if spark_url is not None:
            raise UsageError("--spark-url goes with --engine spark", "notmnist-store audit --help")
        return Engine()
    if spark_url is None:
        raise UsageError(
            "--engine spark needs --spark-url",
            "notmnist-store audit --engine spark --spark-url sc://localhost:15002",
        )
    for warning in _SAID_OTHERWISE:
        warnings.filterwarnings("ignore", warning)
    try:
        from notmnist_store.engines.spark.engine import SparkEngine
    except ImportError as error:
        raise StoreError(
            f"the packages that Spark is asked by are not installed ({error})",
            "python -m pip install 'notmnist-store[spark]'",
        ) from error
    return SparkEngine(spark_url)
