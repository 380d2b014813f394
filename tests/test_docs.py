"""What the documents show is run here, and what they say of formats and words is compared.

Every ``sh`` and ``python`` block of README.md and docs/format.md runs in a scratch folder with a
small store. A ``text`` block right below holds what it prints: ``…`` stands for anything within a
line, a line of ``…`` alone for any lines; the widths of columns do not count. An HTML comment
above a block says what it cannot do without: ``<!-- not run: reason -->`` or
``<!-- needs: program -->``.
"""

from __future__ import annotations

import contextlib
import fnmatch
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import notmnist_store
from notmnist_store.catalog.queries import load_queries
from notmnist_store.cli.main import main
from notmnist_store.drawing.kernels.encode import png_files
from notmnist_store.errors import StoreError
from notmnist_store.schema.tables import REJECT_REASONS, TABLES
from notmnist_store.sources.members import Limits
from tools import make_tables

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENTS = (
    "README.md",
    "docs/audits.md",
    "docs/format.md",
    "docs/tables.md",
    "docs/decisions.md",
    "docs/suspects.md",
    "CHANGELOG.md",
)
LETTERS = "ABCDEFGHIJ"


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


def read(document: str) -> str:
    return (REPOSITORY / document).read_text(encoding="utf-8")


def examples(document: str, language: str) -> list[Example]:
    text = read(document)
    return [
        Example(
            document,
            text.count("\n", 0, found.start()) + 1,
            found["language"],
            found["mark"] or "",
            found["code"],
            found["output"],
        )
        for found in _BLOCK.finditer(text)
        if found["language"] == language
    ]


SHELL = [example for document in DOCUMENTS for example in examples(document, "sh")]


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


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as README's reader has it: a demo store of 10,000 images, and own pictures."""
    folder = tmp_path_factory.mktemp("documents")
    random = np.random.default_rng(0)
    with tarfile.open(folder / "glyphs.tar.gz", "w:gz", compresslevel=1) as archive:
        for letter in LETTERS:
            soft = random.integers(0, 256, (999, 28, 28), dtype=np.uint8)
            soft[:20] //= 8
            pixels = np.concatenate([soft, soft[-1:]])
            for number, png in enumerate(png_files(pixels)):
                member = tarfile.TarInfo(f"glyphs/{letter}/{number}.png")
                member.size = len(png)
                archive.addfile(member, io.BytesIO(png))
    store = notmnist_store.open(folder / "store")
    store.ingest(folder / "glyphs.tar.gz", demo=True)
    # README's tour makes it, too; here it is for those who run a block alone.
    store.split("first", train=0.8, valid=0.1, test=0.1)
    store.near_duplicates()
    for label in ("cat", "dog"):
        (folder / "animals" / label).mkdir(parents=True)
        for number in range(5):
            picture = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(picture).save(folder / "animals" / label / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def path_with_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which notmnist-store is this checkout, and the environment's programs are found."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "notmnist-store"
    package = shlex.quote(str(REPOSITORY))
    program.write_text(
        f"#!/bin/sh\nPYTHONPATH={package} exec {shlex.quote(sys.executable)} "
        '-m notmnist_store "$@"\n'
    )
    program.chmod(0o755)
    return os.pathsep.join((str(folder), str(Path(sys.executable).parent), os.environ["PATH"]))


@pytest.mark.parametrize("example", SHELL, ids=lambda e: f"{e.document}-{e.line}")
def test_a_shell_block_does_what_the_document_shows(
    example: Example, scratch: Path, path_with_program: str
) -> None:
    if example.not_run:
        pytest.skip(example.mark)
    if example.mark:
        program = example.mark.removeprefix("needs: ")
        assert program != example.mark, f"unknown mark: {example.mark}"
        if shutil.which(program, path=path_with_program) is None:
            pytest.skip(f"{program} is not installed")
    environment = {**os.environ, "PATH": path_with_program, "COLUMNS": "100"}
    environment.pop("NOTMNIST_STORE", None)
    done = subprocess.run(
        ["sh", "-eu", "-c", example.code],
        cwd=scratch,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    check_output(example, done.stdout)


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


def test_the_python_of_the_readme_runs(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    monkeypatch.chdir(scratch)
    names = run_python("README.md")
    assert len(names["x"]) > 7_000


@pytest.fixture(scope="module")
def definitions(scratch: Path) -> Iterator[dict[str, Any]]:
    """What docs/format.md defines in Python, after it has read the store."""
    with contextlib.chdir(scratch):
        yield run_python("docs/format.md")


@pytest.mark.parametrize(("store", "stride"), [("store", 2_000), ("colours", 1)])
def test_the_format_says_how_to_recompute_every_value(
    definitions: dict[str, Any], scratch: Path, store: str, stride: int
) -> None:
    if store == "colours":
        notmnist_store.open(scratch / store).ingest(scratch / "animals", shape="32x32x3")
    marker = json.loads((scratch / store / "notmnist_store.json").read_text())
    runs = definitions["read_table"](scratch / store, "run").to_pylist()
    (run,) = (run for run in runs if run["verb"] == "ingest")
    rows = definitions["read_table"](scratch / store, "image").sort_by("image_id").to_pylist()
    shape = marker["shape"]
    positions = {row["image_id"] - definitions["image_id"](run["source_sha256"], 0) for row in rows}
    assert positions == set(range(len(rows)))
    for row in rows:
        assert definitions["pixel_hash"](row["pixels"], *shape) == row["pixel_hash"]
        split = definitions["split_by_pixels"](row["pixel_hash"], marker["fractions"])
        assert split == row["split"]
    for row in rows[::stride]:
        assert definitions["dhash"](row["pixels"], *shape) == row["dhash"]
        scaled = np.frombuffer(row["pixels"], np.uint8) / 255
        assert row["ink_mean"] == pytest.approx(scaled.mean(), rel=1e-12)
        assert row["ink_std"] == pytest.approx(scaled.std(), rel=1e-12)


def test_the_format_says_how_a_folder_is_hashed(
    definitions: dict[str, Any], scratch: Path, tmp_path: Path
) -> None:
    files = {"b/A/1.png": b"x", "b/A.png": b"", "é/.hidden": b"y", "b/Z": b"z"}
    for path, content in files.items():
        (tmp_path / "set" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / path).write_bytes(content)
    from notmnist_store.sources.source import open_source

    digest, size = open_source(tmp_path / "set", limits=Limits()).identity()
    assert digest == definitions["folder_sha256"](files)
    assert size == sum(map(len, files.values()))


def test_the_format_says_which_runs_count(scratch: Path, definitions: dict[str, Any]) -> None:
    """By the document's own rule: after an ingest, an undo, and the undo of that."""
    path = scratch / "undone"
    store = notmnist_store.open(path)
    store.ingest(scratch / "animals", shape="32x32x3")
    (run,) = (row["run_id"] for row in definitions["read_table"](path, "run").to_pylist())
    undone = None
    for shown in (False, True):
        undone = store.undo(undone).rows()[0]["run_id"]
        assert (run in definitions["live_runs"](path)) == shown
        assert len(store.sql("select image_id from image")) == (10 if shown else 0)


def test_only_the_types_the_format_names_are_stored() -> None:
    _, _, rest = read("docs/format.md").partition("Only types that any engine reads are used: ")
    named = set(re.findall("`([^`]+)`", rest.partition(".\n")[0]))
    assert {str(field.type) for schema in TABLES.values() for field in schema} <= named


def test_the_format_says_how_files_are_written(scratch: Path) -> None:
    (file,) = (scratch / "store" / "image").glob("*.parquet")
    metadata = pq.ParquetFile(file).metadata
    assert metadata.metadata is None
    group = metadata.row_group(0)
    columns = {c.path_in_schema: c for c in map(group.column, range(metadata.num_columns))}
    assert {c.compression for c in columns.values()} == {"ZSTD"}
    plain = {name for name, c in columns.items() if "RLE_DICTIONARY" not in c.encodings}
    assert plain == {"image_id", "path", "file_hash", "pixel_hash", "dhash", "pixels"}
    assert {name for name, c in columns.items() if c.statistics is None} == {"pixels"}
    logs = sorted((scratch / "store" / "run" / "_delta_log").glob("*.json"))
    actions = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    (protocol,) = (action["protocol"] for action in actions if "protocol" in action)
    assert (protocol["minReaderVersion"], protocol["minWriterVersion"]) == (1, 2)
    marks = {action["txn"]["appId"].partition("/")[0] for action in actions if "txn" in action}
    assert marks >= {"notmnist_store", "source"}
    assert marks <= set(
        re.findall(r"^- `(\w+)/?[^`]*`, version", read("docs/format.md"), re.MULTILINE)
    )


def test_the_tables_page_is_up_to_date() -> None:
    assert read("docs/tables.md") == make_tables.tables_text(), "run: make docs"


@pytest.mark.parametrize("view", sorted(load_queries("views")))
def test_every_column_of_a_view_is_documented(view: str, scratch: Path) -> None:
    """With what it is, its unit and an example; and nothing is documented that is not there."""
    query = load_queries("views")[view]
    there = notmnist_store.open(scratch / "store").sql(f"select * from {view} limit 0").columns
    assert list(query.columns) == there
    for comment in query.columns.values():
        what, unit, example = comment.split(" · ")
        assert what
        assert unit
        assert example


def test_the_readme_lists_every_command() -> None:
    listed = re.findall(r"^\| `([\w-]+)[^|]*\|", section("Commands"), re.MULTILINE)
    help_text = program_help()
    offered = re.findall(
        r"^ {4}([\w-]+)(?: {2,}|$)", help_text.partition("COMMAND\n")[2], re.MULTILINE
    )
    assert sorted(listed) == sorted(offered)


def test_the_readme_names_only_options_there_are() -> None:
    offered = program_help()
    for command in re.findall(r"^\| `([\w-]+)[^|]*\|", section("Commands"), re.MULTILINE):
        offered += program_help(command)
    text = re.sub(r"```.*?```", "", read("README.md"), flags=re.DOTALL)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
    assert named
    assert named <= set(re.findall(r"--[a-z][a-z-]+", offered))


def program_help(*command: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        main([*command, "--help"])
    return printed.getvalue()


def section(title: str) -> str:
    """README from a heading to the next of its level."""
    _, found, rest = read("README.md").partition(f"\n## {title}\n")
    assert found
    return rest.partition("\n## ")[0]


def test_the_readme_lists_every_reason_to_reject() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", section("Sources"), re.MULTILINE)
    assert listed == list(REJECT_REASONS)


MESSAGES = re.findall(r"^\| `([^`]*)` \|", section("When something is wrong"), re.MULTILINE)


def _cut(folder: Path) -> Path:
    whole = (folder / "glyphs.tar.gz").read_bytes()
    (folder / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    return folder / "cut.tar.gz"


def _flipped(folder: Path, original: Path, name: str) -> Path:
    content = bytearray(original.read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder / name).write_bytes(content)
    return folder / name


def _with(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def _other_animals(folder: Path) -> Path:
    other = folder / "again" / "animals"
    shutil.copytree(folder / "animals" / "cat", other / "cat", dirs_exist_ok=True)
    return other


def _colour_store(folder: Path) -> notmnist_store.store.Store:
    store = notmnist_store.open(folder / "errors" / "colours")
    store.ingest(folder / "animals", shape="32x32x3")
    return store


def _damaged_store(folder: Path) -> notmnist_store.store.Store:
    path = folder / "errors" / "damaged"
    shutil.copytree(folder / "store", path, dirs_exist_ok=True)
    (file,) = (path / "image").glob("*.parquet")
    _flipped(file.parent, file, file.name)
    return notmnist_store.open(path)


def _new(folder: Path) -> notmnist_store.store.Store:
    return notmnist_store.open(folder / "errors" / "new")


def _searched(folder: Path) -> notmnist_store.store.Store:
    store = _demo(folder)
    store.near_duplicates(radius="2.0")
    return store


def _demo(folder: Path) -> notmnist_store.store.Store:
    return notmnist_store.open(folder / "store")


Mistake = Callable[[Path], object]
MISTAKES: list[Mistake] = [
    lambda f: _new(f).ingest(f / "nosuch.tar.gz"),
    lambda f: _new(f).info(),
    lambda f: notmnist_store.open(f / "animals").info(),
    lambda f: notmnist_store.open(f / "animals").ingest(f / "glyphs.tar.gz"),
    lambda f: _new(f).ingest(_with(f / "flat" / ".note", "x").parent),
    lambda f: _new(f).ingest(_cut(f)),
    lambda f: _new(f).ingest(_flipped(f, f / "glyphs.tar.gz", "bad.tar.gz")),
    lambda f: _new(f).ingest(_with(f / "text.tar.gz", "not an archive")),
    lambda f: _new(f).ingest(f / "animals"),
    lambda f: _new(f).ingest(f / "animals", shape="32x32x3", expect_classes=10),
    lambda f: _new(f).ingest(f / "animals", shape="32x32x3", min_per_class=100),
    lambda f: _colour_store(f).ingest(_other_animals(f)),
    lambda f: _new(f).ingest(f / "glyphs.tar.gz", limits=Limits(max_bytes=1_000)),
    lambda f: _demo(f).ingest(f / "animals"),
    lambda f: _demo(f).audit("label_imbalanse"),
    lambda f: _searched(f).audit(radius="2.1"),
    lambda f: _demo(f).near_duplicates(radius="20", limit=1),
    lambda f: _demo(f).near_duplicates(radius="2.05", chunk_pairs=1 << 45),
    lambda f: _demo(f).load("frist"),
    lambda f: _demo(f).split("large", train=20_000),
    lambda f: (_demo(f).split("fixed"), _demo(f).split("fixed", seed=1)),
    lambda f: [_demo(f).export("ingest", f / "twice", form="npy") for _ in range(2)],
    lambda f: _demo(f).sql("label_cuonts"),
    lambda f: _demo(f).sql("delete from image"),
    lambda f: _demo(f).peek(label="Z"),
    lambda f: _damaged_store(f).sql("select sum(image_id % 2), min(pixels) from stored_image"),
]


def test_there_is_a_mistake_for_every_message() -> None:
    assert len(MESSAGES) == len(MISTAKES)


@pytest.mark.parametrize(("message", "mistake"), list(zip(MESSAGES, MISTAKES, strict=False)))
def test_a_mistake_gives_the_message_the_readme_explains(
    message: str, mistake: Mistake, scratch: Path
) -> None:
    with pytest.raises(StoreError) as caught:
        mistake(scratch)
    pattern = "".join("*" if c == "…" else c for c in message.strip())
    assert fnmatch.fnmatchcase(caught.value.message, f"{pattern}*"), caught.value.message
    assert caught.value.hint


def test_what_is_not_run_says_why() -> None:
    for example in SHELL:
        if example.not_run:
            assert len(example.mark.split()) > 4, f"{example.document}:{example.line}"


def test_make_targets_in_the_documents_exist() -> None:
    makefile = read("Makefile")
    for document in DOCUMENTS:
        text = read(document)
        spans = [e.code for e in SHELL if e.document == document]
        spans += re.findall(r"`([^`\n]+)`", text)
        named = [re.match(r"make ([a-z-]+)", line) for s in spans for line in s.splitlines()]
        for found in filter(None, named):
            assert re.search(rf"^{found[1]}:", makefile, re.MULTILINE), f"{document}: {found[0]}"


def test_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)]+)\)", read(document)):
            path, _, anchor = target.partition("#")
            if path.startswith("http"):
                continue
            file = (REPOSITORY / document).parent / path if path else REPOSITORY / document
            assert file.exists(), f"{document}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {re.sub(r"\W+", "-", h.lower()) for h in headings}, target


def test_pictures_are_small() -> None:
    pictures = list((REPOSITORY / "docs" / "pictures").iterdir())
    assert pictures
    assert all(picture.stat().st_size < 100_000 for picture in pictures)


def test_wildcards_do_not_hide_a_difference() -> None:
    example = Example("x", 1, "sh", "", "", "a  …  b\n…\nlast\n")
    check_output(example, "a  1  b\nmore\nlast\n")
    for wrong in ("a  1  c\nlast\n", "a  1  b\nlast\nmore\n", "a  1  b\n"):
        with pytest.raises(AssertionError):
            check_output(example, wrong)


def test_the_first_release_is_in_the_changelog() -> None:
    lines = takewhile(lambda line: not line.startswith("### "), read("CHANGELOG.md").splitlines())
    assert notmnist_store.__version__ in "\n".join(lines)
