"""A worker process answers, fails with its own error, or is missed."""

from __future__ import annotations

import fcntl
import os
import signal

import pytest

from notmnist_store.blocks.writer import Block
from notmnist_store.drawing.letters import LettersJob, Stretch
from notmnist_store.errors import StoreError
from notmnist_store.workers.process import Worker
from tests.support.processes import stop_in_a_write


def test_a_worker_without_a_job_just_ends() -> None:
    worker = Worker("notmnist_store.engines.block_worker", "ingest")
    worker.input.close()
    assert worker.answer(Block) is None
    worker.leave(at_once=False)


def test_what_a_worker_runs_into_is_said() -> None:
    worker = Worker("notmnist_store.engines.block_worker", "ingest")
    worker.send(LettersJob("a job of another worker", (0, 1), 0, 1))
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


def test_a_signal_does_not_cut_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where Python was told not to buffer: stopped in the middle of a write."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    worker = Worker("notmnist_store.drawing.letters", "glyphs")
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(worker.output, fcntl.F_SETPIPE_SZ, 4096)  # one answer is more
    worker.send(LettersJob("set", (0, 2_000), 0, 1))
    worker.input.close()
    stop_in_a_write(worker.process_id, worker.output)
    images = 0
    while (stretch := worker.answer(Stretch)) is not None:
        images += stretch.images
    assert images == 2_000
    worker.leave(at_once=False)
