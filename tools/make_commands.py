"""Write docs/commands.md from the signatures and docstrings of the commands: `make docs`."""

from __future__ import annotations

from pathlib import Path

from notmnist_store.cli.commands import COMMANDS, Command
from notmnist_store.cli.signature import Parameter, explanation, parameters

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

_HEAD = """\
# Commands

Each command is a method of the same name with the same options (`near-duplicates` is
`Store.near_duplicates`); `download` and `glyphs` are functions of the package. All take `--store
PATH` (default: `NOTMNIST_STORE`, else `store`) and `--quiet`; what gives rows takes `--format` and
`-o FILE`. `--version` and `--print-completion bash` (or `zsh`) go without a command.
"""

_KINDS = {bool: "flag", int: "whole number", float: "number"}

_FOR_ALL = """
Made by `make docs`; a test holds this page up to date. `notmnist-store` alone is `info`, and
`python -m notmnist_store` is the same program. `--store` and the like stand before the command or
after it. `--format` is `table`, `csv`, `json`, `markdown`, `arrow` or `parquet`, of verdicts also
`junit` or `github`; rows go to stdout, messages and progress to stderr.
[python.md](python.md) says what results are in Python.

| exit code | what it means |
| ---: | --- |
| 0 | all went well |
| 1 | an audit that must pass did not |
| 2 | a wrong command line |
| 3 | any other error that has a cause outside the program |
| 70 | a fault of the program; the message says where its report is |
| 130, 143 | Ctrl-C, SIGTERM |

With make, `SOURCE=`, `STORE=` and `ARGS=` carry arguments:
`make sql STORE=notmnist ARGS=storage`. `make` alone lists its targets.
"""


def commands_text() -> str:
    """The page in Markdown: an overview and what holds for all, then each command."""
    overview = [
        f"| [`{command.name}`](#{command.name}) | {_cell(command.summary)} |"
        for command in COMMANDS
    ]
    table = "\n".join(["| command | what it does |", "| --- | --- |", *overview])
    parts = [_HEAD, table, _FOR_ALL]
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
    kinds = set(parameter.types) - {type(None)}
    kind = next((name for type_, name in _KINDS.items() if kinds == {type_}), "text")
    return f"| `{shown}` | {kind} | {_cell(text)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the page."""
    PAGE.write_text(commands_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
