"""Croissant: what it says is what the files and the audits say, and its own reader reads it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import notmnist_store
from notmnist_store.cli.main import main
from notmnist_store.schema.words import EXPORT_FORMATS
from notmnist_store.store import Store
from tests.support.archives import class_files, pack, picture, png

LICENSE = "https://creativecommons.org/licenses/by/4.0/"
CITATION = '@misc{set, title = {A "set" of letters}}'
MEASURED = (
    *("duplicate_exact", "duplicate_near", "label_conflict_exact", "label_conflict_near"),
    *("split_leak_exact", "split_leak_near"),
)
ARRAYS = ("npz", "npy", "arrow", "idx", "notebook-pickle")
WITHOUT_LABELS = sorted(set(EXPORT_FORMATS) - {"notebook-pickle", "hashes"})
ALL = [(form, True) for form in EXPORT_FORMATS] + [(form, False) for form in WITHOUT_LABELS]

Exported = Callable[[str, bool], Path]

every_export = pytest.mark.parametrize(("form", "with_labels"), ALL)


def letters(each: int = 12) -> list[tuple[str, bytes]]:
    """Three classes; an image of A stands under B, too, and one is a grey value off another."""
    near = picture(0).copy()
    near[0, 0] ^= 1
    files = class_files(each=each, root="one")
    return [*files, ("one/A/near.png", png(near)), ("one/B/conflict.png", png(picture(1)))]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("made")
    store = notmnist_store.open(folder / "a store")
    archive = pack(folder / "one.tar.gz", letters())
    store.ingest(archive, license=LICENSE, citation=CITATION)
    store.split("clean", train=18, valid=6, test=6)
    return store


@pytest.fixture(scope="module")
def exported(made: Store, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Gives the folder of a form, with labels or without, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("exports")
    key = folder / "partners.key"
    key.write_bytes(hashlib.sha256(b"a key").digest())

    def export(form: str, with_labels: bool) -> Path:
        out = folder / f"{form} {with_labels}"
        if not out.is_dir():
            key_file = key if form == "hashes" else None
            made.export("clean", out, form=form, with_labels=with_labels, key_file=key_file)
        return out

    return export


def said(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    return document


@every_export
def test_every_file_is_there_with_its_hash(
    made: Store, exported: Exported, form: str, with_labels: bool
) -> None:
    folder = exported(form, with_labels)
    told = {}
    for each in said(folder)["distribution"]:
        if each["@type"] == "cr:FileObject":
            content = (folder / each["contentUrl"]).read_bytes()
            assert each["sha256"] == hashlib.sha256(content).hexdigest()
            assert each["contentSize"] == f"{len(content)} B"
            told[each["contentUrl"]] = each
    pictures = form == "image-folder"
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    there = {path for path in there if not (pictures and path.endswith(".png"))}
    assert there == set(told) | {"croissant.json", "SHA256SUMS"}
    assert "croissant.json" in (folder / "SHA256SUMS").read_text(encoding="utf-8")
    if with_labels and form != "hashes":
        return
    text = (folder / "croissant.json").read_text(encoding="utf-8")
    told_by = made.sql("select image_id, path from image").rows()
    assert not any(str(row["image_id"]) in text or row["path"] in text for row in told_by)


def test_what_was_measured_is_what_the_audits_find(made: Store, tmp_path: Path) -> None:
    searched = notmnist_store.open(shutil.copytree(str(made.path), tmp_path / "store"))
    searched.near_duplicates(radius="1")
    searched.export("clean", tmp_path / "out", form="npz")
    document = said(tmp_path / "out")
    verdicts = {v.name: v for v in searched.audit(*MEASURED, split_set="clean").verdicts}
    told = {each["propertyID"]: each for each in document["variableMeasured"]}
    assert set(told) == {*MEASURED, "pair_certificate"}
    for name, verdict in verdicts.items():
        assert (told[name]["value"], told[name]["maxValue"]) == (verdict.violating, verdict.total)
        of_set = " --split-set clean" if name.startswith("split") else ""
        assert told[name]["measurementTechnique"] == f"notmnist-store audit {name}{of_set}"
    # Counted by hand: see `letters`.
    assert [told[name]["value"] for name in MEASURED[:4]] == [1, 1, 1, 0]
    assert told["pair_certificate"]["value"] == 0
    assert (
        "Same pixels, different labels: 1 of 37 (distinct picture)."
        in (document["rai:dataLimitations"])
    )
    assert (document["license"], document["citeAs"]) == ([LICENSE], CITATION)


def test_what_was_not_looked_for_is_said_and_not_counted(exported: Exported) -> None:
    document = said(exported("npz", True))
    assert {each["propertyID"] for each in document["variableMeasured"]} == {
        name for name in MEASURED if name.endswith("exact")
    }
    lacking = [line for line in document["rai:dataLimitations"] if "not looked for" in line]
    assert len(lacking) == 3


def test_hashes_tell_nothing_else(exported: Exported) -> None:
    hashed = said(exported("hashes", True))
    assert not {"variableMeasured", "rai:dataLimitations", "license", "citeAs"} & set(hashed)
    assert [each["@id"] for each in hashed["recordSet"]] == ["splits", "hashes"]


def test_the_same_source_again_says_that_its_licence_stays(
    made: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    archive = pack(tmp_path / "one.tar.gz", letters())
    words = ["--store", str(made.path)]
    assert main(["ingest", str(archive), "--license", "CC0-1.0", *words]) == 0
    assert "licence and citation stay" in capfd.readouterr().err
    assert main(["ingest", str(archive), "--citation", " ", *words]) == 2
    assert "--citation is a text" in capfd.readouterr().err
    assert json.loads(made.croissant().content)["license"] == [LICENSE]


def test_a_store_is_described_as_it_lies(
    made: Store, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    assert main(["croissant", "--store", str(made.path), "--split-set", "clean"]) == 0
    shown = capfdbinary.readouterr().out
    assert shown == made.croissant("clean").content
    document = json.loads(shown)
    tables = ("image", "split_image")
    live = {
        f"{row['table_name']}/{row['file_name']}"
        for row in made.sql("select * from data_file where state = 'live'").rows()
        if row["table_name"] in tables
    }
    files = [each for each in document["distribution"] if each["@type"] == "cr:FileObject"]
    assert {each["contentUrl"] for each in files} == live
    for each in files:
        content = (Path(str(made.path)) / each["contentUrl"]).read_bytes()
        assert each["sha256"] == hashlib.sha256(content).hexdigest()
    made.croissant("clean", output=tmp_path / "away.json")
    away = json.loads((tmp_path / "away.json").read_text(encoding="utf-8"))
    first = next(each for each in away["distribution"] if each["@type"] == "cr:FileObject")
    assert (tmp_path / first["contentUrl"]).is_file()


def test_a_store_without_images_is_described(tmp_path: Path) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(pack(tmp_path / "one.tar.gz", letters(3)))
    store.undo()
    document = json.loads(store.croissant().content)
    assert (document["distribution"], document["recordSet"]) == ([], [])
    assert not {"license", "citeAs"} & set(document)


# From here on the reference implementation reads it; what is deprecated in it is its business.


def read_by_mlcroissant(test: Callable[..., None]) -> Callable[..., None]:
    quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning")
    marked: Callable[..., None] = pytest.mark.interop(quiet(test))
    return marked


def records(document: Path, name: str) -> Iterator[dict[str, Any]]:
    mlcroissant = pytest.importorskip("mlcroissant")
    for record in mlcroissant.Dataset(jsonld=str(document)).records(name):
        yield {key.partition("/")[2]: value for key, value in record.items()}


@read_by_mlcroissant
@every_export
def test_croissants_own_reader_finds_nothing_wrong(
    exported: Exported, form: str, with_labels: bool
) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    document = exported(form, with_labels) / "croissant.json"
    read = mlcroissant.Dataset(jsonld=str(document))
    issues = read.metadata.ctx.issues
    assert not issues.errors
    # A date of publication we cannot know; a licence goes to nobody who gets hashes alone.
    hashed = {"citeAs", "license"} if form == "hashes" else set()
    assert {str(warning).split('"')[1].rpartition("/")[2] for warning in issues.warnings} == {
        "datePublished",
        *hashed,
    }
    for record_set in read.metadata.record_sets:
        assert sum(1 for _ in read.records(record_set.uuid)), record_set.uuid
    named = {record_set.uuid for record_set in read.metadata.record_sets}
    assert ("images" in named) == (form not in (*ARRAYS, "hashes"))
    if form != "hashes":
        assert read.metadata.cite_as == CITATION
        assert "Same pixels" in " ".join(read.metadata.data_limitations)


@read_by_mlcroissant
@pytest.mark.parametrize("form", ["parquet", "huggingface", "image-folder"])
@pytest.mark.parametrize("with_labels", [True, False])
def test_its_records_are_the_split(
    made: Store, exported: Exported, form: str, with_labels: bool
) -> None:
    found: dict[str, list[tuple[bytes, object]]] = {}
    document = exported(form, with_labels) / "croissant.json"
    names = made.load("clean").labels
    told: dict[str, list[int]] = {}
    if not with_labels:
        for row in records(document, "image_labels"):
            told.setdefault(row["split"].decode(), []).append(int(row["label_id"]))
    for row in records(document, "images"):
        split = row["split"].decode()
        place = len(found.setdefault(split, []))
        if "pixels" in row:
            pixels = row["pixels"]
        else:
            pixels = np.asarray(row["image"].convert("L"), np.uint8).tobytes()
        if not with_labels:
            label = told[split][place]
        elif "label" in row:
            label = names.index(row["label"].decode())
        else:
            label = int(row["label_id"])
        found[split].append((pixels, label))
    assert set(found) == {"train", "valid", "test"}
    for split, rows in found.items():
        images, labels = made.load("clean", split).to_numpy()
        wanted = [(image.tobytes(), label) for image, label in zip(images, labels, strict=True)]
        if form == "image-folder" and with_labels:  # by the names of its files, class by class
            rows, wanted = sorted(rows, key=repr), sorted(wanted, key=repr)
        assert rows == wanted


@read_by_mlcroissant
def test_its_records_of_a_store_are_the_images(made: Store) -> None:
    document = Path(str(made.path)) / "croissant.json"
    try:
        made.croissant("clean", output=document)
        rows = {int(row["image_id"]): row for row in records(document, "images")}
        members = list(records(document, "members"))
    finally:
        document.unlink()
    for split in ("train", "valid", "test"):
        part = made.load("clean", split)
        images, _ = part.to_numpy()
        for image_id, image in zip(part.ids.tolist(), images, strict=True):
            assert rows[image_id]["pixels"] == image.tobytes()
        here = [row for row in members if row["split"].decode() == split]
        here.sort(key=lambda row: int(row["position"]))
        assert [int(row["image_id"]) for row in here] == part.ids.tolist()
