"""BucketPath does what `pathlib.Path` does, on a real S3 server."""

from __future__ import annotations

import random
from pathlib import Path, PurePosixPath

import pytest

from notmnist_store.errors import BucketError, UsageError
from notmnist_store.location.bucket import TAIL_BYTES, BucketPath, ObjectFile
from notmnist_store.location.location import expanded, files_in, local_path, location
from tests.support.s3 import Fault, Proxy

KEYS = ("a.txt", "a/b.parquet", "a/c.parquet", "a/d/e.parquet", "a/.hidden.tmp", "ab/c.parquet")


@pytest.fixture
def folder(bucket: str) -> BucketPath:
    path = BucketPath.parse(bucket)
    for key in KEYS:
        (path / key).put(key.encode())
    return path


@pytest.mark.parametrize("key", ["", "a", "a/b.tar.gz", "x y/ä#?%41.png"])
def test_names_are_those_of_pathlib(key: str) -> None:
    path, pure = BucketPath("bucket", key), PurePosixPath(key)
    assert (path.stem, path.suffix) == (pure.stem, pure.suffix)
    assert path.name == (pure.name or "bucket")
    assert (path / "z").key == str(pure / "z")
    assert str(path) == f"s3://bucket/{key}".rstrip("/")
    assert BucketPath.parse(str(path)) == path == location(str(path))
    above = [str(parent) for parent in pure.parents] if key else []
    assert [parent.key or "." for parent in path.parents] == above


@pytest.mark.parametrize(
    "text",
    ["s3://", "s3:///key", "s3://A_B/key", "s3://b", "s3://bucket/a/../b", "s3://bucket/a\nb"],
)
def test_a_text_that_names_no_object_is_an_error(text: str) -> None:
    with pytest.raises(UsageError):
        location(text)


@pytest.mark.parametrize("text", ["gs://bucket/a", "http://host/a", "az://c/a"])
def test_other_servers_are_an_error_and_never_a_folder(text: str) -> None:
    with pytest.raises(UsageError, match="those of S3 alone are known"):
        location(text)


def test_a_path_stays_a_path() -> None:
    assert location("store") == Path("store")
    assert location("S3://bucket//a//b/") == BucketPath("bucket", "a/b")
    assert location("a b:c") == Path("a b:c")


def test_what_is_written_here_cannot_be_in_a_bucket() -> None:
    assert local_path("a.html", "the page") == Path("a.html")
    with pytest.raises(UsageError, match="the page is a file of this machine"):
        local_path("s3://bucket/a.html", "the page")


def test_what_is_there(folder: BucketPath) -> None:
    assert (folder / "a.txt").read_text() == "a.txt"
    assert (folder / "a.txt").stat().st_size == 5
    assert (folder / "a.txt").is_file()
    assert not (folder / "a.txt").is_dir()
    assert (folder / "a").is_dir()
    assert not (folder / "a").is_file()
    assert (folder / "a").exists()
    assert not (folder / "b").exists()
    assert {path.name for path in folder.iterdir()} == {"a.txt", "a", "ab"}
    for missing in (folder / "a", folder / "b"):
        for read in (missing.read_bytes, missing.stat, missing.open):
            with pytest.raises(FileNotFoundError):
                read()


@pytest.mark.parametrize(
    "pattern", ["*", "*.parquet", "a/*.parquet", "*/*.parquet", "a/.*.tmp", "a/?.parquet", "a/*/*"]
)
def test_patterns_are_those_of_pathlib(folder: BucketPath, tmp_path: Path, pattern: str) -> None:
    for key in KEYS:
        (tmp_path / key).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / key).write_text("")
    here = [path for path in files_in(tmp_path, pattern) if path.is_file()]
    there = [str(path).removeprefix(f"{folder}/") for path in files_in(folder, pattern)]
    hidden = set() if pattern.split("/")[-1].startswith(".") else {"a/.hidden.tmp"}
    assert set(there) - hidden == {str(path.relative_to(tmp_path)) for path in here} - hidden  # type: ignore[arg-type]


def test_objects_by_pattern(folder: BucketPath) -> None:
    assert expanded([f"{folder}/a/*.parquet", "x.zip"]) == [
        folder / "a/b.parquet",
        folder / "a/c.parquet",
        Path("x.zip"),
    ]
    with pytest.raises(UsageError, match="nothing fits"):
        expanded([f"{folder}/*.tar.gz"])


def test_create_puts_once(folder: BucketPath) -> None:
    assert (folder / "new").create(b"1")
    assert not (folder / "new").create(b"2")
    assert (folder / "new").read_bytes() == b"1"
    (folder / "new").unlink()
    (folder / "new").unlink()
    assert not (folder / "new").exists()


@pytest.mark.parametrize("size", [0, 1, TAIL_BYTES - 1, TAIL_BYTES, TAIL_BYTES + 1, 300_000])
def test_ranges_are_those_of_the_bytes(bucket: str, size: int) -> None:
    draw = random.Random(size)
    content = draw.randbytes(size)
    path = BucketPath.parse(f"{bucket}/object")
    path.put(content)
    with ObjectFile(path) as file:
        for _ in range(20):
            start, length = draw.randint(0, size + 2), draw.randint(0, size + 2)
            file.seek(start)
            assert file.read(length) == content[start : start + length]
            assert file.tell() == min(start + length, max(size, start))
        file.seek(-min(size, 3), 2)
        assert file.read() == content[-3:]
    with path.open("rb") as buffered:
        assert buffered.read() == content


def test_an_object_that_is_replaced_while_it_is_read_is_an_error(bucket: str) -> None:
    path = BucketPath.parse(f"{bucket}/object")
    path.put(b"a" * 200_000)
    with ObjectFile(path) as file:
        path.put(b"b" * 200_000)
        with pytest.raises(BucketError, match="was replaced while being read"):
            file.read(10)


ANSWERS = {
    "missing bucket": (Fault(404, "NoSuchBucket"), "there is no bucket bucket"),
    "no right": (Fault(403, "AccessDenied"), "have no right to it"),
    "no right, without words": (Fault(403), "have no right to it"),
    "unknown key": (Fault(403, "InvalidAccessKeyId"), "does not know AWS_ACCESS_KEY_ID"),
    "wrong secret": (Fault(403, "SignatureDoesNotMatch"), "AWS_SECRET_ACCESS_KEY is not the key's"),
    "run out": (Fault(400, "ExpiredToken"), "the credentials have run out"),
    "skewed clock": (Fault(403, "RequestTimeTooSkewed"), "the clock of this machine"),
    "other region": (Fault(400, "AuthorizationHeaderMalformed"), "in another region"),
    "moved": (Fault(301, "PermanentRedirect"), "in another region"),
    "other": (Fault(400, "InvalidRequest"), "the server answered 400 InvalidRequest"),
}


@pytest.mark.parametrize("case", ANSWERS)
@pytest.mark.parametrize("ask", ["read", "tail", "stat", "list", "put", "create", "remove"])
def test_what_the_server_answers_is_said(bucket: str, proxy: Proxy, case: str, ask: str) -> None:
    path = BucketPath.parse(bucket) / "a"
    fault, said = ANSWERS[case]
    proxy.faults = lambda number, method, url: fault
    asks = {
        "read": path.read_bytes,
        "tail": path.read_tail,
        "stat": path.stat,
        "list": lambda: list(path.iterdir()),
        "put": lambda: path.put(b"1"),
        "create": lambda: path.create(b"1"),
        "remove": path.unlink,
    }
    with pytest.raises(BucketError, match=said) as raised:
        asks[ask]()
    assert raised.value.hint
    assert len(proxy.asked) <= 2, "what will not change is not asked again"


@pytest.mark.parametrize(
    "fault",
    [Fault(500, "InternalError"), Fault(503, "SlowDown"), Fault(), Fault(cut=0.5)],
    ids=["500", "503", "no answer", "cut"],
)
def test_what_passes_is_asked_again(bucket: str, proxy: Proxy, fault: Fault) -> None:
    path = BucketPath.parse(bucket) / "a"
    path.put(b"x" * 100_000)
    asked = len(proxy.asked)
    proxy.faults = lambda number, method, url: fault if number < asked + 3 else None
    assert path.read_bytes() == b"x" * 100_000
    with ObjectFile(path) as file:
        assert file.read(10) == b"x" * 10
    path.put(b"y")
    assert path.read_text() == "y"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(500, "InternalError"), "the server answered 500 InternalError 8 times"),
        (Fault(503, "SlowDown"), "the server answered 503 SlowDown 8 times"),
        (Fault(), "no whole answer from the server in 8 tries"),
    ],
)
def test_what_does_not_pass_ends_within_a_bound(
    bucket: str, proxy: Proxy, fault: Fault, said: str
) -> None:
    proxy.faults = lambda number, method, url: fault
    with pytest.raises(BucketError, match=said):
        (BucketPath.parse(bucket) / "a").read_bytes()
    assert len(proxy.asked) == 8
