"""What the signature of a method cannot say of the options of its command."""

from pathlib import Path
from typing import Annotated, NamedTuple, TypedDict


class Option(NamedTuple):
    """A flag or metavar that does not follow from a parameter's name and type."""

    flag: str = ""
    metavar: str = ""
    hidden: bool = False  # of Python alone


Distance = Annotated[str | float | None, Option(metavar="R")]
File = Annotated[str | Path | None, Option(metavar="FILE")]
Folder = Annotated[str | Path | None, Option(metavar="DIR")]
Select = Annotated[str | None, Option(metavar="SELECT")]
TransformSet = Annotated[str | None, Option(metavar="SET")]
EngineName = Annotated[str, Option("--engine", "ENGINE")]
SparkUrl = Annotated[str | None, Option("--spark-url", "URL")]
SplitSet = Annotated[str, Option("--split-set", "SET")]


class SourceLimits(TypedDict, total=False):
    """How much of a source is read before it is refused.

    Args:
        max_bytes: decompressed bytes of one source (default: 64 GiB).
        max_ratio: decompressed by compressed bytes, past 64 MiB (default: 200).
        max_header_bytes: bytes of one member's extended tar headers (default: 1 MiB).
        max_members: members of one source (default: 20 million).
        max_member_bytes: bytes of one member; larger ones are rejected (default: 16 MiB).
    """

    max_bytes: int
    max_ratio: float
    max_header_bytes: int
    max_members: int
    max_member_bytes: int
