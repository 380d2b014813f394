"""The command line: what goes where, with which exit code, and that every hint works."""

from __future__ import annotations

import ast
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import notmnist_store
from notmnist_store.cli.commands import COMMANDS, Command
from notmnist_store.cli.main import main, make_parser
from notmnist_store.cli.signature import parameters, values_of
from notmnist_store.errors import UsageError
from notmnist_store.store import Store
from tests.support import terminal
from tests.support.archives import class_files, pack, picture, png

PACKAGE = str(Path(notmnist_store.__file__).parents[1])

Capture = pytest.CaptureFixture[bytes]
every_command = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)


def run(
    *arguments: object, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "notmnist_store", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": PACKAGE, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def cli(capfdbinary: pytest.CaptureFixture[bytes], *arguments: object) -> tuple[int, str, str]:
    """Run a command in this process: exit code, stdout, stderr."""
    capfdbinary.readouterr()
    code = main([str(argument) for argument in arguments])
    seen = capfdbinary.readouterr()
    return code, seen.out.decode(), seen.err.decode()


@pytest.mark.slow
def test_both_ways_to_start_are_the_same_program(shared_store: Store) -> None:
    by_module = run("sql", "--store", shared_store.path, "label_counts")
    script = "import sys; from notmnist_store.cli.main import main; sys.exit(main())"
    by_entry = subprocess.run(
        [sys.executable, "-c", script, "sql", "--store", shared_store.path, "label_counts"],
        env={**os.environ, "PYTHONPATH": PACKAGE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert by_module.returncode == by_entry.returncode == 0
    assert by_module.stdout == by_entry.stdout
    assert by_module.stderr == by_entry.stderr == ""


@every_command
def test_every_command_has_help_with_an_example_that_parses(
    capsys: pytest.CaptureFixture[str], command: Command
) -> None:
    with pytest.raises(SystemExit) as left:
        main([command.name, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert f"example: notmnist-store {command.example}\n" in shown
    for parameter in parameters(command.method):
        assert (parameter.flag or parameter.metavar) in shown
        assert f"(default: {parameter.shown_default})" in " ".join(shown.split()) or (
            not parameter.shown_default
        )
    given = make_parser().parse_args(shlex.split(command.example))
    assert given.command is command


@every_command
def test_every_command_is_a_method_or_a_function_of_the_package(command: Command) -> None:
    face = Store if hasattr(Store, command.method.__name__) else notmnist_store
    assert getattr(face, command.method.__name__) is command.method
    assert command.name == command.method.__name__.replace("_", "-")


def test_every_method_is_a_command() -> None:
    """All but those that are about pictures or arrays in Python."""
    methods = {name for name in vars(Store) if not name.startswith("_")}
    of_python = {"load", "placed_line", "split_line", "thumbnails", "terminal_sheet"}
    named = {command.method.__name__ for command in COMMANDS}
    assert methods - of_python == named - {"download", "glyphs"}


@every_command
def test_every_command_refuses_an_unknown_option_with_a_hint_that_parses(
    capfdbinary: Capture, command: Command
) -> None:
    code, out, err = cli(capfdbinary, *shlex.split(command.example), "--nosuch")
    assert (code, out) == (2, "")
    (hint,) = re.findall(r"^  try: (.*)$", err, re.MULTILINE)
    assert parses(hint)


@every_command
def test_every_command_takes_the_store_before_it_and_after_it(command: Command) -> None:
    words = shlex.split(command.example)
    for given in (["--store", "x", *words], [*words, "--store", "x"]):
        assert make_parser().parse_args(given).store == "x"


@every_command
def test_every_option_is_read_and_given_to_the_method(command: Command) -> None:
    """A method that takes down what it is given, called with every option that it has."""
    words, wanted = [command.name], {}
    for parameter in parameters(command.method):
        word = {int: "7", float: "7.5"}.get(parameter.types[0], "k=v")
        value = [] if parameter.metavar == "" else [word]
        words += [f for f in [parameter.flag] if f] + value
        wanted[parameter.name] = word
    values = values_of(command.method, make_parser().parse_args(words))
    assert set(values) == set(wanted)
    for parameter in parameters(command.method):
        if parameter.metavar == "":
            assert values[parameter.name] is (not parameter.default)
        else:
            shown = values[parameter.name]
            assert shown != parameter.default
            assert str(shown) in (wanted[parameter.name], "['k=v']", "[7]", "{'k': 'v'}")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("near-duplicates --certify --sample 5", "certify"),
        ("near-duplicates --against first other.tar.gz", "near-against"),
        ("near-duplicates --against=first other.tar.gz", "near-against"),
        ("near-duplicates --components", "near-components"),
        ("split --list", "split-sets"),
        ("split --show first", "split-show"),
        ("split --diff first second", "split-diff"),
        ("audit --against hashes.parquet --key-file k", "audit-against"),
        ("--store x audit --key-file k", "audit-against"),
    ],
)
def test_an_option_that_is_a_command_now_is_told_so(
    capfdbinary: Capture, words: str, command: str
) -> None:
    code, _, err = cli(capfdbinary, *words.split())
    assert code == 2
    assert f"belongs to {command}" in err
    assert f"{command} --help" in err


def literal_hints() -> Iterator[tuple[str, str]]:
    """All strings of the package that are commands; U+FFFF stands for what is filled in."""
    for path in sorted((Path(PACKAGE) / "notmnist_store").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts = {id(v) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for v in n.values}
        for node in ast.walk(tree):
            text = ""
            if isinstance(node, ast.JoinedStr):
                text = "".join(
                    str(value.value) if isinstance(value, ast.Constant) else "\uffff"
                    for value in node.values
                )
            elif isinstance(node, ast.Constant) and id(node) not in parts:
                text = str(node.value)
            if text.startswith("notmnist-store ") and not text.startswith("notmnist-store \uffff"):
                yield f"{path.name}:{node.lineno}", text


@pytest.mark.slow
@pytest.mark.parametrize(("place", "hint"), list(literal_hints()))
def test_every_hint_of_the_package_parses(place: str, hint: str) -> None:
    """With one of the words that the code around may fill in, which are options too."""
    assert any(parses(hint.replace("\uffff", word)) for word in ("1", "", "policy")), place


def test_the_package_has_hints() -> None:
    assert len(list(literal_hints())) > 100


def parses(line: str) -> bool:
    """Whether a command line parses; one that asks for help does."""
    try:
        make_parser().parse_args(arguments_of(line))
    except UsageError:
        return False
    except SystemExit as left:
        return left.code == 0
    return True


def arguments_of(line: str) -> list[str]:
    """What follows the program in a command line, however the program is started."""
    return shlex.split(
        line.partition("notmnist-store ")[2] or line.partition("-m notmnist_store ")[2]
    )


@pytest.mark.sql
def test_data_goes_to_stdout_and_messages_to_stderr(
    tmp_path: Path, small_archive: Path, capfdbinary: Capture
) -> None:
    root = tmp_path / "new store"
    code, out, err = cli(capfdbinary, "ingest", "--store", root, "--format", "json", small_archive)
    assert code == 0
    assert [row["stored"] for row in json.loads(out)] == [5, 4, 4]
    assert f"reading {small_archive}" in err
    assert f"cd {shlex.quote(str(root))} && duckdb -init views.sql" in err
    code, out, err = cli(capfdbinary, "ingest", "--store", root, "--quiet", small_archive)
    assert (code, err) == (0, "")


@pytest.mark.sql
def test_every_format(shared_store: Store, tmp_path: Path, capfdbinary: Capture) -> None:
    store = ("--store", shared_store.path)
    query = "select label, images from label order by label"
    assert json.loads(cli(capfdbinary, "sql", *store, "--format", "json", query)[1])[0] == {
        "label": "A",
        "images": 5,
    }
    assert cli(capfdbinary, "sql", *store, "--format", "csv", query)[1] == (
        "label,images\nA,5\nB,4\nC,4\n"
    )
    assert cli(capfdbinary, "sql", *store, "--format", "markdown", query)[1].startswith("| label")
    for form in ("arrow", "parquet"):
        file = tmp_path / f"rows.{form}"
        code, out, err = cli(capfdbinary, "sql", *store, "-o", file, query)
        assert (code, out) == (0, "")
        assert "wrote 3 rows" in err
        read = pa.ipc.open_file(file).read_all() if form == "arrow" else pq.read_table(file)
        assert read["images"].to_pylist() == [5, 4, 4]


@pytest.mark.sql
def test_options_may_stand_before_the_command_or_after(
    shared_store: Store, capfdbinary: Capture
) -> None:
    wanted = cli(capfdbinary, "sql", "--store", shared_store.path, "--format", "csv", "sources")
    path = shared_store.path
    assert cli(capfdbinary, "--store", path, "--format", "csv", "sql", "sources") == wanted
    assert wanted[0] == 0


def test_the_environment_names_the_store(shared_store: Store, tmp_path: Path) -> None:
    named = run("info", "--format", "json", cwd=tmp_path, NOTMNIST_STORE=str(shared_store.path))
    assert json.loads(named.stdout)[0]["name"] == str(shared_store.path)
    bare = run("--format", "json", cwd=tmp_path, NOTMNIST_STORE=str(shared_store.path))
    assert bare.stdout == named.stdout


@pytest.mark.sql
def test_parameters_reports_and_the_list(
    shared_store: Store, tmp_path: Path, capfdbinary: Capture
) -> None:
    store = ("--store", shared_store.path, "--format", "json")
    code, out, _ = cli(capfdbinary, "sql", "--list", *store)
    listed = [row["name"] for row in json.loads(out)]
    assert code == 0
    assert {"label_counts", "reject_reasons", "ingest_ledger", "ink_by_label"} <= set(listed)
    (tmp_path / "mine.sql").write_text("-- title: t\n-- param label: string\nselect $label as x\n")
    _, out, _ = cli(
        capfdbinary, "sql", "mine", "--sql-dir", tmp_path, "--param", "label=a=b", *store
    )
    assert json.loads(out) == [{"x": "a=b"}]


@pytest.mark.sql
def test_quiet_leaves_out_notes_and_the_commands_they_tell_of(
    store: Store, capfdbinary: Capture
) -> None:
    """`undo` says what it did and how to take that back; an empty result still says so."""
    code, out, err = cli(capfdbinary, "undo", "--store", store.path, "--quiet")
    assert (code, err) == (0, "")
    assert out
    nothing = ("sql", "--store", store.path, "--quiet", "select 1 as one where false")
    assert "try: " in cli(capfdbinary, *nothing)[2]


def test_an_empty_result_prints_a_command(shared_store: Store, capfdbinary: Capture) -> None:
    query = "select * from image where label = 'Z'"
    code, out, err = cli(capfdbinary, "sql", "--store", shared_store.path, query)
    assert code == 0
    assert out.startswith("image_id")
    assert "no rows" in err
    assert "try: " in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code", "line"),
    [
        (
            "hash_collision",
            0,
            "pass; looked at 12 of grain pixel hash, found 0 (0 %), 0 % is borne",
        ),
        (
            "archive_reject",
            0,
            "pass; looked at 14 of grain member, found 1 (7.14 %), 20.0 % is borne",
        ),
        ("archive_reject", 0, "fail; looked at 14 of grain member, found 1 (7.14 %), 0 % is borne"),
        ("order_shuffled", 0, "empty; looked at 0 of grain split, found 0, 0 % is borne"),
        ("split_leak_near", 1, "stale; looked at"),
    ],
)
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_one_audit_says_what_it_looked_at_and_what_came_of_it(
    shared_store: Store, capfdbinary: Capture, name: str, code: int, line: str, form: str
) -> None:
    borne = ("--tolerance", "archive_reject=0.2") if "20.0 %" in line else ()
    command = ("audit", name, "--store", shared_store.path, "--format", form, *borne)
    done, out, err = cli(capfdbinary, *command)
    assert done == code
    assert f"{name}: {line}" in err
    assert "no rows" not in err
    rows = shared_store.audit(name).to_bytes(form).decode()
    assert out == rows


def test_all_audits_give_no_line_each(shared_store: Store, capfdbinary: Capture) -> None:
    _, _, err = cli(capfdbinary, "audit", "--store", shared_store.path)
    assert "looked at" not in err


@pytest.mark.slow
@pytest.mark.sql
@pytest.mark.parametrize("form", ["table", "csv", "json", "arrow"])
@pytest.mark.parametrize(
    "options",
    [("-n", 3), ("--label", "A"), ("--sql", "select image_id from image where label = 'Z'")],
)
def test_peek_writes_rows_in_a_form(
    shared_store: Store,
    tmp_path: Path,
    capfdbinary: Capture,
    form: str,
    options: tuple[object, ...],
) -> None:
    given = {str(flag).strip("-"): value for flag, value in (options,)}
    rows = shared_store.peek(**given).to_bytes(form)
    command = ("peek", "--store", shared_store.path, *options, "--format", form)
    assert main([str(word) for word in command]) == 0
    assert capfdbinary.readouterr().out == rows
    sheet = tmp_path / "sheet.png"
    assert main([str(word) for word in (*command, "-o", sheet)]) == 0
    assert capfdbinary.readouterr().out == rows
    assert sheet.exists() == ("--sql" not in options)


def test_report_has_no_rows_to_format(shared_store: Store, capfdbinary: Capture) -> None:
    code, _, err = cli(capfdbinary, "report", "--store", shared_store.path, "--format", "csv")
    assert code == 2
    assert "--format" in err


@pytest.mark.sql
def test_peek_writes_a_sheet_or_shows_it(
    shared_store: Store, tmp_path: Path, capfdbinary: Capture
) -> None:
    sheet = tmp_path / "i.png"
    code, out, err = cli(
        capfdbinary, "peek", "--store", shared_store.path, "--label", "A", "-o", sheet
    )
    assert (code, out) == (0, "")
    assert "5 images" in err
    assert sheet.read_bytes().startswith(b"\x89PNG")
    code, out, _ = cli(capfdbinary, "peek", "--store", shared_store.path, "-n", "2")
    assert code == 0
    assert "\x1b" not in out
    assert set(out) & set("░▒▓█")


def test_peek_works_where_the_terminal_is_not_utf8(shared_store: Store) -> None:
    shown = run("peek", "--store", shared_store.path, "-n", 1, PYTHONIOENCODING="ascii:ignore")
    assert shown.returncode == 0, shown.stderr


NASTY = "x\x1b[31m\x07\u202e\nerror: y"


def in_a_terminal(*arguments: object, **environment: str) -> str:
    """What a command shows where stdout and stderr are a plain terminal."""
    return terminal.in_a_terminal(*arguments, **{"TERM": "dumb", **environment})


@pytest.fixture(scope="module")
def nasty_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("nasty")
    files = [(f"set/{NASTY}/{NASTY}.png", png(picture(1))), (f"set/{NASTY}/bad{NASTY}", b"x")]
    store = notmnist_store.open(folder / "store")
    store.ingest(pack(folder / f"a{NASTY.replace('/', '')}.tar", files))
    return store


@pytest.mark.parametrize(
    "arguments",
    [
        ("sql", "select label, path from image"),
        ("sql", "--format", "csv", "select label, path from image"),
        ("sql", "--format", "json", "select label, path from image"),
        ("sql", "--format", "markdown", "reject_reasons"),
        ("sql", "--format", "parquet", "select label from image"),
        ("sql", f"select '{NASTY}"),
        ("info",),
        ("peek", "--label", f"no{NASTY}"),
        ("verify",),
    ],
)
def test_names_never_steer_the_terminal(nasty_store: Store, arguments: tuple[str, ...]) -> None:
    shown = in_a_terminal(*arguments[:1], "--store", nasty_store.path, *arguments[1:])
    assert shown
    assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", shown)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lines", "rows", "shown"),
    [("24", 40, 40), ("24", 41, 40), ("24", 5000, 40), ("66", 5000, 60), ("9999", 5000, 1000)],
)
def test_a_terminal_shows_what_fits_and_says_how_much_more_there_is(
    shared_store: Store, lines: str, rows: int, shown: int
) -> None:
    query = f"select r.range as n, image.* from range({rows}) as r, (from image limit 1) as image"
    seen = in_a_terminal(
        "sql", "--store", shared_store.path, query, LINES=lines, COLUMNS="80"
    ).splitlines()
    numbers = [int(line.split()[0]) for line in seen if re.match(r"\s*[0-9]+ ", line)]
    assert [n for n in numbers if n < rows][:shown] == list(range(shown))
    said = " ".join(seen)
    columns = sum(column.null_count < rows for column in shared_store.sql(query).arrow().columns)
    names = re.search(r"(\d+) more columns: (.*?); all: --format csv", said)
    assert names
    assert len(names[2].split(", ")) == int(names[1])
    assert len(seen[0].split()) + int(names[1]) == columns
    more = re.search(r"([\d,]+) more rows after the first ([\d,]+); all: --format csv", said)
    counted = tuple(int(n.replace(",", "")) for n in more.groups()) if more else (0, rows)
    assert counted == (rows - shown, shown)
    assert max(map(len, seen)) <= 80


# Exit codes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("nosuch",), 2),
        (("sql",), 2),
        (("sql", "--list", "storage"), 2),
        (("sql", "select 1", "--param", "x"), 2),
        (("sql", "label_counts", "--param", "x=1"), 2),
        (("sql", "--format", "xml", "select 1"), 2),
        (("peek", "-n", "many"), 2),
        (("peek", "-n", "0"), 2),
        (("sql", "selec 1"), 3),
        (("sql", "nothing_like_it"), 3),
        (("sql", "lable_counts"), 3),
        (("sql", "drop view image"), 3),
        (("sql", "select 1; select 2"), 3),
        (("sql", "--timeout", "0.2", "select count(*) from range(100000000) a, range(9999) b"), 3),
        (("sql", "arrivals"), 2),
        (("sql", "storage", "--sql-dir", "nowhere"), 3),
        (("sql", "select 1", "-o", "no folder/x.csv"), 3),
        (("peek", "7"), 3),
        (("peek", "--label", "Q"), 3),
        (("peek", "--sql", "select 1 as x"), 3),
        (("ingest", "a missing file.tar.gz"), 3),
        (("ingest", "small.tar.gz", "--split", "x"), 2),
        (("ingest", "small.tar.gz", "--shape", "x"), 2),
        (("ingest", "small.tar.gz", "--fractions", "1"), 2),
        (("ingest", "small.tar.gz", "--as", ""), 2),
        (("ingest", "small.tar.gz", "small.tar.gz", "--as", "x"), 2),
        (("ingest", "small.tar.gz", "--group-regex", "("), 2),
        (("ingest", "small.tar.gz", "--workers", "0"), 2),
        (("ingest", "small.tar.gz", "--fractions", "1,0,0"), 3),
        (("ingest", "other.tar.gz", "--expect-classes", "11"), 3),
        (("ingest", "other.tar.gz", "--min-per-class", "11"), 3),
        (("ingest", "other.tar.gz", "--max-labels", "1"), 3),
        (("ingest", "empty folder"), 3),
        (("ingest", "text.tar.gz"), 3),
        (("ingest", "cut.tar.gz"), 3),
        (("ingest", "smal.tar.gz"), 3),
        (("ingest", "other.tar.gz", "--max-bytes", "6000"), 3),
        (("ingest", "other.tar.gz", "--max-members", "5"), 3),
        (("ingest", "small.tar.gz", "--max-member-bytes", "0"), 2),
        (("ingest", "small.tar.gz", "--transpose"), 2),
        (("undo", "nosuch"), 2),
        (("gc", "--older-than", "-1"), 2),
        (("split", "Upper"), 2),
        (("split", "s", "--train", "10000"), 2),
        (("split", "s", "--recipe", "notebook"), 2),
        (("split-show", "nosuch"), 2),
        (("split", "s", "--where", "nosuch = 1"), 3),
        (("ingest", "named/small.tar.gz"), 3),
        (("info", "--store", "named"), 3),
        (("ingest", "--store", "named", "small.tar.gz"), 3),
        (("info", "--store", "text.tar.gz"), 3),
    ],
)
def test_every_error_has_its_exit_code_and_a_hint_that_works(
    tmp_path: Path,
    small_archive: Path,
    capfdbinary: Capture,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    shared_store: Store,
) -> None:
    """The hint of the message is taken from the screen and run as it stands there."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(shared_store.path, "store")
    shutil.copy(small_archive, "small.tar.gz")
    pack(Path("other.tar.gz"), class_files(start=40))
    Path("text.tar.gz").write_text("no archive")
    Path("cut.tar.gz").write_bytes(small_archive.read_bytes()[:-40])
    Path("empty folder").mkdir()
    Path("named").mkdir()
    pack(Path("named/small.tar.gz"), class_files(start=60))
    seen, out, err = cli(capfdbinary, *arguments)
    assert (seen, out) == (code, "")
    assert err.startswith(("error: ", "reading ", "no source", "small is"))
    hints = re.findall(r"^  try: (.*)$", err, re.MULTILINE)
    assert len(hints) == 1, err
    done = subprocess.run(
        hints[0],
        shell=True,
        env={**os.environ, "PYTHONPATH": PACKAGE},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, (hints[0], done.stderr)
    assert "…" not in hints[0]


def test_damage_is_exit_code_3(store: Store, capfdbinary: Capture) -> None:
    next(store.path.glob("reject/*.parquet")).unlink()
    code, out, err = cli(capfdbinary, "verify", "--store", store.path)
    assert code == 3
    assert "is missing" in out
    assert "error: " in err


def test_a_closed_pipe_is_no_error(shared_store: Store) -> None:
    command = f"{shlex.quote(sys.executable)} -m notmnist_store sql --store " + shlex.quote(
        str(shared_store.path)
    )
    done = subprocess.run(
        f"{command} --format csv 'select * from range(200000)' | head -1",
        shell=True,
        env={**os.environ, "PYTHONPATH": PACKAGE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "range\n"
    assert done.stderr == ""


# What a verb does not need it does not import


@pytest.mark.parametrize(
    ("arguments", "without"),
    [
        (("sql", "label_counts"), {"numba", "PIL", "isal", "sklearn", "pandas", "polars", "tqdm"}),
        (("info",), {"numba", "PIL", "isal", "sklearn", "pandas", "polars"}),
        (("verify",), {"numba", "PIL", "isal", "sklearn", "pandas", "polars"}),
        (("sql", "--help"), {"duckdb", "deltalake", "numba", "PIL", "pyarrow.dataset"}),
    ],
)
def test_a_command_imports_only_what_it_needs(
    shared_store: Store, arguments: tuple[str, ...], without: set[str]
) -> None:
    program = (
        "import sys, contextlib\nfrom notmnist_store.cli.main import main\n"
        f"sys.argv = ['notmnist-store', *{arguments!r}]\n"
        "with contextlib.suppress(SystemExit):\n    main()\n"
        "sys.stderr.write('\\n'.join(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": PACKAGE, "NOTMNIST_STORE": str(shared_store.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout
    assert not without & set(done.stderr.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("most", [10, 14, 18, 24, 32])
@pytest.mark.parametrize("command", ["verify", "sql label_counts", "report -o page.html", "ingest"])
def test_too_few_file_descriptors_are_said_and_never_called_damage(
    store: Store, small_archive: Path, tmp_path: Path, command: str, most: int
) -> None:
    words = command.split()
    if command == "ingest":
        words += ["--store", str(tmp_path / "new"), str(small_archive)]
    else:
        words += ["--store", str(store.path)]
    done = subprocess.run(
        [sys.executable, "-m", "notmnist_store", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(notmnist_store.__file__).parents[1])},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode in (0, 3), said
    assert "damaged" not in said
    assert "Traceback" not in said
    if done.returncode == 3:
        assert "Too many open files" in said
        assert said.rstrip().endswith("try: ulimit -n 1024")
