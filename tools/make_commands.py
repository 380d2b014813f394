"""Write docs/commands.md from the signatures and docstrings of the commands: `make docs`."""

from __future__ import annotations

import inspect
from pathlib import Path

from notmnist_store.cli.commands import COMMANDS, Command
from notmnist_store.cli.signature import Parameter, explanation, parameters

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

_HEAD = """\
# Commands

Made by `make docs` from the methods' signatures and docstrings; a test holds it up to date.

| command | what it does |
| --- | --- |
"""
_SHARED = """
`notmnist-store` alone is `info`; `python -m notmnist_store` is the same program. Each command is a
method of `Store` with the same options ([python.md](python.md)); `download` and `glyphs` are
functions of the package.

## For every command

| option | what it says |
| --- | --- |
| `--store PATH` | the store's folder; without it `store`, or what `NOTMNIST_STORE` says |
| `--quiet` | no progress and no notes |
| `--format FORMAT` | how rows come out: `table`, `csv`, `json`, `markdown`, `arrow` or `parquet` |
| `-o FILE`, `--output FILE` | where rows go, instead of stdout |
| `--help` | what the command does, its options, an example |

They stand before the command or after it. `notmnist-store --version` says the version, and
`notmnist-store --print-completion bash` (or `zsh`) what the shell completes commands by. Messages
and progress go to stderr.

| exit code | what it means |
| ---: | --- |
| 0 | all went well |
| 1 | an audit that must pass did not |
| 2 | a wrong command line |
| 3 | any other error that has a cause outside the program |
| 70 | a fault of the program; it says where its report is |
| 130, 143 | Ctrl-C, SIGTERM |

With make, `SOURCE=`, `STORE=` and `ARGS=` carry arguments:
`make sql STORE=notmnist ARGS=storage`. `make` alone lists its targets.
"""


def commands_text() -> str:
    """The whole page."""
    index = "".join(f"| {_link(one)} | {_cell(one.summary)} |\n" for one in COMMANDS)
    return _HEAD + index + _SHARED + "".join(map(_section, COMMANDS))


def _link(command: Command) -> str:
    words = [_usage(each) for each in parameters(command.method) if not each.flag]
    return f"[`{' '.join([command.name, *words])}`](#{command.name})"


def _usage(argument: Parameter) -> str:
    name = argument.metavar or argument.name.upper()
    if argument.kind is inspect.Parameter.VAR_POSITIONAL:
        return f"[{name} …]"
    return name if argument.default is inspect.Parameter.empty else f"[{name}]"


def _section(command: Command) -> str:
    told = explanation(command.method)
    lines = [f"\n## {command.name}\n", f"{command.summary}."]
    lines += [told.details] if told.details else []
    lines.append(f"\n`notmnist-store {command.example}`")
    rows = [
        f"| `{_name(each)}` | {_cell(told.of[each.name])} |" for each in parameters(command.method)
    ]
    if rows:
        lines += ["\n| option | what it says |\n| --- | --- |", *rows]
    if told.returns:
        lines.append(f"\nReturns: {told.returns}")
    return "\n".join(lines) + "\n"


def _name(parameter: Parameter) -> str:
    if not parameter.flag:
        return _usage(parameter)
    return f"{parameter.flag} {parameter.metavar}".strip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


def main() -> None:
    """Write the page."""
    PAGE.write_text(commands_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
