"""views.sql: the same views for a plain DuckDB, the only SQL text with paths in it."""

from __future__ import annotations

import pyarrow as pa

from notmnist_store.catalog.relations import file_rows, live, split_set_versions
from notmnist_store.catalog.statements import (
    comment_statements,
    no_rows,
    ordered_views,
    quoted_name,
    quoted_text,
    split_set_schemas,
    view_statement,
)
from notmnist_store.location.bucket import BucketPath
from notmnist_store.location.location import Location
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.filesystem import put
from notmnist_store.storage.losses import VIEWS_FILE, shown_line
from notmnist_store.storage.pause import reached
from notmnist_store.storage.tables import Tables

_FOLDER_USE = ("-- Use it from this folder: duckdb -init views.sql",)
_BUCKET_USE = (
    "-- Use a copy of it, with DuckDB's extension httpfs and your own credentials:",
    "--   install httpfs; create secret (type s3, provider credential_chain);",
    "--   .read views.sql",
)


def views_text(tables: Tables) -> str:
    """The text of views.sql: exactly the files of finished runs, in a folder by relative paths."""
    runs = tables.runs()
    above = f"{tables.root}/" if isinstance(tables.root, BucketPath) else ""
    lines = [
        shown_line(runs),
        "-- Views over this store for a plain DuckDB, rewritten after every run.",
        *(_BUCKET_USE if above else _FOLDER_USE),
    ]
    files = {table: tables.files(table, runs) for table in TABLES}
    for table, schema in TABLES.items():
        columns = ", ".join(quoted_name(name) for name in schema.names)
        if shown := live(files[table]):
            listed = ",\n    ".join(quoted_text(f"{above}{table}/{file.name}") for file in shown)
            body = (
                f"select {columns}\n"
                f"  from read_parquet([\n    {listed}\n  ], hive_partitioning = false)"
            )
        else:
            body = no_rows(table)
        stored = quoted_name(f"stored_{table}")
        lines.append(f"create or replace view {stored} as\n  {body};")
    lines.append(_file_values(file_rows(files)))
    for view in ordered_views():
        lines += [
            f"{statement};" for statement in (view_statement(view), *comment_statements(view))
        ]
    made = split_set_versions(tables, files["split_set"])
    for statements in split_set_schemas(made).values():
        lines += [f"{statement};" for statement in statements]
    return "\n".join(lines) + "\n"


def _file_values(rows: pa.Table) -> str:
    """The statement that makes view stored_file of these rows."""
    listed = [
        ", ".join(quoted_text(v) if isinstance(v, str) else str(v) for v in row.values())
        for row in rows.to_pylist()
    ]
    columns = ", ".join(quoted_name(name) for name in rows.column_names)
    values = ",\n    ".join(
        f"({row})" for row in listed or [", ".join(["null"] * rows.num_columns)]
    )
    return (
        f"create or replace view stored_file as\n  select * from (values\n    {values}\n  )"
        f" as file ({columns}){'' if listed else ' where false'};"
    )


def refresh_views_file(tables: Tables) -> Location:
    """Write views.sql anew where it does not show the runs there are; returns its path."""
    target = tables.root / VIEWS_FILE
    while True:
        text = views_text(tables)
        try:
            if target.read_text(encoding="utf-8") == text:
                return target
        except (OSError, UnicodeDecodeError):
            pass
        put(target, text.encode())
        reached("views.sql written")
