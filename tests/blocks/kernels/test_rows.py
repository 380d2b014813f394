"""Rows of member batches: the quick way through plain batches says what the general one says."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from notmnist_store.blocks.kernels.rows import RowRules, _plain, _sort_out, make_rows
from notmnist_store.blocks.kernels.tally import Tally
from notmnist_store.schema.shape import DEFAULT_SHAPE
from notmnist_store.schema.tables import KIND_FILE, KIND_LINK, MEMBER_SCHEMA
from tests.support.archives import picture, png

RULES = RowRules(
    source="set", run_id="r", id_base=1 << 32, shape=DEFAULT_SHAPE, fractions=(("train", "1"),)
)

components = st.sampled_from(["A", "B", "train", "é", "a b", ".h", "..", ".", "__MACOSX", "a..b"])
names = st.builds(
    lambda folders, name, odd: "/".join([*folders, name]).encode() + odd,
    st.lists(components, max_size=3),
    st.sampled_from(["x.png", "y", ".z.png", "", "Q.ttf.png"]),
    st.sampled_from([b"", b"", b"", b"\xff", b"\0", b"n" * 1_025]),
)


def batch(paths: list[bytes], kinds: list[int], data: list[bytes | None]) -> pa.RecordBatch:
    columns = {
        "position": list(range(len(paths))),
        "path": paths,
        "kind": kinds,
        "size": [len(content or b"") for content in data],
        "data": data,
        **dict.fromkeys(
            ("label", "split", "group", "origin_image_id", "split_rule", "attributes"),
            [None] * len(paths),
        ),
    }
    arrays = [pa.array(columns[field.name], field.type) for field in MEMBER_SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=MEMBER_SCHEMA)


@given(paths=st.lists(names, min_size=1, max_size=8))
def test_the_quick_way_says_what_the_general_one_says(paths: list[bytes]) -> None:
    members = batch(paths, [KIND_FILE] * len(paths), [b"x"] * len(paths))
    quick, tally = _plain(members, RULES), Tally()
    slow = _sort_out(members, RULES, tally)
    if quick is None:
        return
    assert not tally.outcomes
    assert not slow.refused
    for name in ("seen", "wanted", "paths", "places", "named", "digests"):
        assert list(getattr(quick, name)) == list(getattr(slow, name)), name


def test_the_quick_way_is_taken_for_plain_names_and_for_nothing_else() -> None:
    plain = [b"set/A/x.png", b"set/train/B/y.png", "set/é/a b.png".encode()]
    assert _plain(batch(plain, [KIND_FILE] * 3, [b""] * 3), RULES) is not None
    assert _plain(batch(plain, [KIND_FILE, KIND_LINK, KIND_FILE], [b""] * 3), RULES) is None
    assert _plain(batch(plain, [KIND_FILE] * 3, [b"", None, b""]), RULES) is None
    folders = (b"/A/x", b"A/../x", b"A/.x", b".A/x", b"./A/x", b"__MACOSX/A/x")
    for odd in (*folders, b"x.png", b"A/\xff", b"A/\0", b"A/" + b"n" * 1_024):
        assert _plain(batch([odd], [KIND_FILE], [b""]), RULES) is None, odd


def test_every_member_is_told_of_once() -> None:
    good = png(picture(1))
    paths = [b"s/A/1.png", b"s/A/2.png", b"s/A/.3.png", b"../4.png", b"5.png", b"s/B/6.png"]
    rows = make_rows(batch(paths, [KIND_FILE] * 6, [good, b"", good, good, good, None]), RULES)
    outcomes = Counter(outcome for *_, outcome in rows.tally.outcomes.elements())
    assert outcomes == {"stored": 1, "rejected": 3, "ignored_hidden": 1, "ignored_outside": 1}
    assert rows.tally.seen.total() == 6
    assert rows.rejects["reason"].to_pylist() == ["empty", "unsafe_name", "too_large"]
    assert rows.path_keys[:, 0].tolist() == [0, 1, 5]
