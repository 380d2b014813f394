"""The manual is whole: links, generated pages, options, words, and what each page must list."""

from __future__ import annotations

import ast
import re
from itertools import takewhile
from pathlib import Path

import pytest

import notmnist_store
from notmnist_store.catalog.queries import load_queries
from notmnist_store.cli.main import make_parser, subparsers
from notmnist_store.schema.words import REJECT_REASONS
from tests.support.documents import (
    DOCUMENTS,
    MANUAL,
    REPOSITORY,
    SHELL,
    anchors,
    first_cells,
    prose,
    read,
    section,
)
from tests.test_architecture import ORDER, parse
from tools import make_commands, make_tables


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= 150


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", prose(document)):
        path, _, anchor = target.partition("#")
        if path.startswith("http"):
            continue
        file = ((REPOSITORY / document).parent / path if path else REPOSITORY / document).resolve()
        assert file.exists(), f"{document}: {target}"
        if anchor:
            assert anchor in anchors(file.relative_to(REPOSITORY).as_posix()), target


def test_every_page_is_in_the_index_and_in_the_navigation() -> None:
    navigation = read("mkdocs.yml").partition("\nnav:\n")[2]
    for page in (path.removeprefix("docs/") for path in MANUAL):
        assert f" {page}\n" in navigation
        assert page == "index.md" or f"]({page})" in read("docs/index.md")


def test_make_targets_in_the_documents_exist() -> None:
    makefile = read("Makefile")
    for document in DOCUMENTS:
        spans = [e.code for e in SHELL if e.document == document]
        spans += re.findall(r"`([^`\n]+)`", read(document))
        named = [re.match(r"make ([a-z-]+)", line) for s in spans for line in s.splitlines()]
        for target in filter(None, named):
            assert re.search(rf"^{target[1]}:", makefile, re.MULTILINE), f"{document}: {target[0]}"


def test_the_tables_page_is_up_to_date() -> None:
    assert read("docs/tables.md") == make_tables.tables_text(), "run: make docs"


@pytest.mark.parametrize("view", sorted(load_queries("views")))
def test_every_column_of_a_view_is_documented(view: str, scratch: Path) -> None:
    """With what it is, its unit and an example; and nothing is documented that is not there."""
    query = load_queries("views")[view]
    columns = notmnist_store.open(scratch / "store").sql(f"select * from {view} limit 0").columns
    assert list(query.columns) == columns
    for comment in query.columns.values():
        what, unit, example = comment.split(" · ")
        assert what
        assert unit
        assert example


def test_the_commands_page_is_up_to_date() -> None:
    assert read("docs/commands.md") == make_commands.commands_text(), "run: make docs"


def test_the_commands_page_lists_every_command_the_program_offers() -> None:
    headings = re.findall(r"^## ([a-z-]+)$", read("docs/commands.md"), re.MULTILINE)
    assert sorted(headings) == sorted(subparsers(make_parser()))


def test_the_documents_name_only_commands_and_options_there_are() -> None:
    parser = make_parser()
    offered = subparsers(parser)
    helps = "".join(each.format_help() for each in (parser, *offered.values()))
    of_facts = read("benchmarks/facts.py")  # which docs/facts.md names beside the commands
    options = set(re.findall(r"--[a-z][a-z-]+", helps + of_facts))
    for document in set(DOCUMENTS) - {"CHANGELOG.md"}:
        named = set(re.findall(r"(?<![\w=-])--[a-z][a-z-]+", prose(document)))
        assert named <= options, document
        commands = re.findall(r"notmnist-store ([a-z][a-z-]*)", read(document))
        assert set(commands) <= set(offered), document


def test_every_reason_to_reject_is_explained() -> None:
    reasons = first_cells(section("docs/sources.md", "Rejected and ignored"))
    assert reasons == list(REJECT_REASONS)


def test_the_rooms_are_those_of_the_package_from_the_ground_up() -> None:
    """Each row has the room's own docstring, so that neither says what the other does not."""
    rooms = section("docs/architecture.md", "The rooms")
    assert tuple(first_cells(rooms)) == ORDER
    for room in ORDER:
        docstring = ast.get_docstring(parse(f"notmnist_store.{room}")) or ""
        summary = " ".join(docstring.partition("\n\n")[0].split())
        assert f"\n| `{room}` | {summary} | " in rooms


def test_the_tests_that_hold_a_promise_of_security_exist() -> None:
    promises = section("SECURITY.md", "What is not trusted, and what each promise rests on")
    rows = [line for line in promises.splitlines() if line.startswith("| ")][2:]
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row)
        assert named, row
        for path, name in named:
            assert f"\ndef {name}(" in read(path), f"{path}::{name}"


def test_pictures_are_small() -> None:
    pictures = list((REPOSITORY / "docs" / "pictures").iterdir())
    assert pictures
    assert all(picture.stat().st_size < 100_000 for picture in pictures)


def test_the_first_release_is_in_the_changelog() -> None:
    lines = takewhile(lambda line: not line.startswith("### "), read("CHANGELOG.md").splitlines())
    assert notmnist_store.__version__ in "\n".join(lines)
