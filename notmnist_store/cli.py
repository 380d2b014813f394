"""The command line: parse, call one method, show one table."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from notmnist_store.commands.audit import add_audit
from notmnist_store.commands.download import add_download
from notmnist_store.commands.duplicates import add_near_duplicates
from notmnist_store.commands.export import add_export
from notmnist_store.commands.splits import add_split
from notmnist_store.errors import StoreError, UsageError

if TYPE_CHECKING:
    from notmnist_store.store import Store
    from notmnist_store.terminal import Terminal

__all__ = ["main"]

_FORMATS = ("table", "csv", "json", "markdown", "arrow", "parquet")
_DEFAULT_STORE = "store"
_LIMITS = {
    "max_bytes": "decompressed bytes of one source",
    "max_ratio": "decompressed by compressed bytes",
    "max_header_bytes": "bytes of one member's extended tar headers",
    "max_members": "members of one source",
    "max_member_bytes": "bytes of one member; larger ones are rejected",
}


class _Parser(argparse.ArgumentParser):
    """Reports a wrong command line like every other error: what is wrong, and what works."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"{self.prog} --help")


class _NoPandas:
    """Keeps pandas out: pyarrow imports it where it is installed, for 0.7 s, for nothing here."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("the command line works without pandas", name=name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 fine, 1 an audit that must pass does not,
    2 usage, 3 a StoreError, 130 Ctrl-C.
    """
    if arguments is None:
        sys.meta_path.insert(0, _NoPandas)
    from notmnist_store.terminal import Terminal

    terminal = Terminal(quiet=False, store=None)
    try:
        options = _parser().parse_args(arguments)
        terminal = Terminal(quiet=options.quiet, store=options.store)
        from notmnist_store.store import Store

        path = options.store or os.environ.get("NOTMNIST_STORE") or _DEFAULT_STORE
        run: Callable[[Store, argparse.Namespace, Terminal], int] = options.handler
        return run(Store(path, progress=terminal), options, terminal)
    except UsageError as error:
        terminal.error(error)
        return 2
    except StoreError as error:
        terminal.error(error)
        return 3
    except KeyboardInterrupt:
        terminal.end()
        terminal.note("stopped; what was not finished has left nothing in the store")
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> _Parser:
    parser = _Parser(
        prog="notmnist-store",
        description="Small-image sets as a columnar store that one queries with DuckDB.",
        parents=_shared_options(None),
    )
    parser.set_defaults(handler=_info, quiet=False)
    # What is given before the command holds unless it is given again after it.
    common, rows = _shared_options(argparse.SUPPRESS)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)

    def command(
        name: str,
        handler: Callable[..., int],
        summary: str,
        example: str,
        *,
        common_rows: bool = True,
    ) -> _Parser:
        added: _Parser = commands.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=f"example: {example}",
            parents=[common, rows] if common_rows else [common],
        )
        added.set_defaults(handler=handler)
        return added

    _add_ingest(command)
    command(
        "info",
        _info,
        "what the store holds, and what to do next",
        "notmnist-store info",
    )
    _add_sql(command)
    _add_peek(command)
    add_audit(command)
    add_split(command)
    add_near_duplicates(command)
    add_export(command)
    add_download(command)
    verify = command(
        "verify",
        _verify,
        "check that all the logs promise is there and whole",
        "notmnist-store verify --full",
    )
    verify.add_argument("--full", action="store_true", help="hash the pixels again")
    undo = command(
        "undo",
        _undo,
        "withdraw a run; nothing is deleted, and undoing the undo restores it",
        "notmnist-store undo",
    )
    undo.add_argument("run", nargs="?", metavar="RUN", help="a run's id (default: the newest)")
    gc = command(
        "gc",
        _gc,
        "list files that killed runs left behind; --yes removes them",
        "notmnist-store gc --older-than 24 --yes",
    )
    gc.add_argument("--older-than", type=float, default=24.0, metavar="HOURS", help="(default: 24)")
    gc.add_argument("--yes", action="store_true", help="remove them")
    glyphs = command(
        "glyphs",
        _glyphs,
        "draw the offline set from open fonts, in notMNIST's layout",
        "notmnist-store glyphs glyphs.tar.gz --images 100000",
    )
    glyphs.add_argument("out", metavar="OUT.tar.gz")
    glyphs.add_argument("--images", type=int, default=10_000, help="how many (default: 10000)")
    glyphs.add_argument("--force", action="store_true", help="replace OUT where it exists")
    glyphs.add_argument("--workers", type=int, help="processes (default: one a core)")
    return parser


def _shared_options(default: str | None) -> list[_Parser]:
    common = _Parser(add_help=False, argument_default=default)
    common.add_argument("--store", metavar="PATH", help="the store's folder (default: store)")
    common.add_argument("--quiet", action="store_true", help="no progress and no notes")
    rows = _Parser(add_help=False, argument_default=default)
    rows.add_argument("--format", choices=_FORMATS, help="how rows are written (default: table)")
    rows.add_argument("-o", "--output", metavar="FILE", help="write to FILE instead of stdout")
    return [common, rows]


def _add_ingest(command: Callable[..., _Parser]) -> None:
    ingest = command(
        "ingest",
        _ingest,
        "read archives or class folders into the store",
        "notmnist-store ingest notMNIST_large.tar.gz notMNIST_small.tar.gz",
    )
    add = ingest.add_argument
    add(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="an archive, a folder, or a file of images (IDX, .npz, Parquet); without one: "
        "data/*, else the offline set",
    )
    add("--as", dest="name", metavar="NAME", help="the source's name in the store")
    add("--shape", metavar="HxWxC", help="image shape of a new store (default: 28x28x1)")
    add("--fractions", metavar="T,V,T", help="shares by hash of a new store (0.8,0.1,0.1)")
    add("--split", metavar="NAME", help="put every image into train, valid, test or unused")
    add("--to-grey", action="store_true", help="turn colour into grey instead of rejecting it")
    add("--group-regex", metavar="RE", help="fill family with this regex's group in the path")
    add("--labels", metavar="A,B,...", help="names of the classes 0, 1, ... of IDX and npz sources")
    add("--transpose", action="store_true", help="swap rows and columns of IDX images, for EMNIST")
    add("--expect-classes", type=int, metavar="N", help="fail unless there are N classes")
    add("--min-per-class", type=int, metavar="N", help="fail where a class has fewer images")
    add("--max-labels", type=int, default=10_000, metavar="N", help="labels of one source")
    for name, meaning in _LIMITS.items():
        kind = float if name == "max_ratio" else int
        add(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=f"limit: {meaning}")
    add("--workers", type=int, metavar="N", help="processes (default: one a core)")


def _add_sql(command: Callable[..., _Parser]) -> None:
    sql = command(
        "sql",
        _sql,
        "run a SELECT, or a report by its name",
        'notmnist-store sql "select label, count(*) as images from image group by label"',
    )
    sql.add_argument("query", nargs="?", help="one SELECT, or the name of a report")
    sql.add_argument("--list", action="store_true", help="list the reports with their titles")
    sql.add_argument(
        "--param", action="append", default=[], metavar="K=V", help="a value for $K in the query"
    )
    sql.add_argument("--sql-dir", metavar="DIR", help="a folder of your own reports")
    sql.add_argument(
        "--timeout", type=float, default=600.0, metavar="S", help="stop after S seconds (600)"
    )


def _add_peek(command: Callable[..., _Parser]) -> None:
    peek = command(
        "peek",
        _peek,
        "look at images: a sheet with -o, else in the terminal",
        "notmnist-store peek --label I -o i.png",
        common_rows=False,
    )
    peek.add_argument("images", nargs="*", type=int, metavar="IMAGE", help="image ids")
    peek.add_argument("--label", help="only images of this label")
    peek.add_argument("--sql", metavar="SELECT", help="a SELECT with a column image_id")
    peek.add_argument("--audit", metavar="NAME", help="what an audit finds")
    peek.add_argument("--split-set", default="ingest", metavar="SET", help="for --audit (ingest)")
    peek.add_argument("--radius", metavar="R", help="for --audit of near copies (default: 1.0)")
    peek.add_argument("--sql-dir", metavar="DIR", help="a folder of your own audits")
    peek.add_argument("-n", type=int, default=40, help="how many (default: 40)")
    peek.add_argument("--seed", type=int, default=0, help="of the sample (default: 0)")
    peek.add_argument(
        "-o",
        "--output",
        metavar="SHEET.png",
        default=argparse.SUPPRESS,
        help="write a contact sheet",
    )


def _ingest(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    from notmnist_store.storage.members import Limits

    given = {name: getattr(options, name) for name in _LIMITS}
    result = store.ingest(
        *options.sources,
        shape=options.shape,
        fractions=options.fractions,
        split=options.split,
        name=options.name,
        to_grey=options.to_grey,
        group_regex=options.group_regex,
        labels=options.labels,
        transpose=options.transpose,
        expect_classes=options.expect_classes,
        min_per_class=options.min_per_class,
        max_labels=options.max_labels,
        limits=Limits(**{k: v for k, v in given.items() if v is not None}),
        workers=options.workers,
    )
    terminal.show(result, options.format, options.output, "notmnist-store info")
    rows = result.rows()
    stored, known = (sum(row[name] for row in rows) for name in ("stored", "known_pixels"))
    terminal.note(
        f"{stored:,} images of {len({row['label'] for row in rows if row['stored']})} labels; "
        f"{known:,} were there already by their pixels"
    )
    terminal.note("look at them, count them, or open them in plain DuckDB:")
    _next_steps(store, terminal)
    return 0


def _next_steps(store: Store, terminal: Terminal) -> None:
    for line in (
        "notmnist-store peek",
        "notmnist-store sql label_counts",
        "notmnist-store sql --list",
    ):
        terminal.note(f"  {terminal.command(line)}")
    terminal.note(f"  cd {shlex.quote(str(store.path))} && duckdb -init views.sql")


def _info(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.info()
    terminal.show(result, options.format, options.output, "notmnist-store ingest")
    terminal.note("next:")
    _next_steps(store, terminal)
    return 0


def _sql(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    if options.list and options.query:
        raise UsageError("--list goes without a query", "notmnist-store sql --list")
    if not options.list and not options.query:
        raise UsageError("a SELECT or the name of a report is wanted", "notmnist-store sql --list")
    params = {}
    for pair in options.param:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--param takes NAME=VALUE, not {pair!r}", "notmnist-store sql --list")
        params[name] = value
    result = store.sql(
        options.query, params=params, sql_dir=options.sql_dir, timeout=options.timeout
    )
    terminal.show(result, options.format, options.output, "notmnist-store info")
    return 0


def _peek(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.peek(
        *options.images,
        label=options.label,
        sql=options.sql,
        audit=options.audit,
        split_set=options.split_set,
        radius=options.radius,
        sql_dir=options.sql_dir,
        n=options.n,
        seed=options.seed,
        output=options.output,
    )
    if not len(result):
        terminal.note("no images")
        terminal.suggest("notmnist-store peek")
    elif options.output:
        terminal.note(f"{len(result)} images on {options.output}")
    else:
        sheet = store.terminal_sheet(
            result,
            width=shutil.get_terminal_size().columns,
            colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"),
        )
        terminal.write(sheet.encode())
    return 0


def _verify(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.verify(full=options.full)
    terminal.show(result, options.format, options.output, "notmnist-store info")
    damaged = [row for row in result.rows() if row["status"] == "damaged"]
    if damaged:
        raise StoreError(
            f"{len(damaged)} checks failed; the sources of a damaged store can be ingested into a "
            "new one",
            "notmnist-store verify --format json",
        )
    return 0


def _undo(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.undo(options.run)
    terminal.show(result, options.format, options.output, "notmnist-store info")
    row = result.rows()[0]
    done = f"withdrew {row['withdraws']}" if row["withdraws"] else f"restored {row['restores']}"
    terminal.note(f"{done}; to take that back:")
    terminal.suggest(f"notmnist-store undo {row['run_id']}")
    return 0


def _gc(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    result = store.gc(older_than=options.older_than, yes=options.yes)
    terminal.show(result, options.format, options.output, "notmnist-store sql storage")
    if len(result) and not options.yes:
        terminal.note("nothing was removed; to remove them:")
        terminal.suggest(f"notmnist-store gc --older-than {options.older_than:g} --yes")
    return 0


def _glyphs(store: Store, options: argparse.Namespace, terminal: Terminal) -> int:
    terminal.stage("drawing", options.images, "images")
    try:
        result = store.glyphs(
            options.out,
            images=options.images,
            force=options.force,
            workers=options.workers,
            progress=lambda done, total: terminal.advance(done),
        )
    finally:
        terminal.end()
    terminal.show(result, options.format, options.output, "notmnist-store glyphs --help")
    terminal.note("next:")
    terminal.note(f"  {terminal.command(f'notmnist-store ingest {shlex.quote(options.out)}')}")
    return 0
