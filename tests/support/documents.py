"""The documents as a test reads them: their pages, fenced blocks, headings and links.

A ``text`` block right below another block holds what that prints: ``…`` stands for anything within
a line, a line of ``…`` alone for any lines; the widths of columns do not count. An HTML comment
above a block says what it cannot do without: ``<!-- not run: reason -->`` or
``<!-- needs: program -->``.
"""

from __future__ import annotations

import contextlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
MANUAL = sorted(path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("docs/*.md"))
DOCUMENTS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", *MANUAL)


@dataclass(frozen=True)
class Example:
    """A fenced block, its mark, and what it prints (None: nothing is said)."""

    document: str
    line: int
    language: str
    mark: str
    code: str
    output: str | None

    @property
    def not_run(self) -> bool:
        return self.mark.startswith("not run: ")


_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^\n]*) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)^```\n"
    r"(?:\n*```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
_FENCED = re.compile(r"^```.*?^```\n", re.MULTILINE | re.DOTALL)


def read(document: str) -> str:
    return (REPOSITORY / document).read_text(encoding="utf-8")


def prose(document: str) -> str:
    """A document without its blocks."""
    return _FENCED.sub("", read(document))


def examples(document: str, language: str) -> list[Example]:
    text = read(document)
    return [
        Example(
            document,
            text.count("\n", 0, block.start()) + 1,
            block["language"],
            block["mark"] or "",
            block["code"],
            block["output"],
        )
        for block in _BLOCK.finditer(text)
        if block["language"] == language
    ]


SHELL = [example for document in DOCUMENTS for example in examples(document, "sh")]


def section(document: str, title: str) -> str:
    """A document from a heading of the second level to the next."""
    _, heading, rest = read(document).partition(f"\n## {title}\n")
    assert heading, f"{document} has no heading {title}"
    return rest.partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """What stands in backquotes in the first column of the tables in `text`."""
    return re.findall(r"^\| `([^`]*)` \|", text, re.MULTILINE)


def anchors(document: str) -> set[str]:
    """Where links into a document may lead: its headings, as GitHub and the site name them."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", title.lower())) for title in headings}


def check_output(example: Example, printed: str) -> None:
    """What was printed is what the document shows, wildcards aside."""
    if example.output is None:
        return
    lines = []
    for line in _without_widths(example.output).splitlines():
        parts = map(re.escape, line.split("…"))
        lines.append("(?:.*\n)*?" if line == "…" else "[^\n]*".join(parts) + "\n")
    where = f"{example.document}:{example.line}"
    assert re.fullmatch("".join(lines), _without_widths(printed)), f"{where} prints\n{printed}"


def _without_widths(text: str) -> str:
    lines = (re.sub("-{3,}", "---", re.sub(" {2,}", "  ", line)) for line in text.splitlines())
    return "".join(f"{line.strip()}\n" for line in lines)


def run_python(document: str) -> dict[str, Any]:
    """Run a document's Python blocks one after the other; returns the names they made."""
    names: dict[str, Any] = {}
    for example in examples(document, "python"):
        assert not example.mark
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(example.code, f"{document}:{example.line}", "exec"), names)
        check_output(example, printed.getvalue())
    return names
