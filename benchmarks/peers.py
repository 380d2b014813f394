"""Each task beside other tools that pip installs: seconds, memory, bytes, and what was found.

    make bench-peers                                        # 10,000 images
    make bench-peers ARGS="--sizes 10000,100000 --limit 600 --write"
    make bench-peers ARGS="--sizes 529114 --peers notmnist_store,notebook --write"

Every peer runs in an environment of its own, made here from exact versions (`PEERS`), each task in
a process of its own (`peer_tasks.py`), one after the other, on the same letters, drawn by `glyphs`:
a tenth of them, at most 10,000, are test. Files are in the page cache; programs start cold, but for
ours, whose loops were compiled once. What was found is held against brute force for a sample of
images: pairs within radius 2.0, and within 1.0 where one may have moved by a pixel. A peer that
fails is shown with its last words, one that is too slow stopped at --limit seconds.

Results of earlier runs are kept in --folder by size, peer by peer; --write puts all of them into
benchmarks/RESULTS.md, with peers.svg beside it; with `--sizes ""` it only does that.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measure import ROOT, environment, say, watched
from peer_results import draw_peers, markdown
from peer_tasks import TASKS, Task
from peer_truth import Truth
from PIL import Image
from results import write_part
from run import drawn

HERE = Path(__file__).resolve().parent
OURS = "notmnist_store"
MOST_TEST = 10_000


@dataclass(frozen=True)
class Peer:
    """What pip installs for a peer, exact versions; whether it reads unpacked files."""

    requirements: tuple[str, ...]
    reads_files: bool = True


# No lock with hashes, as for requirements/interop.txt; builds of torch differ by index. Where pip
# finds the CPU build of this version it takes that.
PEERS = {
    OURS: Peer((), reads_files=False),
    "notebook": Peer(("numpy==2.4.6", "pillow==13.0.0"), reads_files=False),
    "datasets": Peer(("datasets==5.2.0", "pillow==13.0.0"), reads_files=False),
    "pandas": Peer(("pandas==3.0.5",)),
    "duckdb": Peer(("duckdb==2.0.1",)),
    "faiss": Peer(("faiss-cpu==1.15.1", "numpy==2.4.6"), reads_files=False),
    "cleanvision": Peer(("cleanvision==0.3.7",)),
    "imagededup": Peer(("torch==2.13.0", "torchvision==0.28.0", "imagededup==0.3.3.post2")),
    "imgcheck": Peer(("imgcheck==0.2.1",)),
    "image-dedup-ai": Peer(("image-dedup-ai==0.1.0",)),
    "vision-data-doctor": Peer(("vision-data-doctor==0.2.0",)),
}

Outcome = dict[str, Any]
"""Of a peer, a task and a size: seconds, cpu, memory, and bytes, recall, precision; or error."""


def environment_of(peer: str, folder: Path) -> tuple[list[str], str]:
    """The Python of a peer, in an environment made now where it is not; and why there is none."""
    wanted = PEERS[peer].requirements
    if not wanted:
        return [sys.executable], ""
    place = folder / "environments" / peer
    python, done = place / "bin" / "python", place / "done"
    if not done.exists() or done.read_text() != "\n".join(wanted):
        say(f"{peer}: making its environment")
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        made = subprocess.run([*pip, *wanted], capture_output=True, text=True, check=False)
        if made.returncode:
            return [], (made.stderr.strip().splitlines() or ["pip failed"])[-1]
        done.write_text("\n".join(wanted))
    return [str(python)], ""


def variables(peer: str) -> dict[str, str]:
    """Variables of a peer's process: this checkout is for ours alone."""
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    if peer == OURS:
        return environment(**offline)
    return {**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, **offline}


def laid_out(archive: Path, folder: Path, *, files: bool) -> None:
    """The letters of an archive as tasks want them, see `peer_tasks.py`."""
    if not (folder / "names.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        members = _members(archive)
        order = np.random.default_rng(0).permutation(len(members))
        in_test = np.zeros(len(members), bool)
        in_test[order[: min(len(members) // 10, MOST_TEST)]] = True
        splits = ["test" if chosen else "train" for chosen in in_test.tolist()]
        names = [f"{s}/{name}" for s, (name, _) in zip(splits, members, strict=True)]
        for split, packed in (("train", "large"), ("test", "small")):
            with tarfile.open(folder / f"{packed}.tar.gz", "w:gz", compresslevel=6) as tar:
                for name, (_, content) in zip(names, members, strict=True):
                    if name.startswith(split):
                        member = tarfile.TarInfo(name)
                        member.size = len(content)
                        tar.addfile(member, io.BytesIO(content))
        pixels = [np.asarray(Image.open(io.BytesIO(content))).ravel() for _, content in members]
        np.save(folder / "pixels.npy", np.stack(pixels))
        (folder / "names.json").write_text(json.dumps(names))
    if files and not (folder / "files").exists():
        for archive in (folder / "large.tar.gz", folder / "small.tar.gz"):
            with tarfile.open(archive) as tar:
                tar.extraction_filter = getattr(tarfile, "data_filter", None)  # 3.11.4
                tar.extractall(folder / "files")


def _members(archive: Path) -> list[tuple[str, bytes]]:
    """label/name and content of each image, in the order of the archive."""
    with tarfile.open(archive) as tar:
        files = ((member, tar.extractfile(member)) for member in tar if member.isfile())
        return [("/".join(m.name.split("/")[-2:]), file.read()) for m, file in files if file]


def run_task(peer: str, task: str, python: Sequence[str], folder: Path, limit: float) -> Outcome:
    """One task in a process of its own, and its answer under `found`."""
    answer, own, kept = folder / "answer.json", folder / "own", folder / f"made by {peer}"
    answer.unlink(missing_ok=True)
    shutil.rmtree(own, ignore_errors=True)
    if task != "store" and kept.exists():
        shutil.copytree(kept, own)
    own.mkdir(exist_ok=True)
    command = [*python, str(HERE / "peer_tasks.py"), peer, task, str(folder), str(answer)]
    cost = watched(command, variables(peer), limit)
    if cost.error:
        return {"error": cost.error.replace(str(folder), "…")[:200], "seconds": cost.wall}
    found = json.loads(answer.read_text())
    if task == "store":
        shutil.rmtree(kept, ignore_errors=True)
        own.rename(kept)
    kept_keys = {key: found[key] for key in ("seconds", "cpu", "bytes") if key in found}
    return {**kept_keys, "memory": cost.memory, "found": found}


def measure(peer: str, truth: Truth, work: Path, folder: Path, limit: float) -> dict[str, Outcome]:
    """Outcomes by "peer task"; tasks that one function does are one run."""
    python, reason = environment_of(peer, folder)
    runs: dict[Task, Outcome] = {}
    outcomes: dict[str, Outcome] = {}
    for (name, task), function in TASKS.items():
        if name != peer:
            continue
        if function not in runs:
            none = {"error": reason}
            runs[function] = run_task(peer, task, python, work, limit) if python else none
            said = runs[function].get("error") or f"{runs[function]['seconds']:.1f} s"
            say(f"{work.name} images: {peer}, {task}: {said}")
        outcome = dict(runs[function])
        found = outcome.pop("found", None)
        judged = [task]
        if found is not None and task == "near":
            judged += ["leaks"] * ("leaks" in found) + ["moved"]
        for each in judged:
            if each == task or (peer, each) not in TASKS:
                told = {} if found is None else truth.judged(each, found)
                outcomes[f"{peer} {each}"] = outcome | told
    shutil.rmtree(work / f"made by {peer}", ignore_errors=True)
    return outcomes


@dataclass(frozen=True)
class Step:
    """One command of the way from two archives to a mapped array."""

    command: str
    seconds: float
    memory: int


def headline(images: int, folder: Path) -> list[Step]:
    """From two archives to a certified clean split and a mapped array: whole commands."""
    work = folder / str(images)
    store, out = work / "headline", work / "exported"
    for made in (store, out):
        shutil.rmtree(made, ignore_errors=True)
    mapped = f"import numpy; print(numpy.load({str(out / 'x_train.npy')!r}, mmap_mode='r').shape)"
    steps = {
        "ingest large.tar.gz small.tar.gz": [
            str(work / n) for n in ("large.tar.gz", "small.tar.gz")
        ],
        "near-duplicates": [],
        "sanitize clean --from ingest --yes": [],
        "certify --split-set clean": [],
        "export clean exported --as npy": [],
    }
    taken = []
    for words, sources in steps.items():
        asked = [w for w in words.split() if not w.endswith(".tar.gz")]
        asked = [str(out) if word == "exported" else word for word in asked]
        command = [sys.executable, "-m", OURS, *asked, *sources, "--store", str(store)]
        cost = watched(command, environment(), 3_600)
        if cost.error:
            raise SystemExit(f"{words}: {cost.error}")
        taken.append(Step(words, cost.wall, cost.memory))
    cost = watched([sys.executable, "-c", mapped], environment(), 60)
    taken.append(Step("numpy.load(x_train.npy, mmap_mode='r')", cost.wall, cost.memory))
    for made in (store, out):
        shutil.rmtree(made, ignore_errors=True)
    return taken


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--sizes", default="10000")
    add("--peers", default=",".join(PEERS))
    add("--limit", type=float, default=600, help="seconds after which a task is stopped")
    add("--folder", type=Path, default=ROOT / "build" / "bench-peers", help="where to work")
    add("--write", action="store_true", help="write its part of benchmarks/RESULTS.md")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    file = options.folder / "results.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    peers = options.peers.split(",")
    for images in map(int, filter(None, options.sizes.split(","))):
        load, work = os.getloadavg()[0], options.folder / str(images)
        say(f"{images:,} images: laying out")
        files = any(PEERS[peer].reads_files for peer in peers)
        laid_out(drawn(options.folder, images), work, files=files)
        truth = Truth.of(work)
        of_size = results.setdefault(str(images), {"outcomes": {}})
        of_size |= {"limit": options.limit, "load": max(load, of_size.get("load", 0.0))}
        for peer in peers:
            of_size["outcomes"] |= measure(peer, truth, work, options.folder, options.limit)
            if peer == OURS:
                of_size["headline"] = [asdict(step) for step in headline(images, options.folder)]
            file.write_text(json.dumps(results, indent=1))
    versions = {peer: list(PEERS[peer].requirements) for peer in PEERS}
    text = markdown(results, versions)
    print(text)
    if options.write:
        write_part(HERE / "RESULTS.md", text)
        draw_peers(results, HERE / "peers.svg")


if __name__ == "__main__":
    main()
