"""How many requests each command makes of a store in a bucket: as docs/scale.md states."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from notmnist_store.cli.commands import COMMANDS
from notmnist_store.location.bucket import BucketPath
from notmnist_store.storage.tables import Tables, new_run_id
from tests.location.test_stores_in_buckets import command, furnished
from tests.support.archives import class_files, pack
from tests.support.s3 import Proxy

RUNS = 40
SOURCES = 6
OF_A_SOURCE = 8  # its data files, and until the next checkpoint its entries in the logs
_ROW = re.compile(r"\| `([^`]+)` \| (\d+) \|")

TRIED = """
ingest {raw}/b.tar.gz
info
sql label_counts
peek --label A
audit --split-set halves --fail-on never
audit-against {hashes}/hashes.parquet --key-file {key} --fail-on never
split other
split-sets
split-show halves
split-diff halves clean
near-duplicates --radius 3
certify --split-set halves
near-against {raw}/b.tar.gz --split-set halves --radius 1
near-components
sanitize cleaner --from halves --yes
decide --sql "select max(image_id) as image_id from image" --action keep --note seen --yes
export clean {out} --as npz
croissant --split-set clean -o {document}
baseline --split-set halves --sizes 3,all
suspects --split-set halves --folds 2
distinguish --split-set halves --folds 2
report --split-set clean -o {page}
issue-report --split-set halves -o {issue}
undo
verify --full
gc --older-than 0
"""


def stated() -> dict[str, int]:
    """The most requests of each command, as the page says."""
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
    return {name: int(most) for name, most in _ROW.findall(page)}


def test_the_page_states_every_command() -> None:
    tried = [line.partition(" ")[0] for line in TRIED.strip().splitlines()]
    assert set(stated()) == set(tried) <= {command.name for command in COMMANDS}


@pytest.mark.slow
def test_requests_are_those_stated_and_do_not_grow_with_the_runs(
    bucket: str, proxy: Proxy, tmp_path: Path
) -> None:
    archive = pack(tmp_path / "set.tar.gz", class_files(each=12))
    raw = BucketPath.parse(f"{bucket}/raw")
    (raw / "b.tar.gz").upload(pack(tmp_path / "b.tar.gz", class_files(each=3, start=50)))
    key = tmp_path / "partners.key"
    key.write_bytes(bytes(range(32)))
    store = furnished(f"{bucket}/store", archive)
    store.export("clean", tmp_path / "hashes", form="hashes", key_file=key)
    names = {
        "raw": raw,
        "key": key,
        "hashes": tmp_path / "hashes",
        "out": f"{bucket}/out",
        "page": tmp_path / "a.html",
        "issue": tmp_path / "issue.md",
        "document": tmp_path / "croissant.json",
    }
    tables = Tables.open(store.path)
    for _ in range(RUNS):
        row = {"run_id": new_run_id(), "verb": "trial", "arguments": "{}", "seconds": 0.0}
        tables.finish(row | {"started_at": datetime.now(UTC)})

    def requests(line: str) -> int:
        words = shlex.split(line.format_map({k: shlex.quote(str(v)) for k, v in names.items()}))
        before = len(proxy.asked)
        process = command(words[0], "--store", store.path, *words[1:])
        said = process.communicate()
        assert process.returncode == 0, (line, said)
        return len(proxy.asked) - before

    lines = {line.partition(" ")[0]: line for line in TRIED.strip().splitlines()}
    found = {name: requests(line) for name, line in lines.items()}
    said = stated()
    assert not {name: n for name, n in found.items() if n > said[name]}, found
    more = [
        pack(tmp_path / f"more{n}.tar.gz", class_files(each=2, start=100 + 10 * n))
        for n in range(SOURCES)
    ]
    store.ingest(*more)
    grown = {name: requests(lines[name]) for name in ("sql", "audit")}
    assert all(n <= said[name] + OF_A_SOURCE * SOURCES for name, n in grown.items()), grown
