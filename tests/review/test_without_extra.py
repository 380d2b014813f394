"""Where the extra is missing the command says so, and which command brings it."""

from __future__ import annotations

import sys

import pytest

from notmnist_store.errors import StoreError
from notmnist_store.store import Store


@pytest.mark.parametrize("name", ["starlette", "uvicorn"])
def test_a_missing_extra_is_one_clear_error(
    shared_store: Store, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    class Missing:
        @staticmethod
        def find_spec(wanted: str, path: object = None, target: object = None) -> None:
            if wanted == name:
                raise ModuleNotFoundError(f"No module named {wanted!r}", name=wanted)

    monkeypatch.setattr(sys, "meta_path", [Missing, *sys.meta_path])
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(StoreError, match="not installed") as caught:
        shared_store.review(no_browser=True)
    assert caught.value.hint == "python -m pip install 'notmnist-store[review]'"
