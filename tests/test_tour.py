"""The tour notebook runs from top to bottom, on the offline set, and answers every problem."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

REPOSITORY = Path(__file__).resolve().parent.parent


def text_of(cell: Any) -> str:
    data = [output.get("data", {}) for output in cell.outputs]
    return "\n".join(each.get("text/plain", "") for each in data)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:zmq")
def test_the_tour_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    notebook = nbformat.read(REPOSITORY / "examples" / "tour.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "committed without outputs"
    client = nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute(env=dict(os.environ))
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(text_of(cell) for cell in code), "every cell shows what it found"

    def shown(part: str) -> str:
        (cell,) = (cell for cell in code if part in cell.source)
        return text_of(cell)

    assert shown("order_shuffled") == "'pass'"
    leaks = shown('if "leak" in v.name')
    assert "('split_leak_exact', 'pass')" in leaks
    assert "('split_leak_near', 'pass')" in leaks
    for size in ("50", "100", "1000", "5000"):
        assert f" {size} " in shown("learning_curve")
    headings = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    for number in range(1, 7):
        assert any(f"Problem {number}" in heading for heading in headings)
    page = (tmp_path / "tour_report.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
