"""The statements of tests/catalog/escapes.sql, and that none of them gets out."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from notmnist_store.catalog.connection import Catalog
from notmnist_store.errors import QueryError
from notmnist_store.storage.tables import Tables

FILE = Path(__file__).resolve().parents[1] / "catalog" / "escapes.sql"


def escapes() -> list[tuple[str, str]]:
    """Each statement, with what it tries."""
    found, tries = [], ""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("-- "):
            tries = line.removeprefix("-- ")
        elif line:
            found.append((line, tries))
    return found


def content(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def check_escape(store: Path, folder: Path, escape: str) -> str:
    """Refused, or harmless: nothing is written, nothing of another file comes back."""
    secret = folder / "secret.csv"
    secret.write_text("password\nhunter2\n")
    local_rows = {"password": ["hunter2"]}  # what a replacement scan would find
    catalog = Catalog(Tables.open(store))
    images = catalog.query("select count(*) as n from image")
    spill = catalog.query("select current_setting('temp_directory') as t")["t"].to_pylist()[0]
    before, beside = content(store), content(folder)
    places = {
        "out": folder / "out",
        "secret": secret,
        "folder": folder,
        "store": store,
        "file": next(store.glob("image/*.parquet")),
        "spill": spill,
    }
    quoted = {name: str(path).replace("'", "''") for name, path in places.items()}
    text = escape.format(**quoted)
    assert local_rows
    found = ""
    with suppress(QueryError):
        found = str(catalog.query(text, timeout=20).to_pylist())
    assert "hunter2" not in found
    assert "PAR1" not in found
    assert str(secret) not in found
    assert content(store) == before
    assert content(folder) == beside
    assert not (folder.parent / "escaped").exists()
    assert catalog.query("select count(*) as n from image") == images
    setting = "select current_setting('enable_external_access') as v"
    assert catalog.query(setting)["v"].to_pylist() == [False]
    return "harmless" if found else "refused"
