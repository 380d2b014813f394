"""Fuzzing: files of the kept corpus are edited and read, in a process of their own.

Hypothesis draws the edits, and makes them few and small where a reader fails. A reader gives
members, rejects or an error of ours; another exception is a fault, and so is a process that dies.
As a program, `python -m tests.torture.fuzzing READER COUNT SEED FOLDER`, it is that process.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from notmnist_store.blocks.kernels.decode import decode
from notmnist_store.catalog.queries import bind, load_queries, sql_folder
from notmnist_store.decisions.rows import COLUMNS, Defaults, read_csv
from notmnist_store.errors import SourceError, StoreError
from notmnist_store.schema.shape import DEFAULT_SHAPE
from notmnist_store.sources.limits import Limits
from notmnist_store.sources.source import open_source
from tests.blocks.kernels.test_decode import reference, verdicts
from tests.support.full_store import full_store
from tests.support.nasty_pictures import corpus
from tests.torture.corpus import MAKERS
from tests.torture.trial import Asked, Trial

SLOW = {"Parquet", "MATLAB", "hashes"}  # a process for each file
COUNT, SHORT, SLOW_SHARE = 4_000, 120, 10
REFUSED = "refused"
Read = Callable[[bytes], str]
Edit = tuple[str, float, int, bytes]
KINDS = ("flip", "flip", "flip", "put", "insert", "drop", "double", "big", "little", "cut")
EDITS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 1 << 16),
        st.binary(max_size=8),
    ),
    min_size=1,
    max_size=5,
)
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def edited(content: bytes, edits: list[Edit]) -> bytes:
    """Flipped, overwritten, cut, doubled, dropped; numbers at the edge of their range put in."""
    for kind, where, number, text in edits:
        at = int(where * len(content))
        length = number % 64 + 1
        if kind == "flip":
            flipped = bytes(byte ^ (1 << number % 8) for byte in content[at : at + 1])
            content = content[:at] + flipped + content[at + 1 :]
        elif kind == "put":
            content = content[:at] + text + content[at + len(text) :]
        elif kind == "insert":
            content = content[:at] + text + content[at:]
        elif kind == "drop":
            content = content[:at] + content[at + length :]
        elif kind == "double":
            content = content[:at] + content[at : at + length] + content[at:]
        elif kind == "cut":
            content = content[:at]
        else:
            size = (1, 2, 4, 8)[number % 4]
            value = NUMBERS[number % len(NUMBERS)] & ((1 << 8 * size) - 1)
            content = content[:at] + value.to_bytes(size, kind) + content[at + size :]
    return content


def repaired(content: bytes) -> bytes:
    """A tar's header sums, or a PNG's, made right again: so edits get behind them."""
    if content[:8] == b"\x89PNG\r\n\x1a\n":
        parts, at = [content[:8]], 8
        while at + 12 <= len(content):
            size = int.from_bytes(content[at : at + 4], "big")
            body = content[at + 4 : at + 8 + size]
            if at + 12 + size > len(content):
                break
            parts.append(content[at : at + 4] + body + zlib.crc32(body).to_bytes(4, "big"))
            at += 12 + size
        return b"".join([*parts, content[at:]])
    found = bytearray(content)
    for at in range(0, len(found) - 511, 512):
        if found[at + 257 : at + 262] == b"ustar":
            found[at + 148 : at + 156] = b" " * 8
            found[at + 148 : at + 156] = b"%06o\0 " % sum(found[at : at + 512])
    return bytes(found)


def _refusal(error: StoreError) -> str:
    assert error.message
    assert error.hint or isinstance(error, SourceError)
    assert "Traceback" not in error.message, error.message
    return REFUSED


def _source(name: str, folder: Path) -> tuple[list[bytes], Read]:
    """Files of a source: the first is edited, the others lie beside it."""
    made = MAKERS[name](folder)
    (first, content), *others = made.items()
    for other, text in others:
        (folder / other).write_bytes(text)
    packed = first.endswith(".gz")

    def read(content: bytes) -> str:
        path = folder / first
        path.write_bytes(gzip.compress(content, 1, mtime=0) if packed and plain else content)
        try:
            source = open_source(path, limits=Limits(max_bytes=1 << 26))
            members = sum(batch.num_rows for batch in source.members())
        except SourceError as error:
            return _refusal(error)
        return f"{members} members"

    plain = packed and content[:2] == b"\x1f\x8b"
    return [gzip.decompress(content) if plain else content], read


def _raw_gzip(folder: Path) -> tuple[list[bytes], Read]:
    """The stream itself, not what is in it."""
    (content,) = MAKERS["gzip"](folder).values()

    def read(content: bytes) -> str:
        (folder / "set.tar.gz").write_bytes(content)
        try:
            source = open_source(folder / "set.tar.gz", limits=Limits(max_bytes=1 << 26))
            return f"{sum(batch.num_rows for batch in source.members())} members"
        except SourceError as error:
            return _refusal(error)

    return [content], read


def _pictures(folder: Path) -> tuple[list[bytes], Read]:
    """Decoded as Pillow decodes them, by the fast path and by the slow one."""

    def read(content: bytes) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = reference(content, DEFAULT_SHAPE)
            for fast in (True, False):
                (found,) = verdicts(decode([content], DEFAULT_SHAPE, fast=fast), 1)
                assert found == wanted, (fast, found, wanted)
        return REFUSED if isinstance(wanted, str) else "as Pillow has it"

    return list(corpus().values()), read


def _headers(folder: Path) -> tuple[list[bytes], Read]:
    """Headers of SQL files."""
    texts = [path.read_bytes() for path in sorted((sql_folder() / "audits").glob("*.sql"))]

    def read(content: bytes) -> str:
        (folder / "own.sql").write_bytes(content)
        try:
            query = load_queries("audits", folder)["own"]
            with suppress(StoreError):
                bind(query, {"radius": "1"}, DEFAULT_SHAPE)
        except StoreError as error:
            return _refusal(error)
        return "a query"

    return texts, read


def _decisions(folder: Path) -> tuple[list[bytes], Read]:
    """CSV files of decisions."""
    rows = "1,,drop,,blurred\n,0123456789abcdef0123456789abcdef,relabel,B,\n3,,keep,,\n"
    texts = [",".join(COLUMNS).encode() + b"\n" + rows.encode()]

    def read(content: bytes) -> str:
        (folder / "own.csv").write_bytes(content)
        try:
            read_csv(folder / "own.csv", Defaults())
        except StoreError as error:
            return _refusal(error)
        return "decisions"

    return texts, read


def _hashes(folder: Path) -> tuple[list[bytes], Read]:
    """A partner's hashes."""
    store = full_store(folder)
    (folder / "key").write_bytes(sha256(b"partners").digest())
    store.export("s", folder / "hashed", form="hashes", key_file=folder / "key")
    path = folder / "hashed" / "hashes.parquet"

    def read(content: bytes) -> str:
        (folder / "theirs.parquet").write_bytes(content)
        try:
            store.audit_against(
                folder / "theirs.parquet", key_file=folder / "key", split_set="s", fail_on="never"
            )
        except StoreError as error:
            return _refusal(error)
        return "a verdict"

    return [path.read_bytes()], read


READERS: dict[str, Callable[[Path], tuple[list[bytes], Read]]] = {
    **{name: lambda folder, name=name: _source(name, folder) for name in MAKERS},
    "gzip, its stream": _raw_gzip,
    "PNG and other pictures": _pictures,
    "SQL headers": _headers,
    "decisions": _decisions,
    "hashes": _hashes,
}


def fuzz(name: str, count: int, drawn: int, folder: Path) -> Counter[str]:
    """Try a reader so many times; what it came to. Raises what the reader should not have."""
    contents, read = READERS[name](folder)
    outcomes: Counter[str] = Counter()
    last = folder / "last"

    @seed(drawn)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(contents), EDITS, st.booleans())
    def attempt(content: bytes, edits: list[Edit], repair: bool) -> None:
        changed = edited(content, edits)
        changed = repaired(changed) if repair else changed
        last.write_bytes(changed)
        outcomes[f"{name}: {'refused' if read(changed) == REFUSED else 'read'}"] += 1

    attempt()
    return outcomes


def trials(asked: Asked) -> Iterator[Trial]:
    """A trial for each reader: so many files."""
    for name in asked.among(READERS):
        count = SHORT if asked.short else COUNT
        count = count // SLOW_SHARE if name in SLOW else count
        yield Trial(name, str(asked.seed), _in_a_process(name, count), _as_said(name))


def _in_a_process(name: str, count: int):
    def disturb(folder: Path, chance) -> tuple[Path, subprocess.CompletedProcess[str]]:
        words = [name, str(count), str(chance.randrange(1 << 32)), str(folder)]
        command = [sys.executable, "-m", "tests.torture.fuzzing", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return folder, done

    return disturb


def _as_said(name: str):
    def check(given: tuple[Path, subprocess.CompletedProcess[str]]) -> Counter[str]:
        folder, done = given
        if done.returncode:
            last = (folder / "last").read_bytes() if (folder / "last").exists() else b""
            raise AssertionError(
                f"exit code {done.returncode}: {done.stderr[-1500:]}\nlast file: {last[:300]!r}"
            )
        return Counter(json.loads(done.stdout.splitlines()[-1]))

    return check


if __name__ == "__main__":
    print(json.dumps(fuzz(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
