"""What goes between processes comes back as it was."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from notmnist_store.blocks.kernels.rows import RowRules
from notmnist_store.blocks.kernels.tally import Tally
from notmnist_store.blocks.writer import Block
from notmnist_store.drawing.letters import Stretch
from notmnist_store.engines.block_worker import BlockJob
from notmnist_store.ingest.options import IngestOptions
from notmnist_store.ingest.reading import Reading
from notmnist_store.location.bucket import BucketPath
from notmnist_store.schema.fit import Fit
from notmnist_store.schema.shape import Shape
from notmnist_store.sources.class_order import Names
from notmnist_store.sources.limits import Limits
from notmnist_store.storage.datafile import DataFile
from notmnist_store.workers.wire import pack, unpack


def there_and_back(value: object) -> Any:
    back = unpack(type(value), json.loads(json.dumps(pack(value))))
    assert isinstance(back, type(value))
    return back


def test_a_job_comes_back() -> None:
    rules = RowRules(
        source="a\nb",
        run_id="run",
        id_base=1 << 62,
        shape=Shape(28, 28, 1),
        fractions=(("train", "0.9"), ("test", "0.1")),
        group_regex="(a)",
    )
    job = BlockJob(Path("/a b/\udcff"), rules)
    assert there_and_back(job) == job
    empty = BlockJob(Path(), RowRules("", "", 0, Shape(1, 2, 3), ()))
    assert there_and_back(empty) == empty


@pytest.mark.parametrize("labels", [None, ("A", "B"), {1: "A", 20: "B"}])
def test_options_come_back(labels: Names | None) -> None:
    options = IngestOptions(
        shape=Shape(2, 3, 3),
        fractions=(("train", "1"),),
        fit=Fit("pad", background="white"),
        labels=labels,
        limits=Limits(max_ratio=2.5),
    )
    job = Reading(BucketPath.parse("s3://bucket/a b"), Path("/a"), options, 1)
    assert there_and_back(job) == job


def test_a_block_comes_back() -> None:
    block = Block(
        number=7,
        files=(DataFile("image", "a.parquet", 2, 1 << 40),),
        tally=Tally(
            seen=Counter({("A", "A", "hash"): 2, (None, None, None): 1}),
            outcomes=Counter(
                {("A", "A", "hash", "stored"): 2, (None, None, None, "ignored_link"): 1}
            ),
            splits=Counter({("A", "A", "hash", "train"): 2}),
            other_shapes=Counter({"2x3x1": 1}),
            unlabelled=Counter({"test": 3}),
        ),
        path_keys=np.array([[0, 2**64 - 1], [1, 5]], np.uint64),
    )
    back = there_and_back(block)
    assert np.array_equal(back.path_keys, block.path_keys)
    assert back.path_keys.dtype == np.uint64
    for field in fields(Block):
        if field.name != "path_keys":
            assert getattr(back, field.name) == getattr(block, field.name)
    empty = there_and_back(Block(0, (), Tally(), np.empty((0, 2), np.uint64)))
    assert empty.path_keys.shape == (0, 2)


def test_a_stretch_comes_back() -> None:
    stretch = Stretch("A", 512, bytes(range(256)))
    assert there_and_back(stretch) == stretch
