"""What each peer does for each task; run by `peers.py` in the environment of that peer.

    PYTHON benchmarks/peer_tasks.py PEER TASK FOLDER ANSWER.json

A task is one function below, with the settings that the peer's own manual shows. It gets FOLDER as
`peers.py` laid it out: large.tar.gz and small.tar.gz, what they hold unpacked in files/train and
files/test, its pixels and names in pixels.npy and names.json, and own/, in which it may write and
finds what it wrote for an earlier task. It gives what it found: groups, pairs, names of test images
that leak, or those that stay. Seconds are from the start of this program to the end of the task:
the imports of the peer count, the writing of the answer does not.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import pickle
import re
import sys
import tarfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

START = time.perf_counter()
HERE = Path(__file__).resolve().parent
RADIUS = 2.0
SQUARED = int(RADIUS**2 * 255**2)
SIDE = 28
TRAIN, TEST = "train", "test"

Answer = dict[str, Any]
Task = Callable[[Path], Answer]
TASKS: dict[tuple[str, str], Task] = {}


def does(peer: str, *tasks: str) -> Callable[[Task], Task]:
    """Enter a function as what a peer does for these tasks."""

    def enter(task: Task) -> Task:
        TASKS.update({(peer, name): task for name in tasks})
        return task

    return enter


def bytes_of(folder: Path, pattern: str = "*") -> int:
    return sum(file.stat().st_size for file in folder.rglob(pattern) if file.is_file())


def named(folder: Path, paths: Iterable[str | Path]) -> list[str]:
    """Names as names.json has them, of absolute paths or of those from files/ on."""
    files = folder / "files"
    return [str((files / path).relative_to(files)) for path in paths]


def leaking(groups: Iterable[list[str]]) -> list[str]:
    """Images of test that stand in one group with an image of train."""
    mixed = (group for group in groups if any(name.startswith(TRAIN) for name in group))
    return sorted({name for group in mixed for name in group if name.startswith(TEST)})


def groups_by(keys: Iterable[Any], names: Iterable[str]) -> list[list[str]]:
    found: dict[Any, list[str]] = defaultdict(list)
    for key, name in zip(keys, names, strict=True):
        found[key].append(name)
    return [group for group in found.values() if len(group) > 1]


# notmnist_store: from the second task on, the store that the first one made, copied by `peers.py`.


def our_store(folder: Path) -> Any:
    import notmnist_store

    return notmnist_store.open(folder / "own" / "store")


@does("notmnist_store", "store")
def our_ingest(folder: Path) -> Answer:
    store = our_store(folder)
    store.ingest(folder / "large.tar.gz", split=TRAIN)
    store.ingest(folder / "small.tar.gz", split=TEST)
    return {"bytes": bytes_of(store.path)}


def our_copies(store: Any) -> list[list[str]]:
    query = """
        select list(path order by path) as paths from image
        group by pixel_hash having count(*) > 1
    """
    return [row["paths"] for row in store.sql(query).rows()]


@does("notmnist_store", "exact")
def our_exact(folder: Path) -> Answer:
    return {"groups": our_copies(our_store(folder))}


def our_pairs(folder: Path, **search: str) -> Answer:
    store = our_store(folder)
    store.near_duplicates(**search)
    query = """
        select one.path as a, other.path as b from pair
        inner join image as one on one.image_id = pair.a
        inner join image as other on other.image_id = pair.b
    """
    pairs = [(row["a"], row["b"]) for row in store.sql(query).rows()]
    return {"pairs": pairs, "copies": our_copies(store)}


@does("notmnist_store", "near")
def our_near(folder: Path) -> Answer:
    return our_pairs(folder, radius=str(RADIUS))


@does("notmnist_store", "moved")
def our_moved(folder: Path) -> Answer:
    return our_pairs(folder, radius="1.0", transforms="shift1")


@does("notmnist_store", "leaks")
def our_leaks(folder: Path) -> Answer:
    store = our_store(folder)
    store.near_duplicates(radius=str(RADIUS), crossing="ingest")
    query = """
        select distinct image.path from leak inner join image using (image_id)
        where leak.split_set = 'ingest' and leak.split = 'test'
    """
    return {"leaks": [row["path"] for row in store.sql(query).rows()]}


@does("notmnist_store", "clean")
def our_clean(folder: Path) -> Answer:
    store = our_store(folder)
    store.near_duplicates(radius=str(RADIUS))
    store.sanitize("clean", base="ingest", radius=str(RADIUS), yes=True)
    store.certify("clean")
    query = """
        select image.path, split_image.split from split_image inner join image using (image_id)
        where split_image.split_set = 'clean' and split_image.split in ('train', 'test')
    """
    return {"kept": [row["path"] for row in store.sql(query).rows()]}


@does("notmnist_store", "array")
def our_array(folder: Path) -> Answer:
    images, labels = our_store(folder).load("ingest", TRAIN).to_numpy()
    return {"shape": [len(labels), *images.shape[1:]], "bytes": images.nbytes}


# The course's notebook: its pickles have a class each, in the order of the folder.


@does("notebook", "store")
def notebook_pickles(folder: Path) -> Answer:
    sys.path.insert(0, str(HERE))
    from notebook import main as steps

    made = folder / "own" / "pickles"
    with contextlib.redirect_stdout(sys.stderr):
        steps(folder / "large.tar.gz", made)
        steps(folder / "small.tar.gz", made)
    return {"bytes": bytes_of(made, "*.pickle")}


def hashes_of(folder: Path, split: str) -> list[tuple[str, str]]:
    """Name and md5 of each image of a split, as readers of the course do it for its question 5."""
    found = []
    for file in sorted((folder / "own" / "pickles" / split).glob("*.pickle")):
        images = pickle.loads(file.read_bytes())
        names = [f"{split}/{file.stem}/{path.name}" for path in file.with_suffix("").iterdir()]
        digests = (hashlib.md5(image.tobytes()).hexdigest() for image in images)
        found += list(zip(names, digests, strict=True))
    return found


@does("notebook", "exact")
def notebook_exact(folder: Path) -> Answer:
    names, digests = zip(*hashes_of(folder, TRAIN), *hashes_of(folder, TEST), strict=True)
    return {"groups": groups_by(digests, names)}


@does("notebook", "leaks", "clean")
def notebook_leaks(folder: Path) -> Answer:
    train, test = hashes_of(folder, TRAIN), hashes_of(folder, TEST)
    there = {digest for _, digest in train}
    kept = [name for name, _ in train] + [name for name, digest in test if digest not in there]
    return {"leaks": [name for name, digest in test if digest in there], "kept": kept}


@does("notebook", "array")
def notebook_array(folder: Path) -> Answer:
    import numpy as np

    files = sorted((folder / "own" / "pickles" / TRAIN).glob("*.pickle"))
    images = np.concatenate([pickle.loads(file.read_bytes()) for file in files])
    return {"shape": list(images.shape), "bytes": images.nbytes}


# Hugging Face datasets: imagefolder, then Parquet, then NumPy.


@does("datasets", "store")
def datasets_parquet(folder: Path) -> Answer:
    from datasets import load_dataset
    from datasets.table import embed_table_storage

    own = folder / "own"
    for archive in ("large.tar.gz", "small.tar.gz"):
        with tarfile.open(folder / archive) as tar:
            tar.extraction_filter = getattr(tarfile, "data_filter", None)  # 3.11.4
            tar.extractall(own / "unpacked")
    read = load_dataset("imagefolder", data_dir=str(own / "unpacked"), cache_dir=str(own / "cache"))
    (own / "parquet").mkdir()
    for split, rows in read.items():  # images instead of their paths, as on the way to the hub
        whole = rows.with_format("arrow").map(embed_table_storage, batched=True)
        whole.to_parquet(own / "parquet" / f"{split}.parquet")
    return {"bytes": bytes_of(own / "parquet")}


@does("datasets", "array")
def datasets_array(folder: Path) -> Answer:
    import numpy as np
    from datasets import load_dataset

    own, files = folder / "own", {TRAIN: str(folder / "own" / "parquet" / "train.parquet")}
    rows = load_dataset("parquet", data_files=files, cache_dir=str(own / "cache2"))[TRAIN]
    images = np.asarray(rows.with_format("numpy")[:]["image"])
    return {"shape": list(images.shape), "bytes": images.nbytes}


# cleanvision.


def cleanvision_sets(folder: Path, kind: str) -> list[list[str]]:
    from cleanvision import Imagelab

    with contextlib.redirect_stdout(sys.stderr):
        lab = Imagelab(data_path=str(folder / "files"))
        lab.find_issues({kind: {}}, verbose=False)
    return [named(folder, each) for each in lab.info[kind]["sets"]]


@does("cleanvision", "exact")
def cleanvision_exact(folder: Path) -> Answer:
    return {"groups": cleanvision_sets(folder, "exact_duplicates")}


@does("cleanvision", "near")
def cleanvision_near(folder: Path) -> Answer:
    groups = cleanvision_sets(folder, "near_duplicates")
    return {"groups": groups, "leaks": leaking(groups)}


# imagededup: the perceptual hash, as in its manual, whose threshold is 10 of 64 bits.


def declare_operators() -> None:
    """Give operators to a torchvision that has none, beside a torch of another index.

    It cannot be imported then. Hashes use none of them, so that their names are enough.
    """
    import torch

    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for module in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[module]
        (folder,) = importlib.util.find_spec("torchvision").submodule_search_locations
        text = Path(folder, "_meta_registrations.py").read_text()
        for name in set(re.findall(r'register_(?:meta|fake)\("(?:torchvision::)?(\w+)"', text)):
            with contextlib.suppress(RuntimeError):
                torch.library.define(f"torchvision::{name}", "(Tensor a) -> Tensor")


def imagededup_pairs(folder: Path, **settings: int) -> list[tuple[str, str]]:
    declare_operators()
    from imagededup.methods import PHash

    hasher = PHash(verbose=False)
    encodings = hasher.encode_images(image_dir=str(folder / "files"), recursive=True)
    found = hasher.find_duplicates(encoding_map=encodings, **settings)
    return [(name, other) for name, others in found.items() for other in others if name < other]


@does("imagededup", "exact")
def imagededup_exact(folder: Path) -> Answer:
    return {"pairs": imagededup_pairs(folder, max_distance_threshold=0)}


@does("imagededup", "near")
def imagededup_near(folder: Path) -> Answer:
    pairs = imagededup_pairs(folder)
    return {"pairs": pairs, "leaks": leaking(map(list, pairs))}


# imgcheck: perceptual hash, clusters; 3 of 64 bits.


@does("imgcheck", "near")
def imgcheck_near(folder: Path) -> Answer:
    from imgcheck import cluster_duplicates, compute_hashes, get_image_paths

    with contextlib.redirect_stdout(sys.stderr):
        paths = get_image_paths(str(folder / "files"))
        clusters = cluster_duplicates(compute_hashes(paths, show_progress=False), threshold=3)
    return {"groups": [named(folder, cluster.members) for cluster in clusters]}


@does("imgcheck", "leaks")
def imgcheck_leaks(folder: Path) -> Answer:
    import pandas
    from imgcheck import check_train_test_leakage

    report = folder / "own" / "leaks.xlsx"
    with contextlib.redirect_stdout(sys.stderr):
        check_train_test_leakage(
            str(folder / "files" / TRAIN), str(folder / "files" / TEST), str(report)
        )
    rows = pandas.read_excel(report, sheet_name="Matches")
    names = zip(rows["Class"], rows["Test Image"], strict=True)
    return {"leaks": [f"{TEST}/{label}/{name}" for label, name in names]}


# image-dedup-ai: perceptual hash, similarity of 0.9.


@does("image-dedup-ai", "near")
def image_dedup_ai_near(folder: Path) -> Answer:
    import image_dedup_ai

    found = image_dedup_ai.find_duplicates(str(folder / "files"))
    groups = [named(folder, group) for group in found.groups]
    return {"groups": groups, "leaks": leaking(groups)}


# vision-data-doctor: hashes of 8 orientations nominate, pixels decide.


@does("vision-data-doctor", "exact", "near")
def doctor_scan(folder: Path) -> Answer:
    from data_doctor import scan_directory

    found = scan_directory(folder / "files")
    near = [named(folder, group) for group in found.near_duplicate_groups]
    return {"groups": found.exact_duplicate_groups + near, "exact": found.exact_duplicate_groups}


@does("vision-data-doctor", "leaks")
def doctor_leaks(folder: Path) -> Answer:
    from data_doctor import check_leakage

    found = check_leakage(folder / "files" / TRAIN, folder / "files" / TEST)
    return {"leaks": [f"{TEST}/{leak['val']}" for leak in found.exact_leaks + found.near_leaks]}


# FAISS: exact index over float32 pixels, which it is given as an array.


@does("faiss", "near")
def faiss_near(folder: Path) -> Answer:
    import faiss
    import numpy as np

    vectors = np.load(folder / "pixels.npy").astype(np.float32)
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(vectors)
    ends, _, right = index.range_search(vectors, SQUARED + 0.5)
    left = np.repeat(np.arange(len(vectors)), np.diff(ends.astype(np.int64)))
    once = left < right
    names = json.loads((folder / "names.json").read_text())
    pairs = zip(left[once].tolist(), right[once].tolist(), strict=True)
    return {"pairs": [(names[a], names[b]) for a, b in pairs]}


@does("faiss", "leaks")
def faiss_leaks(folder: Path) -> Answer:
    import faiss
    import numpy as np

    names = json.loads((folder / "names.json").read_text())
    vectors = np.load(folder / "pixels.npy").astype(np.float32)
    in_test = np.array([name.startswith(TEST) for name in names])
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(vectors[~in_test])
    ends, _, _ = index.range_search(vectors[in_test], SQUARED + 0.5)
    leaks = np.flatnonzero(in_test)[np.diff(ends.astype(np.int64)) > 0]
    return {"leaks": [names[row] for row in leaks.tolist()]}


# pandas and DuckDB: the SQL part, hashes of files.


@does("pandas", "exact", "leaks")
def pandas_exact(folder: Path) -> Answer:
    import pandas

    paths = sorted((folder / "files").rglob("*.png"))
    digests = [hashlib.md5(path.read_bytes()).hexdigest() for path in paths]
    frame = pandas.DataFrame({"name": named(folder, paths), "md5": digests})
    copied = frame[frame.duplicated("md5", keep=False)]
    groups = [list(names) for names in copied.groupby("md5")["name"].agg(list)]
    return {"groups": groups, "leaks": leaking(groups)}


@does("duckdb", "exact", "leaks")
def duckdb_exact(folder: Path) -> Answer:
    import duckdb

    files = folder / "files"
    rows = duckdb.execute(
        "select list(filename) from read_blob(?) group by md5(content) having count(*) > 1",
        [str(files / "**" / "*.png")],
    ).fetchall()
    groups = [named(folder, names) for (names,) in rows]
    return {"groups": groups, "leaks": leaking(groups)}


def main(peer: str, task: str, folder: Path, answer: Path) -> None:
    found = TASKS[peer, task](folder)
    seconds, times = time.perf_counter() - START, os.times()
    found |= {"seconds": seconds, "cpu": sum(times[:4])}
    answer.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
