"""How much of a source is read before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from notmnist_store.errors import BudgetError, UsageError

_RATIO_FROM_BYTES = 64 << 20
_LARGEST_MEMBER = 1 << 30


@dataclass(frozen=True)
class Limits:
    """How much of a source is read before it is refused; each is an option of ``ingest``.

    ``max_bytes``: decompressed bytes of one source. 64 GiB is fifty times notMNIST_large.
    ``max_ratio``: decompressed by compressed bytes, looked at past 64 MiB decompressed. Archives of
    empty files, which compress best, stay below 100; deflate itself ends at 1,032.
    ``max_header_bytes``: the extended headers (pax, GNU long name) of one tar member together.
    Names are a few KB; 1 MiB leaves room for extended attributes.
    ``max_members``: members of one source. Positions are 32 bits of the image id.
    ``max_member_bytes``: a larger member is yielded with null data; its bytes are skipped, and
    still count. At most 1 GiB.
    """

    max_bytes: int = 64 << 30
    max_ratio: float = 200.0
    max_header_bytes: int = 1 << 20
    max_members: int = 20_000_000
    max_member_bytes: int = 16 << 20

    def __post_init__(self) -> None:
        for option, value in vars(self).items():
            if value < 1:
                flag = "--" + option.replace("_", "-")
                raise UsageError(
                    f"{flag} must be at least 1, not {value}", "notmnist-store ingest --help"
                )
        if self.max_member_bytes > _LARGEST_MEMBER:
            raise UsageError(
                f"--max-member-bytes is at most {_LARGEST_MEMBER:,}, not {self.max_member_bytes:,}",
                "notmnist-store ingest --help",
            )


class Meter:
    """Counts one reading of a source against its limits; every method raises ``BudgetError``."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.decompressed = 0

    def count_bytes(self, decompressed: int, compressed_so_far: int | None = None) -> None:
        """Count bytes that came out; ``compressed_so_far`` is what went in, where that differs."""
        self.decompressed += decompressed
        if self.decompressed > self.limits.max_bytes:
            raise BudgetError(
                f"{self.name} holds more than {self.limits.max_bytes:,} bytes",
                option=f"--max-bytes {self.limits.max_bytes * 4}",
            )
        if compressed_so_far is None or self.decompressed <= _RATIO_FROM_BYTES:
            return
        ratio = self.decompressed / max(compressed_so_far, 1)
        if ratio > self.limits.max_ratio:
            raise BudgetError(
                f"{self.name} grows {ratio:,.0f}-fold when decompressed, more than the limit of "
                f"{self.limits.max_ratio:g}: it looks like a decompression bomb",
                option="--max-ratio 1100",
            )

    def check_header(self, size: int) -> None:
        """Check the bytes of the extended headers of one member."""
        if size > self.limits.max_header_bytes:
            raise BudgetError(
                f"{self.name} has an extended header of {size:,} bytes, more than the limit of "
                f"{self.limits.max_header_bytes:,}",
                option=f"--max-header-bytes {size}",
            )

    def check_members(self, members: int) -> None:
        """Check the number of members seen so far."""
        if members > self.limits.max_members:
            raise BudgetError(
                f"{self.name} has more than {self.limits.max_members:,} members",
                option=f"--max-members {self.limits.max_members * 4}",
            )
