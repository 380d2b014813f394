"""CSV with a column for each pixel, as Kaggle has MNIST: one file, or a folder of them.

Which columns are what, `image_columns` says. A file without a header has the label first, then the
pixels; or only those, where their number is that of a square. Fields are parted by commas,
semicolons or tabs; a file may be gzipped. A word of its name may tell the split
(``mnist_train.csv``).
"""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from notmnist_store.errors import SourceError
from notmnist_store.sources.base import Request, Source, SourceFile
from notmnist_store.sources.gunzip import gunzip, plain
from notmnist_store.sources.image_columns import Columns
from notmnist_store.sources.limits import Meter
from notmnist_store.sources.parquet import Fitting, Opened, ParquetSource, RowBatches, table_files
from notmnist_store.sources.pixel_columns import is_pixel_name

_ENDINGS = (".csv", ".csv.gz")
_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"
_HEAD_BYTES = 4_096
_FEWEST, _MOST_OTHERS = 4, 100
"""Columns of pixels that tell such a table, among other columns."""

_NUMBER = re.compile("-?[0-9]{1,18}")
_MOST_COLUMNS, _LONGEST_LINE = 1 << 17, 4 << 20
_BLOCK_BYTES = 4 << 20
_FIELD_BYTES = 16


class CsvSource(ParquetSource):
    """One CSV file with a column for each pixel, or a folder of them."""

    kind = "CSV"
    endings = _ENDINGS

    @contextlib.contextmanager
    def _opened(self, source_file: SourceFile, meter: Meter) -> Iterator[Opened]:
        from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, open_csv

        what = str(source_file.path)
        with source_file.open() as file:
            lines = io.BufferedReader(_Pieces(_pieces(file, source_file, self)), _BLOCK_BYTES)
            first = lines.readline(_LONGEST_LINE).removeprefix(_MARK)
            delimiter = _delimiter(first)
            names = _fields(first, delimiter)
            if len(names) > _MOST_COLUMNS or len(first) == _LONGEST_LINE:
                raise SourceError(
                    f"{what} has more than {_MOST_COLUMNS:,} columns, or very long ones",
                    advice="give images as files, or as arrays by numpy.savez",
                )
            row = lines.readline(_LONGEST_LINE) if _is_header(names) else first
            names = names if _is_header(names) else _names(len(names))
            schema = _schema(names, _fields(row, delimiter), what)

            def read(columns: Columns, fitting: Fitting) -> RowBatches:
                wanted = [*columns.leaves, *columns.others, *columns.attributes]
                texts = [pa.field(name, pa.string()) for name in columns.attributes]
                rest = iter(lambda: lines.read1(_BLOCK_BYTES), b"")
                options = ReadOptions(
                    use_threads=False,
                    column_names=schema.names,
                    block_size=max(_BLOCK_BYTES, _FIELD_BYTES * len(names)),
                )
                with open_csv(
                    _Pieces(itertools.chain([row], rest)),
                    read_options=options,
                    parse_options=ParseOptions(delimiter=delimiter),
                    convert_options=ConvertOptions(
                        column_types={f.name: f.type for f in [*schema, *texts]},
                        include_columns=wanted,
                        null_values=[""],
                    ),
                ) as reader:
                    for batch in reader:
                        step = fitting(batch.nbytes // max(len(batch), 1))
                        for start in range(0, len(batch), step):
                            yield batch.slice(start, step), file.tell()

            yield schema, read


def open_pixel_table(request: Request) -> Source | None:
    """CSV with a column for each pixel, or a folder of such files, if it is one."""
    folder = request.folder
    if folder is None:
        return CsvSource(request) if _has_pixels(request.head or b"") else None
    files: list[Path] = []
    with contextlib.suppress(SourceError):  # links, which others may have a use for
        files = table_files(folder, _ENDINGS)
    heads = (_head(SourceFile(folder / file)) for file in files)
    return CsvSource(request, files) if files and all(map(_has_pixels, heads)) else None


def _head(source_file: SourceFile) -> bytes:
    with source_file.open() as file:
        return file.read(_HEAD_BYTES)


def _has_pixels(head: bytes) -> bool:
    """Whether a file that begins so is such a table."""
    if head.startswith(_GZIP):
        try:
            head = zlib.decompressobj(31).decompress(head, _HEAD_BYTES)
        except zlib.error:
            return False
    line, end, _ = head.removeprefix(_MARK).partition(b"\n")
    fields = _fields(line, _delimiter(line))
    whole = fields if end else fields[:-1]  # the last one may be cut
    pixels = sum(map(is_pixel_name, whole))
    return pixels >= _FEWEST and pixels >= len(whole) - _MOST_OTHERS


def _is_header(fields: list[str]) -> bool:
    """Whether a first line has names: more than one word, or one beside a count of the pixels."""
    words = [field for field in fields if not _NUMBER.fullmatch(field)]
    counted = [field for field in fields if _NUMBER.fullmatch(field)]
    count = [str(number) for number in range(len(counted) + 1)]
    return len(words) > 1 or (bool(words) and counted in (count[:-1], count[1:]))


def _names(count: int) -> list[str]:
    """Names for a table that has none: the label, if one fits in, and the pixels."""
    fitting = (
        n for n in (count - 1, count) if any(math.isqrt(n // c) ** 2 * c == n for c in (1, 3))
    )
    pixels = next(fitting, count - 1)
    return ["label"] * (count - pixels) + [f"pixel{number}" for number in range(pixels)]


def _schema(names: list[str], row: list[str], what: str) -> pa.Schema:
    """Types of the columns, as the first row has them."""
    if len(set(names)) < len(names):
        raise SourceError(f"{what} has two columns of one name", advice="give each another one")
    texts = dict(zip(names, row, strict=False))
    kinds = {n: pa.int64() if _NUMBER.fullmatch(texts.get(n, "")) else pa.string() for n in names}
    return pa.schema([(n, pa.uint8() if is_pixel_name(n) else kinds[n]) for n in names])


def _delimiter(line: bytes) -> str:
    return max(",;\t", key=lambda mark: line.count(mark.encode()))


def _fields(line: bytes, delimiter: str) -> list[str]:
    try:
        text = line.decode().rstrip("\r\n")
        return [field.strip() for field in next(csv.reader([text], delimiter=delimiter), [])]
    except (UnicodeDecodeError, csv.Error):
        return []


def _pieces(file: io.BufferedReader, source_file: SourceFile, source: Source) -> Iterator[bytes]:
    """The bytes of a file, behind its gzip stream if it is one."""
    meter = Meter(source_file.path.name, source.limits)
    reader = gunzip if file.peek(2).startswith(_GZIP) else plain
    return reader(file, meter, lambda done: None)


class _Pieces(io.RawIOBase):
    """A file of the bytes that come in pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as one piece goes; 0 at the end."""
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
