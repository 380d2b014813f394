"""What every test may ask for: the repository, the real data where it is, quick properties."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

import notmnist_store
from notmnist_store.store import Store
from tests.support.archives import class_files, pack, picture, png
from tests.support.figures import SMALL, T10K, Figures
from tests.support.properties import load_profile
from tests.support.s3 import BUCKET, Proxy, make_bucket, point_at, proxy_before, s3_server

REPOSITORY = Path(__file__).resolve().parent.parent

load_profile()
os.environ.pop("PYTHONUNBUFFERED", None)  # programs that tests start buffer as a user's do

_numbers = count()


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the source tree."""
    return REPOSITORY


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a module of benchmarks/ by its name."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    return importlib.import_module


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of the real archives: NOTMNIST_DATA or else ../shared/data; skips if there is none."""
    folder = Path(os.environ.get("NOTMNIST_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not there (NOTMNIST_DATA names another folder)")
    return folder


@pytest.fixture(autouse=True)
def no_store_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own NOTMNIST_STORE must never be what a test writes to."""
    monkeypatch.delenv("NOTMNIST_STORE", raising=False)


@pytest.fixture(scope="session")
def small_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """small.tar.gz: labels A (5 images, two of them equal), B and C (4 each), one empty file."""
    files = class_files()
    files += [("set/A/copy.png", png(picture(0))), ("set/B/empty.png", b"")]
    return pack(tmp_path_factory.mktemp("archive") / "small.tar.gz", files)


@pytest.fixture(params=["small", "t10k"])
def known(request: pytest.FixtureRequest) -> tuple[Path, Figures]:
    """An archive, and what it comes to."""
    if request.param == "small":
        return request.getfixturevalue("small_archive"), SMALL
    return request.getfixturevalue("data_folder") / "notMNIST_t10k.tar.gz", T10K


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory, small_archive: Path) -> Store:
    """A store of `small_archive` in a folder of an awkward name; to be read only."""
    store = notmnist_store.open(tmp_path_factory.mktemp("stores") / "it's a \u017fto\"re")
    store.ingest(small_archive)
    return store


@pytest.fixture
def store(tmp_path: Path, shared_store: Store) -> Store:
    """A copy of `shared_store` that a test may damage."""
    return notmnist_store.open(shutil.copytree(shared_store.path, tmp_path / "a store"))


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """Address of a real S3 server with one bucket."""
    pytest.importorskip("moto", reason="no S3 server: Macs with Intel processors cannot install it")
    with s3_server() as address:
        make_bucket(address)
        yield address


@pytest.fixture
def bucket(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A prefix `s3://bucket/…` of the test's own; the environment names the server."""
    point_at(s3_address, monkeypatch)
    return f"s3://{BUCKET}/{next(_numbers)}"


@pytest.fixture
def proxy(s3_address: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before the server, which the environment names instead."""
    with proxy_before(s3_address) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        yield made
