"""A store in a bucket is reviewed as any other: its journal is an object for each lot."""

from __future__ import annotations

import pytest

import notmnist_store
from notmnist_store.location.bucket import BucketPath
from notmnist_store.review.desk import Desk
from notmnist_store.review.verdicts import Verdict
from notmnist_store.storage.tables import Tables
from notmnist_store.store import Store
from tests.support.archives import class_files, pack


@pytest.fixture
def remote(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = notmnist_store.open(f"{bucket}/store")
    store.ingest(pack(tmp_path_factory.mktemp("source") / "one.tar", class_files(each=2)))
    return store


def drops(store: Store) -> list[Verdict]:
    rows = store.sql("select image_id, pixel_hash from image order by image_id").rows()
    return [Verdict("sql", "drop", row["image_id"], row["pixel_hash"]) for row in rows]


def decided(store: Store) -> set[int]:
    rows = store.sql("select image_id from decision where is_current").rows()
    return {row["image_id"] for row in rows}


def desk_of(store: Store) -> Desk:
    return Desk(Tables.open(store.path), "ada")


def objects(store: Store) -> int:
    assert isinstance(store.path, BucketPath)
    return len(list((store.path / "review").files()))


def test_verdicts_are_objects_until_they_are_stored(remote: Store) -> None:
    desk, said = desk_of(remote), drops(remote)
    desk.judge(said[:2])
    (number,) = desk.judge(said[2:3])
    desk.take_back([number])
    assert objects(remote) == 3
    assert decided(remote) == set()
    desk.drain()
    assert objects(remote) == 0
    assert decided(remote) == {verdict.image_id for verdict in said[:2]}


def test_what_a_killed_session_left_is_stored_once_whoever_does_it(remote: Store) -> None:
    """Nothing tells there whether a session lives: two may store its verdicts, one run lands."""
    killed, said = desk_of(remote), drops(remote)
    killed.judge(said[:1])
    killed.judge(said[1:2])
    other = desk_of(remote)
    assert [verdict.image_id for verdict in other.left_behind()] == [
        verdict.image_id for verdict in said[:2]
    ]
    assert other.take_over() == 2
    remote.decide(sql=f"select {said[0].image_id} as image_id, 'keep' as action", yes=True)
    killed.judge(said[2:3])
    killed.drain()  # it lived: what the other stored is not stored again
    rows = remote.sql("select image_id, action from decision where is_current").rows()
    assert {row["image_id"]: row["action"] for row in rows} == {
        said[0].image_id: "keep",
        said[1].image_id: "drop",
        said[2].image_id: "drop",
    }
    assert objects(remote) == 0
    assert other.take_over() == 0
