"""A worker process answers, fails with its own error, or is missed."""

from __future__ import annotations

import os
import signal

import pytest

from notmnist_store.blocks.writer import Block
from notmnist_store.drawing.letters import LettersJob, Stretch
from notmnist_store.errors import StoreError
from notmnist_store.workers.process import Worker


def test_a_worker_without_a_job_just_ends() -> None:
    worker = Worker("notmnist_store.engines.block_worker", "ingest")
    worker.input.close()
    assert worker.answer(Block) is None
    worker.leave(at_once=False)


def test_what_a_worker_runs_into_is_said() -> None:
    worker = Worker("notmnist_store.engines.block_worker", "ingest")
    worker.send(LettersJob("a job of another worker", 1, 0, 1))
    worker.input.close()
    with pytest.raises(StoreError, match=r"a worker failed:\n(.|\n)*Traceback"):
        worker.answer(Block)
    worker.leave(at_once=False)


def test_a_worker_that_was_killed_is_missed() -> None:
    worker = Worker("notmnist_store.drawing.letters", "glyphs")
    os.kill(worker.process_id, signal.SIGKILL)
    with pytest.raises(StoreError, match=r"exit code -9") as caught:
        worker.answer(Stretch)
    assert caught.value.hint == "notmnist-store glyphs --help"
    worker.leave(at_once=True)
