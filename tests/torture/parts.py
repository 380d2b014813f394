"""The parts of the torture, by name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest

from tests.support.s3 import BUCKET, make_bucket, point_at, s3_server
from tests.torture import concurrency, corruption, fuzzing, kills, limits, walls
from tests.torture.trial import Asked, Part, Trial
from tests.torture.writers import Bench


def _bench(asked: Asked, prefix: str = "") -> Bench:
    folder = asked.folder / "bench"
    folder.mkdir()
    return Bench(folder, prefix)


def _kill(asked: Asked) -> Iterator[Trial]:
    bench = _bench(asked)
    moments = kills.MOMENTS_SHORT if asked.short else kills.MOMENTS
    return chain(
        kills.at_stages(asked, bench, "disk"), kills.at_moments(asked, bench, "disk", moments)
    )


def _kill_s3(asked: Asked) -> Iterator[Trial]:
    with s3_server() as address, pytest.MonkeyPatch.context() as patch:
        make_bucket(address)
        point_at(address, patch)
        yield from kills.at_stages(asked, _bench(asked, f"s3://{BUCKET}"), "S3")


PARTS: dict[str, Part] = {
    "kill": _kill,
    "kill-s3": _kill_s3,
    "limits": lambda asked: limits.trials(asked, _bench(asked)),
    "corruption": lambda asked: corruption.damaged(asked, _bench(asked)),
    "concurrency": concurrency.trials,
    "fuzz": fuzzing.trials,
    "sql": lambda asked: walls.trials(asked, _bench(asked)),
}
