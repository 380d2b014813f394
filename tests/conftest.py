"""What every test may ask for: the repository, the real data where it is, quick properties."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parent.parent

# The parent is the profile in force, which on a CI machine is Hypothesis' own repeatable one.
settings.register_profile("quick", parent=settings(), deadline=None, max_examples=50)
settings.load_profile("quick")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return REPOSITORY


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of the real archives: NOTMNIST_DATA or else ../shared/data; skips if there is none."""
    folder = Path(os.environ.get("NOTMNIST_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not there (NOTMNIST_DATA names another folder)")
    return folder
