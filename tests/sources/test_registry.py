"""Formats that other packages bring: the example of docs/sources.md, installed, and broken ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import notmnist_store
from notmnist_store.cli.main import main
from notmnist_store.errors import SourceError
from notmnist_store.sources import registry
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.source import open_source
from tests.support.documents import examples

Install = Callable[[str, str], None]

(EXAMPLE,) = examples("docs/sources.md", "python")
(DECLARED,) = examples("docs/sources.md", "toml")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package of one module that is found as long as the test runs."""
    site = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(site)

    def installed(code: str, declared: str) -> None:
        about = site / "brought-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{declared}\n")
        module = declared.partition("=")[2].partition(":")[0].strip()
        (site / f"{module}.py").write_text(code)
        monkeypatch.delitem(__import__("sys").modules, module, raising=False)
        registry.formats.cache_clear()

    yield installed
    registry.formats.cache_clear()


def semeion(path: Path, digits: list[int]) -> np.ndarray:
    """A file as published, and its pixels."""
    pixels = np.random.default_rng(0).integers(0, 2, (len(digits), 256))
    rows = np.hstack([pixels, np.eye(10, dtype=int)[digits]])
    path.write_text(
        "".join(
            " ".join([*(f"{v:.4f}" for v in row[:256]), *map(str, row[256:])]) + " \n"
            for row in rows
        )
    )
    return (pixels * 255).astype(np.uint8).reshape(-1, 16, 16)


def declared() -> str:
    table, _, line = DECLARED.code.strip().partition("\n")
    assert table == f'[project.entry-points."{registry.GROUP}"]'
    return line.replace('"', "")


def test_the_example_is_no_longer_than_it_says() -> None:
    code = [line for line in EXAMPLE.code.splitlines() if line.strip()]
    assert len(code) <= 30


def test_the_example_of_the_manual_reads_its_format(tmp_path: Path, install: Install) -> None:
    install(EXAMPLE.code, declared())
    digits = [3, 1, 4, 1, 5, 9, 2, 6]
    pixels = semeion(tmp_path / "semeion.data", digits)
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(tmp_path / "semeion.data", shape="16x16x1", workers=1)
    query = "select path, image.label, image.label_id, pixels from image "
    query += "inner join image_pixels using (image_id) order by path"
    rows = store.sql(query).rows()
    assert [row["path"] for row in rows][:2] == ["semeion/00000.pgm", "semeion/00001.pgm"]
    assert [row["label"] for row in rows] == [str(digit) for digit in digits]
    assert [row["label_id"] for row in rows] == digits
    assert [row["pixels"] for row in rows] == [image.tobytes() for image in pixels]


def test_it_takes_names_and_small_batches(tmp_path: Path, install: Install) -> None:
    install(EXAMPLE.code, declared())
    semeion(tmp_path / "semeion.data", [0, 1, 1])
    source = open_source(tmp_path / "semeion.data", limits=Limits(), labels=["nought", "one"])
    batches = list(source.members(batch_members=2))
    assert [len(batch) for batch in batches] == [2, 1]
    assert [label for batch in batches for label in batch["label"].to_pylist()] == [
        "nought",
        "one",
        "one",
    ]
    assert source.label_order == ("nought", "one")


def test_bytes_that_it_cannot_read_are_an_error_without_a_traceback(
    tmp_path: Path, install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(EXAMPLE.code, declared())
    path = tmp_path / "semeion.data"
    for content in ("1.0 2.0 x\n", "1.0 2.0\n", ""):
        path.write_text(content)
        assert main(["ingest", str(path), "--store", str(tmp_path / "store")]) == 3
        error = capsys.readouterr().err
        assert f"{path} is" in error
        assert "Traceback" not in error


BROKEN = {
    "no such module": ("", "x = missing_module:look", "cannot be loaded: No module named"),
    "no such function": ("", "x = brought_1:look", "cannot be loaded: .*look"),
    "a module that raises": ("1 / 0", "x = brought_2:look", "cannot be loaded: division by zero"),
    "a function that raises": (
        "def look(request): return {}[1]",
        "x = brought_3:look",
        "read by the format x of package brought, is damaged: 1",
    ),
    "no source": ("def look(request): return 7", "x = brought_4:look", "gave a int"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_format_that_is_broken_is_named_with_its_package(
    tmp_path: Path, install: Install, broken: str
) -> None:
    code, line, message = BROKEN[broken]
    install(code, line)
    if broken == "no such module":
        next((tmp_path / "site-packages").glob("missing_module.py")).unlink()
    (tmp_path / "x.bin").write_bytes(b"x")
    with pytest.raises(SourceError, match=message) as caught:
        open_source(tmp_path / "x.bin", limits=Limits())
    assert "format x of package brought" in str(caught.value)


def test_a_format_of_a_package_is_asked_before_ours_and_named_among_them(
    tmp_path: Path, install: Install
) -> None:
    install("def look(request): return None", "hedgehog = brought_5:look")
    (tmp_path / "x.bin").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"supported are hedgehog, .*, class folders"):
        open_source(tmp_path / "x.bin", limits=Limits())
    (tmp_path / "set" / "A").mkdir(parents=True)
    assert open_source(tmp_path / "set", limits=Limits()).kind == "folder"


def test_every_format_of_ours_has_its_words() -> None:
    words = [each.words for each in registry.formats()]
    assert len(set(words)) == len(words) > 7
