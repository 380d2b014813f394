"""What a real terminal shows, and how a command ends that nobody foresaw."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import notmnist_store
from notmnist_store.catalog.queries import load_queries
from notmnist_store.cli.commands import COMMANDS
from notmnist_store.cli.main import main
from notmnist_store.result import Result
from notmnist_store.store import Store
from tests.support.processes import stop_in_a_write
from tests.support.terminal import in_a_terminal
from tools.make_commands import commands_text

PACKAGE = str(Path(notmnist_store.__file__).parents[1])
STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def shown(width: int, *arguments: object, **environment: str) -> str:
    """What a command writes to a terminal so wide."""
    return in_a_terminal(*arguments, width=width, **{"TERM": "xterm-256color", **environment})


def lines(seen: str) -> list[str]:
    """The lines that stay, without colours."""
    return [line.rpartition("\r")[2] for line in STEERING.sub("", seen).split("\r\n")]


@pytest.mark.parametrize("width", [80, 120])
def test_the_audit_table_fits_and_no_name_is_cut(shared_store: Store, width: int) -> None:
    seen = lines(shown(width, "audit", "--store", shared_store.path))
    table = [line for line in seen if not line.startswith("  try: ")]
    assert max(map(len, table)) <= width
    assert set(load_queries("audits")) <= {line.split(" ")[0] for line in table if line}
    assert any(line.startswith("name ") and " status " in line for line in table)
    tries = [line for line in seen if line.startswith("  try: ")]
    assert all(str(shared_store.path.name)[-4:] in line for line in tries), "whole, on one line"


def test_status_is_coloured_unless_no_color_is_set(shared_store: Store) -> None:
    green = "\x1b[32mpass"
    assert green in shown(80, "audit", "--store", shared_store.path)
    assert green not in shown(80, "audit", "--store", shared_store.path, NO_COLOR="1")


def test_what_has_no_room_is_named_and_one_row_goes_down_the_page(shared_store: Store) -> None:
    columns = ", ".join(f"{n} as a_rather_long_name_{n}" for n in range(9))
    query = f"select {columns} from range(2)"
    seen = " ".join(lines(shown(80, "sql", "--store", shared_store.path, query)))
    assert "more columns: a_rather_long_name_3" in seen
    assert "; all: --format csv" in seen
    seen = lines(shown(80, "sql", "--store", shared_store.path, f"{query} limit 1"))
    assert [line.split() for line in seen[1:10]] == [
        [f"a_rather_long_name_{n}", str(n)] for n in range(9)
    ]


def test_long_cells_are_folded_in_their_column(shared_store: Store) -> None:
    query = "select 1 as n, repeat('word ', 15) as a, repeat('more ', 15) as b"
    seen = lines(shown(60, "sql", "--store", shared_store.path, query))
    assert max(map(len, seen)) <= 60
    assert sum(line.count("word") for line in seen) == 15


def test_piped_tables_are_plain(shared_store: Store) -> None:
    table = pa.table({"name": ["a", "你好", None], "n": [1, 22, 333], "x": [0.5, None, 1e-9]})
    assert Result(table).to_bytes("table").decode() == (
        "name      n      x\n"
        "------  ---  -----\n"
        "a         1    0.5\n"
        "你好     22\n"
        "        333  1e-09\n"
    )
    assert Result(table.slice(0, 1)).to_bytes("markdown").decode() == (
        "| name   |   n |   x |\n|--------|-----|-----|\n| a      |   1 | 0.5 |\n"
    )


# Ends


def test_a_fault_ends_in_a_message_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Store) -> None:
        raise LookupError("nobody foresaw this")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(Store, "_tables", fail)
    assert main(["verify", "--store", str(tmp_path)]) == 70
    said = capfd.readouterr().err
    assert said.startswith("error: LookupError: nobody foresaw this\n")
    assert "Traceback" not in said
    (file,) = tmp_path.glob("notmnist_store-*.txt")
    assert f"  try: cat {shlex.quote(str(file))}" in said
    text = file.read_text()
    assert text.startswith(f"notmnist-store verify --store {tmp_path}\n")
    assert "Traceback" in text
    assert "nobody foresaw this" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "redirected"),
    [
        ("sql label_counts", ">/dev/full"),
        ("sql label_counts", ">&-"),
        ("sql label_counts", ">/dev/full 2>&1"),
        ("sql label_counts", ">&- 2>&-"),
        ("sql --help", ">/dev/full"),
        ("--version", ">&-"),
    ],
)
def test_output_that_cannot_be_written_ends_clean(
    shared_store: Store, words: str, redirected: str
) -> None:
    program = f"{shlex.quote(sys.executable)} -m notmnist_store"
    done = subprocess.run(
        f"{program} {words} {redirected}",
        shell=True,
        env={**os.environ, "PYTHONPATH": PACKAGE, "NOTMNIST_STORE": str(shared_store.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert done.stdout == ""
    if "2>" not in redirected:
        assert re.fullmatch("error: cannot write to stdout: .*\n", done.stderr)


@pytest.mark.slow
def test_a_signal_does_not_cut_the_output(shared_store: Store) -> None:
    """Not even where Python was told not to buffer: stopped in the middle of a write."""
    words = ["sql", "select range as n from range(1000000)", "--format", "csv"]
    with subprocess.Popen(
        [sys.executable, "-m", "notmnist_store", *words, "--store", str(shared_store.path)],
        env={**os.environ, "PYTHONPATH": PACKAGE, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        stop_in_a_write(command.pid, command.stdout)
        seen = command.stdout.read()
    assert command.returncode == 0
    assert seen.splitlines() == [b"n", *(b"%d" % n for n in range(1_000_000))]


def test_sigterm_ends_as_ctrl_c_does(tmp_path: Path) -> None:
    """Told by the program itself where it is: in the middle of a command."""
    program = (
        "import sys, os, signal\n"
        "from notmnist_store.store import Store\n"
        "from notmnist_store.cli.main import main\n"
        "number = getattr(signal, sys.argv.pop())\n"
        "def wait(self):\n"
        "    os.kill(os.getpid(), number)\n"
        "    signal.pause()\n"
        "Store._tables = wait\n"
        "sys.exit(main())\n"
    )
    for name, code in (("SIGTERM", 143), ("SIGINT", 130)):
        done = subprocess.run(
            [sys.executable, "-c", program, "verify", "--store", str(tmp_path), name],
            env={**os.environ, "PYTHONPATH": PACKAGE},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code
        assert done.stderr == "stopped; what was not finished has left nothing in the store\n"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "a caller's own handler stays"


def test_the_shell_completes_commands_options_and_files() -> None:
    for shell in ("bash", "zsh"):
        done = subprocess.run(
            [sys.executable, "-m", "notmnist_store", "--print-completion", shell],
            env={**os.environ, "PYTHONPATH": PACKAGE},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "near-against" in done.stdout
        assert "--fail-on" in done.stdout
        if shell == "bash":
            assert not subprocess.run(["bash", "-n"], input=done.stdout, text=True).returncode


def test_the_page_of_commands_has_every_command_and_option() -> None:
    page = commands_text()
    for command in COMMANDS:
        assert f"\n## {command.name}\n" in page
        assert f"\nnotmnist-store {command.example}\n" in page
