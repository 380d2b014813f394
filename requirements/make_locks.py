"""Write the lock files beside this script from pyproject.toml: `make lock`.

A lock holds exact versions with the hashes of every file of them, for Linux and macOS, x86-64 and
arm64, and every Python in `PYTHONS`. uv resolves for all of them at once and reads nothing of pip's
configuration, so what a machine's own settings add (extra indexes, folders of wheels) stays out.
A lock is written only if every platform can install it from wheels alone (the oldest DuckDB has
none for the newest Python).

- run.lock: what the commands need (the dependencies, all extras, the build backend);
- dev.lock: that and what `make test` and `make check` need;
- site.lock: what `make site` makes the manual with, in an environment of its own;
- oldest-duckdb.lock: the lower bound of DuckDB, and the httpfs of that, which `make
  test-oldest-duckdb` lays over that.

The first line of a lock says how many packages are downloaded for it here, and their size.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
PLATFORMS = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
)
UV = ["--quiet", "--system-certs"]
PYPROJECT = HERE.parent / "pyproject.toml"
EXTRAS = ["--extra", "glyphs", "--extra", "baseline", "--extra", "review"]
RUN = [*EXTRAS, "--group", f"{PYPROJECT}:build", str(PYPROJECT)]
DEV = [*EXTRAS, "--group", f"{PYPROJECT}:dev", str(PYPROJECT)]
SITE = ["--group", f"{PYPROJECT}:site"]


def main() -> None:
    """Make all locks; the run lock takes its versions from the dev lock."""
    write_lock(HERE / "dev.lock", DEV, PYTHONS)
    write_lock(HERE / "run.lock", [*RUN, "--constraint", str(HERE / "dev.lock")], PYTHONS)
    write_lock(HERE / "site.lock", SITE, PYTHONS)
    bound = re.search(r'"duckdb>=([0-9.]+)"', PYPROJECT.read_text())
    if not bound:
        raise SystemExit("pyproject.toml: no lower bound of duckdb")
    with tempfile.TemporaryDirectory() as folder:
        oldest = Path(folder) / "oldest.in"
        oldest.write_text(f"duckdb=={bound[1]}\nduckdb-extension-httpfs=={bound[1]}\n")
        write_lock(HERE / "oldest-duckdb.lock", [str(oldest)], PYTHONS[:-1])


def write_lock(lock: Path, inputs: list[str], pythons: tuple[str, ...]) -> None:
    """Resolve, check every platform, measure the download, then put the file in place."""
    options = ["--universal", "--python-version", PYTHONS[0], "--generate-hashes"]
    options += ["--no-header", "--no-annotate", "--no-emit-index-url"]
    pins = run("uv", "pip", "compile", *UV, *options, *inputs)
    if "://" in pins:
        raise SystemExit(f"{lock.name}: an address got into the lock")
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / lock.name
        fresh.write_text(pins)
        for python in pythons:
            for machine in PLATFORMS:
                check_wheels(fresh, python, machine)
        packages, size = measure_download(fresh)
    head = f"# {packages} packages, {size / 1e6:.0f} MB to download"
    python = ".".join(platform.python_version_tuple()[:2])
    here = f"{platform.system()} {platform.machine()}, Python {python}"
    lock.write_text(f"{head} ({here}). Made by `make lock`; do not edit.\n{pins}")
    print(f"{lock.name}: {head.removeprefix('# ')}")


def check_wheels(lock: Path, python: str, machine: str) -> None:
    """Fail unless this Python on this machine can install the lock without a compiler."""
    target = ["--target", str(lock.parent / "none"), "--dry-run"]
    where = ["--python-version", python, "--python-platform", machine]
    wheels = ["--only-binary", ":all:", "--require-hashes", "--no-deps"]
    run("uv", "pip", "install", *UV, *target, *where, *wheels, "-r", str(lock))


def measure_download(lock: Path) -> tuple[int, int]:
    """Count the files that pip takes for the lock on this machine, and their bytes."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        run("pip", "download", *options, "--dest", folder, "-r", str(lock))
        sizes = [file.stat().st_size for file in Path(folder).iterdir()]
    return len(sizes), sum(sizes)


def run(module: str, *arguments: str) -> str:
    """Run a module of this interpreter, return what it prints; its failure ends the script."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"failed: {re.sub(r'^.*-m ', '', ' '.join(command))}")
    return done.stdout


if __name__ == "__main__":
    main()
