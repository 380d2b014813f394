"""Write docs/tables.md from the headers of the SQL files and the schemas: `make docs`.

Types are DuckDB's own, asked of an empty store, so the page cannot say what the views do not do.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import Query, load_queries
from notmnist_store.ingest.ingest import DEFAULT_FRACTIONS
from notmnist_store.schema.shape import DEFAULT_SHAPE
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.marker import Marker
from notmnist_store.storage.tables import Tables

__all__ = ["PAGE", "main", "tables_text"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "tables.md"

_HEAD = """\
# Tables and reports

Made by `make docs` from the headers of `sql/views` and `sql/reports` and from the schemas; a test
holds it up to date.
The same words are comments inside DuckDB: `select comment from duckdb_views()` and
`duckdb_columns()` show them, in `notmnist-store sql` and in plain DuckDB with `views.sql`.

How the tables are stored is in [format.md](format.md).
"""
_TYPES = """
select column_name, data_type
from duckdb_columns()
where table_name = $view
order by column_index
"""


def tables_text() -> str:
    """The whole page."""
    views = load_queries("views")
    reports = load_queries("reports")
    parts = [_HEAD, "## Tables\n", _index(views)]
    with tempfile.TemporaryDirectory() as folder:
        marker = Marker(shape=DEFAULT_SHAPE, fractions=DEFAULT_FRACTIONS, demo=False)
        catalog = Catalog(Tables.create(Path(folder) / "store", marker))
        parts += [_view(view, catalog) for view in views.values()]
        parts += ["## Reports\n", "`notmnist-store sql NAME` runs one.\n", _index(reports)]
        parts += [_report(report, catalog) for report in reports.values()]
    parts.append(_stored())
    return "\n".join(parts)


def _index(queries: dict[str, Query]) -> str:
    return "".join(f"- [{name}](#{name}): {query.title}\n" for name, query in queries.items())


def _view(view: Query, catalog: Catalog) -> str:
    lines = _heading(view)
    lines += ["| column | type | unit | what | example |", "| --- | --- | --- | --- | --- |"]
    for row in catalog.query(_TYPES, {"view": view.name}).to_pylist():
        name = row["column_name"]
        if name not in view.columns:
            raise SystemExit(f"{view.path} has no line '-- column {name}: what · unit · example'")
        what, unit, example = view.columns[name].split(" · ")
        cells = (name, row["data_type"].lower(), unit, what, f"`{example}`")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _report(report: Query, catalog: Catalog) -> str:
    lines = _heading(report)
    for parameter in report.parameters.values():
        default = f", default {parameter.default}" if parameter.default else ""
        lines.append(f"- parameter `{parameter.name}`: {parameter.type}{default}")
    values = dict.fromkeys(report.parameters)
    columns = catalog.query(report.sql, values).column_names
    lines.append(f"- one row a {report.header['grain']}")
    lines.append("- columns: " + ", ".join(f"`{name}`" for name in columns))
    return "\n".join(lines) + "\n"


def _stored() -> str:
    lines = ["## Stored columns", "", "What the Parquet files hold, as Arrow types.", ""]
    lines += ["| table | columns |", "| --- | --- |"]
    for table, schema in TABLES.items():
        columns = (f"`{f.name}` {f.type}{' null' if f.nullable else ''}" for f in schema)
        lines.append(f"| `{table}` | {'; '.join(columns)} |")
    return "\n".join([*lines, "", '"null" marks columns that may be null.']) + "\n"


def _heading(query: Query) -> list[str]:
    lines = [f"### {query.name}", "", f"{query.title}.", ""]
    return lines + ([query.description, ""] if query.description else [])


def main() -> None:
    """Write the page."""
    PAGE.write_text(tables_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
