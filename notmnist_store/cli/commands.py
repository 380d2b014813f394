"""The commands: each is a method of the store or a function of the package, and what is said after.

Their options are the parameters of the method, their help is its docstring (see `cli.signature`).
"""

from __future__ import annotations

import argparse
import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from notmnist_store.cli.signature import summary, words_of
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.location.bucket import SCHEME, BucketPath
from notmnist_store.schema.words import CI_FORMATS, RESULT_FORMATS, USED
from notmnist_store.store import Store, download, glyphs

if TYPE_CHECKING:
    from notmnist_store.cli.terminal import Terminal

_FAILED = 1
_PAGE = "report.html"
_FORMS_OF_VERDICTS = (*RESULT_FORMATS, *CI_FORMATS)


class Call(NamedTuple):
    """A command that was run: the values of its parameters, and what came of it.

    `form` is how its rows are to be written, None where that was not said.
    """

    store: Store
    terminal: Terminal
    values: Mapping[str, Any]
    result: Any
    form: str | None

    def say(self, note: str, *lines: str) -> None:
        """A note, and lines to go on with, which may all be pasted."""
        self.terminal.note(note)
        for line in lines:
            self.terminal.step(line)

    def advise(self, note: str, command: str) -> None:
        """A note, and the one command that it asks for."""
        self.terminal.note(note)
        self.terminal.suggest(command)


class Command(NamedTuple):
    """A command: `before` looks at what was given, `after` says what to do next.

    `empty` is a command to go on with where there are no rows, and nothing where `after` says so.
    What `after` returns is the exit code; where `shows` is false, it shows the rows as well, if
    there are `rows` to be shown in one of `forms`.
    """

    method: Callable[..., Any]
    example: str
    empty: str = ""
    after: Callable[[Call], int | None] | None = None
    before: Callable[[argparse.Namespace], None] | None = None
    shows: bool = True
    rows: bool = True
    forms: Sequence[str] = RESULT_FORMATS

    @property
    def name(self) -> str:
        """How it is called."""
        return self.method.__name__.replace("_", "-")

    @property
    def summary(self) -> str:
        """What it does, in a line."""
        return summary(self.method)


def _query_wanted(given: argparse.Namespace) -> None:
    if not hasattr(given, "query") and not hasattr(given, "listing"):
        raise UsageError("a SELECT or the name of a report is wanted", "notmnist-store sql --list")


def _page_wanted(given: argparse.Namespace) -> None:
    if given.output is None and not hasattr(given, "paper"):
        given.output = _PAGE


def _ingested(call: Call) -> None:
    rows = call.result.rows()
    stored, known = (sum(row[name] for row in rows) for name in ("stored", "known_pixels"))
    labels = {row["label"] for row in rows if row["stored"]} - {None}
    call.terminal.note(
        f"{stored:,} images of {len(labels)} labels; {known:,} were there already by their pixels"
    )
    call.say("look at them, count them, or open them in plain DuckDB:", *_ways_in(call))
    call.terminal.note(call.store.placed_line([row["source"] for row in rows]))


def _informed(call: Call) -> None:
    call.say("next:", *_ways_in(call))


def _ways_in(call: Call) -> list[str]:
    reports = [f"notmnist-store {way}" for way in ("peek", "sql label_counts", "sql --list")]
    path = shlex.quote(str(call.store.path))
    if isinstance(call.store.path, BucketPath):
        return [*reports, f"aws s3 cp {path}/views.sql ."]
    return [*reports, f"cd {path} && duckdb -init views.sql"]


def _peeked(call: Call) -> None:
    values, terminal = call.values, call.terminal
    rows, one = len(call.result), len(values["images"]) == 1
    if call.form or (rows and (values["pairs"] or one)):
        terminal.show(call.result, call.form, None, "")
    if not rows:
        call.advise("no pairs" if values["pairs"] else "no images", "notmnist-store peek")
        return
    if values["output"]:
        what = "pairs" if values["pairs"] else "rows" if one else "images"
        terminal.note(f"{rows} {what} on {values['output']}")
    if values["output"] or call.form:
        return
    sheet = call.store.terminal_sheet(
        call.result,
        width=shutil.get_terminal_size().columns,
        colour=terminal.coloured,
    )
    terminal.write(sheet.encode())


def _judged(call: Call) -> int:
    terminal, verdicts = call.terminal, call.result.verdicts
    for verdict in verdicts:
        if verdict.overridden:
            terminal.note(f"{verdict.name} is yours: {verdict.overridden}")
        if verdict.error:
            terminal.note(verdict.error)
    one = len(verdicts) == 1
    for verdict in verdicts:
        said = verdict.line if one else f"{verdict.name}: {verdict.status}"
        stops = verdict.stops(call.values["fail_on"])
        if stops or one:
            terminal.note(f"{said}; to go on:" if stops and verdict.next else said)
        if stops and verdict.next:
            terminal.suggest(verdict.next)
    return 0 if call.result.passed else _FAILED


def _split(call: Call) -> None:
    name = call.values["name"]
    if call.values["dry_run"]:
        call.say("nothing was made; without --dry-run it is")
    else:
        call.say(call.store.split_line(name), f"in SQL: select * from {name}.train")


def _searched(call: Call) -> None:
    if call.values["contrast"]:
        call.say("next:", "notmnist-store peek --pairs --contrast -o pairs.png")
        return
    reports = ["sql near_overlap_matrix", "audit split_leak_near", "sql near_groups"]
    if name := call.values["crossing"]:
        of_set = f"--split-set {shlex.quote(name)}"
        reports = [f"audit split_leak_near {of_set}", f"certify {of_set}"]
    call.say("next:", *(f"notmnist-store {report}" for report in reports))


def _sanitized(call: Call) -> None:
    new = call.values["new"]
    if call.values["yes"]:
        line = call.store.split_line(new)
        call.advise(f"{line}; check it:", f"notmnist-store audit --split-set {new}")
    else:
        kept = call.result.arrow()["split"].to_pylist()[-len(USED) :]  # as its rows come
        line = _with_yes(Store.sanitize, call, keep=",".join(kept))
        call.advise("nothing was made; to make it:", line)


def _decided(call: Call) -> None:
    effects = Counter(call.result.arrow()["effect"].to_pylist())
    counted = ", ".join(f"{effect} {n:,}" for effect, n in sorted(effects.items()))
    if effects.total() == effects["no change"]:
        call.say(f"nothing to do: {counted or 'no decisions'}")
    elif call.values["yes"]:
        call.advise(f"decided: {counted}; to take that back:", "notmnist-store undo")
    else:
        line = _with_yes(Store.decide, call)
        call.advise(f"nothing was decided yet ({counted}); to do it:", line)


def _with_yes(method: Callable[..., Any], call: Call, **more: str) -> str:
    """The command that was given, as one that does it."""
    words = words_of(method, {**call.values, **more, "yes": True})
    return shlex.join(["notmnist-store", method.__name__, *words])


def _exported(call: Call) -> None:
    first = call.result.rows()[0]
    call.terminal.note(
        f"split set {first['split_set']} version {first['version']}, digest {first['digest']}"
    )
    out, where = call.values["out"], shlex.quote(call.values["out"])
    copied = f"aws s3 cp --recursive {where} exported && cd exported"
    line = f"{copied if out.startswith(SCHEME) else f'cd {where}'} && sha256sum -c SHA256SUMS"
    call.say("check the files; README.md says how to open them:", line)


def _scored(call: Call) -> None:
    chosen = f"--param split_set={call.values['split_set']}"
    lines = (f"notmnist-store sql {report} {chosen}" for report in ("scores", "hardest_images"))
    call.say("all accuracies with their intervals, and the images that are hardest:", *lines)


def _suspected(call: Call) -> None:
    call.terminal.note(
        f"{len(call.result):,} labels are suspect; look at them, and at what is no letter:"
    )
    query = "select image_id, label from {} where split_set = '{}' order by {} limit 40"
    for view, order in (("suspect", "margin"), ("outlier", "squared_distance desc")):
        rows = query.format(view, call.values["split_set"], order)
        call.terminal.step(f'notmnist-store peek --sql "{rows}" -o {view}s.png')


def _distinguished(call: Call) -> None:
    chosen = f"--split-set {shlex.quote(call.values['split_set'])}"
    call.say("next:", f"notmnist-store audit split_distinguishable {chosen}")


def _reported(call: Call) -> None:
    made, output = call.result, call.values["output"]
    if output is None:
        call.terminal.write(made.content)
        return
    call.terminal.note(f"wrote {output}: {len(made.content):,} bytes")
    if made.against:
        borne = call.values["tolerance"] or {}
        words = ["notmnist-store", "audit", "--split-set", call.values["split_set"]]
        line = shlex.join(
            [*words, *(w for k, v in borne.items() for w in ("--tolerance", f"{k}={v}"))]
        )
        call.advise(f"not ready to train on: {', '.join(made.against)}; to go on:", line)
    elif made.against is not None:
        call.terminal.note("ready to train on")


def _written(call: Call) -> None:
    output = call.values["output"]
    if output is None:
        call.terminal.write(call.result.content)
    else:
        call.terminal.note(f"wrote {output}: {len(call.result.content):,} bytes")


def _issue_written(call: Call) -> None:
    _written(call)
    if call.values["output"] is not None:
        call.terminal.note(f"its pairs stand beside it: {len(call.result.pairs):,}, as CSV")


def _downloaded(call: Call) -> None:
    paths = shlex.join(row["path"] for row in call.result.rows())
    call.say("next:", f"notmnist-store ingest {paths}")


def _drawn(call: Call) -> None:
    path = call.result.arrow()["path"][0].as_py()
    named = shlex.quote(path)
    if call.values["shards"] > 1:
        named = "-*-".join(map(shlex.quote, path.rsplit(f"-{0:05d}-", 1)))
    call.say("next:", f"notmnist-store ingest {named}")


def _verified(call: Call) -> None:
    damaged = sum(row["status"] == "damaged" for row in call.result.rows())
    if damaged:
        advice = "the sources of a damaged store can be ingested into a new one"
        raise StoreError(
            f"{damaged} checks failed; {advice}", "notmnist-store verify --format json"
        )


def _undone(call: Call) -> None:
    row = call.result.rows()[0]
    done = f"withdrew {row['withdraws']}" if row["withdraws"] else f"restored {row['restores']}"
    call.advise(f"{done}; to take that back:", f"notmnist-store undo {row['run_id']}")


def _collected(call: Call) -> None:
    if len(call.result) and not call.values["yes"]:
        call.advise("nothing was removed; to remove them:", _with_yes(Store.gc, call))


COMMANDS = (
    Command(Store.ingest, "ingest notMNIST_large.tar.gz notMNIST_small.tar.gz", "info", _ingested),
    Command(Store.info, "info", "ingest", _informed),
    Command(
        Store.sql,
        'sql "select label, count(*) as images from image group by label"',
        "info",
        before=_query_wanted,
    ),
    Command(Store.peek, "peek --label I -o i.png", after=_peeked, shows=False),
    Command(
        Store.audit,
        "audit --split-set my_split --fail-on should",
        after=_judged,
        forms=_FORMS_OF_VERDICTS,
    ),
    Command(
        Store.audit_against,
        "audit-against hashed/hashes.parquet --key-file partners.key",
        after=_judged,
        forms=_FORMS_OF_VERDICTS,
    ),
    Command(Store.split, "split my_split --train 0.8 --valid 0.1 --test 0.1", "split-sets", _split),
    Command(Store.split_sets, "split-sets", "split my_split"),
    Command(Store.split_show, "split-show my_split", "split-sets"),
    Command(Store.split_diff, "split-diff my_split my_clean_set", "split-sets"),
    Command(Store.near_duplicates, "near-duplicates --radius 2.0", "near-duplicates", _searched),
    Command(Store.certify, "certify --split-set my_split", "near-duplicates"),
    Command(Store.near_against, "near-against other.tar.gz --split-set my_split", "split-sets"),
    Command(Store.near_components, "near-components", "near-duplicates"),
    Command(
        Store.sanitize,
        "sanitize my_clean_set --from my_split --radius 1.0",
        "split-sets",
        _sanitized,
    ),
    Command(Store.decide, "decide decisions.csv --yes", "decide --help", _decided),
    Command(Store.export, "export ingest exported --as npz", "split-sets", _exported),
    Command(
        Store.croissant,
        "croissant --split-set my_split -o croissant.json",
        after=_written,
        shows=False,
        rows=False,
    ),
    Command(
        Store.baseline,
        "baseline --split-set my_split --sizes 50,100,1000,5000,all",
        "baseline --help",
        _scored,
    ),
    Command(Store.suspects, "suspects --format csv -o suspects.csv", "suspects --help", _suspected),
    Command(
        Store.distinguish,
        "distinguish --split-set my_split",
        "distinguish --help",
        _distinguished,
    ),
    Command(
        Store.report,
        "report --split-set my_split -o my_split.html",
        after=_reported,
        before=_page_wanted,
        shows=False,
        rows=False,
    ),
    Command(Store.review, "review --split-set my_split", "review --help"),
    Command(
        Store.issue_report,
        "issue-report --split-set my_split -o issue.md",
        after=_issue_written,
        shows=False,
        rows=False,
    ),
    Command(download, "download notMNIST_small notMNIST_large", "download --help", _downloaded),
    Command(Store.verify, "verify --full", "info", _verified),
    Command(Store.undo, "undo", "info", _undone),
    Command(Store.gc, "gc --older-than 24 --yes", "sql storage", _collected),
    Command(glyphs, "glyphs glyphs.tar.gz --images 100000", "glyphs --help", _drawn),
)

MOVED = {
    "near-duplicates": {
        **dict.fromkeys(("--certify", "--split-set", "--sample", "--seed"), "certify"),
        **dict.fromkeys(("--against", "--to-grey", "--labels", "--transpose"), "near-against"),
        "--components": "near-components",
    },
    "split": {"--list": "split-sets", "--show": "split-show", "--diff": "split-diff"},
    "audit": {"--against": "audit-against", "--key-file": "audit-against"},
}
"""Options that have become commands of their own."""
