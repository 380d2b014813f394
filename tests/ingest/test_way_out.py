"""Sources as people have them, which cannot be read as they are: the true cause and a way out."""

from __future__ import annotations

import gzip
import os
import pickle
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from notmnist_store import Store
from notmnist_store.cli.main import main
from notmnist_store.errors import SourceError

LABELS = "AB"
HOSTILE = 'it\'s a "set" $(x) `y` *; é'


def picture(path: Path, size: tuple[int, int] = (28, 28)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, 7).save(path)


def folder_of_links(path: Path) -> None:
    for label in LABELS:
        picture(path.parent / "real" / label / "1.png")
        (path / label).mkdir(parents=True)
        (path / label / "1.png").symlink_to(path.parent / "real" / label / "1.png")


def photos(path: Path) -> None:
    for k in range(6):
        picture(path / LABELS[k % 2] / f"{k}.png", (40 + k, 30 + k))


def zipped(path: Path, name: str, system: int = 3) -> None:
    picture(path.parent / "1.png")
    with zipfile.ZipFile(path, "w") as archive:
        for label in LABELS:
            for k in range(2):
                entry = zipfile.ZipInfo()
                entry.filename = entry.orig_filename = name.format(label=label, k=k)
                entry.create_system = system
                archive.writestr(entry, (path.parent / "1.png").read_bytes())


def pickles(path: Path) -> None:
    content = pickle.dumps({"data": np.zeros((2, 3072), np.uint8)}, 2)
    batches = path.parent / "cifar-10-batches-py"
    batches.mkdir()
    (batches / "data_batch_1").write_bytes(content)
    with tarfile.open(path, "w:gz") as archive:
        archive.add(batches, batches.name)


def pickled(path: Path, protocol: int = 2) -> None:
    content = pickle.dumps([1, 2, 3], protocol)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


CASES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "links": ("links", folder_of_links, r"holds links only \(2\), and those are not followed"),
    "photos": ("photos", photos, r"6 of the 6 images .* but of 6 other shapes"),
    "absolute": (
        "s.zip",
        lambda path: zipped(path, "/home/me/set/{label}/{k}.png"),
        "none of the 4 names .* is safe: they are absolute",
    ),
    "pickle": ("x.pkl", pickled, "is a pickle, and no pickle is ever read"),
    "old pickle": ("x.pkl", lambda path: pickled(path, 0), "is a pickle"),
    "gzipped pickle": ("mnist.pkl.gz", pickled, "is a pickle"),
    "pickle of another name": ("data", pickled, "is a pickle"),
    "CIFAR": ("cifar.tar.gz", pickles, r"holds pickles \(cifar-10-batches-py/data_batch_1\)"),
    "array": (
        "images.npy",
        lambda path: np.save(path, np.zeros((2, 28, 28), np.uint8)),
        r"one array without labels; read are an \.npz that has train_images and train_labels",
    ),
}


@pytest.mark.parametrize("prefix", ["", HOSTILE])
@pytest.mark.parametrize("case", CASES)
def test_the_error_names_the_cause_and_its_hint_is_shell(
    tmp_path: Path, case: str, prefix: str
) -> None:
    name, make, words = CASES[case]
    path = tmp_path / (prefix + name)
    make(path)
    with pytest.raises(SourceError, match=words) as caught:
        Store(tmp_path / "store").ingest(path)
    hint = caught.value.hint
    assert "\n" not in hint
    checked = subprocess.run(["bash", "-n", "-c", hint], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    for words_of_one in " ".join(shlex.split(hint)).split("notmnist-store")[1:]:
        assert words_of_one.split()[0] in {"ingest", "download"}


@pytest.mark.parametrize("name", ["links", HOSTILE])
@pytest.mark.parametrize("case", ["links", "photos", "absolute"])
def test_the_hint_leads_to_a_store(
    tmp_path: Path, case: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case == "absolute" and shutil.which("unzip") is None:
        pytest.skip("no unzip here")
    suffix, make, _ = CASES[case]
    path = tmp_path / (name + (".zip" if suffix.endswith("zip") else ""))
    make(path)
    with pytest.raises(SourceError) as caught:
        Store(tmp_path / "store").ingest(path)
    before, _, command = caught.value.hint.rpartition("notmnist-store")
    python = f"{shlex.quote(str(Path(sys.executable).parent))}{os.pathsep}$PATH"
    monkeypatch.chdir(tmp_path)
    script = f"PATH={python}; {before.rstrip().rstrip(';&').rstrip()}"
    subprocess.run(["bash", "-c", script], check=case != "absolute", capture_output=True)
    assert main([*shlex.split(command), "--store", "made"]) == 0
    labels = Store(tmp_path / "made").sql("select label from label order by 1").rows()
    assert labels == [{"label": "A"}, {"label": "B"}]


@pytest.mark.parametrize("system", [0, 3])
@pytest.mark.parametrize("name", ["set\\{label}\\{k}.png", "C:\\set\\{label}\\{k}.png"])
def test_a_zip_of_windows_is_read(tmp_path: Path, name: str, system: int) -> None:
    zipped(tmp_path / "set.zip", name, system)
    store = Store(tmp_path / "store")
    store.ingest(tmp_path / "set.zip")
    rows = store.sql("select label, count(*) as n from image group by 1 order by 1").rows()
    assert rows == [{"label": "A", "n": 2}, {"label": "B", "n": 2}]


def test_a_backslash_beside_slashes_is_part_of_a_name_from_unix(tmp_path: Path) -> None:
    zipped(tmp_path / "set.zip", "set/{label}/a\\{k}.png")
    store = Store(tmp_path / "store")
    store.ingest(tmp_path / "set.zip")
    paths = store.sql("select path from image order by 1").rows()
    assert paths[0] == {"path": "set/A/a\\0.png"}
