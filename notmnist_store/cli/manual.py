"""The page of commands of the manual, from the same signatures and docstrings as the help."""

from __future__ import annotations

from notmnist_store.cli.commands import COMMANDS, Command
from notmnist_store.cli.signature import Parameter, explanation, parameters

_HEAD = """\
# Commands

Each command is a method of the same name with the same options (`near-duplicates` is
`Store.near_duplicates`); `download` and `glyphs` are functions of the package. All take `--store
PATH` (default: `NOTMNIST_STORE`, else `store`) and `--quiet`; what gives rows takes `--format` and
`-o FILE`. `--version` and `--print-completion bash` (or `zsh`) go without a command.
"""


def commands_page() -> str:
    """The page in Markdown: an overview, then of each command its options and an example."""
    overview = [
        f"| [`{command.name}`](#{command.name}) | {_cell(command.summary)} |"
        for command in COMMANDS
    ]
    parts = [_HEAD, "\n".join(["| command | what it does |", "| --- | --- |", *overview])]
    return "\n\n".join([*map(str.strip, parts), *map(_section, COMMANDS)]) + "\n"


def _section(command: Command) -> str:
    about = explanation(command.method)
    rows = [_row(each, about.of[each.name]) for each in parameters(command.method)]
    table = ["| option | type | what it says |", "| --- | --- | --- |", *rows] if rows else []
    parts = (
        f"## {command.name}",
        f"{command.summary}.",
        about.details,
        f"Gives {about.returns[:1].lower()}{about.returns[1:]}" if about.returns else "",
        "\n".join(table),
        f"```text\nnotmnist-store {command.example}\n```",
    )
    return "\n\n".join(filter(None, parts))


def _row(parameter: Parameter, text: str) -> str:
    shown = f"{parameter.flag} {parameter.metavar}".strip()
    return f"| `{shown}` | {parameter.kind_of_value} | {_cell(text)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
