"""Write docs/commands.md from the signatures and docstrings of the commands: `make docs`."""

from __future__ import annotations

from pathlib import Path

from notmnist_store.cli.manual import commands_page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"

_FOR_ALL = """
Made by `make docs`; a test holds this page up to date. `notmnist-store` alone is `info`, and
`python -m notmnist_store` is the same program. `--store` and the like stand before the command or
after it. `--format` is `table`, `csv`, `json`, `markdown`, `arrow` or `parquet`; rows go to stdout,
messages and progress to stderr. [python.md](python.md) says what results are in Python.

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
    """The whole page: what holds for all commands follows the overview."""
    overview, heading, sections = commands_page().partition("\n## ")
    return overview + _FOR_ALL + heading + sections


def main() -> None:
    """Write the page."""
    PAGE.write_text(commands_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
