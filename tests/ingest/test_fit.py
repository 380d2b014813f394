"""Images of any size become those of a store, from every source, and it is said which."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import ExifTags, Image

import notmnist_store
from notmnist_store.blocks.kernels.decode import decode
from notmnist_store.blocks.kernels.fingerprint import file_hashes, pixel_hashes
from notmnist_store.cli.main import main
from notmnist_store.errors import ChecksError, StoreError, UsageError
from notmnist_store.schema.fit import Fit
from notmnist_store.schema.shape import Shape
from tests.support.archives import pack

SHAPE = Shape(64, 64, 3)
KINDS = ("PNG", "JPEG", "WEBP", "TIFF")
LABELS = ("cat", "cow", "dog")

Photos = dict[str, bytes]


def photo(number: int) -> bytes:
    """One of its own for each number, every third turned; of five one is 64x64, one 64 high."""
    random = np.random.default_rng(number)
    height, width = random.integers(20, 200, 2).tolist()
    height, width = 64 if number % 5 < 2 else height, 64 if number % 5 == 0 else width
    small = Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8))
    image = small.resize((width, height), Image.Resampling.BICUBIC)
    exif, file = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = number % 8 + 1 if number % 3 == 0 else 1
    image.save(file, KINDS[number % 4], exif=exif)
    return file.getvalue()


def photos(count: int, root: str = "set") -> Photos:
    names = (f"{LABELS[n % 3]}/{n:04d}.{KINDS[n % 4].lower()}" for n in range(count))
    return {f"{root}/{name}": photo(number) for number, name in enumerate(names)}


@pytest.fixture(scope="module")
def few() -> Photos:
    return photos(24)


def as_folder(path: Path, files: Photos) -> Path:
    return pack(path / "set", files.items())


def as_tar(path: Path, files: Photos) -> Path:
    return pack(path / "set.tar.gz", files.items())


def as_zip(path: Path, files: Photos) -> Path:
    return pack(path / "set.zip", files.items())


def as_metadata(path: Path, files: Photos) -> Path:
    listed = "".join(f"{name},{name.split('/')[1]}\n" for name in files)
    table = {"set/metadata.csv": f"file_name,label\n{listed}".replace("set/", "").encode()}
    return pack(path / "set", {**table, **files}.items())


def as_parquet(path: Path, files: Photos) -> Path:
    images = [{"bytes": file, "path": name} for name, file in files.items()]
    table = pa.table({"image": images, "label": [name.split("/")[1] for name in files]})
    pq.write_table(table, path / "set.parquet")
    return path / "set.parquet"


FORMS: dict[str, Callable[[Path, Photos], Path]] = {
    "folder": as_folder,
    "tar": as_tar,
    "zip": as_zip,
    "metadata": as_metadata,
    "parquet": as_parquet,
}
SPLITS = ("train", "valid", "test")
COLUMNS = "label, height, width, orientation, fit, file_hash, pixel_hash, mode"


@pytest.mark.parametrize("form", FORMS)
def test_every_source_of_encoded_images_gives_the_same_rows(
    tmp_path: Path, few: Photos, form: str
) -> None:
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(FORMS[form](tmp_path, few), shape="64x64x3", fit="crop", filter="box")
    found = store.sql(f"select {COLUMNS} from image order by file_hash").rows()
    decoded = decode(list(few.values()), SHAPE, fit=Fit("crop", "box"))
    wanted = [
        {
            "label": name.split("/")[1],
            "height": height,
            "width": width,
            "orientation": turn,
            "fit": None if (height, width) == (64, 64) else "crop",
            "file_hash": file_hash,
            "pixel_hash": pixel_hash,
            "mode": "RGB",
        }
        for name, (height, width), turn, file_hash, pixel_hash in zip(
            few,
            decoded.sizes.tolist(),
            decoded.turns.tolist(),
            file_hashes(list(few.values())),
            pixel_hashes(decoded.pixels, SHAPE),
            strict=True,
        )
    ]
    assert found == sorted(wanted, key=lambda row: str(row["file_hash"]))
    assert {row["fit"] for row in found} == {None, "crop"}
    assert max(row["orientation"] for row in found) > 4


@pytest.mark.parametrize("form", ["npz", "idx", "parquet of pixels"])
def test_arrays_of_another_shape_are_fitted_like_files(tmp_path: Path, form: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 20, 31), np.uint8)
    labels = np.arange(6, dtype=np.uint8) % 2
    if form == "npz":
        path = tmp_path / "set.npz"
        np.savez(path, train_images=pixels, train_labels=labels)
    elif form == "idx":
        path = tmp_path / "set-images-idx3-ubyte"
        header = b"".join(n.to_bytes(4, "big") for n in (0x803, *pixels.shape))
        path.write_bytes(header + pixels.tobytes())
        (tmp_path / "set-labels-idx1-ubyte").write_bytes(
            b"".join(n.to_bytes(4, "big") for n in (0x801, 6)) + labels.tobytes()
        )
    else:
        path = tmp_path / "set.parquet"
        table = pa.table({"pixels": [each.tobytes() for each in pixels], "label": labels})
        pq.write_table(table.replace_schema_metadata({"shape": "20x31x1"}), path)
    store = notmnist_store.open(tmp_path / "store")
    with pytest.raises(ChecksError, match=r"6 of the 6 images .* not 28x28x1: 6 are 20x31x1"):
        store.ingest(path)
    store.ingest(path, fit="resize")
    rows = store.sql("select height, width, fit, count(*) as n from image group by all").rows()
    assert rows == [{"height": 20, "width": 31, "fit": "resize", "n": 6}]
    want = {
        np.asarray(Image.fromarray(each).resize((28, 28), Image.Resampling.LANCZOS)).tobytes()
        for each in pixels
    }
    assert {row["pixels"] for row in store.sql("select pixels from image_pixels").rows()} == want


def test_without_a_fit_others_are_rejects_and_the_end_names_both_ways_out(
    tmp_path: Path, few: Photos, capsys: pytest.CaptureFixture[str]
) -> None:
    own = [file for file in few.values() if decode([file], SHAPE).index.size]
    other = next(file for file in few.values() if not decode([file], SHAPE).index.size)
    files = {f"set/cat/{n}.png": file for n, file in enumerate([*own, other])}
    source = as_folder(tmp_path, files)
    command = ["ingest", str(source), "--store", str(tmp_path / "store"), "--shape", "64x64x3"]
    assert main(command) == 0
    notes = capsys.readouterr().err
    assert "set: 1 images of another shape than 64x64x3 are rejects" in notes
    assert "--fit pad" in notes
    assert "--shape" in notes
    store = notmnist_store.open(tmp_path / "store")
    (reject,) = store.sql("select reason, detail from reject").rows()
    assert reject["reason"] == "shape"
    assert not store.sql("select * from image where fit is not null").rows()
    store.undo()
    assert main([*command, "--fit", "pad"]) == 0
    said = f"set: of {len(own) + 1} images 1 brought to 64x64x3 (pad, lanczos)"
    assert said in capsys.readouterr().err


def test_the_rule_stands_in_its_run_and_so_does_pillow(tmp_path: Path, few: Photos) -> None:
    source = as_folder(tmp_path, few)
    for options, said in (
        ({"fit": "pad"}, {"fit": "pad", "filter": "lanczos", "background": "black"}),
        (
            {"fit": "pad", "filter": "box", "background": "#fff"},
            {"fit": "pad", "filter": "box", "background": "#fff"},
        ),
        ({"fit": "resize"}, {"fit": "resize", "filter": "lanczos"}),
        ({"fit": "crop", "filter": "nearest"}, {"fit": "crop", "filter": "nearest"}),
    ):
        store = notmnist_store.open(tmp_path / "-".join(options.values()).replace("#", ""))
        store.ingest(source, shape="64x64x3", **options)
        (run,) = store.sql("select arguments, versions from run").rows()
        arguments = json.loads(run["arguments"])
        assert {name: arguments[name] for name in arguments.keys() & {*said, "background"}} == said
        assert json.loads(run["versions"])["pillow"] == Image.__version__


def test_the_store_and_the_end_of_the_ingest_count_what_was_changed(
    tmp_path: Path, few: Photos, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the files as such; a second member of a path is a reject, and counts in neither."""
    again = next(iter(few.items()))
    source = pack(tmp_path / "set.tar", [*few.items(), again])
    command = ["ingest", str(source), "--store", str(tmp_path / "store"), "--shape", "64x64x3"]
    assert main([*command, "--fit", "resize"]) == 0
    decoded = decode(list(few.values()), SHAPE, fit=Fit("resize"))
    resized = int((decoded.sizes != 64).any(axis=1).sum())
    turned = int((decoded.turns > 1).sum())
    assert 0 < turned < resized < 24
    said = f"of 24 images {resized} brought to 64x64x3 (resize, lanczos), {turned} turned upright"
    assert said in capsys.readouterr().err
    store = notmnist_store.open(tmp_path / "store")
    report = store.sql("image_sizes").rows()
    assert sum(row["resized"] for row in report) == resized
    assert sum(row["turned"] for row in report) == turned
    cats = decoded.sizes[[name.startswith("set/cat") for name in few]]
    assert report[0]["label"] == "cat"
    assert (report[0]["least_height"], report[0]["most_width"]) == (
        cats[:, 0].min(),
        cats[:, 1].max(),
    )
    counted: dict[tuple[str, str], list[int]] = {}
    query = "select split, label, height, width from image where split <> 'unused'"
    for row in store.sql(query).rows():
        counts = counted.setdefault((row["split"], row["label"]), [0, 0])
        counts[0] += 1
        counts[1] += (row["height"], row["width"]) != (64, 64)
    audit = store.audit("image_resized", fail_on="never").rows()
    assert {(r["split"], r["label"]): [r["images"], r["resized"]] for r in audit} == {
        place: counts for place, counts in counted.items() if counts[1]
    }
    assert main([*command, "--fit", "resize"]) == 0  # a no-op, that says the same again
    assert said in capsys.readouterr().err


def test_the_number_of_workers_changes_nothing(tmp_path: Path, few: Photos) -> None:
    source = as_tar(tmp_path, few)
    rows = []
    for workers in (1, 2):
        store = notmnist_store.open(tmp_path / f"store_{workers}")
        store.ingest(source, shape="64x64x3", fit="pad", background="red", workers=workers)
        rows.append(store.sql(f"select image_id, {COLUMNS} from image order by image_id").rows())
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fit": "squeeze"}, "--fit is resize, pad or crop, not squeeze"),
        ({"fit": "pad", "filter": "lanzcos"}, "did you mean lanczos"),
        ({"fit": "crop", "background": "white"}, "the bars of --fit pad, not of crop"),
        ({"fit": "pad", "background": "wite"}, "an opaque colour, .* not 'wite'"),
        ({"fit": "pad", "background": "#11223344"}, "an opaque colour"),
        ({"filter": "box"}, "say how --fit is done, which was not given"),
        ({"background": "white"}, "say how --fit is done, which was not given"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_with_a_way_on(
    tmp_path: Path, few: Photos, options: dict[str, str], words: str
) -> None:
    source = as_folder(tmp_path, few)
    with pytest.raises(UsageError, match=words) as caught:
        notmnist_store.open(tmp_path / "store").ingest(source, shape="64x64x3", **options)
    assert not (tmp_path / "store").exists()
    program, *command = shlex.split(caught.value.hint)
    assert program == "notmnist-store"
    assert main([*command, "--shape", "64x64x3", "--store", str(tmp_path / "store")]) == 0


def test_photos_in_a_store_of_grey_are_told_of_their_colour(tmp_path: Path, few: Photos) -> None:
    source = as_folder(tmp_path, few)
    with pytest.raises(StoreError, match=r"none .* is grey.*: 24 colour; --to-grey") as caught:
        notmnist_store.open(tmp_path / "store").ingest(source, fit="pad")
    assert "--shape 28x28x3" in caught.value.hint
    store = notmnist_store.open(tmp_path / "store")
    store.ingest(source, fit="pad", to_grey=True)
    assert len(store.sql("select * from image where mode = 'RGB'")) == 24


def test_a_folder_of_photos_goes_the_whole_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ingest, split, near-duplicates, sanitize, audit, report and export, and the export again."""
    monkeypatch.chdir(tmp_path)
    files = photos(60, "photos")
    smaller = io.BytesIO()  # a near copy: the same picture, saved at another size
    Image.open(io.BytesIO(files["photos/cat/0000.png"])).resize((97, 97)).save(smaller, "PNG")
    files["photos/cat/copy.png"] = smaller.getvalue()
    pack(tmp_path / "photos", files.items())

    def run(*words: str) -> str:
        assert main([*words]) == 0, words
        captured = capsys.readouterr()
        return captured.out + captured.err

    told = run("ingest", "photos", "--shape", "64x64x3", "--fit", "pad", "--background", "white")
    assert "61 images of 3 labels" in told
    store = notmnist_store.open("store")
    (copies,) = store.sql(
        "select list(image_id order by path) as ids from image "
        "where path similar to '.*cat/(0000|copy)[.]png'"
    ).rows()
    run("split", "first", "--train", "0.6", "--valid", "0.2", "--test", "0.2")
    run("near-duplicates", "--radius", "3")
    pairs = store.sql("select a, b from pair").rows()
    assert set(copies["ids"]) in [{row["a"], row["b"]} for row in pairs]
    run("sanitize", "clean", "--from", "first", "--radius", "3", "--yes")
    for name in ("split_leak_exact", "split_leak_near", "ledger_conservation"):
        assert store.audit(name, split_set="clean").passed, name
    assert store.audit("image_resized", split_set="clean").rows()
    run("report", "--split-set", "clean", "-o", "clean.html")
    assert "image_resized" in Path("clean.html").read_text()
    run("export", "clean", "out", "--as", "parquet")
    run("ingest", "out", "--store", "again", "--shape", "64x64x3")
    again = notmnist_store.open("again")
    parts = [f"select pixel_hash, label, '{split}' as split from clean.{split}" for split in SPLITS]
    exported = f"select * from ({' union all '.join(parts)}) order by all"
    assert (
        again.sql("select pixel_hash, label, split from image order by all").rows()
        == store.sql(exported).rows()
    )
