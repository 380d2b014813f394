"""A key of a bucket, with the methods of `pathlib.Path` that have a meaning there.

Reads, puts and lists go through obstore, which tries again with growing pauses, within a bound.
Every request that fails for good says which of the things it can be it was.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from fnmatch import translate
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple, Self, cast

from notmnist_store.errors import BucketError, UsageError
from notmnist_store.location.answers import (
    CODE,
    MOST_TRIES,
    Answer,
    asked_again,
    bucket_error,
    is_answer,
)
from notmnist_store.location.credentials import Credentials, credentials
from notmnist_store.location.kept import BLOCK_BYTES, copy_of

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import S3Config, S3Store


SCHEME = "s3://"
TAIL_BYTES = 1 << 16
MOST_SECONDS = 60
PATTERN = re.compile(r"[*?\[]")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Stat(NamedTuple):
    """Bytes, time of the last change (seconds since 1970), and what changes with the content."""

    st_size: int
    st_mtime: float
    e_tag: str | None


@dataclass(frozen=True, order=True)
class BucketPath:
    """`s3://bucket/key`; there are no folders, a prefix is there as long as something is below it.

    Every method but the pure ones raises BucketError where the server does not answer, or refuses.
    """

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The path that `text` names; UsageError where that is none."""
        bucket, _, key = text.removeprefix(SCHEME).partition("/")
        if not _BUCKET.fullmatch(bucket):
            raise UsageError(
                f"{text} names no bucket", "notmnist-store info --store s3://bucket/store"
            )
        parts = [part for part in key.split("/") if part]
        if {".", ".."}.intersection(parts) or any(ord(letter) < 32 for letter in key):
            raise UsageError(
                f"{text!r} is no key: . and .. and line ends have no meaning there",
                "notmnist-store info --store s3://bucket/store",
            )
        return cls(bucket, "/".join(parts))

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}".rstrip("/")

    def __truediv__(self, part: str) -> BucketPath:
        return BucketPath(self.bucket, f"{self.key}/{part}".strip("/"))

    @property
    def _pure(self) -> PurePosixPath:
        return PurePosixPath(self.key)

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self._pure.name or self.bucket

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return self._pure.stem

    @property
    def suffix(self) -> str:
        """What follows the last dot of the name, with it."""
        return self._pure.suffix

    @property
    def parent(self) -> BucketPath:
        """What it lies in."""
        return BucketPath(self.bucket, self.key.rpartition("/")[0])

    @property
    def parents(self) -> list[BucketPath]:
        """All it lies in, from the inside."""
        found, path = [], self
        while path.key:
            path = path.parent
            found.append(path)
        return found

    def with_name(self, name: str) -> BucketPath:
        """Another one beside it."""
        return self.parent / name

    def resolve(self) -> BucketPath:
        """Itself: nothing leads elsewhere."""
        return self

    def stat(self) -> Stat:
        """See Stat; FileNotFoundError where there is no such object."""
        import obstore

        return _stat(self._ask(lambda store: obstore.head(store, self.key)))

    def exists(self) -> bool:
        """Whether there is such an object, or something below it."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Whether there is such an object."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Whether there is something below it."""
        return bool(self._listed(self.key, few=True))

    def is_symlink(self) -> bool:
        """Never."""
        return False

    def iterdir(self) -> Iterator[BucketPath]:
        """What lies in it: objects, and prefixes of objects further down."""
        import obstore

        prefix = self.key or None
        found = self._ask(lambda store: obstore.list_with_delimiter(store, prefix))
        for path in (*(entry["path"] for entry in found["objects"]), *found["common_prefixes"]):
            yield BucketPath(self.bucket, path)

    def glob(self, pattern: str) -> Iterator[BucketPath]:
        """Objects below it whose keys fit; `*` stands for letters of one part of a key."""
        for path, _ in self.found(pattern):
            yield path

    def files(self) -> Iterator[BucketPath]:
        """All objects below it."""
        for key, _ in self._listed(self.key):
            yield BucketPath(self.bucket, key)

    def found(self, pattern: str) -> Iterator[tuple[BucketPath, Stat]]:
        """Do as `glob`, with what a listing tells of each object."""
        plain = pattern[: match.start()] if (match := PATTERN.search(pattern)) else pattern
        below = f"{self.key}/" if self.key else ""
        parts = [re.compile(translate(part)) for part in pattern.split("/")]
        for key, stat in self._listed((below + plain).rpartition("/")[0]):
            names = key.removeprefix(below).split("/")
            if len(names) == len(parts) and all(
                part.match(name) for part, name in zip(parts, names, strict=True)
            ):
                yield BucketPath(self.bucket, key), stat

    def _listed(self, prefix: str, *, few: bool = False) -> list[tuple[str, Stat]]:
        """Keys below a prefix, all or the first."""
        import obstore

        def listed(store: S3Store) -> list[ObjectMeta]:
            batches = obstore.list(store, prefix or None, chunk_size=1 if few else 1000)
            return list(next(iter(batches), ())) if few else [e for batch in batches for e in batch]

        return [(entry["path"], _stat(entry)) for entry in self._ask(listed)]

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """The object for reading, as it is now: one that is replaced meanwhile is an OSError.

        Under `keeping` it is fetched but once.
        """
        assert mode == "rb", mode
        return io.BufferedReader(ObjectFile(self, kept=True), BLOCK_BYTES)

    def read_bytes(self) -> bytes:
        """The whole object; FileNotFoundError where there is none."""
        import obstore

        return self._ask(lambda store: bytes(obstore.get(store, self.key).bytes()))

    def read_text(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The whole object as text."""
        return self.read_bytes().decode(encoding, errors)

    def put(self, data: bytes | memoryview) -> None:
        """Let the object be this, in one step: who reads gets the old one or the new."""
        import obstore

        self._ask(lambda store: obstore.put(store, self.key, data, use_multipart=False))

    def upload(self, file: Path) -> None:
        """Let the object be this file, in one step; a large one is sent in parts."""
        import obstore

        self._ask(lambda store: obstore.put(store, self.key, file))

    def create(self, data: bytes) -> bool:
        """Put an object where there is none; False where there is one (nothing is changed)."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        try:
            self._ask(lambda store: obstore.put(store, self.key, data, mode="create"))
        except AlreadyExistsError:
            return False
        return True

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object."""
        import obstore

        del missing_ok  # a server says nothing else of what is not there
        self._ask(lambda store: obstore.delete(store, self.key))

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: a prefix needs no making."""

    def read_tail(self) -> tuple[bytes, Stat]:
        """The last TAIL_BYTES of the object, or all, and what it is; in one request."""
        return self._part({"range": {"suffix": TAIL_BYTES}})

    def read_head(self, size: int) -> bytes:
        """The first bytes of the object, or all; in one request."""
        return self._part({"range": (0, size)})[0]

    def _part(self, options: GetOptions) -> tuple[bytes, Stat]:
        import obstore
        from obstore.exceptions import BaseError

        def read(store: S3Store) -> tuple[bytes, Stat]:
            try:
                got = obstore.get(store, self.key, options=options)
                return bytes(got.bytes()), _stat(got.meta)
            except BaseError as error:
                if "416" not in str(error) and "NotPartial" not in str(error):
                    raise
                return b"", self.stat()  # an empty object has no ranges

        return self._ask(read)

    def read_range(self, start: int, stop: int, e_tag: str | None) -> bytes:
        """Bytes [start, stop) of the object that has this tag; BucketError where it has another."""
        import obstore
        from obstore.exceptions import PreconditionError

        options: GetOptions = {"range": (start, stop), "if_match": e_tag}
        try:
            return self._ask(
                lambda store: bytes(obstore.get(store, self.key, options=options).bytes())
            )
        except PreconditionError:
            raise BucketError(
                f"{self} was replaced while being read", "run the same command again"
            ) from None

    def _ask(self, ask: Callable[[S3Store], Answer]) -> Answer:
        """What is asked of the bucket; no answer is an error that says what it means."""
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        store = _client(self.bucket, credentials())
        try:
            return asked_again(lambda: ask(store))
        except (AlreadyExistsError, PreconditionError):
            raise
        except FileNotFoundError as error:
            answer = self._with_reason(store, str(error))
            if is_answer(answer) and "NoSuchKey" not in answer:
                raise bucket_error(str(self), answer) from None
            raise FileNotFoundError(2, "there is no such object", str(self)) from None
        except BaseError as error:
            raise bucket_error(str(self), self._with_reason(store, str(error))) from None

    def _with_reason(self, store: S3Store, answer: str) -> str:
        """The answer, or where it came without a reason, as to HEAD, that to a listing; or none."""
        import obstore
        from obstore.exceptions import BaseError

        if "HEAD" not in answer or CODE.search(answer):
            return answer
        try:
            next(iter(obstore.list(store, self.key or None, chunk_size=1)), None)
        except (BaseError, OSError) as error:
            return str(error)
        return "" if "404" in answer else answer


def _stat(meta: ObjectMeta) -> Stat:
    return Stat(meta["size"], meta["last_modified"].timestamp(), meta["e_tag"])


class ObjectFile(io.RawIOBase):
    """An object that is read in ranges; its end is read when it is opened, and kept.

    FileNotFoundError where there is none. With `kept` see `keeping`.
    """

    def __init__(self, path: BucketPath, *, kept: bool = False) -> None:
        self._path = path
        self._tail, self.stat = path.read_tail()
        self._copy = copy_of((path, *self.stat), self.stat.st_size) if kept else None
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes: each read is a request of its own."""
        return True

    def tell(self) -> int:
        """The place of the next read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to another place; nothing is asked for."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.stat.st_size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read as much as `buffer` holds, or what is left."""
        stop = min(self._at + len(buffer), self.stat.st_size)
        if stop <= self._at:
            return 0
        kept = self.stat.st_size - len(self._tail)
        if self._at >= kept:
            data = self._tail[self._at - kept : stop - kept]
        elif self._copy is not None:
            data = self._copy.read(self._at, stop, self._fetch)
        else:
            data = self._fetch(self._at, stop)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        """What is left, in few requests: the inherited one asks for 8 KiB a time."""
        return b"".join(iter(lambda: self.read(BLOCK_BYTES), b""))

    def _fetch(self, start: int, stop: int) -> bytes:
        return self._path.read_range(start, stop, self.stat.e_tag)


@cache
def _client(bucket: str, known: Credentials) -> S3Store:
    from obstore.store import S3Store

    return S3Store(
        bucket,
        config=cast("S3Config", known.options()),
        client_options={"allow_http": known.scheme == "http"},
        retry_config={
            "max_retries": MOST_TRIES - 1,
            "retry_timeout": timedelta(seconds=MOST_SECONDS),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=10),
                "base": 2,
            },
        },
    )
