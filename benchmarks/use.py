"""Measure what one does with a store, beside pandas and pickle as the course notebook does it.

    make bench-use                                       # 529,114 images
    make bench-use ARGS="--runs 5 --write"
    make bench-use ARGS="--store S --train-source notMNIST_large --test-source notMNIST_small"

Without --store, both archives are drawn and ingested, once, into build/benchmarks. Every figure of
ours stands beside one of the same machine in the same run; where `datasets` is installed (it is
under `make bench-use`), it opens the store's own Hugging Face export. --write puts the results
into benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
from measure import ROOT, Sizes, Used, environment, say
from run import drawn, ingest_command
from use_others import OTHERS

sys.path.insert(0, str(ROOT))

import notmnist_store
from notmnist_store.audits.audit import audit_store, find_audits
from notmnist_store.audits.verdicts import Scope
from notmnist_store.catalog.cached_views import hold_shared
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import bind, find_query
from notmnist_store.progress import Progress
from notmnist_store.storage.pixels import pixels_by_id
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store

HERE = Path(__file__).resolve().parent
LARGE, SMALL = 529_114, 10_000
RANDOM_IMAGES = 1_000
NEAR_OR_LEARNED = {
    *("near_by_dhash", "near_group_pictures", "near_groups", "near_overlap_matrix"),
    *("distance_histogram", "nearest_in_train", "certificates", "sanitized"),
    *("confusion", "hardest_images", "leak_inflation", "learning_curve", "outliers"),
    *("scores", "suspects"),
}
"""Reports on near copies and models: the exact ones alone are to be fast on any store."""


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ready_store(folder: Path) -> tuple[Path, str, str]:
    """A store of both drawn archives, made where it is not there yet, and its sources' names."""
    store = folder / "use-store"
    archives = [drawn(folder, LARGE), drawn(folder, SMALL)]
    for archive in archives:
        subprocess.run(ingest_command(archive, store), check=True, env=environment())
    large, small = (archive.name.removesuffix(".tar.gz") for archive in archives)
    return store, large, small


def measure_use(
    path: Path, sources: tuple[str, str], folder: Path, sizes: Sizes, runs: int
) -> Used:
    """Run everything `runs` times; `folder` takes exports and pickles and is emptied."""
    load = os.getloadavg()[0]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    store = notmnist_store.open(path)
    count = store.sql("select count(*) as images from image").rows()[0]["images"]
    used = Used(images=count, load=load, sizes=sizes)
    splits = {"train": sizes.train, "valid": sizes.valid, "test": sizes.test}
    notebook = {"recipe": "notebook", "train_source": sources[0], "test_source": sources[1]}
    say("the notebook's split")
    store.split("bench", **splits, **notebook, replace=True)
    first_seed = int(time.time())  # the same split again would be a no-op
    used.ours["split"] = [
        seconds(lambda s=seed: store.split("bench_run", **splits, **notebook, seed=s, replace=True))
        for seed in range(first_seed, first_seed + runs)
    ]
    say("audits and reports")
    audits = [_audits_and_reports(store) for _ in range(runs)]
    for name in audits[0]:
        used.ours[name] = [each[name] for each in audits]
    say("images by id")
    used.ours.update(_by_id(store, runs))
    say("exports")
    store.export("bench", folder / "npy", form="npy")
    store.export("bench", folder / "huggingface", form="huggingface")
    _write_pickles(store, folder)
    say("loading, beside the others")
    jobs: dict[str, Sequence[str]] = {
        "load uint8": ["ours", str(path), "uint8"],
        "load float32": ["ours", str(path), "float32"],
        "open npy": ["npy", str(folder / "npy"), "open"],
        "read npy": ["npy", str(folder / "npy"), "read"],
        "unpickle": ["pickle", str(folder)],
        "notebook split": ["notebook_split", str(folder), *map(str, splits.values())],
        "pandas": ["pandas", str(folder)],
        "datasets": ["datasets", str(folder / "huggingface")],
    }
    for _ in range(runs):
        for name, job in jobs.items():
            for key, value in _in_a_process(job).items():
                kept = used.ours if job[0] in ("ours", "npy") else used.theirs
                if key == "seconds":
                    kept.setdefault(name, []).append(value)
                elif key == "peak":
                    used.memory[name] = max(value, used.memory.get(name, 0))
                else:
                    kept.setdefault(key, []).append(value)
    shutil.rmtree(folder)
    return used


def _audits_and_reports(store: Store) -> dict[str, float]:
    (run,) = store.sql("select max(run_id) as run_id from run where verb = 'ingest'").rows()
    values = {"split_set": "bench", "a": "ingest", "b": "bench", **run}
    reports = {
        row["name"]: {
            name: values[name] for name in row["parameters"].split(", ") if name in values
        }
        for row in store.sql().rows()
        if row["name"] not in NEAR_OR_LEARNED
    }
    exact = [audit for audit in find_audits([]) if audit.needs is None]
    names = [audit.name for audit in exact]
    statements = [find_query("reports", name).sql for name in reports]

    def each_by_its_name() -> None:
        for name, params in reports.items():
            store.sql(name, params=params)

    def all_reports(catalog: Catalog) -> None:
        for name, params in reports.items():
            report = find_query("reports", name)
            catalog.query(report.sql, bind(report, params, catalog.shape))

    def reports_in_one_connection() -> None:
        all_reports(hold_shared(Catalog(Tables.open(store.path)), statements, "bench"))

    def in_one_go() -> None:
        catalog = Catalog(Tables.open(store.path))
        hold_shared(catalog, [*(audit.sql for audit in exact), *statements], "bench")
        audit_store(catalog, exact, scope=Scope("bench"), tolerances={}, progress=Progress())
        all_reports(catalog)

    return {
        "together": seconds(in_one_go),
        "audits": seconds(lambda: store.audit(*names, split_set="bench")),
        "reports": seconds(reports_in_one_connection),
        "reports, each": seconds(each_by_its_name),
    }


def _by_id(store: Store, runs: int) -> dict[str, list[float]]:
    tables = Tables.open(store.path)
    random = np.random.default_rng(0)
    ids = store.sql("select image_id from image").arrow()["image_id"].to_numpy()
    files = [str(path) for path in tables.live("image")]
    some = min(RANDOM_IMAGES, len(ids))
    picks = [random.choice(ids, some, replace=False).tolist() for _ in range(runs)]
    checked = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    scan = ds.dataset(files, format=ds.ParquetFileFormat(default_fragment_scan_options=checked))
    pixels_by_id(tables, picks[0][:1])
    return {
        "one": [
            seconds(lambda i=i: pixels_by_id(Tables.open(store.path), [i]))
            for pick in picks
            for i in pick[:10]
        ],
        "some": [seconds(lambda p=pick: pixels_by_id(tables, p)) for pick in picks],
        "scan": [seconds(lambda: _read_all(scan)) for _ in range(runs)],
    }


def _read_all(scan: ds.Dataset) -> None:
    for _ in scan.to_batches(columns=["pixels"]):
        pass


def _write_pickles(store: Store, folder: Path) -> None:
    """The notebook's files: one pickle a class and source, and train alone in its last form."""
    import pickle

    images, labels = store.load("bench", "train").to_numpy("float32")
    with (folder / "train.pickle").open("wb") as file:
        save = {"train_dataset": images, "train_labels": labels.astype(np.int32)}
        pickle.dump(save, file, pickle.HIGHEST_PROTOCOL)
    for part in ("train", "test"):
        kept = store.load("bench", part)
        images, labels = kept.to_numpy("float32")
        if part == "train":
            valid, valid_labels = store.load("bench", "valid").to_numpy("float32")
            images, labels = np.concatenate([images, valid]), np.append(labels, valid_labels)
        for label in range(len(kept.labels)):
            with (folder / f"{part}-{label}.pickle").open("wb") as file:
                pickle.dump(images[labels == label], file, pickle.HIGHEST_PROTOCOL)


def _in_a_process(job: Sequence[str]) -> dict[str, float]:
    """What `use_others.py` says of one job: each has a process of its own, and so its own peak."""
    if job[0] not in OTHERS:
        raise ValueError(job[0])
    os.sync()
    done = subprocess.run(
        [sys.executable, str(HERE / "use_others.py"), *job],
        check=True,
        stdout=subprocess.PIPE,
        env=environment(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1"),
    )
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-use",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--store", type=Path, help="a store that is there (default: one of drawn letters)")
    add("--train-source", help="its source of train and valid, with --store")
    add("--test-source", help="its source of test, with --store")
    add("--runs", type=int, default=3, help="runs of everything (default: 3)")
    add("--folder", type=Path, default=ROOT / "build" / "benchmarks", help="where to work")
    add("--write", action="store_true", help="write its part of benchmarks/RESULTS.md")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    from results import write_part
    from use_results import markdown

    options = parse(arguments)
    if options.store is None:
        options.folder.mkdir(parents=True, exist_ok=True)
        store, *sources = ready_store(options.folder)
    else:
        store, sources = options.store, [options.train_source, options.test_source]
    chosen: Any = tuple(sources)
    text = markdown(measure_use(store, chosen, options.folder / "use", Sizes(), options.runs))
    print(text)
    if options.write:
        write_part(HERE / "RESULTS.md", text)


if __name__ == "__main__":
    main()
