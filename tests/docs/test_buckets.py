"""The documents' commands for a bucket run, on a real S3 server whose bucket has their name."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from notmnist_store.cli.main import main
from notmnist_store.location.bucket import BucketPath
from tests.docs.test_blocks import PROGRAM, name
from tests.support.archives import class_files, pack
from tests.support.documents import SHELL, Example
from tests.support.s3 import BUCKET

IN_BUCKETS = [
    example
    for example in SHELL
    if "s3://bucket/" in example.code and "--engine" not in example.code
]


def test_the_readme_shows_three() -> None:
    shown = [example.code for example in IN_BUCKETS if example.document == "README.md"]
    assert "".join(shown).count(PROGRAM) == 3


@pytest.mark.parametrize("example", IN_BUCKETS, ids=name)
def test_a_block_of_a_bucket_runs(
    example: Example, bucket: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = BucketPath(BUCKET, "")
    for key in ("store", "exported", "raw"):
        for path in list((root / key).files()):
            path.unlink()
    (root / "raw/set.tar.gz").upload(pack(tmp_path / "set.tar.gz", class_files(each=12)))
    for line in example.code.splitlines():
        if not line.startswith("export "):  # the server's name and the key, which the test has
            assert main(shlex.split(line)[1:]) == 0, capfd.readouterr().err
