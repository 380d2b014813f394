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
    cells = {cell.source: cell for cell in notebook.cells if cell.cell_type == "code"}
    by_start = {source.partition("(")[0] + source[-30:]: cell for source, cell in cells.items()}
    assert len(by_start) == len(cells)
    text = "\n".join(text_of(cell) for cell in cells.values())
    assert "'pass'" in text
    headings = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    for number in range(1, 7):
        assert any(f"Problem {number}" in heading for heading in headings)
    assert (tmp_path / "tour_report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
