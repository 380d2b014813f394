"""A path of this machine or of a bucket, and how other libraries are told of it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from notmnist_store.errors import UsageError
from notmnist_store.location.answers import MOST_TRIES
from notmnist_store.location.bucket import PATTERN, SCHEME, BucketPath
from notmnist_store.location.credentials import Credentials, credentials

if TYPE_CHECKING:
    import pyarrow.fs as pafs

Location = Path | BucketPath

Read = TypeVar("Read")
Spot = TypeVar("Spot", Path, BucketPath, Location)

_MOST_REQUESTS = 32
_SILENT_SECONDS = 30  # a server that is busy may say nothing for longer than the default 3


class DeltaPlace(NamedTuple):
    """What delta-rs is told: where a table is, and how to reach it."""

    uri: str
    options: dict[str, str] | None


def location(given: str | Path | BucketPath) -> Location:
    """The location that a text names: `s3://bucket/key`, or a path.

    Raises:
        UsageError: it names no bucket, or another kind of server.
    """
    if isinstance(given, Path | BucketPath):
        return given
    scheme, separator, _ = given.partition("://")
    if separator and scheme.lower() == "s3":
        return BucketPath.parse(SCHEME + given[len(scheme) + 3 :])
    if separator and scheme.isalnum():
        raise UsageError(
            f"{given}: of servers, those of S3 alone are known (s3://bucket/key)",
            "notmnist-store info --store s3://bucket/store",
        )
    return Path(given)


def expanded(given: Sequence[str | Path]) -> list[Location]:
    """The locations that texts name; `s3://bucket/*.tar.gz` names the objects there that fit.

    Raises:
        UsageError: see `location`; or nothing fits.
    """
    found: list[Location] = []
    for text in given:
        place = location(text)
        if isinstance(place, BucketPath) and PATTERN.search(place.key):
            fitting = sorted(BucketPath(place.bucket, "").glob(place.key))
            if not fitting:
                raise UsageError(f"nothing fits {place}", look_at(place.parent))
            found += fitting
        else:
            found.append(place)
    return found


def local_path(given: str | Path, what: str) -> Path:
    """The path of this machine that a text names, for `what`; UsageError for one in a bucket."""
    found = location(given)
    if isinstance(found, Path):
        return found
    raise UsageError(f"{found}: {what} is a file of this machine", "ls -l")


def first_bytes(file: Location, size: int) -> bytes:
    """The first bytes of a file, or all."""
    if isinstance(file, BucketPath):
        return file.read_head(size)
    with file.open("rb") as opened:
        return opened.read(size)


def files_in(folder: Location, pattern: str) -> list[Location]:
    """The files below a folder whose names fit the pattern, in the order of their paths."""
    found: list[Location] = []
    found += folder.glob(pattern)
    return sorted(found, key=str)


def at_once(read: Callable[[Spot], Read], places: Sequence[Spot]) -> list[Read]:
    """What `read` gives for each place; of a bucket's, many are asked for at the same time."""
    if len(places) < 2 or isinstance(places[0], Path):
        return list(map(read, places))
    with ThreadPoolExecutor(min(len(places), _MOST_REQUESTS)) as pool:
        return list(pool.map(read, places))


def look_at(where: Location) -> str:
    """A command that shows what is there."""
    if isinstance(where, Path):
        return f"ls -l {shlex.quote(str(where))}"
    return f"aws s3 ls {shlex.quote(str(where))}"


def delta_place(folder: Location) -> DeltaPlace:
    """Where delta-rs finds a table in `folder`."""
    if isinstance(folder, Path):
        return DeltaPlace(str(folder.resolve()), None)
    known = credentials()
    allowed = {"allow_http": "true"} if known.scheme == "http" else {}
    return DeltaPlace(str(folder), known.options() | allowed | {"max_retries": str(MOST_TRIES - 1)})


def arrow_place(folder: Location) -> tuple[pafs.FileSystem, str]:
    """Where pyarrow finds a folder: the file system, and the path in it."""
    import pyarrow.fs as pafs

    if isinstance(folder, Path):
        return pafs.LocalFileSystem(), str(folder.resolve())
    return _file_system(credentials()), f"{folder.bucket}/{folder.key}".rstrip("/")


@cache
def _file_system(known: Credentials) -> pafs.FileSystem:
    import pyarrow.fs as pafs

    return pafs.S3FileSystem(
        access_key=known.key_id,
        secret_key=known.secret,
        session_token=known.token,
        region=known.region,
        scheme=known.scheme,
        endpoint_override=known.endpoint,
        request_timeout=_SILENT_SECONDS,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=MOST_TRIES),
    )
