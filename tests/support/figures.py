"""What a set of images comes to, wherever its store lies and whatever engine works on it."""

from __future__ import annotations

from typing import NamedTuple

from notmnist_store.store import Store


class Figures(NamedTuple):
    """What a set comes to: rows of its tables, and the digest of a split set made of it."""

    images: int
    rejects: int
    pairs: int
    digest: str


SMALL = Figures(13, 1, 7, "8ae0c8c354bb3727a579d4ca81112316adbaaeb6b1a2349fc5a366891cb8beb2")
T10K = Figures(10_000, 2, 1_145, "7bc6c874d4eca2bb5e88569c49c087a5149c824f675756ad847d9b44ef25899a")


def figures_of(store: Store, source: str, engine: str = "local", url: str | None = None) -> Figures:
    """The figures of a source, through the commands that make them."""
    store.ingest(source, engine=engine, spark_url=url)
    store.near_duplicates(radius="2", engine=engine, spark_url=url)
    store.split("first", train=0.8, valid=0.1, test=0.1, engine=engine, spark_url=url)

    def count(table: str) -> int:
        return int(store.sql(f"select count(*) as n from {table}").rows()[0]["n"])

    (digest,) = (row["digest"] for row in store.split_sets().rows() if row["split_set"] == "first")
    return Figures(count("image"), count("reject"), count("pair"), digest)
