"""A Spark Connect server in a process of its own: Sail, which starts in seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import REPOSITORY

_PROGRAM = """
import sys
from pysail.spark import SparkConnectServer
server = SparkConnectServer(port=0)
server.start(background=True)
print(server.listening_address[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def sail_server() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its address and its process; it ends with this process at the latest."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "RUST_LOG": "off"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        assert port, "Sail did not start"
        try:
            yield f"sc://127.0.0.1:{port}", server
        finally:
            server.kill()
