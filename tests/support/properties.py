"""How many examples a property is tried with: few and always the same, or many and drawn anew."""

from __future__ import annotations

import os

from hypothesis import settings

THOROUGH = os.environ.get("NOTMNIST_STORE_TESTS") == "thorough"
_QUICK, _MANY_TIMES = 25, 8


def load_profile() -> None:
    """Let properties be tried as this run asks for.

    By default by a fixed seed, so that nobody's run fails by luck; a thorough run draws anew, and
    what it finds becomes an example of the test.
    """
    number = _QUICK * (_MANY_TIMES if THOROUGH else 1)
    profile = settings(
        max_examples=number,
        deadline=None,
        derandomize=not THOROUGH,
        database=None,
        print_blob=THOROUGH,
    )
    settings.register_profile("notmnist_store", parent=profile)
    settings.load_profile("notmnist_store")


def examples(number: int) -> settings:
    """A decorator for a property that costs more or less than others: so many in a quick run."""
    return settings(max_examples=number * (_MANY_TIMES if THOROUGH else 1))
