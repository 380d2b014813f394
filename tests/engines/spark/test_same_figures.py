"""A set of images has the same figures on Spark."""

from __future__ import annotations

from pathlib import Path

import pytest

import notmnist_store
from tests.support.figures import Figures, figures_of

pytestmark = [pytest.mark.spark, pytest.mark.spark_jvm]


def test_a_set_has_the_same_figures_on_spark(
    known: tuple[Path, Figures], spark_url: str, tmp_path: Path
) -> None:
    archive, expected = known
    store = notmnist_store.open(tmp_path / "store")
    assert figures_of(store, str(archive), "spark", spark_url) == expected
