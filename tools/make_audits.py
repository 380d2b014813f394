"""Write docs/audits.md from the headers of the files in sql/audits: `make docs`."""

from __future__ import annotations

from pathlib import Path

from notmnist_store.audits.audit import find_audits
from notmnist_store.audits.verdicts import STATUSES
from notmnist_store.catalog.queries import Query

__all__ = ["PAGE", "audits_text", "main"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "audits.md"

_HEAD = """\
# Audits

Made by `make docs` from the headers of `sql/audits`; a test holds it up to date.

An audit is one SELECT whose rows are violations. `notmnist-store audit` runs all of them,
`notmnist-store audit NAME` prints the rows of one, and `notmnist-store peek --audit NAME` shows
their pictures. Audits of a split set take `--split-set NAME`; without it they look at `ingest`.

The verdict: the violating rows as a share of the rows looked at, against the tolerance, which is a
share too (`--tolerance NAME=0.01`). Its status is one of these:

"""
_GATE = """
The exit code is 1 if an audit of severity must does not pass, empty, stale and broken ones
included. With `--fail-on should` those of severity should count as well, but may be empty. Audits
of severity info never count. [publish.md](publish.md) has the same for a gate of CI: JUnit's XML,
annotations of a workflow, an action and a hook.

A file of the same name in `--sql-dir DIR` goes before ours, and the verdict says so. Other files
there that have a line `-- severity:` are audits of your own.
"""
_MEANINGS = {
    "must": "the store or the split set is wrong",
    "should": "a reason to look, and perhaps to split anew",
    "info": "good to know",
}


def audits_text() -> str:
    """The whole page."""
    audits = find_audits([])
    parts = [_HEAD, "".join(f"- {status}: {what}\n" for status, what in STATUSES.items()), _GATE]
    for severity, meaning in _MEANINGS.items():
        those = [audit for audit in audits if audit.header["severity"] == severity]
        parts.append(f"\n## {severity.capitalize()}: {meaning}\n\n")
        parts += [f"- [{audit.name}](#{audit.name}): {audit.title}\n" for audit in those]
        parts += [_section(audit) for audit in those]
    return "".join(parts)


def _section(audit: Query) -> str:
    header = audit.header
    thresholds = ", ".join(
        f"`{parameter.name}` {parameter.default}"
        for parameter in audit.parameters.values()
        if parameter.name != "split_set"
    )
    after = header["next"].replace("$split_set", "NAME").replace("$keep", "ORDER")
    lines = [
        f"\n### {audit.name}\n",
        f"{audit.title}.\n",
        f"**What it finds.** {audit.description}\n",
        f"**Why it matters.** {header['why']}\n",
        f"**What to do.** {header['do']}\n",
        f"- looks at: {'a split set' if 'split_set' in audit.parameters else 'the store'}",
        f"- one row a {header['grain']}; tolerance {header['tolerance']}",
        f"- go on with `notmnist-store {after}`",
    ]
    if thresholds:
        lines.append(f"- thresholds: {thresholds}")
    lines.append(f"- [its SQL](../sql/audits/{audit.name}.sql)\n")
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    PAGE.write_text(audits_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
